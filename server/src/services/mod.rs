//! The gRPC services: one file for each, with its handlers and conversions.

pub mod access;
pub mod api_token;
pub mod approval;
mod approval_list;
pub mod approval_policy;
pub mod audit;
pub mod auth;
pub mod business_unit;
mod business_unit_member;
pub mod deployment;
pub mod environment;
pub mod group;
pub mod health;
pub mod invitation;
pub mod job;
mod job_change;
mod job_list;
pub mod job_log;
mod job_log_export;
pub mod organization;
mod organization_operator;
pub mod queue;
pub mod request;
mod request_list;
pub mod request_view;
pub mod request_watch;
pub mod role;
mod role_binding;
pub mod runner_link;
pub mod service_account;
pub mod sso_provider;
pub mod team;
pub mod template;
pub mod tfstate;
pub mod user;
pub mod watch;
pub mod workload_identity;
pub mod workspace;

use std::sync::Arc;

use flagstone_api::{DESCRIPTORS, pb};
use tonic::service::{Routes, RoutesBuilder};

use crate::app::App;
use crate::edge::MESSAGE_MAX;
use crate::error::{Error, Result};

/// Every service of the contract.
pub fn routes(app: &Arc<App>) -> Routes {
    let mut routes = RoutesBuilder::default();
    macro_rules! add {
        ($($module:ident::$server:ident => $service:expr,)+) => {
            $(routes.add_service(
                pb::$module::$server::new($service(app.clone())).max_decoding_message_size(MESSAGE_MAX),
            );)+
        };
    }
    add! {
        access_service_server::AccessServiceServer => access::Access,
        api_token_service_server::ApiTokenServiceServer => api_token::ApiTokens,
        approval_policy_service_server::ApprovalPolicyServiceServer => approval_policy::ApprovalPolicies,
        approval_service_server::ApprovalServiceServer => approval::Approvals,
        audit_service_server::AuditServiceServer => audit::Audit,
        auth_service_server::AuthServiceServer => auth::Auths,
        business_unit_service_server::BusinessUnitServiceServer => business_unit::BusinessUnits,
        deployment_service_server::DeploymentServiceServer => deployment::Deployments,
        environment_service_server::EnvironmentServiceServer => environment::Environments,
        group_service_server::GroupServiceServer => group::Groups,
        invitation_service_server::InvitationServiceServer => invitation::Invitations,
        job_service_server::JobServiceServer => job::Jobs,
        organization_service_server::OrganizationServiceServer => organization::Organizations,
        queue_service_server::QueueServiceServer => queue::Queues,
        request_service_server::RequestServiceServer => request::Requests,
        role_service_server::RoleServiceServer => role::Roles,
        runner_link_service_server::RunnerLinkServiceServer => runner_link::RunnerLinks,
        team_service_server::TeamServiceServer => team::Teams,
        service_account_service_server::ServiceAccountServiceServer => service_account::ServiceAccounts,
        sso_provider_service_server::SsoProviderServiceServer => sso_provider::SsoProviders,
        template_service_server::TemplateServiceServer => template::Templates,
        user_service_server::UserServiceServer => user::Users,
        watch_service_server::WatchServiceServer => watch::Watches,
        workload_identity_service_server::WorkloadIdentityServiceServer => workload_identity::WorkloadIdentities,
        workspace_service_server::WorkspaceServiceServer => workspace::Workspaces,
    }
    routes.routes()
}

/// What is served beside the contract: health, and reflection in both versions. The descriptors are served as they are, so
/// that clients see comments and options.
pub fn beside(routes: Routes, health: health::Server) -> Result<Routes> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().map_err(Error::internal)?;
    let v1alpha = reflection().build_v1alpha().map_err(Error::internal)?;
    Ok(routes.add_service(health).add_service(v1).add_service(v1alpha))
}
