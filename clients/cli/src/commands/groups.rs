//! Groups, which hold roles together, and teams, which own things together.

use clap::Subcommand;
use flagstone_api::pb::{
    AddGroupMemberRequest, AddTeamMemberRequest, CreateGroupRequest, CreateTeamRequest, DeleteGroupRequest,
    DeleteTeamRequest, GetGroupRequest, GetTeamRequest, Group, GroupMember, ListGroupMembersRequest, ListGroupsRequest,
    ListTeamMembersRequest, ListTeamsRequest, RemoveGroupMemberRequest, RemoveTeamMemberRequest, Team, TeamMember,
    UpdateGroupRequest, UpdateTeamRequest,
};

use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::Column;
use crate::text::{id, time, yes};

/// What to do with groups. With --unit those of a business unit, else those of the organization.
#[derive(Subcommand)]
pub(crate) enum Groups {
    /// List the groups, the newest first; `-u -` for everywhere
    List(Listing),
    /// Show a group and the roles it gives
    Get {
        /// Id of the group
        group: String,
    },
    /// List the members of a group
    Members {
        /// Id of the group
        group: String,
    },
    /// Make a group
    Create {
        /// Id of the new group
        group: String,
        /// Title
        #[arg(long, value_name = "TITLE")]
        display_name: String,
        /// What it is for
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        change: Change,
    },
    /// Change a group's title or description
    Update {
        /// Id of the group
        group: String,
        /// New title
        #[arg(long, value_name = "TITLE")]
        display_name: Option<String>,
        /// New description
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a group, and with it what it gives
    Delete {
        /// Id of the group
        group: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Add a member
    Add {
        /// Id of the group
        group: String,
        /// Username
        user: String,
        #[command(flatten)]
        change: Change,
    },
    /// Remove a member
    Remove {
        /// Id of the group
        group: String,
        /// Username
        user: String,
        #[command(flatten)]
        change: Change,
    },
}

/// What to do with teams.
#[derive(Subcommand)]
pub(crate) enum Teams {
    /// List the teams, the newest first
    List(Listing),
    /// Show a team and what it owns
    Get {
        /// Id of the team
        team: String,
    },
    /// List the members of a team
    Members {
        /// Id of the team
        team: String,
    },
    /// Make a team
    Create {
        /// Id of the new team
        team: String,
        /// Title
        #[arg(long, value_name = "TITLE")]
        display_name: String,
        /// What it does
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        change: Change,
    },
    /// Change a team's title or description
    Update {
        /// Id of the team
        team: String,
        /// New title
        #[arg(long, value_name = "TITLE")]
        display_name: Option<String>,
        /// New description
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a team that owns nothing
    Delete {
        /// Id of the team
        team: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Add a member, or say whether a member leads it
    Add {
        /// Id of the team
        team: String,
        /// Username
        user: String,
        /// The member leads the team
        #[arg(long)]
        lead: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Remove a member
    Remove {
        /// Id of the team
        team: String,
        /// Username
        user: String,
        #[command(flatten)]
        change: Change,
    },
}

const GROUPS: &[Column<Group>] = &[
    ("GROUP", |g| id(&g.name)),
    ("UNIT", |g| crate::names::unit_of(&g.name).map(|unit| id(&unit)).unwrap_or_default()),
    ("TITLE", |g| g.display_name.clone()),
    ("MEMBERS", |g| g.member_count.to_string()),
    ("ROLES", |g| roles(g).join(", ")),
];

const GROUP: &[Column<Group>] = &[
    ("Group", |g| g.name.clone()),
    ("Title", |g| g.display_name.clone()),
    ("Description", |g| g.description.clone()),
    ("Members", |g| g.member_count.to_string()),
    ("Roles", |g| roles(g).join("\n")),
    ("Created", |g| time(g.create_time.as_ref())),
    ("By", |g| id(&g.creator)),
];

const GROUP_MEMBERS: &[Column<GroupMember>] = &[
    ("USER", |m| id(&m.user)),
    ("NAME", |m| m.full_name.clone()),
    ("ACTIVE", |m| yes(m.user_active)),
    ("SINCE", |m| time(m.create_time.as_ref())),
];

const TEAMS: &[Column<Team>] = &[
    ("TEAM", |t| id(&t.name)),
    ("TITLE", |t| t.display_name.clone()),
    ("MEMBERS", |t| t.member_count.to_string()),
    ("DEPLOYMENTS", |t| t.deployment_count.to_string()),
];

const TEAM: &[Column<Team>] = &[
    ("Team", |t| id(&t.name)),
    ("Title", |t| t.display_name.clone()),
    ("Description", |t| t.description.clone()),
    ("Group", |t| t.linked_group.clone()),
    ("Members", |t| t.member_count.to_string()),
    ("Deployments", |t| t.deployment_count.to_string()),
    ("Created", |t| time(t.create_time.as_ref())),
    ("By", |t| id(&t.creator)),
];

const TEAM_MEMBERS: &[Column<TeamMember>] = &[
    ("USER", |m| id(&m.user)),
    ("NAME", |m| m.full_name.clone()),
    ("LEADS", |m| yes(m.is_lead)),
    ("ACTIVE", |m| yes(m.user_active)),
    ("SINCE", |m| time(m.create_time.as_ref())),
];

/// `developer in sandbox`, each.
fn roles(group: &Group) -> Vec<String> {
    let one = |role: &flagstone_api::pb::GroupRole| {
        let place = if role.scope.is_empty() { String::new() } else { format!(" in {}", id(&role.scope)) };
        let deny = if role.deny { " (taken away)" } else { "" };
        format!("{}{place}{deny}", id(&role.role))
    };
    group.roles.iter().map(one).collect()
}

/// `unit/group`, a whole name, or an id: then of --unit, else of the organization.
fn group_name(context: &Context, typed: &str) -> Result<String, Failure> {
    match typed.split('/').collect::<Vec<_>>()[..] {
        ["businessUnits", _, "groups", _] => Ok(typed.to_owned()),
        [unit, id] if unit != "groups" => Ok(format!("businessUnits/{unit}/groups/{id}")),
        _ => {
            let name = alone(typed, "groups")?;
            Ok(match context.given_unit() {
                Some(unit) => format!("{unit}/{name}"),
                None => name,
            })
        }
    }
}

pub(crate) async fn run(context: &Context, groups: Groups) -> Result<(), Failure> {
    let mut client = context.client.groups();
    match groups {
        Groups::List(listing) => {
            let request = ListGroupsRequest {
                parent: context.given_unit().unwrap_or_default(),
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_groups(request), listing.limit, GROUPS).await
        }
        Groups::Get { group } => context.format.one(&group_of(context, &group).await?, GROUP),
        Groups::Members { group } => {
            let request =
                ListGroupMembersRequest { parent: group_name(context, &group)?, page_size: 200, ..Default::default() };
            context.print_list(context.client.list_group_members(request), 0, GROUP_MEMBERS).await
        }
        Groups::Create { group, display_name, description, change } => {
            let request = CreateGroupRequest {
                parent: context.given_unit().unwrap_or_default(),
                group_id: group,
                group: Some(Group { display_name, description, ..Default::default() }),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let group = client.create_group(request).await?.into_inner();
            context.changed(&group, group.effects.as_ref(), GROUP)
        }
        Groups::Update { group, display_name, description, change } => {
            let update_mask =
                mask(&[("display_name", display_name.is_some()), ("description", description.is_some())])?;
            let mut group = group_of(context, &group).await?;
            group.display_name = display_name.unwrap_or(group.display_name);
            group.description = description.unwrap_or(group.description);
            let request = UpdateGroupRequest {
                group: Some(group),
                update_mask,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let group = client.update_group(request).await?.into_inner();
            context.changed(&group, group.effects.as_ref(), GROUP)
        }
        Groups::Delete { group, risk } => {
            let group = group_of(context, &group).await?;
            risk.typed(&format!("Delete the group {}?", group.display_name), &id(&group.name))?;
            let remark = format!("Deleted {}.", group.name);
            let request = DeleteGroupRequest {
                name: group.name,
                etag: group.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_group(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &remark)
        }
        Groups::Add { group, user, change } => {
            let request = AddGroupMemberRequest {
                name: group_name(context, &group)?,
                user: alone(&user, "users")?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let member = client.add_group_member(request).await?.into_inner();
            context.gone(&member, member.effects.as_ref(), &format!("{} is a member now.", id(&member.user)))
        }
        Groups::Remove { group, user, change } => {
            let request = RemoveGroupMemberRequest {
                name: group_name(context, &group)?,
                user: alone(&user, "users")?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = client.remove_group_member(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("{user} is no member any more."))
        }
    }
}

async fn group_of(context: &Context, group: &str) -> Result<Group, Failure> {
    let request = GetGroupRequest { name: group_name(context, group)? };
    Ok(context.client.groups().get_group(request).await?.into_inner())
}

async fn team_of(context: &Context, team: &str) -> Result<Team, Failure> {
    let request = GetTeamRequest { name: alone(team, "teams")? };
    Ok(context.client.teams().get_team(request).await?.into_inner())
}

pub(crate) async fn teams(context: &Context, teams: Teams) -> Result<(), Failure> {
    let mut client = context.client.teams();
    match teams {
        Teams::List(listing) => {
            let request = ListTeamsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_teams(request), listing.limit, TEAMS).await
        }
        Teams::Get { team } => context.format.one(&team_of(context, &team).await?, TEAM),
        Teams::Members { team } => {
            let request =
                ListTeamMembersRequest { parent: alone(&team, "teams")?, page_size: 200, ..Default::default() };
            context.print_list(context.client.list_team_members(request), 0, TEAM_MEMBERS).await
        }
        Teams::Create { team, display_name, description, change } => {
            let request = CreateTeamRequest {
                team_id: team,
                team: Some(Team { display_name, description, ..Default::default() }),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let team = client.create_team(request).await?.into_inner();
            context.changed(&team, team.effects.as_ref(), TEAM)
        }
        Teams::Update { team, display_name, description, change } => {
            let update_mask =
                mask(&[("display_name", display_name.is_some()), ("description", description.is_some())])?;
            let mut team = team_of(context, &team).await?;
            team.display_name = display_name.unwrap_or(team.display_name);
            team.description = description.unwrap_or(team.description);
            let request = UpdateTeamRequest {
                team: Some(team),
                update_mask,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let team = client.update_team(request).await?.into_inner();
            context.changed(&team, team.effects.as_ref(), TEAM)
        }
        Teams::Delete { team, risk } => {
            let team = team_of(context, &team).await?;
            risk.typed(&format!("Delete the team {}?", team.display_name), &id(&team.name))?;
            let remark = format!("Deleted {}.", id(&team.name));
            let request = DeleteTeamRequest {
                name: team.name,
                etag: team.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_team(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &remark)
        }
        Teams::Add { team, user, lead, change } => {
            let request = AddTeamMemberRequest {
                name: alone(&team, "teams")?,
                user: alone(&user, "users")?,
                is_lead: lead,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let member = client.add_team_member(request).await?.into_inner();
            context.gone(&member, member.effects.as_ref(), &format!("{} is a member now.", id(&member.user)))
        }
        Teams::Remove { team, user, change } => {
            let request = RemoveTeamMemberRequest {
                name: alone(&team, "teams")?,
                user: alone(&user, "users")?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = client.remove_team_member(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("{user} is no member any more."))
        }
    }
}
