//! What is told of an engine's states: which there are, never what is in them, and nothing of hidden deployments.

use flagstone_api::pb::{self, ErrorReason, WorkspaceStateState};

use crate::support::database::run;
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp};

async fn workspace(caller: &Caller, name: &str) -> Result<pb::Workspace, Error> {
    Ok(caller.workspaces().get_workspace(pb::GetWorkspaceRequest { name: name.to_owned() }).await?.into_inner())
}

async fn states(caller: &Caller, parent: &str, filter: &str) -> Result<Vec<(i64, WorkspaceStateState)>, Error> {
    let request =
        pb::ListWorkspaceStatesRequest { parent: parent.to_owned(), filter: filter.to_owned(), ..Default::default() };
    let answer = caller.workspaces().list_workspace_states(request).await?.into_inner();
    Ok(answer.workspace_states.iter().map(|state| (state.serial, state.state())).collect())
}

#[tokio::test]
async fn states_are_told_by_what_they_are_to_the_workspace() {
    use WorkspaceStateState::{Current, Orphaned, Superseded};
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, Cast::of(&app).await).await;
    let deployment = world.name("businessUnits/*/deployments/*");
    // The runner that was lost comes late with a state of its own.
    run(
        &app.sql,
        "INSERT INTO workspace_states (organization_id, deployment_id, serial, fence, lineage, ciphertext, sha256,
           resource_count, job_id, state, time)
         SELECT organization_id, deployment_id, 3, 0, lineage, '', sha256('late'), 7, job_id, 'ORPHANED',
           time + interval '1 minute'
         FROM workspace_states WHERE serial = 2",
    )
    .await;
    let reader = &world.cast.approver;
    let shown = workspace(reader, &format!("{deployment}/workspace")).await.unwrap();
    assert_eq!((shown.serial, shown.resource_count, shown.lineage.as_str()), (2, 2, "scripted"), "{shown:?}");
    assert_eq!((shown.engine(), shown.lock_job.as_str()), (pb::Engine::Terraform, ""), "{shown:?}");
    assert_eq!(states(reader, deployment, "").await.unwrap(), [(3, Orphaned), (2, Current), (1, Superseded)]);
    for (filter, serials) in [
        ("state = \"CURRENT\"", vec![2]),
        ("state != \"CURRENT\"", vec![3, 1]),
        ("state = \"SUPERSEDED\"", vec![1]),
        ("NOT state = \"SUPERSEDED\"", vec![3, 2]),
        ("state = \"ORPHANED\"", vec![3]),
        ("state != \"ORPHANED\"", vec![2, 1]),
    ] {
        let found = states(reader, deployment, filter).await.unwrap();
        assert_eq!(found.iter().map(|(serial, _)| *serial).collect::<Vec<_>>(), serials, "{filter}");
    }
    drop(runner);
    app.finish().await;
}

#[tokio::test]
async fn the_workspace_of_a_hidden_deployment_is_absent() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, Cast::of(&app).await).await;
    let deployment = world.name("businessUnits/*/deployments/*");
    let name = format!("{deployment}/workspace");
    let denied = workspace(&world.cast.dev, &name).await.unwrap_err();
    assert_eq!(denied.reason, Some(ErrorReason::AccessDenied), "a developer does not read workspaces: {denied:?}");

    run(
        &app.sql,
        "INSERT INTO roles (id, organization_id, slug, display_name, description, scope, permissions, restriction,
           builtin, creator)
         SELECT gen_random_uuid(), organization_id, 'only-workspaces', '', '', scope,
           ARRAY['business_unit:workspaces:read'], restriction, false, creator FROM roles WHERE slug = 'viewer'",
    )
    .await;
    let blind = app.user("blind", &[("only-workspaces", "sandbox")]).await;
    let absent = format!("{}/deployments/qqqq", world.cast.unit);
    for deployment in [deployment, &absent] {
        let refused = workspace(&blind, &format!("{deployment}/workspace")).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{refused:?}");
        let refused = states(&blind, deployment, "").await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{refused:?}");
    }
    // A deployment that no engine has touched has none either.
    run(&app.sql, "DELETE FROM workspace_states; DELETE FROM workspaces").await;
    let refused = workspace(&world.cast.approver, &name).await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::NotFound), "{refused:?}");
    drop(runner);
    app.finish().await;
}
