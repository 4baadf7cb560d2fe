//! The members of teams.

use std::collections::HashMap;

use flagstone_api::pb;
use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{TeamName, UserName, parse};
use flagstone_db::list::{self, Branch};
use flagstone_db::subject::{self, PersonRow};
use flagstone_db::team::{self, TeamMemberRow};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{object, open};
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::subjects::hold_person;

const LIST: List = List {
    fields: &[
        Field { name: "user", kind: FieldKind::Name },
        Field { name: "is_lead", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("user", NameKind::User)],
    orders: BY_CREATION,
};

pub(super) async fn list_team_members(
    cx: Cx,
    message: pb::ListTeamMembersRequest,
) -> Result<pb::ListTeamMembersResponse> {
    let (name, call) = LIST.call_in::<TeamName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::organization(&name)).await?;
    let organization_id = read.organization_id();
    let found = team::find(read.conn(), organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    let names = call.names(&read).await?;
    let query = call.query(&read, &names, Some(row.id), &[Branch::ALL]);
    let page = list::team_member::list(read.conn(), &query).await?;
    let ids: Vec<Uuid> = page.rows.iter().map(|row| row.user_id).collect();
    let people = subject::people(read.conn(), organization_id, &ids).await?;
    let people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
    let members = page.rows.iter().filter_map(|row| Some((row, people.get(&row.user_id)?)));
    Ok(pb::ListTeamMembersResponse {
        team_members: members.map(|(row, person)| to_proto(row, person)).collect::<Result<_>>()?,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

pub(super) async fn add_team_member(cx: Cx, message: pb::AddTeamMemberRequest) -> Result<pb::TeamMember> {
    let name: TeamName = parse(&message.name, "name")?;
    let user: UserName = parse(&message.user, "user")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    let person = hold_person(&mut tx, &user).await?;
    let person = person.ok_or_else(|| Error::field("user", format!("{user} was not found.")))?;
    let known = team::member(&tx, &row, person.id).await?;
    if let Some(known) = &known
        && known.is_lead == message.is_lead
    {
        return tx.commit(to_proto(known, &person)?).await;
    }
    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let member = team::put_member(&mut tx, &row, person.id, message.is_lead, &creator).await?;
    let answer = to_proto(&member, &person)?;
    let before = known.map_or(json!({"member": null}), |known| to_json(&answer.user, known.is_lead));
    tx.record(object(&name, &row), Some(&before), Some(&to_json(&answer.user, member.is_lead)));
    tx.raise_epoch(organization_id).await?;
    tx.commit(answer).await
}

pub(super) async fn remove_team_member(
    cx: Cx,
    message: pb::RemoveTeamMemberRequest,
) -> Result<pb::RemoveTeamMemberResponse> {
    let name: TeamName = parse(&message.name, "name")?;
    let user: UserName = parse(&message.user, "user")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    let absent = || CoreError::not_found(&format!("{user} in {name}"));
    let person = hold_person(&mut tx, &user).await?.ok_or_else(absent)?;
    let known = team::member(&tx, &row, person.id).await?.ok_or_else(absent)?;
    let organization_id = tx.organization_id;
    team::remove_member(&mut tx, &row, person.id).await?;
    let user = UserName::stored(person.username)?.to_string();
    tx.record(object(&name, &row), Some(&to_json(&user, known.is_lead)), Some(&json!({"member": null})));
    tx.raise_epoch(organization_id).await?;
    tx.commit(pb::RemoveTeamMemberResponse::default()).await
}

/// A membership as the ledger tells it, in the change of the team.
fn to_json(user: &str, is_lead: bool) -> Value {
    json!({"member": user, "is_lead": is_lead})
}

fn to_proto(row: &TeamMemberRow, person: &PersonRow) -> Result<pb::TeamMember> {
    Ok(pb::TeamMember {
        user: UserName::stored(&person.username)?.to_string(),
        full_name: person.full_name.clone(),
        user_active: person.active,
        is_lead: row.is_lead,
        create_time: Some(timestamp(row.create_time)),
        creator: row.creator.clone(),
        effects: None,
    })
}
