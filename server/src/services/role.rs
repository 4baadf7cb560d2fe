//! Roles: what they are made of, what uses them, and those that ship. Giving them to somebody is in `role_binding`.

mod content;
mod registry;
mod uses;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::role_service_server::RoleService;
use flagstone_core::access::{Restriction, RoleScope, Scope};
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{RoleName, Slug, parse};
use flagstone_core::role::permission_set;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::list::{self, Branch};
use flagstone_db::role::{self, NewRole, RoleRow};
use serde_json::{Value, json};
use uuid::Uuid;

use super::role_binding::{create_role_binding, delete_role_binding, list_role_bindings};
use crate::app::App;
use crate::convert::{enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::guards::{grants_changed, may_grant};
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, arguments};
use crate::rpc;

/// The service.
#[derive(Debug)]
pub struct Roles(pub Arc<App>);

#[tonic::async_trait]
impl RoleService for Roles {
    rpc::unary! {
        list_permissions: pb::ListPermissionsRequest => pb::ListPermissionsResponse,
        list_role_templates: pb::ListRoleTemplatesRequest => pb::ListRoleTemplatesResponse,
        get_role: pb::GetRoleRequest => pb::Role,
        list_roles: pb::ListRolesRequest => pb::ListRolesResponse,
        create_role: pb::CreateRoleRequest => pb::Role,
        update_role: pb::UpdateRoleRequest => pb::Role,
        delete_role: pb::DeleteRoleRequest => pb::DeleteRoleResponse,
        create_role_binding: pb::CreateRoleBindingRequest => pb::RoleBinding,
        list_role_bindings: pb::ListRoleBindingsRequest => pb::ListRoleBindingsResponse,
        delete_role_binding: pb::DeleteRoleBindingRequest => pb::DeleteRoleBindingResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "scope", kind: FieldKind::Enum(RoleScope::WORDS) },
        Field { name: "restriction", kind: FieldKind::Enum(Restriction::WORDS) },
        Field { name: "builtin", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

fn facts(name: &str) -> Facts<'_> {
    Facts::of(name, &["platform:roles:read"])
}

async fn list_permissions(cx: Cx, _: pb::ListPermissionsRequest) -> Result<pb::ListPermissionsResponse> {
    cx.read(Target::organization("permissions")).await?;
    Ok(pb::ListPermissionsResponse { permissions: registry::permissions() })
}

async fn list_role_templates(cx: Cx, _: pb::ListRoleTemplatesRequest) -> Result<pb::ListRoleTemplatesResponse> {
    cx.read(Target::organization("roleTemplates")).await?;
    Ok(pb::ListRoleTemplatesResponse { role_templates: registry::role_templates()? })
}

async fn get_role(cx: Cx, message: pb::GetRoleRequest) -> Result<pb::Role> {
    let name: RoleName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = role::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    let uses = uses::of(read.conn(), &read.user.directory, &row).await?;
    Ok(pb::Role { uses: Some(uses), ..to_proto(row)? })
}

async fn list_roles(cx: Cx, message: pb::ListRolesRequest) -> Result<pb::ListRolesResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("roles")).await?;
    let names = call.names(&read).await?;
    let page = list::role::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListRolesResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        roles: page.rows.into_iter().map(to_proto).collect::<Result<_>>()?,
    })
}

async fn create_role(cx: Cx, message: pb::CreateRoleRequest) -> Result<pb::Role> {
    let sent = message.role.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let id = wrong.take(Slug::parse(&message.role_id, "role_id"));
    let mut role = content::read(&sent, &mut wrong);
    role.check(&mut wrong);
    let mut tx = cx.begin(&message, Target::organization("roles")).await?;
    tx.check(&facts("roles")).await?;
    wrong.finish()?;
    let Some(id) = id else { return Err(Error::internal("an id was refused without a reason")) };
    let name = RoleName::new(id);
    tx.about(name.to_string());
    may_grant(&tx, &permission_set(&role.permissions), Scope::Organization).await?;

    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let new = NewRole {
        id: Uuid::now_v7(),
        organization_id,
        slug: name.id().as_str(),
        display_name: &role.display_name,
        description: &role.description,
        scope: role.scope.as_str(),
        permissions: &role.permissions,
        restriction: role.restriction.as_str(),
        creator: &creator,
    };
    let row = role::insert(&mut tx, &new).await;
    let row = row.map_err(|error| taken(error, &name, &role.display_name, "roles_display_name_key"))?;
    tx.record(object(&name, &row), None, Some(&to_json(&row)));
    tx.commit(to_proto(row)?).await
}

