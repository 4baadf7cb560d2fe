//! One evaluator (rule 15), asked from outside: what a call allows, what a list shows, what a check says, what an
//! explanation says and who is told to be able to must be one answer. Random organizations, and every question of them
//! through the RPC that is for it.

use std::collections::BTreeSet;

use flagstone_api::pb::{self, ErrorReason};
use futures::StreamExt;

use crate::support::world::Cast;
use crate::support::{Caller, Error, TestApp, database};

const UNITS: [&str; 3] = ["sandbox", "alpha", "beta"];
const TIERS: [&str; 3] = ["development", "staging", "production"];
const USERS: usize = 12;
const ROUNDS: u64 = 12;

/// What roles are made of.
const GIVEN: [&str; 8] = [
    "business_unit:deployments:read",
    "business_unit:deployments:list",
    "business_unit:requests:cancel",
    "business_unit:requests:read",
    "business_unit:environments:read",
    "business_unit:environments:list",
    "business_unit:jobs:cancel",
    "business_unit:deployments:update:production",
];

/// Nothing about addresses: who asks for somebody else asks from nowhere.
const CONDITIONS: [&str; 10] = [
    "object.own",
    "!object.own",
    "object.tier == 'PRODUCTION'",
    "object.tier != 'PRODUCTION'",
    "object.type == 'deployments'",
    "'groups/g1' in principal.groups",
    "principal.name in ['users/p1', 'users/p2', 'users/p3']",
    "time.hour > 23",
    "principal.absent",
    "has(object.team) && object.team == 'teams/t1'",
];

/// A question that one call answers: by any of these permissions.
struct Question {
    permissions: &'static [&'static str],
    asked: Asked,
    object: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    GetDeployment,
    ListDeployments,
    CancelRequest,
    GetEnvironment,
    ListEnvironments,
}

/// Numbers that are the same in every run: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

#[tokio::test]
async fn enforcement_lists_checks_explanations_and_who_can_agree_on_ten_thousand_cases() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    for unit in &UNITS[1..] {
        app.unit(unit).await;
    }
    let mut people = Vec::new();
    for number in 0..USERS {
        people.push(app.user(&format!("p{number}"), &[]).await);
    }
    objects(&app).await;
    let questions = questions();
    let (mut cases, mut allowed) = (0, 0);
    for seed in 0..ROUNDS {
        organization(&app, seed).await;
        for person in &people {
            see_the_grants_of_now(person).await;
        }
        see_the_grants_of_now(&cast.admin).await;
        let who_can = who_can(&cast.admin, &questions).await;
        for (number, person) in people.iter().enumerate() {
            let name = format!("users/p{number}");
            let checked = check(person, &questions).await;
            let lists = [listed_deployments(person).await, listed_environments(person).await];
            let answers: Vec<_> = futures::stream::iter(&questions)
                .map(|question| enforced(person, question, &lists))
                .buffered(16)
                .collect()
                .await;
            let explained = explain(&cast.admin, &name, &questions).await;
            let mut next = checked.iter().zip(&explained).zip(&who_can);
            for (question, enforced) in questions.iter().zip(answers) {
                let mut any = false;
                for permission in question.permissions {
                    let ((verdict, explained), who) = next.next().unwrap();
                    let told =
                        format!("round {seed}: {name} {permission} {}: {verdict:?} {explained:?}", question.object);
                    assert_eq!(verdict.allowed, explained.allowed, "the explanation differs in {told}");
                    assert_eq!(verdict.allowed, who.contains(&name), "who-can differs in {told}");
                    assert_eq!(explained.allowed, explained.reason == 0, "{told}");
                    any |= verdict.allowed;
                    cases += 1;
                    allowed += usize::from(verdict.allowed);
                }
                assert_eq!(
                    any, enforced,
                    "round {seed}: {:?} of {} as {name} is not what checks say: {checked:#?}",
                    question.asked, question.object
                );
            }
        }
    }
    assert!(cases >= 10_000, "only {cases} cases");
    assert!((cases / 10..cases * 9 / 10).contains(&allowed), "{allowed} of {cases} are allowed: too one-sided");
    app.finish().await;
}

