//! Which changes a caller sees: those of objects that the caller may read. What that takes is read from the contract, so
//! that the feed cannot show what `Get` refuses.
//!
//! Sessions, links to passwords and policies change too, but nothing reads them this way: nobody sees their changes here.
//! What an operator does with other organizations (`managed_organization`) is in no feed, since the operator's organization has other people, too.

use chrono::Utc;
use flagstone_core::access::{Moment, Reach, Visible, visible};
use flagstone_core::names::{
    ApprovalName, ApprovalPolicyName, BusinessUnitMemberName, BusinessUnitName, DeploymentName, EnvironmentName,
    GroupName, InvitationName, JobName, OrganizationName, RequestName, ResourceName, RoleBindingName, RoleName,
    RunnerName, ServiceAccountName, SsoProviderName, TeamName, TemplateName, TemplateVersionName, UserName,
    WorkspaceName,
};
use flagstone_db::list::Branch;
use flagstone_db::sight::{Creator, Sight};
use uuid::Uuid;

use crate::contract::Admission;
use crate::cx::Cx;
use crate::error::{Error, Result};

/// One kind of object that can be watched.
#[derive(Debug)]
pub struct ObjectKind {
    /// As in the ledger.
    pub object_type: &'static str,
    /// Whether a text is the name of such an object.
    pub is_name: fn(&str) -> bool,
    /// The methods that read it. Whoever may call all of them for an object sees its changes.
    read_by: &'static [&'static str],
    creator: Creator,
}

const fn kind<N: ResourceName>(
    object_type: &'static str,
    read_by: &'static [&'static str],
    creator: Creator,
) -> ObjectKind {
    ObjectKind { object_type, is_name: |text| text.parse::<N>().is_ok(), read_by, creator }
}

/// Every kind that can be watched.
pub static KINDS: [ObjectKind; 21] = [
    kind::<BusinessUnitName>("business_unit", &["BusinessUnitService/GetBusinessUnit"], Creator::Nobody),
    kind::<BusinessUnitMemberName>(
        "business_unit_member",
        &["BusinessUnitService/ListBusinessUnitMembers"],
        Creator::Nobody,
    ),
    kind::<EnvironmentName>("environment", &["EnvironmentService/GetEnvironment"], Creator::Nobody),
    kind::<RequestName>("request", &["RequestService/GetRequest"], Creator::Request),
    kind::<ApprovalName>("approval", &["ApprovalService/GetApproval"], Creator::Approval),
    kind::<DeploymentName>("deployment", &["DeploymentService/GetDeployment"], Creator::Deployment),
    kind::<WorkspaceName>(
        "workspace",
        &["WorkspaceService/GetWorkspace", "DeploymentService/GetDeployment"],
        Creator::Deployment,
    ),
    kind::<JobName>("job", &["JobService/GetJob"], Creator::Job),
    kind::<ApprovalPolicyName>("approval_policy", &["ApprovalPolicyService/GetApprovalPolicy"], Creator::Nobody),
    kind::<SsoProviderName>("sso_provider", &["SsoProviderService/GetSsoProvider"], Creator::Nobody),
    kind::<RunnerName>("runner", &["RunnerService/GetRunner"], Creator::Nobody),
    kind::<TemplateName>("template", &["TemplateService/GetTemplate"], Creator::Nobody),
    kind::<TemplateVersionName>("template_version", &["TemplateService/GetTemplateVersion"], Creator::Nobody),
    kind::<RoleName>("role", &["RoleService/GetRole"], Creator::Nobody),
    kind::<RoleBindingName>("role_binding", &["RoleService/ListRoleBindings"], Creator::Nobody),
    kind::<GroupName>("group", &["GroupService/GetGroup"], Creator::Nobody),
    kind::<TeamName>("team", &["TeamService/GetTeam"], Creator::Nobody),
    // Everybody reads oneself, whatever it takes to read others.
    kind::<UserName>("user", &["UserService/GetUser"], Creator::Itself),
    kind::<InvitationName>("invitation", &["InvitationService/ListInvitations"], Creator::Nobody),
    kind::<ServiceAccountName>("service_account", &["ServiceAccountService/GetServiceAccount"], Creator::Nobody),
    kind::<OrganizationName>("organization", &["OrganizationService/GetCurrentOrganization"], Creator::Nobody),
];

