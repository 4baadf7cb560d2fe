//! Groups: who may do things together, in the organization or in one business unit.

mod members;

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::group_service_server::GroupService;
use flagstone_core::access::Effect;
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{GroupName, RoleBindingName, RoleName, ScopeParent, Slug, TeamName, parse, parse_scope};
use flagstone_core::role::check_labels;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::group::{self, GroupRow, NewGroup};
use flagstone_db::role_binding::{self, RoleBindingRow};
use flagstone_db::{Connection, list, role};
use serde_json::{Value, json};
use uuid::Uuid;

use self::members::{add_group_member, list_group_members, remove_group_member};
use super::role::taken;
use super::role_binding::{branches, permissions_by_scope};
use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::guards::{grants_changed, may_grant};
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::mask;
use crate::rpc;
use crate::tx::Tx;

/// The service.
#[derive(Debug)]
pub struct Groups(pub Arc<App>);

#[tonic::async_trait]
impl GroupService for Groups {
    rpc::unary! {
        get_group: pb::GetGroupRequest => pb::Group,
        list_groups: pb::ListGroupsRequest => pb::ListGroupsResponse,
        create_group: pb::CreateGroupRequest => pb::Group,
        update_group: pb::UpdateGroupRequest => pb::Group,
        delete_group: pb::DeleteGroupRequest => pb::DeleteGroupResponse,
        list_group_members: pb::ListGroupMembersRequest => pb::ListGroupMembersResponse,
        add_group_member: pb::AddGroupMemberRequest => pb::GroupMember,
        remove_group_member: pb::RemoveGroupMemberRequest => pb::RemoveGroupMemberResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "member", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("member", NameKind::User)],
    orders: BY_CREATION,
};

/// How many of its roles a group tells.
const MAX_ROLES: i64 = 200;

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    DisplayName,
    Description,
}

const PATHS: [(&str, Path); 2] = [("display_name", Path::DisplayName), ("description", Path::Description)];

fn facts(name: &str) -> Facts<'_> {
    let readable_by = &["platform:groups:read", "business_unit:groups:read"];
    Facts::of(name, readable_by)
}

