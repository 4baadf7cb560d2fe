//! A request for every method that looks right: it names objects that exist and breaks no rule of form, so that what
//! comes back is about who calls and in which state the objects are.

use flagstone_api::pb;
use prost_reflect::DynamicMessage;
use prost_types::FieldMask;

use super::app::PASSWORD;
use super::contract::{Method, set};
use super::world::World;

/// The request. Methods that need more than the names of objects are listed here; any other is filled from the contract.
pub fn valid_request(world: &World, method: &Method) -> DynamicMessage {
    let cast = &world.cast;
    let request = || world.name("businessUnits/*/requests/*").to_owned();
    let content_hash = world.pending.content_hash.clone();
    let plan_digest = world.pending.plan.as_ref().map(|plan| plan.digest.clone()).unwrap_or_default();
    match method.name.as_str() {
        "Login" => method.request_of(&pb::LoginRequest {
            identifier: "dev".into(),
            password: PASSWORD.into(),
            ..Default::default()
        }),
        "RefreshSession" => {
            method.request_of(&pb::RefreshSessionRequest { refresh_token: "unknown".into(), ..Default::default() })
        }
        "ChangePassword" => method.request_of(&pb::ChangePasswordRequest {
            current_password: PASSWORD.into(),
            new_password: format!("{PASSWORD}-anew"),
            ..Default::default()
        }),
        "CreateRequest" => method.request_of(&cast.request(cast.create_payload("development", "looks-right"))),
        "PreviewRequest" => {
            let sent = cast.request(cast.create_payload("development", "looks-right"));
            method.request_of(&pb::PreviewRequestRequest { parent: sent.parent, request: sent.request })
        }
        "UpdateRequest" => method.request_of(&pb::UpdateRequestRequest {
            request: Some(pb::Request { name: request(), title: "Another title".into(), ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["title".into()] }),
            ..Default::default()
        }),
        "ApproveApproval" => method.request_of(&pb::ApproveApprovalRequest {
            name: world.name("approvals/*").into(),
            content_hash,
            plan_digest,
            ..Default::default()
        }),
        "RejectApproval" => method.request_of(&pb::RejectApprovalRequest {
            name: world.name("approvals/*").into(),
            content_hash,
            plan_digest,
            comment: "Not now.".into(),
            ..Default::default()
        }),
        "UpdateApprovalPolicy" => method.request_of(&pb::UpdateApprovalPolicyRequest {
            approval_policy: Some(pb::ApprovalPolicy {
                name: world.name("approvalPolicies/*").into(),
                display_name: "Another name".into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
            ..Default::default()
        }),
        _ => named(world, method),
    }
}

/// A request whose top-level fields name objects that exist.
fn named(world: &World, method: &Method) -> DynamicMessage {
    let mut message = method.request();
    for (path, pattern) in method.resource_fields() {
        if !path.contains('.') {
            set(&mut message, &path, prost_reflect::Value::String(world.name(&pattern).to_owned()));
        }
    }
    message
}

/// Makes a mutation harmless: a dry run where the method has one, else a call that is refused for its `request_id` after
/// it was let in.
pub fn harmless(method: &Method, message: &mut DynamicMessage) {
    if method.takes("validate_only") {
        set(message, "validate_only", prost_reflect::Value::Bool(true));
    } else if method.takes("request_id") {
        set(message, "request_id", prost_reflect::Value::String("not-a-uuid".into()));
    }
}
