//! What holds for every mutating method, walked over the contract: it replays, runs once, runs dry without a trace, and
//! refuses a stale etag.

use std::sync::LazyLock;

use flagstone_api::pb::{self, ErrorReason};
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::support::contract::{Method, decode, methods, set};
use crate::support::mutations::{Stage, etag_path, with_request_id};
use crate::support::{Caller, Code, Error, database};

fn mutations() -> Vec<Method> {
    let mutations: Vec<Method> = methods().into_iter().filter(Method::is_mutation).collect();
    assert!(mutations.len() > 10, "the contract has mutations");
    mutations
}

#[tokio::test]
async fn a_repeated_mutation_answers_the_same_bytes_and_another_body_is_refused() {
    let stage = Stage::start().await;
    for method in mutations() {
        let name = &method.name;
        let prepared = stage.prepare(&method).await;
        let request = with_request_id(&prepared.request, &Uuid::new_v4().to_string());
        let first = prepared.caller.call(&method, &request).await;
        let first = first.unwrap_or_else(|status| panic!("{name} succeeds: {:?}", Error::from(status)));
        let again = prepared.caller.call(&method, &request).await.map_err(Error::from);
        if prepared.ends_session {
            assert_eq!(again.unwrap_err().code, Code::Unauthenticated, "{name}: the session is over");
            continue;
        }
        assert_eq!(again.unwrap_or_else(|error| panic!("{name} again: {error:?}")), first, "{name} again");

        let Some(other) = &prepared.other else { continue };
        let id = crate::support::contract::text(&request, "request_id");
        let refused = prepared.caller.ask(&method, &with_request_id(other, &id)).await;
        let refused = refused.expect_err(&format!("{name} with another body"));
        assert_eq!(
            (refused.code, refused.reason),
            (Code::Aborted, Some(ErrorReason::RequestIdReused)),
            "{name}: {refused:?}"
        );
        let [stored, sent] = ["stored_sha256", "sent_sha256"].map(|key| refused.metadata.get(key).cloned());
        assert!(stored.is_some() && sent.is_some() && stored != sent, "{name}: {refused:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn ten_equal_mutations_at_once_have_one_effect() {
    let stage = Stage::start().await;
    for method in mutations() {
        let name = &method.name;
        let prepared = stage.prepare(&method).await;
        let before = successes(&stage, &method).await;
        let request = with_request_id(&prepared.request, &Uuid::new_v4().to_string());
        let calls = (0..10).map(|_| prepared.caller.call(&method, &request));
        let answers = futures::future::join_all(calls).await;
        let good: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        if prepared.ends_session {
            assert!(!good.is_empty(), "{name}: nobody succeeded");
        } else {
            assert_eq!(good.len(), 10, "{name}: {answers:?}");
        }
        assert!(good.iter().all(|answer| *answer == good[0]), "{name} answered differently");
        assert_eq!(successes(&stage, &method).await - before, 1, "{name} happened once");
    }
    stage.finish().await;
}

/// How often the audit says that a method's action succeeded.
async fn successes(stage: &Stage, method: &Method) -> i64 {
    // What an operator does in another organization is in that one's audit, too, as done by the system.
    let query = "SELECT count(*) FROM audit_events WHERE outcome = 'SUCCESS' AND action = $1 AND origin <> 'SYSTEM'";
    stage.app.sql.query_one(query, &[&method.policy.audit_action]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_request_id_that_is_no_uuid_is_refused_as_a_field() {
    let stage = Stage::start().await;
    for method in mutations() {
        let prepared = stage.prepare(&method).await;
        let refused = prepared.caller.ask(&method, &with_request_id(&prepared.request, "seven")).await;
        let refused = refused.expect_err(&method.name);
        assert_eq!(
            (refused.code, refused.reason),
            (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)),
            "{refused:?}"
        );
        let fields: Vec<_> = refused.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["request_id"], "{}", method.name);
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_stale_etag_is_refused_and_changes_nothing() {
    let stage = Stage::start().await;
    let mut taken = 0;
    for method in mutations() {
        let Some(path) = etag_path(&method) else { continue };
        taken += 1;
        let prepared = stage.prepare(&method).await;
        let before = tables_but_the_audit(&stage).await;
        let mut stale = prepared.request.clone();
        set(&mut stale, &path, Value::String("\"999999\"".into()));
        let refused = prepared.caller.ask(&method, &stale).await.expect_err(&method.name);
        assert_eq!((refused.code, refused.reason), (Code::Aborted, Some(ErrorReason::EtagMismatch)), "{refused:?}");
        let after = tables_but_the_audit(&stage).await;
        assert_eq!(database::changed(&before, &after), [""; 0], "{} with a stale etag", method.name);
        // Nothing but the etag was in the way.
        prepared
            .caller
            .ask(&method, &prepared.request)
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", method.name));
    }
    assert!(taken > 5, "only {taken} methods take an etag");
    stage.finish().await;
}

/// The refused attempt itself is recorded.
async fn tables_but_the_audit(stage: &Stage) -> std::collections::BTreeMap<String, String> {
    let mut sums = database::checksums(&stage.app.sql).await;
    sums.remove("audit_events");
    sums
}

#[test]
fn every_dry_run_has_a_place_for_its_effects() {
    for method in mutations().iter().filter(|method| method.takes("validate_only")) {
        let effects = method.output().get_field_by_name("effects");
        let kind = effects.unwrap_or_else(|| panic!("the answer of {} has no effects", method.name)).kind();
        assert_eq!(kind.as_message().unwrap().full_name(), "flagstone.v1.Effects", "{}", method.name);
    }
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace_and_tells_what_the_call_then_does() {
    let stage = Stage::start().await;
    for method in mutations().iter().filter(|method| method.takes("validate_only")) {
        let name = &method.name;
        let prepared = stage.prepare(method).await;
        let before = database::checksums(&stage.app.sql).await;
        let mut dry = prepared.request.clone();
        set(&mut dry, "validate_only", Value::Bool(true));
        let told = prepared.caller.ask(method, &dry).await.unwrap_or_else(|error| panic!("dry {name}: {error:?}"));
        let after = database::checksums(&stage.app.sql).await;
        assert_eq!(database::changed(&before, &after), [""; 0], "a dry {name} left a trace");
        let told = effects(&told);
        assert!(
            told["changes"].as_array().is_some_and(|changes| !changes.is_empty()),
            "a dry {name} told nothing: {told}"
        );

        let id = format!("real-{name}");
        let done = prepared.caller.with_request_id(&id).ask(method, &prepared.request).await;
        done.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let recorded = recorded_effects(&stage.cast.admin, &id).await;
        pretty_assert_eq(&normalised(&told), &normalised(&recorded), name);
    }
    stage.finish().await;
}

/// The effects in the answer of a dry run, as JSON.
fn effects(answer: &DynamicMessage) -> Json {
    let effects = answer.get_field_by_name("effects").expect("the answer has effects");
    serde_json::to_value(effects.as_message().expect("effects are a message")).unwrap()
}

/// The effects in the audit event of a call.
async fn recorded_effects(admin: &Caller, correlation_id: &str) -> Json {
    let filter = format!("correlation_id = \"{correlation_id}\"");
    let request = pb::ListAuditEventsRequest { filter, ..Default::default() };
    let events = admin.audit().list_audit_events(request).await.unwrap().into_inner().audit_events;
    let [event] = events.as_slice() else { panic!("{correlation_id} left {} audit events", events.len()) };
    let effects = event.effects.clone().unwrap_or_default();
    let descriptor = crate::support::contract::pool().get_message_by_name("flagstone.v1.Effects").unwrap();
    let effects = decode(descriptor, &prost::Message::encode_to_vec(&effects));
    assert_eq!(effects.descriptor().name(), "Effects");
    serde_json::to_value(&effects).unwrap()
}

/// The text of a value with everything replaced that is made anew by each run: ids by the order in which they come, codes
/// and times by a word.
fn normalised(value: &Json) -> String {
    static GENERATED: LazyLock<regex::Regex> = LazyLock::new(|| {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let pattern = format!(r"(?P<id>{uuid})|(?P<code>R-\d+)|(?P<time>\d{{4}}-\d\d-\d\dT[0-9:.]+(Z|\+00:00))");
        regex::Regex::new(&pattern).unwrap()
    });
    let text = serde_json::to_string_pretty(value).unwrap();
    let mut ids = Vec::<String>::new();
    let replaced = GENERATED.replace_all(&text, |found: &regex::Captures<'_>| match found.name("id") {
        Some(id) => {
            let known = ids.iter().position(|known| known == id.as_str());
            let number = known.unwrap_or_else(|| {
                ids.push(id.as_str().to_owned());
                ids.len() - 1
            });
            format!("<id {number}>")
        }
        None if found.name("code").is_some() => "<code>".to_owned(),
        None => "<time>".to_owned(),
    });
    replaced.into_owned()
}

fn pretty_assert_eq(told: &str, recorded: &str, name: &str) {
    if told != recorded {
        let differing = told.lines().zip(recorded.lines()).find(|(told, recorded)| told != recorded);
        panic!("a dry {name} told otherwise, first {differing:?}\n--- told\n{told}\n--- recorded\n{recorded}");
    }
}
