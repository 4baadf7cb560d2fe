//! AccessService: what principals may do and why.

mod explain;
mod object;
mod who_can;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::access_service_server::AccessService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{
    Decision, DenyReason, Grants, Held, Moment, Object, Permission, PermissionPattern, Scope, could_match, decide,
    effective, least_role,
};
use flagstone_core::tier::Tier;
use futures::future::try_join_all;

use crate::app::App;
use crate::convert::{tier_to_proto, timestamp};
use crate::cx::{Cx, Read, Target};
use crate::error::{Error, Result};
use crate::rpc::unary;
use object::{Asked, Lookup};

/// Most questions of one call.
const CHECKS_MAX: usize = 200;

/// The service.
#[derive(Debug)]
pub struct Access(pub Arc<App>);

#[tonic::async_trait]
impl AccessService for Access {
    unary! {
        get_my_permissions: pb::GetMyPermissionsRequest => pb::GetMyPermissionsResponse,
        check_permissions: pb::CheckPermissionsRequest => pb::CheckPermissionsResponse,
        explain_access: pb::ExplainAccessRequest => pb::ExplainAccessResponse,
        list_who_can: pb::ListWhoCanRequest => pb::ListWhoCanResponse,
    }
}

use explain::explain_access;
use who_can::list_who_can;

async fn get_my_permissions(cx: Cx, _: pb::GetMyPermissionsRequest) -> Result<pb::GetMyPermissionsResponse> {
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let grants = &read.user.grants;
    let of_organization = pb::ScopePermissions {
        scope: String::new(),
        permissions: effective(grants, read.moment(), Scope::Organization).into_iter().map(to_proto).collect(),
    };
    let of_units = read.user.directory.units().iter().filter_map(|unit| {
        let held = effective(grants, read.moment(), Scope::Unit(unit.id));
        (!held.is_empty()).then(|| pb::ScopePermissions {
            scope: unit.name.to_string(),
            permissions: held.into_iter().map(to_proto).collect(),
        })
    });
    Ok(pb::GetMyPermissionsResponse { scopes: std::iter::once(of_organization).chain(of_units).collect() })
}

fn to_proto(held: Held<'_>) -> pb::HeldPermission {
    let info = held.permission.info();
    pb::HeldPermission {
        permission: held.permission.to_string(),
        description: info.description.clone(),
        own_team_only: held.own_team_only,
        roles: held.roles.iter().map(|role| format!("roles/{role}")).collect(),
        display_name: info.display_name.clone(),
        category: info.category.to_owned(),
        icon: info.icon.to_owned(),
        tier: info.tier.map_or(pb::Tier::Unspecified, tier_to_proto).into(),
        conditional: held.conditional,
        expire_time: held.expire_time.map(timestamp),
    }
}

async fn check_permissions(cx: Cx, message: pb::CheckPermissionsRequest) -> Result<pb::CheckPermissionsResponse> {
    let count = message.checks.len();
    if !(1..=CHECKS_MAX).contains(&count) {
        return Err(Error::field(
            "checks",
            format!("has {count} questions. Ask 1 to {CHECKS_MAX}, and the rest in another call."),
        ));
    }
    let mut wrong = Vec::new();
    let mut patterns = Vec::with_capacity(count);
    for (index, check) in message.checks.iter().enumerate() {
        match pattern(&check.permission, &format!("checks[{index}].permission")) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => wrong.extend(error.fields),
        }
        if let Err(error) = object::syntax(&check.object, &format!("checks[{index}].object")) {
            wrong.extend(error.fields);
        }
    }
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong));
    }
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let verdicts = message.checks.into_iter().zip(patterns).map(async |(check, pattern)| {
        let asked = object::find(&read, &pattern, &check.object, Lookup::Own).await?;
        Ok::<_, Error>(verdict(&read, check, &pattern, &asked))
    });
    Ok(pb::CheckPermissionsResponse { verdicts: try_join_all(verdicts).await? })
}

