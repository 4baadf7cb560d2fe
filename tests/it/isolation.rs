//! Another organization's objects are absent. Every field of the contract that can name an object is given a name of
//! another organization, and the answer is held against that to a name that never existed, byte for byte.

use std::collections::BTreeSet;

use flagstone_api::pb;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Status;
use uuid::Uuid;

use crate::support::contract::{Method, methods, set, text};
use crate::support::requests::{harmless, valid_request};
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, database};

/// Names to compare: one of an object of the other organization, and ones of the same form that never existed.
struct Pair {
    foreign: String,
    never: Vec<String>,
}

#[tokio::test]
async fn every_name_of_another_organization_answers_like_one_that_never_existed() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let ours = World::build(&app, &runner, Cast::of(&app).await).await;
    let theirs = World::build(&app, &runner, app.organization("globex").await.into()).await;
    let nobody = app.user("nobody", &[]).await;
    let callers =
        [("admin", &ours.cast.admin), ("dev", &ours.cast.dev), ("approver", &ours.cast.approver), ("nobody", &nobody)];

    let mut judged = BTreeSet::new();
    for method in methods().iter().filter(|method| !method.is_runners()) {
        for (path, pattern) in fields(method) {
            // To an operator of the installation every organization exists.
            if pattern == "organizations/*" && is_operators(method) {
                continue;
            }
            // Schedules are the installation's, and called alike for everybody.
            if pattern == "schedules/*" {
                continue;
            }
            for Pair { foreign, never } in pairs(&ours, &theirs, &pattern) {
                for (who, caller) in callers {
                    let told = answer(caller, method, &ours, &path, &foreign).await;
                    assert!(!mentions(&told, &theirs), "{} shows {who} an object of others: {told:?}", method.name);
                    for never in &never {
                        let expected = answer(caller, method, &ours, &path, never).await;
                        assert_eq!(
                            normalised(&told, &foreign, never),
                            normalised(&expected, never, &foreign),
                            "{} tells {who} by {path} that {foreign} exists",
                            method.name
                        );
                    }
                }
                judged.insert(format!("{} {path} {pattern}", method.name));
            }
        }
    }
    assert!(judged.len() > 40, "only {} fields were judged", judged.len());
    drop(runner);
    app.finish_with_jobs().await;
}

/// Whether operators may call it for any organization. What it tells others is tested in `organizations.rs`.
fn is_operators(method: &Method) -> bool {
    let operators = ["list", "create", "deactivate", "delete"].map(|action| format!("platform:organizations:{action}"));
    method.policy.permissions.iter().any(|permission| operators.contains(permission))
}

/// The fields of a method that name objects. One that takes names of several forms is walked with each.
fn fields(method: &Method) -> Vec<(String, String)> {
    let mut fields = method.resource_fields();
    if method.name == "ExplainPending" {
        fields.extend(["approvals/*", "jobs/*"].map(|pattern| ("name".to_owned(), pattern.to_owned())));
    }
    let others = |pattern: &str| match pattern {
        "businessUnits/*/groups/*" => &["groups/*"][..],
        "businessUnits/*/roleBindings/*" => &["roleBindings/*"],
        _ => &[],
    };
    let more: Vec<_> = fields
        .iter()
        .flat_map(|(path, pattern)| others(pattern).iter().map(|other| (path.clone(), (*other).to_owned())))
        .collect();
    fields.extend(more);
    if method.name == "CreateRoleBinding" {
        let subjects = ["groups/*", "businessUnits/*/groups/*"];
        fields.extend(subjects.map(|pattern| ("role_binding.subject".to_owned(), pattern.to_owned())));
    }
    fields
}

