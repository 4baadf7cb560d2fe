//! Teams: who owns things together.

use flagstone_api::pb::{self, ErrorReason};

use crate::support::authority::{make_group, make_team};
use crate::support::database::run;
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp};

async fn create(caller: &Caller, id: &str, team: pb::Team) -> Result<pb::Team, Error> {
    let request = pb::CreateTeamRequest { team_id: id.into(), team: Some(team), ..Default::default() };
    caller.teams().create_team(request).await.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn get(caller: &Caller, name: &str) -> Result<pb::Team, Error> {
    let answer = caller.teams().get_team(pb::GetTeamRequest { name: name.into() }).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn put(caller: &Caller, team: &str, user: &str, is_lead: bool) -> Result<pb::TeamMember, Error> {
    let request = pb::AddTeamMemberRequest { name: team.into(), user: user.into(), is_lead, ..Default::default() };
    caller.teams().add_team_member(request).await.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn delete(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteTeamRequest { name: name.into(), ..Default::default() };
    caller.teams().delete_team(request).await.map(drop).map_err(Error::from)
}

fn called(display_name: &str) -> pb::Team {
    pb::Team { display_name: display_name.into(), ..Default::default() }
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect()
}

#[tokio::test]
async fn a_team_is_made_by_who_manages_teams_and_read_by_everybody() {
    let app = TestApp::start().await;
    let (admin, nobody) = (app.as_admin().await, app.user("nobody", &[]).await);
    let group = make_group(&admin, "", "crew").await;
    let team = pb::Team { description: "Runs it.".into(), linked_group: group.clone(), ..called("Core 100 %_") };
    let made = create(&admin, "core", team).await.unwrap();
    assert_eq!((made.name.as_str(), made.linked_group.as_str()), ("teams/core", group.as_str()));
    assert!(put(&admin, &made.name, "users/dev", true).await.unwrap().is_lead);
    assert!(!put(&admin, &made.name, "users/approver", false).await.unwrap().is_lead);
    assert!(!put(&admin, &made.name, "users/dev", false).await.unwrap().is_lead, "a lead no more");
    put(&admin, &made.name, "users/dev", true).await.unwrap();
    assert_eq!(get(&nobody, &made.name).await.unwrap().member_count, 2);
    let members = |filter: &str| pb::ListTeamMembersRequest {
        parent: made.name.clone(),
        filter: filter.into(),
        ..Default::default()
    };
    let leads = nobody.teams().list_team_members(members("is_lead = true")).await.unwrap().into_inner().team_members;
    assert_eq!(leads.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["users/dev"]);
    for filter in ["member = \"users/dev\"", "linked_group = \"groups/crew\"", "display_name:\"0 %_\""] {
        let request = pb::ListTeamsRequest { filter: filter.into(), ..Default::default() };
        let found = nobody.teams().list_teams(request).await.unwrap().into_inner().teams;
        assert_eq!(found.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["teams/core"], "{filter}");
    }
    let out = pb::RemoveTeamMemberRequest { name: made.name.clone(), user: "users/dev".into(), ..Default::default() };
    admin.teams().remove_team_member(out.clone()).await.unwrap();
    assert_eq!(admin.teams().remove_team_member(out).await.unwrap_err().code(), Code::NotFound);

    let refused = Some(ErrorReason::AccessDenied);
    assert_eq!(create(&nobody, "mine", called("Mine")).await.unwrap_err().reason, refused);
    assert_eq!(put(&nobody, &made.name, "users/nobody", true).await.unwrap_err().reason, refused);
    assert_eq!(delete(&nobody, &made.name).await.unwrap_err().reason, refused);
    assert_eq!(get(&nobody, "teams/never-was").await.unwrap_err().code, Code::NotFound);
    delete(&admin, &made.name).await.unwrap();
    assert_eq!(get(&nobody, &made.name).await.unwrap_err().code, Code::NotFound);
    app.finish().await;
}

#[tokio::test]
async fn what_a_team_cannot_be_is_told_field_by_field() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let unit_group = make_group(&admin, "businessUnits/sandbox", "crew").await;
    let hostile = pb::Team { linked_group: unit_group, description: "a\0".into(), ..called("x\u{2066}y") };
    let error = create(&admin, "-", hostile).await.unwrap_err();
    assert_eq!(fields(&error), ["team_id", "team.display_name", "team.description", "team.linked_group"]);
    let absent = pb::Team { linked_group: "groups/never-was".into(), ..called("x") };
    assert_eq!(fields(&create(&admin, "absent", absent).await.unwrap_err()), ["team.linked_group"]);
    let team = make_team(&admin, "core").await;
    for (id, display_name) in [("core", "Other"), ("other", "CORE")] {
        let error = create(&admin, id, called(display_name)).await.unwrap_err();
        assert_eq!(error.reason, Some(ErrorReason::AlreadyExists));
    }
    assert_eq!(fields(&put(&admin, &team, "users/never-was", false).await.unwrap_err()), ["user"]);
    app.finish().await;
}

#[tokio::test]
async fn a_team_that_owns_deployments_is_not_deleted() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    World::build(&app, &runner, Cast::of(&app).await).await;
    let admin = app.as_admin().await;
    let team = make_team(&admin, "core").await;
    let own = "UPDATE deployments SET team_id = (SELECT id FROM teams WHERE slug = 'core')";
    run(&app.sql, own).await;
    let owned = get(&admin, &team).await.unwrap().deployment_count;
    assert!(owned > 0);
    let error = delete(&admin, &team).await.unwrap_err();
    assert_eq!((error.reason, &error.metadata["deployments"]), (Some(ErrorReason::InUse), &owned.to_string()));
    run(&app.sql, "UPDATE deployments SET team_id = NULL").await;
    delete(&admin, &team).await.unwrap();
    drop(runner);
    app.finish_with_jobs().await;
}