fn verdict(
    read: &Read,
    check: pb::PermissionCheck,
    pattern: &PermissionPattern,
    asked: &Asked,
) -> pb::PermissionVerdict {
    let grants = &read.user.grants;
    let answer = judge(grants, read.moment(), pattern, asked, |ask| asked.with_object(read, ask));
    let blank = pb::PermissionVerdict { permission: check.permission, object: check.object, ..Default::default() };
    let Err((reason, permission)) = answer else { return pb::PermissionVerdict { allowed: true, ..blank } };
    if asked.is_hidden() {
        return pb::PermissionVerdict {
            reason: pb::AccessReason::ObjectNotFound.into(),
            message: format!("{} was not found, or you may not see it.", blank.object),
            ..blank
        };
    }
    let role = (reason == DenyReason::NoGrant)
        .then(|| asked.with_object(read, |object, _| least_role(true, permission, object)))
        .flatten();
    let place = asked.place(read);
    let remedy = match (reason, &role) {
        (DenyReason::TokenScope, _) => {
            "Use a token that carries the permission and reaches the business unit.".to_owned()
        }
        (DenyReason::DenyBinding, _) => {
            "Ask someone who manages roles to remove the binding that denies it.".to_owned()
        }
        (DenyReason::NoGrant, Some((role, _))) => {
            format!("Ask someone who manages roles for the role {} in {place}.", role.display_name)
        }
        (DenyReason::NoGrant | DenyReason::PrincipalInactive, _) => String::new(),
    };
    pb::PermissionVerdict {
        reason: reason_to_proto(reason).into(),
        message: sentence(reason, permission, &place),
        remedy,
        role: role.map(|(role, _)| format!("roles/{}", role.id)).unwrap_or_default(),
        ..blank
    }
}

/// A verdict; a refusal tells the permission that is missing.
type Judged = Result<(), (DenyReason, Permission)>;

/// Judges a question as the call itself is: of a place, whether anything in it could be allowed; of an object, whether it
/// is.
fn judge(
    grants: &Grants,
    at: Moment<'_>,
    pattern: &PermissionPattern,
    asked: &Asked,
    with_object: impl FnOnce(&mut dyn FnMut(Object<'_>, Option<Tier>) -> Judged) -> Judged,
) -> Judged {
    let of = |permission: Permission, object: Object<'_>| match decide(grants, at, permission, object) {
        Decision::Allow { .. } => Ok(()),
        Decision::Deny { reason, .. } => Err((reason, permission)),
    };
    match asked.scopes() {
        Some(scopes) => {
            if scopes.iter().any(|scope| could_match(grants, at, pattern, *scope)) {
                return Ok(());
            }
            let first = pattern.permissions()[0];
            let scope = scopes.first().copied().unwrap_or(Scope::Organization);
            // Denied for every object: what stands against something new says why.
            Err(of(first, Object::new_in(scope)).err().unwrap_or((DenyReason::NoGrant, first)))
        }
        None if asked.is_hidden() => Err((DenyReason::NoGrant, pattern.permissions()[0])),
        None => with_object(&mut |object, tier| match (pattern, tier) {
            (PermissionPattern::Exact(permission), _) => of(*permission, object),
            (tiered, Some(tier)) => of(tiered.with_tier(tier), object),
            (tiered, None) => tiered.permissions().iter().try_for_each(|permission| of(*permission, object)),
        }),
    }
}

/// Reads a permission that was sent, or `….:<tier>`.
fn pattern(text: &str, field: &str) -> Result<PermissionPattern, CoreError> {
    PermissionPattern::parse(text).map_err(|problem| CoreError::field(field, problem.to_string()))
}

fn reason_to_proto(reason: DenyReason) -> pb::AccessReason {
    match reason {
        DenyReason::PrincipalInactive => pb::AccessReason::PrincipalInactive,
        DenyReason::TokenScope => pb::AccessReason::TokenScope,
        DenyReason::DenyBinding => pb::AccessReason::DenyBinding,
        DenyReason::NoGrant => pb::AccessReason::NoGrant,
    }
}

/// Why not, in a sentence.
fn sentence(reason: DenyReason, permission: Permission, place: &str) -> String {
    match reason {
        DenyReason::PrincipalInactive => "The account or its organization is not active.".to_owned(),
        DenyReason::TokenScope => format!("The API token does not carry {permission}, or is not for {place}."),
        DenyReason::DenyBinding => format!("A binding denies {permission} in {place}."),
        DenyReason::NoGrant => format!("Nothing gives {permission} in {place} for this."),
    }
}