async fn update_role(cx: Cx, message: pb::UpdateRoleRequest) -> Result<pb::Role> {
    let sent = message.role.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let name = parse::<RoleName>(&sent.name, "role.name")?;
    let mask = content::mask(&sent, message.update_mask.as_ref(), &mut wrong);
    let mut tx = cx.begin(&message, Target::organization(&name)).await?;
    let organization_id = tx.organization_id;
    let found = role::lock(&mut tx, organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&facts(&sent.name)).await?;
    Etag::check(&sent.etag, row.revision)?;
    refuse_builtin(&name, &row)?;

    let before = content::stored(&row)?;
    let mut after = before.clone();
    content::merge(&mut after, &sent, &mask, &mut wrong);
    after.check(&mut wrong);
    wrong.finish()?;
    if after == before {
        return tx.commit(to_proto(row)?).await;
    }
    // What leaves the role may have been denied by it: to lift that, too, one has to hold it.
    let mut touched = permission_set(&before.permissions);
    touched.extend_from(&permission_set(&after.permissions));
    may_grant(&tx, &touched, Scope::Organization).await?;

    let updated = role::update(&mut tx, &row, &content::to_row(&after)).await;
    let updated = updated.map_err(|error| taken(error, &name, &after.display_name, "roles_display_name_key"))?;
    tx.record(object(&name, &row), Some(&to_json(&row)), Some(&to_json(&updated)));
    grants_changed(&mut tx).await?;
    tx.commit(to_proto(updated)?).await
}

async fn delete_role(cx: Cx, message: pb::DeleteRoleRequest) -> Result<pb::DeleteRoleResponse> {
    let name: RoleName = parse(&message.name, "name")?;
    let mut tx = cx.begin(&message, Target::organization(&name)).await?;
    let organization_id = tx.organization_id;
    let found = role::lock(&mut tx, organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&facts(&message.name)).await?;
    Etag::check(&message.etag, row.revision)?;
    refuse_builtin(&name, &row)?;
    uses::refuse(&tx, &name, &row).await?;
    role::delete(&mut tx, &row).await?;
    tx.record(object(&name, &row), Some(&to_json(&row)), None);
    grants_changed(&mut tx).await?;
    tx.commit(pb::DeleteRoleResponse::default()).await
}

fn refuse_builtin(name: &RoleName, row: &RoleRow) -> Result<()> {
    if !row.builtin {
        return Ok(());
    }
    let message =
        format!("{name} ships with Flagstone and stays as it is. Make a role of your own with its permissions.");
    Err(CoreError::precondition(Reason::WrongState, message).with("name", name).into())
}

/// A unique index that stood in the way, told by what it is about: the display name, or else the id.
pub(super) fn taken(
    error: flagstone_db::Error,
    name: &impl std::fmt::Display,
    display_name: &str,
    display_name_index: &str,
) -> Error {
    if error.constraint() != Some(display_name_index) {
        return error.about(name).into();
    }
    let message = format!("`{display_name}` is the display name of another one already. Choose another.");
    CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message).with("field", &"display_name").into()
}

fn object(name: &RoleName, row: &RoleRow) -> ObjectRef {
    ObjectRef { object_type: "role", name: name.to_string(), id: row.id, business_unit_id: None }
}

/// A role as the ledger tells it, before and after a change.
fn to_json(row: &RoleRow) -> Value {
    json!({
        "display_name": row.display_name,
        "description": row.description,
        "scope": row.scope,
        "permissions": row.permissions,
        "restriction": row.restriction,
    })
}

/// A role as people see it, without its uses.
fn to_proto(row: RoleRow) -> Result<pb::Role> {
    Ok(pb::Role {
        name: RoleName::stored(&row.slug)?.to_string(),
        display_name: row.display_name,
        description: row.description,
        scope: enum_number(pb::RoleScope::from_str_name, "ROLE_SCOPE_", &row.scope),
        permissions: row.permissions,
        restriction: enum_number(pb::RoleRestriction::from_str_name, "ROLE_RESTRICTION_", &row.restriction),
        builtin: row.builtin,
        uses: None,
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    })
}
