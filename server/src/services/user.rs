//! UserService: people and their profiles.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::user_service_server::UserService;
use flagstone_core::etag::Etag;
use flagstone_core::names::{OrganizationName, RoleName};
use flagstone_db::{organization, user};

use crate::app::App;
use crate::convert::timestamp;
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::rpc::unary;

/// The service.
pub struct Users(pub Arc<App>);

#[tonic::async_trait]
impl UserService for Users {
    unary! {
        get_me: pb::GetMeRequest => pb::User,
    }
}

async fn get_me(cx: Cx, _: pb::GetMeRequest) -> Result<pb::User> {
    let caller = cx.user()?.clone();
    let read = cx.read(Target::organization(&caller.name)).await?;
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let row = user::find(conn, organization_id, caller.id).await?;
    let organization = organization::find(conn, organization_id).await?;
    let mut memberships = Vec::new();
    for (unit, role) in user::memberships(conn, organization_id, caller.id).await? {
        // A unit younger than the directory is missing for at most a second.
        if let Some(unit) = caller.directory.unit_by_id(unit) {
            memberships.push(pb::Membership {
                business_unit: unit.name.to_string(),
                role: RoleName::stored(role)?.to_string(),
            });
        }
    }
    memberships.sort_by(|a, b| a.business_unit.cmp(&b.business_unit));
    let roles = user::organization_roles(conn, organization_id, caller.id).await?;
    let active_unit = row.active_business_unit_id.and_then(|id| caller.directory.unit_by_id(id));
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
    })
}
