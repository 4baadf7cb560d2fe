//! UserService: people and their profiles.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::user_service_server::UserService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{Object, Permission, Scope, decide};
use flagstone_core::etag::Etag;
use flagstone_core::names::{BusinessUnitName, OrganizationName, RoleName, parse};
use flagstone_db::user::UserRow;
use flagstone_db::{Connection, organization, user};
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Admitted, Cx, Facts, Target};
use crate::error::Result;
use crate::ledger::ObjectRef;
use crate::rpc::unary;

/// The service.
pub struct Users(pub Arc<App>);

#[tonic::async_trait]
impl UserService for Users {
    unary! {
        get_me: pb::GetMeRequest => pb::User,
        set_active_business_unit: pb::SetActiveBusinessUnitRequest => pb::User,
    }
}

/// What allows to know that one exists oneself.
const READABLE: &[&str] = &["user:profile:read"];

async fn get_me(cx: Cx, _: pb::GetMeRequest) -> Result<pb::User> {
    let caller = cx.user()?.clone();
    let read = cx.read(Target::organization(&caller.name)).await?;
    let row = user::find(read.conn(), read.organization_id(), caller.id).await?;
    to_proto(read.conn(), &read, row).await
}

async fn set_active_business_unit(cx: Cx, req: pb::SetActiveBusinessUnitRequest) -> Result<pb::User> {
    let chosen: Option<BusinessUnitName> = match req.business_unit.as_str() {
        "" => None,
        name => Some(parse(name, "business_unit")?),
    };
    let caller = cx.user()?.name.clone();
    let mut tx = cx.begin(&req, Target::organization(&caller)).await?;
    let (organization_id, user_id) = (tx.organization_id, tx.admitted()?.user.id);
    let before = user::lock(&mut tx, organization_id, user_id).await?;
    tx.check(&Facts { name: &caller.to_string(), tier: None, creator_id: Some(user_id), readable_by: READABLE })
        .await?;
    let unit_id = match &chosen {
        None => None,
        Some(name) => {
            let memberships = user::memberships(&tx, organization_id, user_id).await?;
            let unit = tx.directory.unit(name).filter(|unit| match tx.admitted() {
                Ok(admitted) => reaches(admitted, &memberships, unit.id),
                Err(_) => false,
            });
            // Absent and out of reach answer alike.
            Some(unit.ok_or_else(|| CoreError::not_found(name))?.id)
        }
    };
    if unit_id == before.active_business_unit_id {
        let answer = to_proto(&tx, tx.admitted()?, before).await?;
        return tx.commit(answer).await;
    }
    let after = user::set_active_unit(&mut tx, &before, unit_id).await?;
    let view = |row: &UserRow| {
        let unit = row.active_business_unit_id.and_then(|id| tx.directory.unit_by_id(id));
        json!({"active_business_unit": unit.map(|unit| unit.name.to_string()), "revision": row.revision})
    };
    let (was, is) = (view(&before), view(&after));
    let object = ObjectRef { object_type: "user", name: caller.to_string(), id: user_id, business_unit_id: None };
    tx.record(object, Some(&was), Some(&is));
    let answer = to_proto(&tx, tx.admitted()?, after).await?;
    tx.commit(answer).await
}

/// Whether a person has something to do with a unit: is a member of it, or may read it.
fn reaches(admitted: &Admitted, memberships: &[(Uuid, String)], unit_id: Uuid) -> bool {
    let holds = |slug: &str| {
        Permission::parse(slug).is_ok_and(|permission| {
            decide(&admitted.user.grants, admitted.now, permission, Object::of(Scope::Unit(unit_id))).is_allow()
        })
    };
    memberships.iter().any(|(member_of, _)| *member_of == unit_id)
        || holds("business_unit:business_units:read")
        || holds("platform:business_units:read")
}

/// The caller as people see themselves.
async fn to_proto(conn: &Connection, admitted: &Admitted, row: UserRow) -> Result<pb::User> {
    let caller = &admitted.user;
    let organization_id = caller.organization_id;
    let organization = organization::find(conn, organization_id).await?;
    let member_of = user::memberships(conn, organization_id, caller.id).await?;
    let roles = user::organization_roles(conn, organization_id, caller.id).await?;
    let active_unit = row
        .active_business_unit_id
        .filter(|id| reaches(admitted, &member_of, *id))
        .and_then(|id| caller.directory.unit_by_id(id));
    let mut memberships = Vec::new();
    for (unit, role) in member_of {
        // A unit younger than the directory is missing for at most a second.
        if let Some(unit) = caller.directory.unit_by_id(unit) {
            memberships.push(pb::Membership {
                business_unit: unit.name.to_string(),
                role: RoleName::stored(role)?.to_string(),
            });
        }
    }
    memberships.sort_by(|a, b| a.business_unit.cmp(&b.business_unit));
    Ok(pb::User {
        name: caller.name.to_string(),
        username: row.username,
        email: row.email,
        full_name: row.full_name,
        active: row.active,
        organization: OrganizationName::stored(&organization.slug)?.id().to_string(),
        memberships,
        organization_roles: roles
            .into_iter()
            .map(|role| Ok(RoleName::stored(role)?.to_string()))
            .collect::<Result<Vec<_>>>()?,
        active_business_unit: active_unit.map(|unit| unit.name.to_string()).unwrap_or_default(),
        password_change_required: row.must_change_password,
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    })
}
