//! What a decision costs, and whether that depends on how many rules the organization has: in the evaluator alone, and as a
//! warm check through the whole edge.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use flagstone_api::pb;
use flagstone_api::pb::access_service_client::AccessServiceClient;
use flagstone_api::pb::environment_service_client::EnvironmentServiceClient;
use flagstone_core::access::{
    Binding, Effect, Grants, Object, Permission, PermissionScope, PrincipalFacts, Restriction, Scope, Who, decide,
    role_templates,
};
use tonic::Status;
use uuid::Uuid;

use crate::client::{self, Caller};
use crate::load::{Contender, compete, drive};
use crate::machine::Others;
use crate::report::{Aim, Line, Section, time, times};
use crate::stack::{self, Options, Server, Stack};
use crate::stats::{Sample, median_of};
use crate::{Result, order, seed};

/// Rules of the organizations that are compared, in the evaluator and through the edge.
const RULES: [usize; 3] = [10_000, 100_000, 1_000_000];
const BINDINGS: [(&str, u32); 2] = [("bindings_small", 10_000), ("bindings_large", 100_000)];

/// Bindings that one principal has.
const EACH: usize = 10;

/// Principals at work at the same time: the grants of the others are rows that nobody loads.
const AT_WORK: usize = 5_000;

const UNITS: u128 = 20;

const DECISIONS: usize = 1_000_000;

/// Callers at a time: enough to keep the server busy, too few to measure queues.
const CALLERS: usize = 4;

const ROUND: Duration = Duration::from_millis(600);

/// Decisions in the evaluator alone, then warm checks through the edge.
pub(crate) async fn access(stack: &Stack) -> Result<Section> {
    let others = Others::watch();
    let mut lines = Vec::new();
    let mut first = None;
    for rules in RULES {
        let sample = tokio::task::spawn_blocking(move || evaluate(rules)).await?;
        let (median, slow) = (sample.quantile(0.5), sample.quantile(0.99));
        let base = *first.get_or_insert(median);
        lines.push(Line {
            what: format!("a decision, {rules} rules, p50"),
            flagstone: time(median),
            peer: String::new(),
            ratio: times(median.as_secs_f64() / base.as_secs_f64()),
            aim: Aim::None,
        });
        lines.push(Line {
            what: format!("a decision, {rules} rules, p99"),
            flagstone: time(slow),
            peer: String::new(),
            ratio: String::new(),
            aim: Aim::below(slow, Duration::from_micros(1)),
        });
    }
    lines.extend(checks(stack, first.unwrap_or_default()).await?);
    Ok(Section {
        title: "Permission checks".to_owned(),
        method: format!(
            "The evaluator alone, {DECISIONS} random questions of {AT_WORK} principals at most with {EACH} bindings each, \
             timed one by one (the clock itself takes some 20 to 40 ns of each); its ratio is to the smallest \
             organization. Then CheckPermissions with one question through the whole edge, {CALLERS} callers, with so many \
             bindings in the database."
        ),
        lines,
        others: others.cores(),
    })
}

fn evaluate(rules: usize) -> Sample {
    let principals: Vec<Grants> = (0..(rules / EACH).min(AT_WORK)).map(grants).collect();
    let permissions: Vec<Permission> =
        Permission::all().filter(|permission| permission.scope() == PermissionScope::BusinessUnit).collect();
    let now = Utc::now();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides as u64).unwrap_or_default()
    };
    let started = Instant::now();
    let latencies = (0..DECISIONS)
        .map(|_| {
            let grants = &principals[dice(principals.len())];
            let permission = permissions[dice(permissions.len())];
            let object = Object::new_in(Scope::Unit(Uuid::from_u128(dice(20) as u128)));
            let asked = Instant::now();
            let allowed = decide(grants, now, permission, object).is_allow();
            let taken = asked.elapsed();
            black_box(allowed);
            taken
        })
        .collect();
    Sample::new(latencies, started.elapsed())
}