/// A name of theirs, and a name in our unit under an id of theirs.
fn pairs(ours: &World, theirs: &World, pattern: &str) -> Vec<Pair> {
    let foreign = theirs.name(pattern).to_owned();
    let mut segments: Vec<String> = foreign.split('/').map(str::to_owned).collect();
    // The last that is an id: a workspace has none of its own.
    let forms: Vec<&str> = pattern.split('/').collect();
    let last = forms.iter().rposition(|form| *form == "*").expect("a pattern has an id");
    let never_last = with(&segments, last, &never(&segments[last]));
    let mut pairs = Vec::new();
    if pattern.starts_with("businessUnits/*/") {
        let never_unit = with(&segments, 1, &never(&segments[1]));
        pairs.push(Pair { foreign: foreign.clone(), never: vec![never_unit, never_last] });
        segments[1] = ours.name("businessUnits/*").rsplit('/').next().expect("a name has segments").to_owned();
        let ours_with_their_id = segments.join("/");
        // Environments are called alike everywhere.
        if ours_with_their_id != ours.name(pattern) {
            let never = with(&segments, 3, &never(&segments[3]));
            pairs.push(Pair { foreign: ours_with_their_id, never: vec![never] });
        }
    } else {
        let never_first = with(&segments, 1, &never(&segments[1]));
        pairs.push(Pair { foreign, never: vec![never_first] });
    }
    pairs
}

fn with(segments: &[String], index: usize, segment: &str) -> String {
    let mut segments = segments.to_vec();
    segments[index] = segment.to_owned();
    segments.join("/")
}

/// An id of the same form and length that nothing has.
fn never(id: &str) -> String {
    match Uuid::parse_str(id) {
        // Of the same time, as a UUIDv7 tells it.
        Ok(uuid) => Uuid::from_u128(uuid.as_u128() ^ 0x5a5a_5a5a).to_string(),
        Err(_) if id.bytes().all(|byte| byte.is_ascii_digit()) => format!("9{id}"),
        Err(_) => id.chars().map(|letter| if letter.is_ascii_lowercase() { 'q' } else { letter }).collect(),
    }
}

/// What came of a call: the status with its details, or the answer.
type Told = Result<DynamicMessage, (Code, Error)>;

async fn answer(caller: &Caller, method: &Method, ours: &World, path: &str, name: &str) -> Told {
    let mut request = valid_request(ours, method);
    set(&mut request, path, Value::String(name.to_owned()));
    assert_eq!(text(&request, path), name);
    harmless(method, &mut request);
    let bytes = caller.call(method, &request).await.map_err(|status: Status| (status.code(), status.into()))?;
    Ok(crate::support::contract::decode(method.output(), &bytes))
}

/// Whether an answer shows anything of theirs beside the name that was asked for.
fn mentions(told: &Told, theirs: &World) -> bool {
    let shown = told.as_ref().map(ToString::to_string).unwrap_or_default();
    // An echo of the name in a field that the server does not read is no knowledge.
    ["display_name:", "etag:"].iter().all(|field| shown.contains(field)) && shown.contains(&theirs.cast.unit)
}

/// What was told, as a text in which both names are one, and what each call makes anew is left out.
fn normalised(told: &Told, name: &str, other: &str) -> String {
    let text = match told {
        Err((code, error)) => {
            let mut error = error.clone();
            error.correlation_id = None;
            error.metadata.remove("correlation_id");
            error.metadata.remove("decision_id");
            format!("{code:?} {error:?}")
        }
        // An explanation is an answer for every object: one that is not there is explained alike.
        Ok(answer) if answer.descriptor().name() == "ExplainAccessResponse" => answer.to_string(),
        // The field is not read, whatever stands in it.
        Ok(_) => "OK".to_owned(),
    };
    let mut text = text;
    for (segment, counterpart) in name.split('/').zip(other.split('/')) {
        if segment != counterpart {
            text = text.replace(segment, "<segment>");
        }
    }
    text
}