/// Deployments of each tier in each unit, with owners, teams, and a request each that has ended.
async fn objects(app: &TestApp) {
    database::run(
        &app.sql,
        "INSERT INTO teams (id, organization_id, slug, display_name, creator)
           SELECT gen_random_uuid(), o.id, 't' || n, 'Team ' || n, 'system'
           FROM organizations o, generate_series(0, 2) n WHERE o.is_default;
         INSERT INTO groups (id, organization_id, slug, display_name, creator)
           SELECT gen_random_uuid(), o.id, 'g' || n, 'Group ' || n, 'system'
           FROM organizations o, generate_series(0, 3) n WHERE o.is_default;
         INSERT INTO deployments (id, organization_id, business_unit_id, slug, display_name, state, provisioned,
             environment_id, tier, template_id, template_version_id, provider, owner_id, owner, team_id, inputs,
             inputs_ciphertext, tags, current_revision, last_revision, resource_count, creator)
           SELECT gen_random_uuid(), e.organization_id, e.business_unit_id, 'd-' || e.slug, 'D', 'ACTIVE', true, e.id, e.tier,
             t.id, v.id, 'NONE', u.id, 'users/' || u.username, m.id, '{}', '\\x00', '{}', 1, 1, 1, 'users/' || u.username
           FROM (SELECT *, row_number() OVER (ORDER BY slug, business_unit_id) AS n FROM environments) e
           JOIN templates t ON t.organization_id = e.organization_id AND t.slug = 'config-bundle'
           JOIN LATERAL (SELECT id FROM template_versions WHERE template_id = t.id LIMIT 1) v ON true
           JOIN users u ON u.organization_id = e.organization_id AND u.username = 'p' || (e.n % 6)
           LEFT JOIN teams m ON m.organization_id = e.organization_id AND m.slug = 't' || (e.n % 4);
         INSERT INTO requests (id, organization_id, business_unit_id, number, kind, title, requester_id, requester,
             environment_id, tier, deployment_id, template_version_id, payload, tags, inputs_ciphertext, content_hash, state,
             creator)
           SELECT gen_random_uuid(), d.organization_id, d.business_unit_id, 900 +
             array_position(ARRAY['sandbox', 'alpha', 'beta'], b.slug) * 10 +
             array_position(ARRAY['d-development', 'd-staging', 'd-production'], d.slug), 'UPDATE', 'R', d.owner_id, d.owner, d.environment_id, d.tier, d.id, d.template_version_id,
             '{}', '{}', '\\x00', repeat('0', 64), 'COMPLETED', d.owner
           FROM deployments d JOIN business_units b ON b.id = d.business_unit_id;",
    )
    .await;
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for (unit, of_unit) in UNITS.into_iter().zip(1..) {
        for (tier, of_tier) in TIERS.into_iter().zip(1..) {
            let deployment = format!("businessUnits/{unit}/deployments/d-{tier}");
            let environment = format!("businessUnits/{unit}/environments/{tier}");
            let mut ask = |permissions, asked, object: &str| {
                questions.push(Question { permissions, asked, object: object.to_owned() });
            };
            ask(&["business_unit:deployments:read", "user:deployments:read:own"], Asked::GetDeployment, &deployment);
            ask(&["business_unit:deployments:list", "user:deployments:list:own"], Asked::ListDeployments, &deployment);
            ask(&["business_unit:environments:read"], Asked::GetEnvironment, &environment);
            ask(&["business_unit:environments:list"], Asked::ListEnvironments, &environment);
            let request = format!("businessUnits/{unit}/requests/R-{}", 900 + of_unit * 10 + of_tier);
            ask(&["business_unit:requests:cancel", "user:requests:cancel:own"], Asked::CancelRequest, &request);
        }
    }
    questions
}