/// What the caller of a context sees of objects of these kinds by the grants of this moment: in one unit, or in all of
/// the organization where `unit_id` is `None`.
pub fn sights(cx: &Cx, unit_id: Option<Uuid>, kinds: &[&'static ObjectKind]) -> Result<Vec<Sight>> {
    let mut sights = Vec::new();
    for kind in kinds {
        let gates = kind.read_by.iter().map(|method| gate(cx, unit_id, kind.creator, method));
        let gates = gates.collect::<Result<Vec<_>>>()?;
        // A gate without branches is shut.
        if gates.iter().all(|gate| !gate.is_empty()) {
            sights.push(Sight { object_type: kind.object_type, creator: kind.creator, gates });
        }
    }
    Ok(sights)
}

/// Where the caller may call a method that reads.
fn gate(cx: &Cx, unit_id: Option<Uuid>, creator: Creator, method: &str) -> Result<Vec<Branch>> {
    let method = cx.app.contract.method(&format!("/flagstone.v1.{method}"));
    let visible = match method.map(|method| &method.admission) {
        Some(Admission::Permissions(patterns)) => {
            let at = Moment { now: Utc::now(), ip: Some(&cx.call.ip) };
            visible(&cx.user()?.grants, at, patterns)
        }
        Some(Admission::Authenticated) => Visible::EVERYTHING,
        Some(Admission::Public | Admission::Runner) | None => {
            return Err(Error::internal("a kind of object is read by a method that is not for people"));
        }
    };
    Ok(match creator {
        Creator::Nobody => Branch::of_unowned(&visible, unit_id),
        Creator::Itself => Branch::of(&Visible { own: Reach::AllExcept(Vec::new()), ..visible }, unit_id),
        Creator::Request | Creator::Approval | Creator::Deployment | Creator::Job => Branch::of(&visible, unit_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;

    #[test]
    fn every_kind_is_read_by_methods_for_people() {
        let contract = Contract::load().unwrap();
        for kind in &KINDS {
            assert!(!kind.read_by.is_empty(), "{}", kind.object_type);
            for method in kind.read_by {
                let found = contract.method(&format!("/flagstone.v1.{method}")).unwrap_or_else(|| panic!("{method}"));
                assert!(found.is_read(), "{method}");
                assert!(
                    matches!(found.admission, Admission::Permissions(_) | Admission::Authenticated),
                    "{method} is not for people"
                );
            }
        }
    }

    #[test]
    fn a_name_is_of_one_kind() {
        let id = Uuid::nil();
        for name in [
            "businessUnits/a".to_owned(),
            "businessUnits/a/members/ada".to_owned(),
            "businessUnits/a/environments/dev".to_owned(),
            "businessUnits/a/requests/R-42".to_owned(),
            "businessUnits/a/deployments/web".to_owned(),
            "businessUnits/a/deployments/web/workspace".to_owned(),
            format!("approvals/{id}"),
            format!("jobs/{id}"),
            "approvalPolicies/dev".to_owned(),
            "ssoProviders/entra".to_owned(),
            "runners/build-host-0a1b2c3d".to_owned(),
            "templates/s3".to_owned(),
            "templates/s3/versions/1.0.0".to_owned(),
            "serviceAccounts/ci".to_owned(),
            "organizations/acme".to_owned(),
            "users/a".to_owned(),
            "roles/viewer".to_owned(),
            format!("roleBindings/{id}"),
            format!("businessUnits/a/roleBindings/{id}"),
            "groups/admins".to_owned(),
            "businessUnits/a/groups/admins".to_owned(),
            "teams/core".to_owned(),
            format!("invitations/{id}"),
        ] {
            assert_eq!(KINDS.iter().filter(|kind| (kind.is_name)(&name)).count(), 1, "{name}");
        }
        for name in ["", "businessUnits/-", "sessions/a", "businessUnits/a/deployments"] {
            assert!(!KINDS.iter().any(|kind| (kind.is_name)(name)), "{name}");
        }
    }
}