async fn get_group(cx: Cx, message: pb::GetGroupRequest) -> Result<pb::Group> {
    let name: GroupName = parse(&message.name, "name")?;
    let read = cx.read(Target::scoped(&name, name.business_unit())).await?;
    read.check(&facts(&message.name)).await?;
    let unit_id = read.unit.as_ref().map(|unit| unit.id);
    let found = group::find(read.conn(), read.organization_id(), unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    show(read.conn(), &read.user.directory, row).await
}

async fn list_groups(cx: Cx, message: pb::ListGroupsRequest) -> Result<pb::ListGroupsResponse> {
    let (parent, call) = LIST.call_in::<ScopeParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::scoped_list(&parent, "groups")).await?;
    let names = call.names(&read).await?;
    let branches = branches(&read, &parent);
    let page = list::group::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    let ids: Vec<Uuid> = page.rows.iter().map(|row| row.id).collect();
    let counts: HashMap<Uuid, i64> =
        group::member_counts(read.conn(), read.organization_id(), &ids).await?.into_iter().collect();
    let mut groups = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let count = counts.get(&row.id).copied().unwrap_or_default();
        groups.extend(to_proto(row, count, &read.user.directory)?);
    }
    Ok(pb::ListGroupsResponse {
        groups,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

async fn create_group(cx: Cx, message: pb::CreateGroupRequest) -> Result<pb::Group> {
    let sent = message.group.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let unit = parse_scope(&message.parent, "parent")?;
    let id = wrong.take(Slug::parse(&message.group_id, "group_id"));
    check_labels(&sent.display_name, &sent.description, "group", &mut wrong);
    let collection = unit.as_ref().map_or("groups".to_owned(), |unit| format!("{unit}/groups"));
    let mut tx = cx.begin(&message, Target::scoped(&collection, unit.clone())).await?;
    tx.check(&facts(&collection)).await?;
    wrong.finish()?;
    let Some(id) = id else { return Err(Error::internal("an id was refused without a reason")) };
    let name = GroupName::new(unit.as_ref(), id);
    tx.about(name.to_string());

    let creator = tx.principal.clone();
    let new = NewGroup {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        business_unit_id: tx.admitted()?.unit.as_ref().map(|unit| unit.id),
        slug: name.id().as_str(),
        display_name: &sent.display_name,
        description: &sent.description,
        creator: &creator,
    };
    let row = group::insert(&mut tx, &new).await;
    let row = row.map_err(|error| taken(error, &name, &sent.display_name, "groups_display_name_key"))?;
    tx.record(object(&name, &row), None, Some(&to_json(&row)));
    let answer = show(&tx, &tx.directory, row).await?;
    tx.commit(answer).await
}

async fn update_group(cx: Cx, message: pb::UpdateGroupRequest) -> Result<pb::Group> {
    let sent = message.group.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let name = parse::<GroupName>(&sent.name, "group.name")?;
    let is_set = |path| match path {
        Path::DisplayName => !sent.display_name.is_empty(),
        Path::Description => !sent.description.is_empty(),
    };
    let mask = mask::paths(message.update_mask.as_ref(), &PATHS, is_set, &mut wrong);
    let (mut tx, row) = open(&cx, &message, &name).await?;
    Etag::check(&sent.etag, row.revision)?;
    let masked = |path, new: &String, old: &String| if mask.contains(&path) { new.clone() } else { old.clone() };
    let display_name = masked(Path::DisplayName, &sent.display_name, &row.display_name);
    let description = masked(Path::Description, &sent.description, &row.description);
    check_labels(&display_name, &description, "group", &mut wrong);
    wrong.finish()?;
    if (&display_name, &description) == (&row.display_name, &row.description) {
        let answer = show(&tx, &tx.directory, row).await?;
        return tx.commit(answer).await;
    }
    let after = group::update(&mut tx, &row, &display_name, &description).await;
    let after = after.map_err(|error| taken(error, &name, &display_name, "groups_display_name_key"))?;
    tx.record(object(&name, &row), Some(&to_json(&row)), Some(&to_json(&after)));
    let answer = show(&tx, &tx.directory, after).await?;
    tx.commit(answer).await
}

async fn delete_group(cx: Cx, message: pb::DeleteGroupRequest) -> Result<pb::DeleteGroupResponse> {
    let name: GroupName = parse(&message.name, "name")?;
    let (mut tx, row) = open(&cx, &message, &name).await?;
    Etag::check(&message.etag, row.revision)?;
    let teams = group::linked_teams(&tx, &row).await?;
    if !teams.is_empty() {
        let teams = teams.iter().take(20).map(|team| Ok(TeamName::stored(team)?.to_string()));
        let teams = teams.collect::<Result<Vec<_>>>()?.join(", ");
        let message = format!("{name} is linked to {teams}. Link other groups to them first.");
        let error = CoreError::precondition(Reason::InUse, message).with("name", &name).with("teams", &teams);
        return Err(error.into());
    }
    may_change_members(&tx, &row, Effect::Deny).await?;
    group::delete(&mut tx, &row).await?;
    tx.record(object(&name, &row), Some(&to_json(&row)), None);
    grants_changed(&mut tx).await?;
    tx.commit(pb::DeleteGroupResponse::default()).await
}

/// Opens the transaction of a call on a group, with the group locked and judged.
async fn open<M: flagstone_api::Mutation>(cx: &Cx, message: &M, name: &GroupName) -> Result<(Tx, GroupRow)> {
    let mut tx = cx.begin(message, Target::scoped(name, name.business_unit())).await?;
    let organization_id = tx.organization_id;
    let unit_id = tx.admitted()?.unit.as_ref().map(|unit| unit.id);
    let found = group::lock(&mut tx, organization_id, unit_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(name))?;
    tx.check(&facts(&name.to_string())).await?;
    Ok((tx, row))
}

/// Rule 11 by way of a group: who comes in gets what is bound to it, who goes out is rid of what it denies. The caller
/// holds what is gained either way.
async fn may_change_members(tx: &Tx, row: &GroupRow, gained: Effect) -> Result<()> {
    let bindings = bindings_of(tx, row, i64::MAX).await?;
    let ids: Vec<Uuid> = bindings.iter().map(|binding| binding.role_id).collect();
    let roles = role::by_ids(tx, row.organization_id, &ids).await?;
    for (scope, permissions) in permissions_by_scope(&bindings, &roles, gained) {
        may_grant(tx, &permissions, scope).await?;
    }
    Ok(())
}

async fn bindings_of(conn: &Connection, row: &GroupRow, limit: i64) -> Result<Vec<RoleBindingRow>> {
    Ok(role_binding::of_subject(conn, row.organization_id, "GROUP", row.id, limit).await?)
}

fn object(name: &GroupName, row: &GroupRow) -> ObjectRef {
    ObjectRef { object_type: "group", name: name.to_string(), id: row.id, business_unit_id: row.business_unit_id }
}

/// A group as the ledger tells it.
fn to_json(row: &GroupRow) -> Value {
    json!({"display_name": row.display_name, "description": row.description})
}

/// A group as people see it, with its roles.
async fn show(conn: &Connection, directory: &Directory, row: GroupRow) -> Result<pb::Group> {
    let organization_id = row.organization_id;
    let bindings = bindings_of(conn, &row, MAX_ROLES).await?;
    let ids: Vec<Uuid> = bindings.iter().map(|binding| binding.role_id).collect();
    let found = role::by_ids(conn, organization_id, &ids).await?;
    let mut roles = Vec::with_capacity(bindings.len());
    for binding in bindings {
        let Some(role) = found.iter().find(|role| role.id == binding.role_id) else { continue };
        let unit = match binding.business_unit_id.map(|id| directory.unit_by_id(id)) {
            None => None,
            Some(Some(unit)) => Some(&unit.name),
            Some(None) => continue,
        };
        roles.push(pb::GroupRole {
            role_binding: RoleBindingName::new(unit, binding.id).to_string(),
            role: RoleName::stored(&role.slug)?.to_string(),
            role_display_name: role.display_name.clone(),
            scope: unit.map(ToString::to_string).unwrap_or_default(),
            deny: binding.effect == Effect::Deny.as_str(),
            expire_time: binding.expire_time.map(timestamp),
        });
    }
    let counts = group::member_counts(conn, organization_id, &[row.id]).await?;
    let count = counts.first().map_or(0, |(_, count)| *count);
    let shown = to_proto(row, count, directory)?.ok_or_else(|| Error::internal("a group's unit is gone"))?;
    Ok(pb::Group { roles, ..shown })
}

/// A group as people see it, without its roles; `None` where its unit is younger than the directory, which is so for at
/// most a second.
fn to_proto(row: GroupRow, member_count: i64, directory: &Directory) -> Result<Option<pb::Group>> {
    let unit = match row.business_unit_id.map(|id| directory.unit_by_id(id)) {
        None => None,
        Some(Some(unit)) => Some(&unit.name),
        Some(None) => return Ok(None),
    };
    Ok(Some(pb::Group {
        name: GroupName::stored(unit, &row.slug)?.to_string(),
        display_name: row.display_name,
        description: row.description,
        member_count: i32::try_from(member_count).unwrap_or(i32::MAX),
        roles: Vec::new(),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    }))
}
