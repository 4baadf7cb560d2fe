//! Orders and their refusals: everything that is wrong at once, numbers without gap, one change of a deployment at a time.

use std::collections::BTreeSet;

use flagstone_client::pb;
use flagstone_client::pb::request::Payload;
use flagstone_client::pb::{ErrorReason, RequestState};
use flagstone_client::{Code, Error};
use futures::future::{join, join_all};
use serde_json::json;
use uuid::Uuid;

use crate::support::ScriptedRunner;
use crate::support::line::order::asked;
use crate::support::line::person::refused;
use crate::support::line::{Line, Order, Person, bundle, destroy, found, update};

/// Orders, and repeats the same call where the server had too much to do.
async fn patiently(person: &Person, order: Order) -> Result<pb::Request, Error> {
    let order = pb::CreateRequestRequest { request_id: Uuid::new_v4().to_string(), ..order.into() };
    found("an answer", || async {
        match person.try_order(order.clone()).await {
            Err(error) if error.is(ErrorReason::DeadlineExceeded) || error.is_passing() => None,
            answer => Some(answer),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_orders_at_once_get_a_hundred_numbers_without_gap() {
    let line = Line::without_runner().await;
    let order = |number: usize| Order::new("config-bundle", &format!("limits-{number}"), bundle("1"));
    // Some of them fail, and take no number with them.
    let failing = |number: usize| Order::new("config-bundle", &format!("wrong-{number}"), json!({}));
    let orders = (0..100).map(|number| patiently(&line.dev, order(number)));
    let failures = (0..20).map(|number| patiently(&line.dev, failing(number)));
    let (made, failed) = join(join_all(orders), join_all(failures)).await;
    for answer in failed {
        refused(answer, ErrorReason::FieldInvalid);
    }
    let codes: BTreeSet<String> = made.into_iter().map(|request| request.unwrap().code).collect();
    assert_eq!(codes, (1..=100).map(|number| format!("R-{number}")).collect());
    line.app.finish_with_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_an_order_is_told_at_once() {
    let line = Line::without_runner().await;
    let inputs = json!({
        "name": "X", "label": "", "entries": {"bad key": "1", "good": 7}, "replicas": 21, "surprise": true,
    });
    let mut request = Order::new("config-bundle", "Not A Slug", inputs).in_production().request();
    request.title = "x".repeat(1000);
    request.tags = [("team", " "), ("Owner", "x"), ("flagstone-x", "y"), ("business_unit", "OTHER")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let Some(Payload::Create(create)) = &mut request.payload else { unreachable!() };
    create.cost_center = String::new();
    let error = refused(line.admin.try_order(asked(request)).await, ErrorReason::FieldInvalid);
    let fields: BTreeSet<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
    for wanted in [
        "request.title",
        "request.create.deployment_id",
        "request.create.inputs.name",
        "request.create.inputs.label",
        "request.create.inputs.entries.good",
        "request.create.inputs.replicas",
        "request.create.inputs.surprise",
        "request.tags[team]",
        "request.tags[Owner]",
        "request.tags[flagstone-x]",
        "request.tags[business_unit]",
    ] {
        assert!(fields.contains(wanted), "{wanted} is missing in {fields:#?}");
    }
    assert!(fields.contains("request.tags[purpose]"), "a required tag is missing in {fields:#?}");
    let cost = error.violations.fields.iter().find(|violation| violation.description.contains("cost_center"));
    assert_eq!(cost.expect("production needs a cost tag").field, "request.tags");
    let policies: BTreeSet<&str> = error.violations.policies.iter().map(|found| found.policy.as_str()).collect();
    assert_eq!(
        policies,
        BTreeSet::from(["policies/production-cost-tag", "policies/required-tags", "policies/tag-format"])
    );
    assert!(error.violations.fields.iter().all(|violation| !violation.description.is_empty()));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_of_a_mebibyte_are_refused_by_size_and_smaller_ones_by_their_limits() {
    let line = Line::without_runner().await;
    let large = json!({"name": "limits", "label": "a", "entries": {"key": "x".repeat(1 << 20)}});
    let error =
        refused(line.dev.try_order(Order::new("config-bundle", "limits", large)).await, ErrorReason::PayloadTooLarge);
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(error.metadata["limit"].parse::<usize>().unwrap() < 1 << 20);
    assert!(error.message.len() < 1000, "what was sent is not repeated");
    let long = json!({"name": "limits", "label": "a", "entries": {"key": "x".repeat(4097)}});
    let error =
        refused(line.dev.try_order(Order::new("config-bundle", "limits", long)).await, ErrorReason::FieldInvalid);
    let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["request.create.inputs.entries.key"]);
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_versions_and_environments_that_are_not_there_are_named() {
    let line = Line::without_runner().await;
    type Change = fn(&mut pb::CreatePayload);
    let changed = |change: Change| {
        let mut request = Order::new("config-bundle", "limits", bundle("1")).request();
        let Some(Payload::Create(create)) = &mut request.payload else { unreachable!() };
        change(create);
        asked(request)
    };
    let cases: [(Change, &str); 6] = [
        (|create| create.template_version = "templates/nothing/versions/1.0.0".into(), "template_version"),
        (|create| create.template_version = "templates/config-bundle/versions/9.9.9".into(), "template_version"),
        (|create| create.template_version = "config-bundle".into(), "template_version"),
        (|create| create.environment = "businessUnits/sandbox/environments/nothing".into(), "environment"),
        (|create| create.environment = "businessUnits/other/environments/development".into(), "environment"),
        (|create| create.environment = String::new(), "environment"),
    ];
    for (change, field) in cases {
        let error = refused(line.dev.try_order(changed(change)).await, ErrorReason::FieldInvalid);
        let fields: Vec<&str> = error.violations.fields.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [format!("request.create.{field}")]);
    }
    for name in ["nothing", "limits"] {
        let error = refused(line.dev.try_order(update(name, &bundle("2"))).await, ErrorReason::FieldInvalid);
        assert_eq!(error.violations.fields[0].field, "request.update.deployment");
    }
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_change_of_a_deployment_is_told_which_is_the_first_and_may_be_kept_as_a_draft() {
    let line = Line::without_runner().await;
    let runner = ScriptedRunner::start(&line.app).await;
    let created = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    runner.run(&runner.take().await).await.unwrap();
    runner.run(&runner.take().await).await.unwrap();
    assert_eq!(line.dev.request(&created.name).await.state(), RequestState::Completed);

    let two =
        join_all([line.dev.try_order(update("limits", &bundle("2"))), line.dev.try_order(destroy("limits"))]).await;
    let (won, lost): (Vec<_>, Vec<_>) = two.into_iter().partition(Result::is_ok);
    let first = won.into_iter().next().expect("one of them is taken").unwrap();
    let error = refused(lost.into_iter().next().expect("the other is not"), ErrorReason::OperationInProgress);
    assert_eq!(error.code, Code::Aborted);
    assert_eq!(error.metadata["name"], first.name);
    assert_eq!(error.metadata["code"], first.code);
    assert_eq!(error.metadata["state"], "PLANNING");
    assert!(error.metadata["who_may_cancel"].contains("users/dev"), "{:?}", error.metadata);

    // Not under way, so it may wait: submitted it meets the same answer until the first has ended.
    let draft = pb::CreateRequestRequest { draft: true, ..update("limits", &bundle("3")) };
    let draft = line.dev.order(draft).await;
    assert_eq!(draft.state(), RequestState::Draft);
    let submit = pb::SubmitRequestRequest { name: draft.name.clone(), ..Default::default() };
    let refusal = line.dev.requests().submit_request(submit.clone()).await.map_err(Into::into);
    refused(refusal, ErrorReason::OperationInProgress);
    line.dev.try_cancel(&first.name).await.unwrap();
    let submitted = line.dev.requests().submit_request(submit).await.unwrap().into_inner().request.unwrap();
    assert_eq!(submitted.state(), RequestState::Planning);
    drop(runner);
    line.app.finish_with_jobs().await;
}
