//! Groups of the organization and of units, and their members.

use flagstone_api::pb::{self, ErrorReason};

use crate::support::authority::{add_to_group, bind, make_group, make_team};
use crate::support::{Caller, Code, Error, TestApp};

const UNIT: &str = "businessUnits/sandbox";

async fn create(caller: &Caller, parent: &str, id: &str, group: pb::Group) -> Result<pb::Group, Error> {
    let (parent, group_id) = (parent.to_owned(), id.to_owned());
    let request = pb::CreateGroupRequest { parent, group_id, group: Some(group), ..Default::default() };
    caller.groups().create_group(request).await.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn get(caller: &Caller, name: &str) -> Result<pb::Group, Error> {
    let answer = caller.groups().get_group(pb::GetGroupRequest { name: name.into() }).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn list(caller: &Caller, parent: &str, filter: &str) -> Result<Vec<String>, Error> {
    let request = pb::ListGroupsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
    let answer = caller.groups().list_groups(request).await.map_err(Error::from)?;
    let mut names: Vec<_> = answer.into_inner().groups.into_iter().map(|group| group.name).collect();
    names.sort();
    Ok(names)
}

async fn remove(caller: &Caller, group: &str, user: &str) -> Result<(), Error> {
    let request = pb::RemoveGroupMemberRequest { name: group.into(), user: user.into(), ..Default::default() };
    caller.groups().remove_group_member(request).await.map(drop).map_err(Error::from)
}

async fn delete(caller: &Caller, name: &str) -> Result<(), Error> {
    let request = pb::DeleteGroupRequest { name: name.into(), ..Default::default() };
    caller.groups().delete_group(request).await.map(drop).map_err(Error::from)
}

fn called(display_name: &str) -> pb::Group {
    pb::Group { display_name: display_name.into(), ..Default::default() }
}

fn fields(error: &Error) -> Vec<&str> {
    error.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect()
}

#[tokio::test]
async fn a_group_is_made_filled_read_renamed_and_deleted_in_both_scopes() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    for parent in ["", UNIT] {
        let made = create(&admin, parent, "crew", called("Crew 100 %_")).await.unwrap();
        let name = if parent.is_empty() { "groups/crew".to_owned() } else { format!("{parent}/groups/crew") };
        assert_eq!((made.name.as_str(), made.member_count, made.roles.len()), (name.as_str(), 0, 0));
        let binding = bind(&admin, parent, "roles/viewer", &name).await;
        let member = add_to_group(&admin, &name, "users/dev").await.unwrap();
        assert_eq!(
            (member.user.as_str(), member.user_active, member.creator.as_str()),
            ("users/dev", true, "users/admin")
        );
        assert_eq!(add_to_group(&admin, &name, "users/dev").await.unwrap_err().code, Code::AlreadyExists);
        let group = get(&admin, &name).await.unwrap();
        assert_eq!((group.member_count, group.roles.len()), (1, 1));
        assert_eq!(group.roles[0].role_binding, binding);
        assert_eq!((group.roles[0].role.as_str(), group.roles[0].scope.as_str()), ("roles/viewer", parent));
        let members = pb::ListGroupMembersRequest { parent: name.clone(), ..Default::default() };
        let members = admin.groups().list_group_members(members).await.unwrap().into_inner().group_members;
        assert_eq!(members.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["users/dev"]);
        assert_eq!(list(&admin, parent, "member = \"users/dev\"").await.unwrap(), std::slice::from_ref(&name));
        assert_eq!(list(&admin, parent, "NOT member = \"users/dev\"").await.unwrap(), [""; 0]);

        let renamed =
            pb::Group { name: name.clone(), description: "Sails.".into(), etag: made.etag, ..Default::default() };
        let request = pb::UpdateGroupRequest { group: Some(renamed), ..Default::default() };
        let renamed = admin.groups().update_group(request).await.unwrap().into_inner();
        assert_eq!((renamed.display_name.as_str(), renamed.description.as_str()), ("Crew 100 %_", "Sails."));
        remove(&admin, &name, "users/dev").await.unwrap();
        assert_eq!(remove(&admin, &name, "users/dev").await.unwrap_err().code, Code::NotFound);
        delete(&admin, &name).await.unwrap();
        assert_eq!(get(&admin, &name).await.unwrap_err().code, Code::NotFound);
        let bindings = pb::ListRoleBindingsRequest { parent: parent.into(), ..Default::default() };
        let left = admin.roles().list_role_bindings(bindings).await.unwrap().into_inner().role_bindings;
        assert!(left.iter().all(|it| it.name != binding), "what was bound to a group goes with it");
    }
    app.finish().await;
}

#[tokio::test]
async fn names_are_taken_within_their_scope_and_hostile_ones_refused() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let admin = app.as_admin().await;
    for parent in ["", UNIT, "businessUnits/payments"] {
        create(&admin, parent, "crew", called("Crew")).await.unwrap();
        for (id, display_name) in [("crew", "Other"), ("other", "CREW")] {
            let error = create(&admin, parent, id, called(display_name)).await.unwrap_err();
            assert_eq!(error.reason, Some(ErrorReason::AlreadyExists), "{parent} {id}");
        }
    }
    for display_name in ["", " ", "a\0b", "a\nb", "pay\u{202e}stnem", &"x".repeat(256)] {
        let error = create(&admin, "", "hostile", called(display_name)).await.unwrap_err();
        assert_eq!(fields(&error), ["group.display_name"], "{display_name:?}");
    }
    let error = create(&admin, "", "%", pb::Group { description: "x".repeat(501), ..called("x") }).await.unwrap_err();
    assert_eq!(fields(&error), ["group_id", "group.description"]);
    let huge = create(&admin, "", "huge", called(&"x".repeat(10 * 1024 * 1024))).await.unwrap_err();
    assert_eq!(huge.code, Code::InvalidArgument);
    assert_eq!(list(&admin, "", "display_name:\"%\" OR display_name:\"_\"").await.unwrap(), [""; 0]);
    create(&admin, "", "rtl", called("צוות 100%")).await.unwrap();
    assert_eq!(list(&admin, "", "display_name:\"%\"").await.unwrap(), ["groups/rtl"]);
    app.finish().await;
}

