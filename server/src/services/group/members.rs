//! The members of groups.

use std::collections::HashMap;

use flagstone_api::pb;
use flagstone_core::Error as CoreError;
use flagstone_core::access::Effect;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{GroupName, UserName, parse};
use flagstone_core::{Kind, Reason};
use flagstone_db::group::{self, GroupMemberRow};
use flagstone_db::list::{self, Branch};
use flagstone_db::subject::{self, PersonRow};
use serde_json::json;
use uuid::Uuid;

use super::{facts, may_change_members, object, open};
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};
use crate::guards::grants_changed;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::subjects::hold_person;

const LIST: List = List {
    fields: &[Field { name: "user", kind: FieldKind::Name }, Field { name: "create_time", kind: FieldKind::Time }],
    names: &[("user", NameKind::User)],
    orders: BY_CREATION,
};

pub(super) async fn list_group_members(
    cx: Cx,
    message: pb::ListGroupMembersRequest,
) -> Result<pb::ListGroupMembersResponse> {
    let (name, call) = LIST.call_in::<GroupName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::scoped(&name, name.business_unit())).await?;
    read.check(&facts(&message.parent)).await?;
    let organization_id = read.organization_id();
    let unit_id = read.unit.as_ref().map(|unit| unit.id);
    let found = group::find(read.conn(), organization_id, unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    let names = call.names(&read).await?;
    let query = call.query(&read, &names, Some(row.id), &[Branch::ALL]);
    let page = list::group_member::list(read.conn(), &query).await?;
    let ids: Vec<Uuid> = page.rows.iter().map(|row| row.user_id).collect();
    let people = subject::people(read.conn(), organization_id, &ids).await?;
    let people: HashMap<Uuid, PersonRow> = people.into_iter().map(|person| (person.id, person)).collect();
    let members = page.rows.iter().filter_map(|row| Some((row, people.get(&row.user_id)?)));
    Ok(pb::ListGroupMembersResponse {
        group_members: members.map(|(row, person)| to_proto(row, person)).collect::<Result<_>>()?,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

pub(super) async fn add_group_member(cx: Cx, message: pb::AddGroupMemberRequest) -> Result<pb::GroupMember> {
    let name: GroupName = parse(&message.name, "name")?;
    let user: UserName = parse(&message.user, "user")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    let organization_id = tx.organization_id;
    let person = hold_person(&mut tx, &user).await?;
    let person = match (person, row.business_unit_id) {
        (Some(person), Some(unit)) if !group::hold_unit_member(&mut tx, organization_id, unit, person.id).await? => {
            None
        }
        (person, _) => person,
    };
    let Some(person) = person else {
        let problem = match name.business_unit() {
            // A user who is no member of the unit is told like nobody: the caller need not know of them.
            Some(unit) => format!("{user} is no member of {unit}. Add them to the unit first."),
            None => format!("{user} was not found."),
        };
        return Err(Error::field("user", problem));
    };
    may_change_members(&tx, &row, Effect::Allow).await?;
    let creator = tx.principal.clone();
    let Some(member) = group::add_member(&mut tx, &row, person.id, &creator).await? else {
        let message = format!("{user} is a member of {name} already.");
        return Err(CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message).with("name", &name).into());
    };
    let answer = to_proto(&member, &person)?;
    tx.record(object(&name, &row), Some(&json!({"member": null})), Some(&json!({"member": answer.user})));
    grants_changed(&mut tx).await?;
    tx.commit(answer).await
}

pub(super) async fn remove_group_member(
    cx: Cx,
    message: pb::RemoveGroupMemberRequest,
) -> Result<pb::RemoveGroupMemberResponse> {
    let name: GroupName = parse(&message.name, "name")?;
    let user: UserName = parse(&message.user, "user")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    let absent = || CoreError::not_found(&format!("{user} in {name}"));
    let person = hold_person(&mut tx, &user).await?.ok_or_else(absent)?;
    may_change_members(&tx, &row, Effect::Deny).await?;
    if !group::remove_member(&mut tx, &row, person.id).await? {
        return Err(absent().into());
    }
    let user = UserName::stored(person.username)?.to_string();
    tx.record(object(&name, &row), Some(&json!({"member": user})), Some(&json!({"member": null})));
    grants_changed(&mut tx).await?;
    tx.commit(pb::RemoveGroupMemberResponse::default()).await
}

fn to_proto(row: &GroupMemberRow, person: &PersonRow) -> Result<pb::GroupMember> {
    Ok(pb::GroupMember {
        user: UserName::stored(&person.username)?.to_string(),
        full_name: person.full_name.clone(),
        user_active: person.active,
        create_time: Some(timestamp(row.create_time)),
        creator: row.creator.clone(),
        effects: None,
    })
}
