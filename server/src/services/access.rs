//! AccessService: what the caller may do and why.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::access_service_server::AccessService;
use flagstone_core::access::{Held, Scope, effective};

use crate::app::App;
use crate::cx::{Cx, Target};
use crate::error::Result;
use crate::rpc::unary;

/// The service.
pub struct Access(pub Arc<App>);

#[tonic::async_trait]
impl AccessService for Access {
    unary! {
        get_my_permissions: pb::GetMyPermissionsRequest => pb::GetMyPermissionsResponse,
    }
}

async fn get_my_permissions(cx: Cx, _: pb::GetMyPermissionsRequest) -> Result<pb::GetMyPermissionsResponse> {
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let grants = &read.user.grants;
    let of_organization = pb::ScopePermissions {
        scope: String::new(),
        permissions: effective(grants, read.now, Scope::Organization).into_iter().map(to_proto).collect(),
    };
    let of_units = read.user.directory.units().iter().filter_map(|unit| {
        let held = effective(grants, read.now, Scope::Unit(unit.id));
        (!held.is_empty()).then(|| pb::ScopePermissions {
            scope: unit.name.to_string(),
            permissions: held.into_iter().map(to_proto).collect(),
        })
    });
    Ok(pb::GetMyPermissionsResponse { scopes: std::iter::once(of_organization).chain(of_units).collect() })
}

fn to_proto(held: Held<'_>) -> pb::HeldPermission {
    pb::HeldPermission {
        permission: held.permission.to_string(),
        description: held.permission.info().description.clone(),
        own_team_only: held.own_team_only,
        roles: held.roles.iter().map(|role| format!("roles/{role}")).collect(),
    }
}
