//! Teams: who owns things together. A team gives no right by itself; roles that are restricted to own teams look at it.

mod members;

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::team_service_server::TeamService;
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{GroupName, Slug, TeamName, parse};
use flagstone_core::role::check_labels;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::list::{self, Branch};
use flagstone_db::team::{self, NewTeam, TeamContent, TeamRow};
use flagstone_db::{Connection, group, subject};
use serde_json::{Value, json};
use uuid::Uuid;

use self::members::{add_team_member, list_team_members, remove_team_member};
use super::role::taken;
use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::mask;
use crate::rpc;
use crate::tx::Tx;

/// The service.
#[derive(Debug)]
pub struct Teams(pub Arc<App>);

#[tonic::async_trait]
impl TeamService for Teams {
    rpc::unary! {
        get_team: pb::GetTeamRequest => pb::Team,
        list_teams: pb::ListTeamsRequest => pb::ListTeamsResponse,
        create_team: pb::CreateTeamRequest => pb::Team,
        update_team: pb::UpdateTeamRequest => pb::Team,
        delete_team: pb::DeleteTeamRequest => pb::DeleteTeamResponse,
        list_team_members: pb::ListTeamMembersRequest => pb::ListTeamMembersResponse,
        add_team_member: pb::AddTeamMemberRequest => pb::TeamMember,
        remove_team_member: pb::RemoveTeamMemberRequest => pb::RemoveTeamMemberResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "member", kind: FieldKind::Name },
        Field { name: "linked_group", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("member", NameKind::User), ("linked_group", NameKind::Group)],
    orders: BY_CREATION,
};

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    DisplayName,
    Description,
    LinkedGroup,
}

const PATHS: [(&str, Path); 3] =
    [("display_name", Path::DisplayName), ("description", Path::Description), ("linked_group", Path::LinkedGroup)];

/// Everybody may read teams: what is refused is told as what it is.
fn facts(name: &str) -> Facts<'_> {
    Facts::of(name, &["user:profile:read"])
}

async fn get_team(cx: Cx, message: pb::GetTeamRequest) -> Result<pb::Team> {
    let name: TeamName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = team::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    show(read.conn(), found.ok_or_else(|| CoreError::not_found(&name))?).await
}

async fn list_teams(cx: Cx, message: pb::ListTeamsRequest) -> Result<pb::ListTeamsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("teams")).await?;
    let names = call.names(&read).await?;
    let page = list::team::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListTeamsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        teams: to_proto(read.conn(), read.organization_id(), page.rows).await?,
    })
}

async fn create_team(cx: Cx, message: pb::CreateTeamRequest) -> Result<pb::Team> {
    let sent = message.team.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let id = wrong.take(Slug::parse(&message.team_id, "team_id"));
    check_labels(&sent.display_name, &sent.description, "team", &mut wrong);
    let mut tx = cx.begin(&message, Target::organization("teams")).await?;
    tx.check(&facts("teams")).await?;
    let linked_group_id = linked_group(&mut tx, &sent.linked_group, &mut wrong).await?;
    wrong.finish()?;
    let Some(id) = id else { return Err(Error::internal("an id was refused without a reason")) };
    let name = TeamName::new(id);
    tx.about(name.to_string());

    let creator = tx.principal.clone();
    let new = NewTeam {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        slug: name.id().as_str(),
        display_name: &sent.display_name,
        description: &sent.description,
        linked_group_id,
        creator: &creator,
    };
    let row = team::insert(&mut tx, &new).await;
    let row = row.map_err(|error| taken(error, &name, &sent.display_name, "teams_display_name_key"))?;
    let answer = show(&tx, row.clone()).await?;
    tx.record(object(&name, &row), None, Some(&to_json(&answer)));
    tx.commit(answer).await
}

async fn update_team(cx: Cx, message: pb::UpdateTeamRequest) -> Result<pb::Team> {
    let sent = message.team.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let name = parse::<TeamName>(&sent.name, "team.name")?;
    let is_set = |path| match path {
        Path::DisplayName => !sent.display_name.is_empty(),
        Path::Description => !sent.description.is_empty(),
        Path::LinkedGroup => !sent.linked_group.is_empty(),
    };
    let mask = mask::paths(message.update_mask.as_ref(), &PATHS, is_set, &mut wrong);
    let (mut tx, row) = open(&cx, &message, &name).await?;
    Etag::check(&sent.etag, row.revision)?;
    let masked = |path, new: &String, old: &String| if mask.contains(&path) { new.clone() } else { old.clone() };
    let display_name = masked(Path::DisplayName, &sent.display_name, &row.display_name);
    let description = masked(Path::Description, &sent.description, &row.description);
    check_labels(&display_name, &description, "team", &mut wrong);
    let linked_group_id = if mask.contains(&Path::LinkedGroup) {
        linked_group(&mut tx, &sent.linked_group, &mut wrong).await?
    } else {
        row.linked_group_id
    };
    wrong.finish()?;
    let before = show(&tx, row.clone()).await?;
    if (&display_name, &description, linked_group_id) == (&row.display_name, &row.description, row.linked_group_id) {
        return tx.commit(before).await;
    }
    let content = TeamContent { display_name: &display_name, description: &description, linked_group_id };
    let after = team::update(&mut tx, &row, &content).await;
    let after = after.map_err(|error| taken(error, &name, &display_name, "teams_display_name_key"))?;
    let answer = show(&tx, after).await?;
    tx.record(object(&name, &row), Some(&to_json(&before)), Some(&to_json(&answer)));
    tx.commit(answer).await
}

