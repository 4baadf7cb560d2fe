//! A request for every method that looks right: it names objects that exist and breaks no rule of form, so that what
//! comes back is about who calls and in which state the objects are.

use flagstone_api::pb;
use prost_reflect::DynamicMessage;
use prost_types::FieldMask;

use super::app::PASSWORD;
use super::authority;
use super::contract::{Method, set};
use super::world::World;

/// The code of a device login that nobody began.
const UNKNOWN_CODE: &str = "BCDF-GHJK";

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
        "UpdateMe" => method.request_of(&pb::UpdateMeRequest {
            user: Some(pb::User { full_name: "Another Name".into(), ..Default::default() }),
            ..Default::default()
        }),
        "CreateUser" => method.request_of(&pb::CreateUserRequest {
            user: Some(pb::User {
                email: "looks-right@flagstone.localhost".into(),
                full_name: "Looks Right".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "UpdateUser" => method.request_of(&pb::UpdateUserRequest {
            user: Some(pb::User {
                name: world.name("users/*").into(),
                full_name: "Another Name".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "LookupUsers" => method.request_of(&pb::LookupUsersRequest { query: "adm".into() }),
        "CreateInvitation" => method.request_of(&pb::CreateInvitationRequest {
            invitation: Some(pb::Invitation {
                email: "looks-right@flagstone.localhost".into(),
                role: "roles/viewer".into(),
                business_unit: cast.unit.clone(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "LookupInvitation" => method.request_of(&pb::LookupInvitationRequest { token: world.invitation_token.clone() }),
        "AcceptInvitation" => method.request_of(&pb::AcceptInvitationRequest {
            token: world.invitation_token.clone(),
            email: "looks-right@flagstone.localhost".into(),
            full_name: "Looks Right".into(),
            password: PASSWORD.into(),
            ..Default::default()
        }),
        "AcceptPasswordReset" => method.request_of(&pb::AcceptPasswordResetRequest {
            token: world.reset_token.clone(),
            password: PASSWORD.into(),
            ..Default::default()
        }),
        "CreateSsoProvider" => method.request_of(&pb::CreateSsoProviderRequest {
            sso_provider_id: "looks-right".into(),
            sso_provider: Some(super::sso::nobody()),
            ..Default::default()
        }),
        "UpdateSsoProvider" => method.request_of(&pb::UpdateSsoProviderRequest {
            sso_provider: Some(pb::SsoProvider {
                name: world.name("ssoProviders/*").into(),
                display_name: "Another name".into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
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
        "CreateBusinessUnit" => method.request_of(&pb::CreateBusinessUnitRequest {
            business_unit: Some(pb::BusinessUnit {
                code: "LOOKS-RIGHT".into(),
                display_name: "Looks right".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "UpdateBusinessUnit" => method.request_of(&pb::UpdateBusinessUnitRequest {
            business_unit: Some(pb::BusinessUnit {
                name: cast.unit.clone(),
                description: "Looks right.".into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["description".into()] }),
            ..Default::default()
        }),
        "AddBusinessUnitMember" => method.request_of(&pb::AddBusinessUnitMemberRequest {
            parent: cast.unit.clone(),
            email: "dev@flagstone.localhost".into(),
            role: world.name("roles/*").into(),
            ..Default::default()
        }),
        "UpdateBusinessUnitMember" => method.request_of(&pb::UpdateBusinessUnitMemberRequest {
            business_unit_member: Some(pb::BusinessUnitMember {
                name: world.name("businessUnits/*/members/*").into(),
                role: world.name("roles/*").into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["role".into()] }),
            ..Default::default()
        }),
        "CreateOrganization" => method.request_of(&pb::CreateOrganizationRequest {
            organization_id: "looks-right".into(),
            organization: Some(pb::Organization { display_name: "Looks right".into(), ..Default::default() }),
            admin_email: "first@looks-right.example".into(),
            ..Default::default()
        }),
        "UpdateOrganization" => method.request_of(&pb::UpdateOrganizationRequest {
            organization: Some(pb::Organization {
                name: cast.organization.clone(),
                description: "Looks right.".into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["description".into()] }),
            ..Default::default()
        }),
        "UpdateOrganizationSettings" => method.request_of(&pb::UpdateOrganizationSettingsRequest {
            organization_settings: Some(pb::OrganizationSettings {
                default_region: "eu-west-1".into(),
                default_business_unit: cast.unit.clone(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CompleteOnboardingStep" => method.request_of(&pb::CompleteOnboardingStepRequest {
            step: pb::OnboardingStepKind::Organization.into(),
            ..Default::default()
        }),
        "CreateRole" => method.request_of(&pb::CreateRoleRequest {
            role_id: "looks-right".into(),
            role: Some(authority::role("Looks right")),
            ..Default::default()
        }),
        "UpdateRole" => method.request_of(&pb::UpdateRoleRequest {
            role: Some(pb::Role {
                name: world.name("roles/*").into(),
                description: "Another description.".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CreateRoleBinding" => method.request_of(&pb::CreateRoleBindingRequest {
            parent: cast.unit.clone(),
            role_binding: Some(pb::RoleBinding {
                role: world.name("roles/*").into(),
                subject: world.name("businessUnits/*/groups/*").into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CreateGroup" => method.request_of(&pb::CreateGroupRequest {
            parent: cast.unit.clone(),
            group_id: "looks-right".into(),
            group: Some(pb::Group { display_name: "Looks right".into(), ..Default::default() }),
            ..Default::default()
        }),
        "UpdateGroup" => method.request_of(&pb::UpdateGroupRequest {
            group: Some(pb::Group {
                name: world.name("businessUnits/*/groups/*").into(),
                description: "Another description.".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CreateTeam" => method.request_of(&pb::CreateTeamRequest {
            team_id: "looks-right".into(),
            team: Some(pb::Team { display_name: "Looks right".into(), ..Default::default() }),
            ..Default::default()
        }),
        "UpdateTeam" => method.request_of(&pb::UpdateTeamRequest {
            team: Some(pb::Team {
                name: world.name("teams/*").into(),
                description: "Another description.".into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CheckPermissions" => method.request_of(&pb::CheckPermissionsRequest {
            checks: vec![pb::PermissionCheck {
                permission: "business_unit:deployments:read".into(),
                object: world.name("businessUnits/*/deployments/*").into(),
            }],
        }),
        "ExplainAccess" => method.request_of(&pb::ExplainAccessRequest {
            about: Some(pb::explain_access_request::About::Question(pb::AccessQuestion {
                permission: "business_unit:deployments:read".into(),
                object: world.name("businessUnits/*/deployments/*").into(),
                ..Default::default()
            })),
        }),
        "ListWhoCan" => method.request_of(&pb::ListWhoCanRequest {
            permission: "business_unit:deployments:read".into(),
            object: world.name("businessUnits/*/deployments/*").into(),
            ..Default::default()
        }),
        // Tokens are one's own: those of the caller, whoever that is.
        "ListApiTokens" => {
            method.request_of(&pb::ListApiTokensRequest { parent: "users/me".into(), ..Default::default() })
        }
        "GetDeviceLogin" => method.request_of(&pb::GetDeviceLoginRequest { user_code: UNKNOWN_CODE.into() }),
        "ConfirmDeviceLogin" => {
            let user_code = UNKNOWN_CODE.into();
            method.request_of(&pb::ConfirmDeviceLoginRequest { user_code, ..Default::default() })
        }
        "CreateApiToken" => method.request_of(&pb::CreateApiTokenRequest {
            parent: "users/me".into(),
            api_token: Some(pb::ApiToken {
                display_name: "Looks right".into(),
                permissions: vec!["user:profile:read".into()],
                ..Default::default()
            }),
            ..Default::default()
        }),
        "CreateServiceAccount" => method.request_of(&pb::CreateServiceAccountRequest {
            service_account_id: "looks-right".into(),
            service_account: Some(pb::ServiceAccount {
                kind: pb::ServiceAccountKind::Machine.into(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        "UpdateServiceAccount" => method.request_of(&pb::UpdateServiceAccountRequest {
            service_account: Some(pb::ServiceAccount {
                name: world.name("serviceAccounts/*").into(),
                description: "Another description".into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: vec!["description".into()] }),
            ..Default::default()
        }),
        "BatchDeleteJobs" => {
            let names = vec![world.name("jobs/*").to_owned()];
            method.request_of(&pb::BatchDeleteJobsRequest { names, ..Default::default() })
        }
        "PauseQueue" | "ResumeQueue" => {
            let mut request = named(world, method);
            set(&mut request, "queue", prost_reflect::Value::EnumNumber(pb::JobQueue::Low.into()));
            request
        }
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
