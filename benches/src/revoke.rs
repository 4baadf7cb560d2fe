//! How long a right still works after it was taken away: at the replica that took it away, and at another one, which learns
//! of it when it looks at the database again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flagstone_api::pb;
use flagstone_api::pb::access_service_client::AccessServiceClient;
use flagstone_api::pb::api_token_service_client::ApiTokenServiceClient;
use flagstone_api::pb::environment_service_client::EnvironmentServiceClient;
use flagstone_api::pb::role_service_client::RoleServiceClient;
use flagstone_api::pb::service_account_service_client::ServiceAccountServiceClient;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Code;
use uuid::Uuid;

use crate::Result;
use crate::client::{self, Bearer, Caller};
use crate::machine::Others;
use crate::order;
use crate::report::{Aim, Line, Section, time};
use crate::stack::{Options, Stack};
use crate::stats::Sample;

/// What the role gives that is measured, and what the tokens are for.
const PERMISSION: &str = "business_unit:environments:read";

/// Programs whose role is given and taken, side by side.
const PROGRAMS: usize = 8;

/// How often it is taken from each.
const ROUNDS: usize = 25;

/// Between an answer and the next question: what is measured is no finer.
const PAUSE: Duration = Duration::from_millis(2);

/// Right after a role was given both replicas know everything anew. It is taken up to so much later, so that the other
/// replica's next look may be due at once or take its whole time.
const SPREAD_MS: u128 = 1_000;

/// A change that is not seen by then never will be.
const PATIENCE: Duration = Duration::from_secs(10);

/// From the answer that deleted a role binding to the first call that is refused.
pub(crate) async fn revoke(stack: &Stack) -> Result<Section> {
    let (here, there) = (Options::default().start(stack).await?, Options::default().start(stack).await?);
    let bearer = client::login(here.address).await?;
    let admin = client::caller(here.address, &bearer).await?;
    let environment: Arc<str> = order::development(&admin).await?.into();
    let unit: Arc<str> =
        environment.split_once("/environments/").ok_or("an environment's name names its unit")?.0.into();
    let mut programs = Vec::with_capacity(PROGRAMS);
    for number in 0..PROGRAMS {
        let account = account(&admin, number).await?;
        // A token reaches no further than its holder does when it is made.
        let binding = bind(&admin, &unit, &account).await?;
        let bearer = token(&admin, &account).await?;
        let [here, there] =
            [client::caller(here.address, &bearer).await?, client::caller(there.address, &bearer).await?];
        unbind(&admin, binding).await?;
        programs.push(Program {
            admin: admin.clone(),
            account,
            unit: unit.clone(),
            environment: environment.clone(),
            here,
            there,
        });
    }
    let others = Others::watch();
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for program in programs {
        tasks.spawn(async move { program.rounds().await });
    }
    let (mut own, mut other, mut given) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        for round in done?? {
            own.push(round.own);
            other.push(round.other);
            given.push(round.given);
        }
    }
    let others = others.cores();
    here.stop().await;
    there.stop().await;
    let [own, other, given] = [own, other, given].map(|times| Sample::new(times, started.elapsed()));
    let mut lines = quantiles("taken away, until the same replica refuses", &own, Some(Duration::from_millis(50)));
    lines.extend(quantiles("taken away, until another replica refuses", &other, Some(Duration::from_secs(1))));
    lines.extend(quantiles("given, until another replica allows", &given, None));
    Ok(Section {
        title: "A right that is taken away".to_owned(),
        method: format!(
            "Two servers on one database. {PROGRAMS} programs with API tokens call GetEnvironment at both, each the next time \
             {} after the last answer; the role that allows it is bound and deleted through one of them, {} times in all, at \
             random moments. From the answer that deleted the binding (or made it) to the answer of the first call that was \
             refused (or, of the role that is given, to CheckPermissions that allows it). No server trusts what it knows of a caller for longer than a second.",
            time(PAUSE),
            own.calls(),
        ),
        lines,
        others,
    })
}

/// The 50th and 99th percentile and the longest, of which the latter two are judged.
fn quantiles(what: &str, sample: &Sample, limit: Option<Duration>) -> Vec<Line> {
    [("p50", 0.5), ("p99", 0.99), ("max", 1.0)]
        .into_iter()
        .map(|(word, share)| {
            let found = sample.quantile(share);
            Line {
                what: format!("{what}, {word}"),
                flagstone: time(found),
                peer: String::new(),
                ratio: String::new(),
                aim: match limit {
                    Some(limit) if share > 0.5 => Aim::below(found, limit),
                    _ => Aim::None,
                },
            }
        })
        .collect()
}