#[tokio::test]
async fn lists_show_nothing_of_another_organization() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let theirs = World::build(&app, &runner, app.organization("globex").await.into()).await;
    let admin = app.as_admin().await;
    let lists = |method: &&Method| method.is_list() && method.is_one_for_all() && !is_operators(method);
    for method in methods().iter().filter(lists) {
        let mut request = method.request();
        if method.takes("parent") {
            let any = method.name != "ListBusinessUnitMembers";
            let parent = if any { "businessUnits/-" } else { "businessUnits/sandbox" };
            set(&mut request, "parent", Value::String(parent.into()));
        }
        let answer = admin.ask(method, &request).await.unwrap_or_else(|error| panic!("{}: {error:?}", method.name));
        let shown = answer.to_string();
        for name in ["globex", theirs.pending.name.rsplit('/').next().unwrap()] {
            assert!(!shown.contains(name), "{} shows {name}: {shown}", method.name);
        }
    }
    let filter = format!("deployment = \"{}\"", theirs.name("businessUnits/*/deployments/*"));
    let request = pb::ListRequestsRequest { parent: "businessUnits/-".into(), filter, ..Default::default() };
    let found = admin.requests().list_requests(request).await.unwrap().into_inner().requests;
    assert!(found.is_empty(), "a filter finds what a list does not show: {found:?}");
    drop(runner);
    app.finish_with_jobs().await;
}

impl Method {
    /// A list that has no parent, or takes `businessUnits/-`. Who can do something is asked of one object.
    fn is_one_for_all(&self) -> bool {
        (!self.takes("parent") && !self.takes("permission"))
            || self.resource_fields().contains(&("parent".into(), "businessUnits/*".into()))
    }
}

#[tokio::test]
async fn every_table_of_organizations_is_walled_for_the_role_of_calls() {
    let app = TestApp::start().await;
    let query = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = 'public' AND c.relkind = 'r' \
                   AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id') \
                   AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    let open: Vec<String> = app.sql.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(open.is_empty(), "without forced row security: {open:?}");
    let walled: i64 = database::one(&app.sql, "SELECT count(*) FROM pg_class WHERE relforcerowsecurity").await;
    assert!(walled > 20, "only {walled} tables are walled");

    let query = "SELECT rolname::text FROM pg_roles r WHERE rolname IN ('flagstone_app', 'flagstone_worker', 'flagstone_read') \
                   AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole \
                        OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid))";
    let strong: Vec<String> = app.sql.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(strong.is_empty(), "roles that could leave their walls: {strong:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_role_of_calls_sees_one_organization_and_none_unless_it_is_named() {
    let app = TestApp::start().await;
    app.organization("globex").await;
    database::run(&app.sql, "SET ROLE flagstone_app").await;
    let unnamed: i64 = database::one(&app.sql, "SELECT count(*) FROM users").await;
    assert_eq!(unnamed, 0, "without an organization");
    database::run(&app.sql, "RESET ROLE").await;
    let theirs: String = database::one(&app.sql, "SELECT id::text FROM organizations WHERE slug = 'globex'").await;
    database::run(&app.sql, &format!("SET ROLE flagstone_app; SELECT set_config('app.org', '{theirs}', false)")).await;
    let foreign: i64 = database::one(&app.sql, "SELECT count(*) FROM users WHERE username NOT LIKE 'globex-%'").await;
    let own: i64 = database::one(&app.sql, "SELECT count(*) FROM users WHERE username LIKE 'globex-%'").await;
    assert_eq!((foreign, own), (0, 3));
    let crossing = "UPDATE users SET organization_id = gen_random_uuid()";
    let refused = app.sql.batch_execute(crossing).await.unwrap_err();
    assert!(format!("{refused:?}").contains("row-level security"), "{refused:?}");
    database::run(&app.sql, "RESET ROLE").await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_but_the_owner_changes_what_is_append_only() {
    let app = TestApp::start().await;
    for role in ["flagstone_app", "flagstone_worker", "flagstone_read"] {
        for table in ["audit_events", "request_events", "approval_decisions", "workspace_states", "job_log_chunks"] {
            for statement in
                [format!("UPDATE {table} SET organization_id = organization_id"), format!("DELETE FROM {table}")]
            {
                database::run(&app.sql, &format!("SET ROLE {role}")).await;
                let refused = app.sql.batch_execute(&statement).await.expect_err(&statement);
                assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{role}: {statement}: {refused:?}");
                database::run(&app.sql, "RESET ROLE").await;
            }
        }
    }
    app.finish().await;
}