/// Somebody with roles that ship in several units, one of them denied.
fn grants(number: usize) -> Grants {
    let roles = role_templates();
    let bindings = (0..EACH).map(|index| {
        let role = roles[1 + (number + index) % (roles.len() - 1)];
        Binding {
            role: role.id.to_owned(),
            permissions: role.permissions().iter().map(|permission| permission.slug().to_owned()).collect(),
            restriction: Restriction::None,
            scope: Scope::Unit(Uuid::from_u128((number * 7 + index * 3) as u128 % UNITS)),
            effect: if index == 9 { Effect::Deny } else { Effect::Allow },
            condition: None,
            expire_time: None,
        }
    });
    let facts = PrincipalFacts {
        who: Who::default(),
        active: true,
        organization_active: true,
        is_user: true,
        token: None,
        self_service_environments: true,
    };
    Grants::compile(facts, bindings.collect())
}

async fn checks(stack: &Stack, decision: Duration) -> Result<Vec<Line>> {
    let admin = stack::connect(&stack.url_of("postgres")?).await?;
    let mut servers = Vec::with_capacity(BINDINGS.len());
    for (name, count) in BINDINGS {
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE flagstone")).await?;
        seed::bindings(&stack::connect(&stack.url_of(name)?).await?, count).await?;
        servers.push(Options::default().database(name).start(stack).await?);
    }
    admin.batch_execute("CHECKPOINT").await?;
    let mut contenders = Vec::with_capacity(servers.len());
    for server in &servers {
        let bearer = client::login(server.address).await?;
        let clients = Arc::new(client::callers(server.address, &bearer, CALLERS).await?);
        contenders.push(Contender::new(server.pid(), move |time| {
            let clients = clients.clone();
            async move { drive(&clients, CALLERS, time, check).await }
        }));
    }
    let rounds = compete(&contenders, ROUND).await?;
    drop(contenders);
    let read = read(&servers[0]).await?;
    let mut lines = vec![Line {
        what: format!("a decision, {} rules, p50, of GetEnvironment, 1 caller", RULES[0]),
        flagstone: time(decision),
        peer: time(read),
        ratio: format!("{:.2} %", decision.as_secs_f64() / read.as_secs_f64() * 100.0),
        aim: Aim::Of("≤ 2 %".to_owned(), decision.as_secs_f64() <= read.as_secs_f64() * 0.02),
    }];
    for ((_, count), rounds) in BINDINGS.iter().zip(&rounds) {
        for (word, share, aim) in [("p50", 0.5, false), ("p99", 0.99, true)] {
            let found = median_of(rounds, |sample| sample.quantile(share));
            lines.push(Line {
                what: format!("CheckPermissions, {count} bindings, {word}"),
                flagstone: time(found),
                peer: String::new(),
                ratio: String::new(),
                aim: if aim { Aim::below(found, Duration::from_millis(1)) } else { Aim::None },
            });
        }
    }
    for server in servers {
        server.stop().await;
    }
    Ok(lines)
}

/// How long a read by name takes that nobody else delays, in the median.
async fn read(server: &Server) -> Result<Duration> {
    let caller = client::caller(server.address, &client::login(server.address).await?).await?;
    let name = order::development(&caller).await?;
    let sample = drive(&[caller], 1, ROUND, move |caller: Caller| {
        let request = pb::GetEnvironmentRequest { name: name.clone() };
        async move { EnvironmentServiceClient::new(caller).get_environment(request).await.map(drop) }
    })
    .await?;
    Ok(sample.quantile(0.5))
}

async fn check(caller: Caller) -> Result<(), Status> {
    let check = pb::PermissionCheck {
        permission: "business_unit:requests:create".to_owned(),
        object: "businessUnits/sandbox/requests".to_owned(),
    };
    let request = pb::CheckPermissionsRequest { checks: vec![check] };
    AccessServiceClient::new(caller).check_permissions(request).await.map(drop)
}