async fn delete_team(cx: Cx, message: pb::DeleteTeamRequest) -> Result<pb::DeleteTeamResponse> {
    let name: TeamName = parse(&message.name, "name")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    Etag::check(&message.etag, row.revision)?;
    let before = show(&tx, row.clone()).await?;
    if before.deployment_count > 0 {
        let owned = before.deployment_count;
        let message = format!("{name} owns {owned} deployments. Give them to another team first.");
        let error = CoreError::precondition(Reason::InUse, message).with("name", &name).with("deployments", &owned);
        return Err(error.into());
    }
    let organization_id = tx.organization_id;
    team::delete(&mut tx, &row).await?;
    tx.raise_epoch(organization_id).await?;
    tx.record(object(&name, &row), Some(&to_json(&before)), None);
    tx.commit(pb::DeleteTeamResponse::default()).await
}

/// Opens the transaction of a call on a team, with the team locked and judged.
async fn open<M: flagstone_api::Mutation>(cx: &Cx, message: &M, name: &TeamName) -> Result<(Tx, TeamRow)> {
    let mut tx = cx.begin(message, Target::organization(name)).await?;
    let organization_id = tx.organization_id;
    let found = team::lock(&mut tx, organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(name))?;
    tx.check(&facts(&name.to_string())).await?;
    Ok((tx, row))
}

/// The group of a name in a call, which is one of the organization. What is wrong is noted.
async fn linked_group(tx: &mut Tx, sent: &str, wrong: &mut Violations) -> Result<Option<Uuid>> {
    if sent.is_empty() {
        return Ok(None);
    }
    let field = "team.linked_group";
    let Some(name) = wrong.take(parse::<GroupName>(sent, field)) else { return Ok(None) };
    if name.business_unit().is_some() {
        wrong
            .add(field, "Teams are of the organization. Link a group of the organization, in the form groups/{group}.");
        return Ok(None);
    }
    let organization_id = tx.organization_id;
    let found = group::lock(tx, organization_id, None, name.id().as_str()).await?;
    wrong.check(found.is_some(), field, format!("{name} was not found."));
    Ok(found.map(|group| group.id))
}

fn object(name: &TeamName, row: &TeamRow) -> ObjectRef {
    ObjectRef { object_type: "team", name: name.to_string(), id: row.id, business_unit_id: None }
}

/// A team as the ledger tells it.
fn to_json(shown: &pb::Team) -> Value {
    let linked_group = Some(&shown.linked_group).filter(|group| !group.is_empty());
    json!({"display_name": shown.display_name, "description": shown.description, "linked_group": linked_group})
}

/// One team as people see it, with how much it owns.
async fn show(conn: &Connection, row: TeamRow) -> Result<pb::Team> {
    let owned = team::deployment_count(conn, &row).await?;
    let shown = to_proto(conn, row.organization_id, vec![row]).await?.pop();
    let shown = shown.ok_or_else(|| Error::internal("one team was not shown"))?;
    Ok(pb::Team { deployment_count: i32::try_from(owned).unwrap_or(i32::MAX), ..shown })
}

/// Teams as people see them, in the same order.
async fn to_proto(conn: &Connection, organization_id: Uuid, rows: Vec<TeamRow>) -> Result<Vec<pb::Team>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let counts: HashMap<Uuid, i64> = team::member_counts(conn, organization_id, &ids).await?.into_iter().collect();
    let linked: Vec<Uuid> = rows.iter().filter_map(|row| row.linked_group_id).collect();
    let groups = subject::groups(conn, organization_id, &linked).await?;
    let groups: HashMap<Uuid, String> = groups.into_iter().map(|(id, _, slug, _)| (id, slug)).collect();
    rows.into_iter()
        .map(|row| {
            let group = row.linked_group_id.and_then(|id| groups.get(&id));
            let group = group.map(|slug| GroupName::stored(None, slug)).transpose()?;
            let members = counts.get(&row.id).copied().unwrap_or_default();
            Ok(pb::Team {
                name: TeamName::stored(&row.slug)?.to_string(),
                display_name: row.display_name,
                description: row.description,
                linked_group: group.map(|name| name.to_string()).unwrap_or_default(),
                member_count: i32::try_from(members).unwrap_or(i32::MAX),
                deployment_count: 0,
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                creator: row.creator,
                etag: Etag::of(row.revision),
                effects: None,
            })
        })
        .collect()
}