/// Grants at random.
async fn organization(app: &TestApp, seed: u64) {
    let mut dice = Dice(seed);
    let mut statements = String::from(
        "DELETE FROM role_bindings WHERE creator = 'dice'; DELETE FROM business_unit_members WHERE creator = 'dice';
         DELETE FROM group_members; DELETE FROM team_members; DELETE FROM roles WHERE creator = 'dice';",
    );
    for role in 0..8 {
        let permissions: BTreeSet<&str> = (0..=dice.roll(4)).map(|_| dice.pick(&GIVEN)).collect();
        let permissions: Vec<&str> = permissions.into_iter().collect();
        let restriction = dice.pick(&["NONE", "NONE", "OWN_TEAM", "OWN"]);
        statements += &format!(
            "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, restriction, creator)
             SELECT gen_random_uuid(), id, 'r{role}', 'Role {role}', 'BUSINESS_UNIT', '{{{}}}', '{restriction}', 'dice'
             FROM organizations WHERE is_default;",
            permissions.join(",")
        );
    }
    let mut bind = |dice: &mut Dice, kind: &str, subject: &str| {
        let unit = if dice.one_in(4) { "" } else { dice.pick(&UNITS) };
        let effect = if dice.one_in(5) { "DENY" } else { "ALLOW" };
        let condition = if dice.one_in(4) { format!("$c${}$c$", dice.pick(&CONDITIONS)) } else { "NULL".to_owned() };
        let end = match dice.roll(8) {
            0 => "now() - interval '1 hour'",
            1 => "now() + interval '1 day'",
            _ => "NULL",
        };
        statements += &format!(
            "INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, business_unit_id, effect,
               condition, expire_time, creator)
             SELECT gen_random_uuid(), r.organization_id, r.id, '{kind}', ({subject}), b.id, '{effect}', {condition}, {end},
               'dice'
             FROM roles r LEFT JOIN business_units b ON b.organization_id = r.organization_id AND b.slug = '{unit}'
             WHERE r.slug = 'r{}' AND r.creator = 'dice';",
            dice.roll(8)
        );
    };
    for user in 0..USERS {
        for _ in 0..dice.roll(4) {
            bind(&mut dice, "USER", &format!("SELECT id FROM users WHERE username = 'p{user}'"));
        }
    }
    for group in 0..4 {
        for _ in 0..=dice.roll(2) {
            bind(&mut dice, "GROUP", &format!("SELECT id FROM groups WHERE slug = 'g{group}'"));
        }
    }
    for user in 0..USERS {
        for (table, column, others, count) in [
            ("group_members", "group_id", "groups WHERE slug = 'g", 4),
            ("team_members", "team_id", "teams WHERE slug = 't", 3),
        ] {
            if dice.one_in(2) {
                statements += &format!(
                    "INSERT INTO {table} (organization_id, {column}, user_id, creator)
                     SELECT u.organization_id, (SELECT id FROM {others}{}'), u.id, 'dice' FROM users u
                     WHERE u.username = 'p{user}';",
                    dice.roll(count)
                );
            }
        }
        if dice.one_in(3) {
            statements += &format!(
                "INSERT INTO business_unit_members (organization_id, business_unit_id, user_id, role_id, creator)
                 SELECT u.organization_id, b.id, u.id, r.id, 'dice' FROM users u, business_units b, roles r
                 WHERE u.username = 'p{user}' AND b.slug = '{}' AND r.slug = 'r{}';",
                dice.pick(&UNITS),
                dice.roll(8)
            );
        }
    }
    database::run(&app.sql, &statements).await;
    app.grants_changed().await;
}

/// A write, even a dry run, judges by the grants of now, and so does every read after it.
async fn see_the_grants_of_now(caller: &Caller) {
    let request = pb::SetActiveBusinessUnitRequest { validate_only: true, ..Default::default() };
    caller.users().set_active_business_unit(request).await.unwrap();
}

