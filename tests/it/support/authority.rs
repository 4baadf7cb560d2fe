//! Roles, groups, teams and what is bound to whom, made through the API.

use flagstone_api::pb;

use super::caller::Caller;
use super::world::Cast;

/// What a world has of these: one of each kind to name, and another so that lists have pages.
pub struct Authority {
    pub role: String,
    pub user: String,
    pub group: String,
    pub unit_group: String,
    pub binding: String,
    pub unit_binding: String,
    pub team: String,
}

impl Authority {
    /// Makes them. Ids begin with the template's, which no other organization has.
    pub async fn build(cast: &Cast) -> Self {
        let template = cast.template.trim_start_matches("templates/");
        let admin = &cast.admin;
        // `users/dev`, or `users/globex-dev` where the unit is `globex-sandbox`.
        let people = cast.unit.trim_start_matches("businessUnits/").trim_end_matches("sandbox").to_owned();
        let [user, second] = ["dev", "approver"].map(|who| format!("users/{people}{who}"));
        let role = make_role(admin, &format!("{template}-role")).await;
        let [mut groups, mut unit_groups, mut teams, mut bindings, mut unit_bindings] = [const { Vec::new() }; 5];
        for id in ["one", "two"].map(|id| format!("{template}-{id}")) {
            groups.push(make_group(admin, "", &id).await);
            unit_groups.push(make_group(admin, &cast.unit, &id).await);
            teams.push(make_team(admin, &id).await);
        }
        for (group, unit_group) in groups.iter().zip(&unit_groups) {
            bindings.push(bind(admin, "", &role, group).await);
            unit_bindings.push(bind(admin, &cast.unit, &role, unit_group).await);
        }
        for user in [&user, &second] {
            for group in [&groups[0], &unit_groups[0]] {
                add_to_group(admin, group, user).await.expect("a member is added");
            }
            let request = pb::AddTeamMemberRequest { name: teams[0].clone(), user: user.clone(), ..Default::default() };
            admin.teams().add_team_member(request).await.expect("a member is added");
        }
        Self {
            role,
            user,
            group: groups.remove(0),
            unit_group: unit_groups.remove(0),
            binding: bindings.remove(0),
            unit_binding: unit_bindings.remove(0),
            team: teams.remove(0),
        }
    }
}

/// A role for units that lets read jobs.
pub fn role(display_name: &str) -> pb::Role {
    pb::Role {
        display_name: display_name.to_owned(),
        scope: pb::RoleScope::BusinessUnit.into(),
        permissions: vec!["business_unit:jobs:read".into()],
        ..Default::default()
    }
}

/// A call that gives a role to somebody, in a unit or, where that is empty, in the organization.
pub fn binding(unit: &str, role: &str, subject: &str) -> pb::CreateRoleBindingRequest {
    pb::CreateRoleBindingRequest {
        parent: unit.to_owned(),
        role_binding: Some(pb::RoleBinding { role: role.into(), subject: subject.into(), ..Default::default() }),
        ..Default::default()
    }
}

/// A new role for units that lets read jobs.
pub async fn make_role(caller: &Caller, id: &str) -> String {
    let request = pb::CreateRoleRequest { role_id: id.into(), role: Some(role(id)), ..Default::default() };
    caller.roles().create_role(request).await.expect("a role is made").into_inner().name
}

/// A new group of a unit or, where that is empty, of the organization.
pub async fn make_group(caller: &Caller, unit: &str, id: &str) -> String {
    let group = pb::Group { display_name: id.into(), ..Default::default() };
    let request =
        pb::CreateGroupRequest { parent: unit.into(), group_id: id.into(), group: Some(group), ..Default::default() };
    caller.groups().create_group(request).await.expect("a group is made").into_inner().name
}

/// A new team.
pub async fn make_team(caller: &Caller, id: &str) -> String {
    let team = pb::Team { display_name: id.into(), ..Default::default() };
    let request = pb::CreateTeamRequest { team_id: id.into(), team: Some(team), ..Default::default() };
    caller.teams().create_team(request).await.expect("a team is made").into_inner().name
}

/// Gives a role to somebody.
pub async fn bind(caller: &Caller, unit: &str, role: &str, subject: &str) -> String {
    let made = caller.roles().create_role_binding(binding(unit, role, subject)).await;
    made.expect("a role is given").into_inner().name
}

/// Makes somebody a member of a group.
pub async fn add_to_group(
    caller: &Caller,
    group: &str,
    user: &str,
) -> Result<pb::GroupMember, flagstone_client::Error> {
    let request = pb::AddGroupMemberRequest { name: group.into(), user: user.into(), ..Default::default() };
    Ok(caller.groups().add_group_member(request).await.map_err(flagstone_client::Error::from)?.into_inner())
}
