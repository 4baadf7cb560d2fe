//! Deployments as they became: their revisions, one by one and listed.

use flagstone_api::pb::{self, ErrorReason, RequestKind, RevisionState};
use prost_types::value::Kind;

use crate::support::accounts::told;
use crate::support::world::{Cast, finish_request, inputs};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp};

async fn get(caller: &Caller, name: &str) -> Result<pb::Revision, Error> {
    let request = pb::GetRevisionRequest { name: name.to_owned() };
    Ok(caller.deployments().get_revision(request).await?.into_inner())
}

async fn list(caller: &Caller, parent: &str, filter: &str, order_by: &str) -> Result<Vec<pb::Revision>, Error> {
    let request = pb::ListRevisionsRequest {
        parent: parent.to_owned(),
        filter: filter.to_owned(),
        order_by: order_by.to_owned(),
        ..Default::default()
    };
    Ok(caller.deployments().list_revisions(request).await?.into_inner().revisions)
}

/// The text of an input.
fn input<'r>(revision: &'r pb::Revision, name: &str) -> &'r str {
    match &revision.inputs.as_ref().unwrap().fields[name].kind {
        Some(Kind::StringValue(text)) => text,
        other => panic!("{name} is no text: {other:?}"),
    }
}

#[tokio::test]
async fn a_revision_is_read_by_its_number_and_tells_what_was_applied_by_whom() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    let created = cast.create(&cast.dev, "development", "kept").await;
    let created = finish_request(&runner, &cast.dev, &created).await;
    let update = pb::request::Payload::Update(pb::UpdatePayload {
        deployment: created.deployment.clone(),
        inputs: Some(inputs("kept", "second")),
        ..Default::default()
    });
    let changed = cast.submit(&cast.dev, update).await;
    let changed = finish_request(&runner, &cast.dev, &changed).await;
    let deployment = &created.deployment;

    let mut revisions = Vec::new();
    for (number, request, kind, state, note) in [
        (1, &created, RequestKind::Create, RevisionState::Superseded, "first"),
        (2, &changed, RequestKind::Update, RevisionState::Succeeded, "second"),
    ] {
        let name = format!("{deployment}/revisions/{number}");
        let revision = get(&cast.dev, &name).await.unwrap();
        assert_eq!((revision.name.as_str(), revision.number), (name.as_str(), number));
        assert_eq!((revision.kind(), revision.state()), (kind, state), "{revision:?}");
        assert_eq!(revision.template_version, format!("{}/versions/1.0.0", cast.template));
        assert_eq!(input(&revision, "revision_note"), note);
        // Where it came from: the request, its last job, the plan that was approved, and who asked.
        assert_eq!((&revision.request, &revision.approval), (&request.name, &request.approval));
        assert_eq!(Some(&revision.job), request.jobs.last());
        assert_eq!(revision.plan_digest, request.plan.as_ref().unwrap().digest);
        assert_eq!((revision.initiator.as_str(), &revision.description), ("users/dev", &request.title));
        let secret = revision.outputs.iter().find(|output| output.sensitive).expect("the runner gives a secret");
        assert!(!format!("{secret:?}").contains("hush-hush"), "{secret:?}");
        let shown = revision.outputs.iter().find(|output| !output.sensitive).unwrap();
        let text = shown.value.as_ref().and_then(|value| value.kind.clone());
        assert_eq!((shown.output.as_str(), text), ("bundle_id", Some(Kind::StringValue("b-1".into()))));
        let at = |time: &Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos)).unwrap();
        let [made, began, ended] = [&revision.create_time, &revision.start_time, &revision.end_time].map(at);
        assert!(made <= began && began <= ended, "{revision:?}");
        revisions.push(revision);
    }

    // The list shows the same, the newest first, and only what a filter asks for.
    let [first, second] = revisions.as_slice() else { unreachable!("there are two") };
    for (filter, order_by, expected) in [
        ("", "", vec![second, first]),
        ("", "number desc", vec![second, first]),
        ("", "number", vec![first, second]),
        ("state = SUPERSEDED", "", vec![first]),
        ("kind = UPDATE", "", vec![second]),
        ("kind = DESTROY OR create_time > \"2099-01-01\"", "", vec![]),
    ] {
        let listed = list(&cast.dev, deployment, filter, order_by).await.unwrap();
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "{filter} {order_by}");
    }

    // What is not there answers like what one may not see.
    let absent = (Code::NotFound, Some(ErrorReason::NotFound));
    assert_eq!(told(get(&cast.dev, &format!("{deployment}/revisions/3")).await), absent);
    assert_eq!(told(get(&cast.dev, &format!("{}/deployments/never/revisions/1", cast.unit)).await), absent);
    for wrong in ["0", "-1", "x", "99999999999", ""] {
        let refused = get(&cast.dev, &format!("{deployment}/revisions/{wrong}")).await.unwrap_err();
        assert_eq!(refused.violations.fields[0].field, "name", "{wrong}: {refused:?}");
    }
    let nobody = app.user("nobody", &[]).await;
    let denied = (Code::PermissionDenied, Some(ErrorReason::AccessDenied));
    for number in [1, 3] {
        assert_eq!(told(get(&nobody, &format!("{deployment}/revisions/{number}")).await), denied, "{number}");
    }
    drop(runner);
    app.finish().await;
}