/// A program that holds one role, or none.
struct Program {
    admin: Caller,
    account: String,
    unit: Arc<str>,
    environment: Arc<str>,
    /// At the replica through which its role is given and taken.
    here: Caller,
    /// At another replica.
    there: Caller,
}

/// How long one giving and taking needed.
struct Round {
    own: Duration,
    other: Duration,
    given: Duration,
}

impl Program {
    async fn rounds(&self) -> Result<Vec<Round>> {
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let binding = bind(&self.admin, &self.unit, &self.account).await?;
            let bound = Instant::now();
            let given = self.until(&self.there, bound, Question::Check).await?;
            self.until(&self.here, bound, Question::Check).await?;
            let wait = Duration::from_millis(u64::try_from(Uuid::new_v4().as_u128() % SPREAD_MS)?);
            let calm = Instant::now();
            while calm.elapsed() < wait {
                if self.refuses(&self.here).await? || self.refuses(&self.there).await? {
                    return Err("a role that nobody took away stopped working".into());
                }
                sleep(PAUSE).await;
            }
            unbind(&self.admin, binding).await?;
            let taken = Instant::now();
            let (own, other) = tokio::try_join!(
                self.until(&self.here, taken, Question::Call),
                self.until(&self.there, taken, Question::Call)
            )?;
            rounds.push(Round { own, other, given });
        }
        Ok(rounds)
    }

    /// Asks until the answer is the one that is waited for, and returns how long that was after `since`.
    async fn until(&self, caller: &Caller, since: Instant, question: Question) -> Result<Duration> {
        loop {
            let seen = match question {
                Question::Check => self.may(caller).await?,
                Question::Call => self.refuses(caller).await?,
            };
            let passed = since.elapsed();
            if seen {
                return Ok(passed);
            }
            if passed > PATIENCE {
                return Err(format!("a change of roles was not seen within {}", time(PATIENCE)).into());
            }
            sleep(PAUSE).await;
        }
    }

    async fn may(&self, caller: &Caller) -> Result<bool> {
        let check = pb::PermissionCheck { permission: PERMISSION.to_owned(), object: self.environment.to_string() };
        let request = pb::CheckPermissionsRequest { checks: vec![check] };
        let answer = AccessServiceClient::new(caller.clone()).check_permissions(request).await?.into_inner();
        Ok(answer.verdicts.iter().all(|verdict| verdict.allowed))
    }

    async fn refuses(&self, caller: &Caller) -> Result<bool> {
        let request = pb::GetEnvironmentRequest { name: self.environment.to_string() };
        match EnvironmentServiceClient::new(caller.clone()).get_environment(request).await {
            Ok(_) => Ok(false),
            Err(status) if status.code() == Code::PermissionDenied => Ok(true),
            Err(status) => Err(status.into()),
        }
    }
}

/// What is asked until the answer changes.
#[derive(Clone, Copy)]
enum Question {
    /// Whether it would be allowed: a call that is refused writes an audit event, and hundreds would be.
    Check,
    /// The call itself, until it is refused.
    Call,
}

async fn account(admin: &Caller, number: usize) -> Result<String> {
    let account = pb::ServiceAccount { kind: pb::ServiceAccountKind::Machine.into(), ..Default::default() };
    let request = pb::CreateServiceAccountRequest {
        service_account_id: format!("bench-revoked-{number}"),
        service_account: Some(account),
        ..Default::default()
    };
    Ok(ServiceAccountServiceClient::new(admin.clone()).create_service_account(request).await?.into_inner().name)
}

async fn token(admin: &Caller, account: &str) -> Result<Bearer> {
    let token = pb::ApiToken {
        display_name: "Benchmark".to_owned(),
        permissions: vec![PERMISSION.to_owned()],
        ..Default::default()
    };
    let request =
        pb::CreateApiTokenRequest { parent: account.to_owned(), api_token: Some(token), ..Default::default() };
    Bearer::new(&ApiTokenServiceClient::new(admin.clone()).create_api_token(request).await?.into_inner().secret)
}

async fn bind(admin: &Caller, unit: &str, account: &str) -> Result<String> {
    let binding =
        pb::RoleBinding { role: "roles/viewer".to_owned(), subject: account.to_owned(), ..Default::default() };
    let request =
        pb::CreateRoleBindingRequest { parent: unit.to_owned(), role_binding: Some(binding), ..Default::default() };
    Ok(RoleServiceClient::new(admin.clone()).create_role_binding(request).await?.into_inner().name)
}

async fn unbind(admin: &Caller, name: String) -> Result<()> {
    let request = pb::DeleteRoleBindingRequest { name, ..Default::default() };
    RoleServiceClient::new(admin.clone()).delete_role_binding(request).await?;
    Ok(())
}