async fn check(person: &Caller, questions: &[Question]) -> Vec<pb::PermissionVerdict> {
    let checks = questions.iter().flat_map(|question| {
        question.permissions.iter().map(|permission| pb::PermissionCheck {
            permission: (*permission).to_owned(),
            object: question.object.clone(),
        })
    });
    let request = pb::CheckPermissionsRequest { checks: checks.collect() };
    person.access().check_permissions(request).await.unwrap().into_inner().verdicts
}

async fn explain(admin: &Caller, principal: &str, questions: &[Question]) -> Vec<pb::ExplainAccessResponse> {
    let asked: Vec<(String, String)> = questions
        .iter()
        .flat_map(|question| question.permissions.iter().map(|it| ((*it).to_owned(), question.object.clone())))
        .collect();
    futures::stream::iter(asked)
        .map(async |(permission, object)| {
            let question = pb::AccessQuestion { principal: principal.to_owned(), permission, object };
            let about = Some(pb::explain_access_request::About::Question(question));
            admin.access().explain_access(pb::ExplainAccessRequest { about }).await.unwrap().into_inner()
        })
        .buffered(16)
        .collect()
        .await
}

async fn who_can(admin: &Caller, questions: &[Question]) -> Vec<BTreeSet<String>> {
    let mut all = Vec::new();
    for question in questions {
        for permission in question.permissions {
            let mut found = BTreeSet::new();
            let mut request = pb::ListWhoCanRequest {
                permission: (*permission).to_owned(),
                object: question.object.clone(),
                page_size: 5,
                ..Default::default()
            };
            loop {
                let page = admin.access().list_who_can(request.clone()).await.unwrap().into_inner();
                for who in page.principals {
                    assert!(found.insert(who.principal.clone()), "{} is listed twice", who.principal);
                }
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            all.push(found);
        }
    }
    all
}

async fn listed_deployments(person: &Caller) -> BTreeSet<String> {
    let request = pb::ListDeploymentsRequest { parent: "businessUnits/-".into(), page_size: 200, ..Default::default() };
    let found = person.deployments().list_deployments(request).await.unwrap().into_inner().deployments;
    found.into_iter().map(|deployment| deployment.name).collect()
}

async fn listed_environments(person: &Caller) -> BTreeSet<String> {
    let request =
        pb::ListEnvironmentsRequest { parent: "businessUnits/-".into(), page_size: 200, ..Default::default() };
    match person.environments().list_environments(request).await.map_err(Error::from) {
        Ok(page) => page.into_inner().environments.into_iter().map(|environment| environment.name).collect(),
        Err(error) => {
            assert_eq!(error.reason, Some(ErrorReason::AccessDenied), "{error:?}");
            BTreeSet::new()
        }
    }
}

/// Whether the call itself lets in.
async fn enforced(person: &Caller, question: &Question, [deployments, environments]: &[BTreeSet<String>; 2]) -> bool {
    let name = question.object.clone();
    let answer = match question.asked {
        Asked::ListDeployments => return deployments.contains(&name),
        Asked::ListEnvironments => return environments.contains(&name),
        Asked::GetDeployment => person.deployments().get_deployment(pb::GetDeploymentRequest { name }).await.map(drop),
        Asked::GetEnvironment => {
            person.environments().get_environment(pb::GetEnvironmentRequest { name }).await.map(drop)
        }
        // It has ended: whoever may cancel it is told that it cannot be.
        Asked::CancelRequest => {
            let request = pb::CancelRequestRequest { name, ..Default::default() };
            person.requests().cancel_request(request).await.map(drop)
        }
    };
    match answer.map_err(Error::from) {
        Ok(()) => true,
        Err(error) => match error.reason {
            Some(ErrorReason::WrongState) => true,
            Some(ErrorReason::AccessDenied | ErrorReason::NotFound) => false,
            _ => panic!("{:?} of {} fails otherwise: {error:?}", question.asked, question.object),
        },
    }
}