#[tokio::test]
async fn a_group_of_a_unit_takes_members_of_the_unit_only() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.user("outsider", &[]).await;
    let crew = make_group(&admin, UNIT, "crew").await;
    let [outsider, unknown] = [
        add_to_group(&admin, &crew, "users/outsider").await.unwrap_err(),
        add_to_group(&admin, &crew, "users/nobody-at-all").await.unwrap_err(),
    ];
    assert_eq!((fields(&outsider), fields(&unknown)), (vec!["user"], vec!["user"]));
    let told = |error: &Error, user: &str| error.violations.fields[0].description.replace(user, "");
    assert_eq!(told(&outsider, "users/outsider"), told(&unknown, "users/nobody-at-all"), "a stranger is like nobody");
    add_to_group(&admin, &crew, "users/approver").await.unwrap();
    let wide = make_group(&admin, "", "wide").await;
    add_to_group(&admin, &wide, "users/outsider").await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn everybody_sees_the_groups_of_the_own_scopes() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let (admin, viewer) = (app.as_admin().await, app.user("viewer", &[("viewer", "sandbox")]).await);
    let wide = make_group(&admin, "", "wide").await;
    let ours = make_group(&admin, UNIT, "ours").await;
    let theirs = make_group(&admin, "businessUnits/payments", "theirs").await;
    assert_eq!(list(&admin, "businessUnits/-", "").await.unwrap(), [theirs.clone(), ours.clone(), wide.clone()]);
    assert_eq!(list(&admin, "", "").await.unwrap(), std::slice::from_ref(&wide));
    assert_eq!(list(&viewer, "businessUnits/-", "").await.unwrap(), std::slice::from_ref(&ours));
    assert_eq!(list(&viewer, UNIT, "").await.unwrap(), std::slice::from_ref(&ours));
    get(&viewer, &ours).await.unwrap();
    for name in [&wide, &theirs, "groups/never-was", "businessUnits/payments/groups/never-was"] {
        let error = get(&viewer, name).await.unwrap_err();
        assert_eq!((error.code, error.reason), (Code::PermissionDenied, Some(ErrorReason::AccessDenied)), "{name}");
    }
    for parent in ["", "businessUnits/payments", "businessUnits/never-was"] {
        assert_eq!(list(&viewer, parent, "").await.unwrap_err().reason, Some(ErrorReason::AccessDenied), "{parent}");
    }
    // To see is not to change.
    assert_eq!(add_to_group(&viewer, &ours, "users/dev").await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    assert_eq!(delete(&viewer, &ours).await.unwrap_err().reason, Some(ErrorReason::AccessDenied));
    app.finish().await;
}

#[tokio::test]
async fn a_group_that_a_team_is_linked_to_is_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let group = make_group(&admin, "", "crew").await;
    let team = make_team(&admin, "crew").await;
    let link = |group: &str| pb::UpdateTeamRequest {
        team: Some(pb::Team { name: team.clone(), linked_group: group.into(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["linked_group".into()] }),
        ..Default::default()
    };
    let linked = admin.teams().update_team(link(&group)).await.unwrap().into_inner();
    assert_eq!((linked.linked_group.as_str(), linked.member_count), (group.as_str(), 0));
    let error = delete(&admin, &group).await.unwrap_err();
    assert_eq!((error.reason, error.metadata["teams"].as_str()), (Some(ErrorReason::InUse), team.as_str()));
    admin.teams().update_team(link("")).await.unwrap();
    delete(&admin, &group).await.unwrap();
    app.finish().await;
}
