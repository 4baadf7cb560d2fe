//! For every mutating method a state of the system in which it succeeds, and the call that does. Each is made anew: it can
//! be asked for as often as a walk needs it. A mutating method without an entry fails every walk by name.

use std::sync::atomic::{AtomicU32, Ordering};

use flagstone_api::pb;
use prost_reflect::{DynamicMessage, Value};
use prost_types::FieldMask;

use super::app::{PASSWORD, TestApp};
use super::authority;
use super::caller::Caller;
use super::contract::{Method, set, text, value};
use super::runner::ScriptedRunner;
use super::world::{Cast, approval_policy, get_request, inputs, token_of};

/// Where mutations are made ready.
pub struct Stage {
    pub app: TestApp,
    pub runner: ScriptedRunner,
    pub cast: Cast,
    number: AtomicU32,
}

/// A call that succeeds once.
pub struct Prepared {
    pub caller: Caller,
    /// Without `request_id`.
    pub request: DynamicMessage,
    /// The same call with another body; `None` where there is nothing but the `request_id` to change.
    pub other: Option<DynamicMessage>,
    /// The call ends the session that makes it: nobody is left to repeat it.
    pub ends_session: bool,
}

impl Stage {
    /// A server with a scripted runner.
    pub async fn start() -> Self {
        let app = TestApp::start().await;
        let runner = ScriptedRunner::start(&app).await;
        let cast = Cast::of(&app).await;
        Self { app, runner, cast, number: AtomicU32::new(1) }
    }

    /// Ends the test. What was made ready may still wait.
    pub async fn finish(self) {
        drop(self.runner);
        self.app.finish_with_jobs().await;
    }

    pub(super) fn id(&self, word: &str) -> String {
        format!("{word}-{}", self.number.fetch_add(1, Ordering::Relaxed))
    }

    /// Brings the system into a state in which the method succeeds.
    pub async fn prepare(&self, method: &Method) -> Prepared {
        let cast = &self.cast;
        let (caller, request) = match method.name.as_str() {
            "Login" => return self.login(method).await,
            "RefreshSession" => return self.refresh(method).await,
            "Logout" => {
                let caller = self.app.login("dev").await;
                return Prepared { caller, request: method.request(), other: None, ends_session: true };
            }
            "ChangePassword" => {
                let caller = self.app.user(&self.id("changes"), &[]).await;
                let request = pb::ChangePasswordRequest {
                    current_password: PASSWORD.into(),
                    new_password: format!("{PASSWORD}-anew"),
                    ..Default::default()
                };
                (caller, method.request_of(&request))
            }
            "CreateRequest" => {
                let request = cast.request(cast.create_payload("development", &self.id("created")));
                (cast.dev.clone(), method.request_of(&request))
            }
            "UpdateRequest" => {
                let pending = cast.pending(&self.runner, &self.id("updated")).await;
                let pb::request::Payload::Create(mut create) =
                    pending.payload.clone().expect("a request has a payload")
                else {
                    panic!("the request creates: {pending:?}")
                };
                create.inputs = Some(inputs(&create.deployment_id, "changed"));
                let request = pb::Request {
                    name: pending.name,
                    description: "For a walk.".into(),
                    payload: Some(pb::request::Payload::Create(create)),
                    ..Default::default()
                };
                let update_mask = Some(FieldMask { paths: vec!["description".into(), "create".into()] });
                let request = pb::UpdateRequestRequest { request: Some(request), update_mask, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "SubmitRequest" => {
                let mut draft = cast.request(cast.create_payload("development", &self.id("submitted")));
                draft.draft = true;
                let draft = cast.dev.requests().create_request(draft).await.expect("a draft is stored").into_inner();
                let request = pb::SubmitRequestRequest { name: draft.name, ..Default::default() };
                (cast.dev.clone(), method.request_of(&request))
            }
            "CancelRequest" => {
                let name = cast.pending(&self.runner, &self.id("cancelled")).await.name;
                let request = pb::CancelRequestRequest { name, reason: "No need.".into(), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RetryRequest" => {
                let request = cast.create(&cast.dev, "development", &self.id("retried")).await;
                let job = self.runner.take_job(&get_request(&cast.dev, &request.name).await.jobs[0]).await;
                self.runner.fail(&job, pb::ErrorClass::Engine, false).await.expect("a plan may fail");
                let request = pb::RetryRequestRequest { name: request.name, ..Default::default() };
                (cast.dev.clone(), method.request_of(&request))
            }
            "ApproveApproval" | "RejectApproval" => {
                let pending = cast.pending(&self.runner, &self.id("decided")).await;
                let mut message = method.request();
                let digest = pending.plan.as_ref().expect("a pending request has a plan").digest.clone();
                for (field, text) in [
                    ("name", pending.approval),
                    ("content_hash", pending.content_hash),
                    ("plan_digest", digest),
                    ("comment", "Seen.".to_owned()),
                ] {
                    set(&mut message, field, Value::String(text));
                }
                (cast.approver.clone(), message)
            }
            "SetActiveBusinessUnit" => {
                let caller = self.app.user(&self.id("chooses"), &[("viewer", "sandbox")]).await;
                let chosen =
                    pb::SetActiveBusinessUnitRequest { business_unit: cast.unit.clone(), ..Default::default() };
                // Its one text names a unit: another body chooses none.
                let other = Some(method.request_of(&pb::SetActiveBusinessUnitRequest::default()));
                return Prepared { caller, request: method.request_of(&chosen), other, ends_session: false };
            }
            "UpdateMe" => {
                let caller = self.app.user(&self.id("renames"), &[]).await;
                let user = pb::User { full_name: "Another Name".into(), ..Default::default() };
                (caller, method.request_of(&pb::UpdateMeRequest { user: Some(user), ..Default::default() }))
            }
            "CreateUser" => {
                let email = format!("{}@flagstone.localhost", self.id("created"));
                let user = pb::User { email, full_name: "New Comer".into(), ..Default::default() };
                let request = pb::CreateUserRequest { user: Some(user), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateUser" => {
                let user =
                    pb::User { name: self.person().await, full_name: "Another Name".into(), ..Default::default() };
                let request = pb::UpdateUserRequest { user: Some(user), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "ResetUserPassword" => {
                let request = pb::ResetUserPasswordRequest { name: self.person().await, ..Default::default() };
                return self.on_one_name(cast.admin.clone(), method, &request);
            }
            "DeleteUser" => {
                let request = pb::DeleteUserRequest { name: self.person().await, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RevokeSession" => {
                let caller = self.app.user(&self.id("leaves"), &[]).await;
                let username = format!("leaves-{}", self.number.load(Ordering::Relaxed) - 1);
                self.app.session(&username).await;
                let request =
                    pb::RevokeSessionRequest { name: format!("users/{username}/sessions/-"), ..Default::default() };
                return self.on_one_name(caller, method, &request);
            }
            "AcceptPasswordReset" => {
                let name = self.person().await;
                let request = pb::ResetUserPasswordRequest { name, ..Default::default() };
                let link =
                    cast.admin.users().reset_user_password(request).await.expect("a link is made").into_inner().link;
                let request = pb::AcceptPasswordResetRequest {
                    token: token_of(&link),
                    password: format!("{PASSWORD}-anew"),
                    ..Default::default()
                };
                let other = pb::AcceptPasswordResetRequest { password: format!("{PASSWORD}-other"), ..request.clone() };
                let other = Some(method.request_of(&other));
                let (caller, request) = (self.app.anonymous(), method.request_of(&request));
                return Prepared { caller, request, other, ends_session: false };
            }
            "CreateInvitation" => {
                let invitation = pb::Invitation {
                    email: format!("{}@flagstone.localhost", self.id("invited")),
                    role: "roles/viewer".into(),
                    business_unit: cast.unit.clone(),
                    ..Default::default()
                };
                let request = pb::CreateInvitationRequest { invitation: Some(invitation), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RevokeInvitation" => {
                let invited = cast.invite(&format!("{}@flagstone.localhost", self.id("revoked")), &cast.unit).await;
                let name = invited.invitation.expect("an invitation is answered").name;
                let request = pb::RevokeInvitationRequest { name, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "AcceptInvitation" => {
                let email = format!("{}@flagstone.localhost", self.id("joins"));
                let token = token_of(&cast.invite(&email, &cast.unit).await.link);
                let request = pb::AcceptInvitationRequest {
                    token,
                    email,
                    full_name: "New Comer".into(),
                    password: PASSWORD.into(),
                    ..Default::default()
                };
                let other = pb::AcceptInvitationRequest { full_name: "Somebody Else".into(), ..request.clone() };
                let other = Some(method.request_of(&other));
                let (caller, request) = (self.app.anonymous(), method.request_of(&request));
                return Prepared { caller, request, other, ends_session: false };
            }
            "UpdateApprovalPolicy" => {
                let policy = approval_policy(&cast.admin).await;
                let approval_policy =
                    pb::ApprovalPolicy { name: policy.name, display_name: self.id("Policy"), ..Default::default() };
                let request = pb::UpdateApprovalPolicyRequest {
                    approval_policy: Some(approval_policy),
                    update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CancelJob" => {
                let request = cast.create(&cast.dev, "development", &self.id("stopped")).await;
                let name = get_request(&cast.dev, &request.name).await.jobs[0].clone();
                (cast.dev.clone(), method.request_of(&pb::CancelJobRequest { name, ..Default::default() }))
            }
            "CreateBusinessUnit" => {
                let id = self.id("unit");
                let unit = pb::BusinessUnit { code: id.to_uppercase(), display_name: id, ..Default::default() };
                let request = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateBusinessUnit" => {
                let name = self.unit().await;
                let unit = pb::BusinessUnit { name, description: self.id("Unit"), ..Default::default() };
                let request = pb::UpdateBusinessUnitRequest {
                    business_unit: Some(unit),
                    update_mask: Some(FieldMask { paths: vec!["description".into()] }),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteBusinessUnit" => {
                let name = self.unit().await;
                let request = pb::DeleteBusinessUnitRequest { name, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "AddBusinessUnitMember" => {
                let request = pb::AddBusinessUnitMemberRequest {
                    parent: self.unit().await,
                    email: "dev@flagstone.localhost".into(),
                    role: "roles/viewer".into(),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateBusinessUnitMember" => {
                let name = self.member().await;
                let member = pb::BusinessUnitMember { name, role: "roles/developer".into(), ..Default::default() };
                let request =
                    pb::UpdateBusinessUnitMemberRequest { business_unit_member: Some(member), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RemoveBusinessUnitMember" => {
                let name = self.member().await;
                let request = pb::RemoveBusinessUnitMemberRequest { name, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CreateOrganization" => {
                let organization_id = self.id("organization");
                let organization = pb::Organization { display_name: organization_id.clone(), ..Default::default() };
                let request = pb::CreateOrganizationRequest {
                    admin_email: format!("first@{organization_id}.example"),
                    organization_id,
                    organization: Some(organization),
                    ..Default::default()
                };
                (self.operator().await, method.request_of(&request))
            }
            "UpdateOrganization" => {
                let name = cast.organization.clone();
                let organization = pb::Organization { name, description: self.id("Told"), ..Default::default() };
                let request = pb::UpdateOrganizationRequest { organization: Some(organization), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeactivateOrganization" => {
                let request =
                    pb::DeactivateOrganizationRequest { name: self.organization().await, ..Default::default() };
                let other = pb::DeactivateOrganizationRequest { reactivate: true, ..request.clone() };
                return Prepared {
                    caller: self.operator().await,
                    request: method.request_of(&request),
                    other: Some(method.request_of(&other)),
                    ends_session: false,
                };
            }
            "DeleteOrganization" => {
                let request = pb::DeleteOrganizationRequest { name: self.organization().await, ..Default::default() };
                (self.operator().await, method.request_of(&request))
            }
            "UpdateOrganizationSettings" => {
                let settings = pb::OrganizationSettings { default_region: self.id("region"), ..Default::default() };
                let request = pb::UpdateOrganizationSettingsRequest {
                    organization_settings: Some(settings),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CompleteOnboardingStep" => {
                super::database::run(&self.app.sql, "UPDATE organizations SET onboarding = '{}'").await;
                let step = pb::OnboardingStepKind::Runner.into();
                let request = pb::CompleteOnboardingStepRequest { step, skip: true, ..Default::default() };
                let other = pb::CompleteOnboardingStepRequest {
                    step: pb::OnboardingStepKind::Invitations.into(),
                    ..request.clone()
                };
                let (request, other) = (method.request_of(&request), Some(method.request_of(&other)));
                return Prepared { caller: cast.admin.clone(), request, other, ends_session: false };
            }
            "CreateSsoProvider" => {
                let request = pb::CreateSsoProviderRequest {
                    sso_provider_id: self.id("made"),
                    sso_provider: Some(super::sso::nobody()),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateSsoProvider" => {
                let made = super::sso::create(&cast.admin, &self.id("changed"), super::sso::nobody()).await;
                let request = pb::UpdateSsoProviderRequest {
                    sso_provider: Some(pb::SsoProvider { display_name: self.id("Provider"), ..made }),
                    update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteSsoProvider" => {
                let made = super::sso::create(&cast.admin, &self.id("deleted"), super::sso::nobody()).await;
                let request = pb::DeleteSsoProviderRequest { name: made.name, etag: made.etag, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CreateRole" => {
                let role = authority::role(&self.id("Role"));
                let request =
                    pb::CreateRoleRequest { role_id: self.id("role"), role: Some(role), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateRole" => {
                let role = pb::Role { name: self.role().await, display_name: self.id("Named"), ..Default::default() };
                let request = pb::UpdateRoleRequest { role: Some(role), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteRole" => {
                let request = pb::DeleteRoleRequest { name: self.role().await, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CreateRoleBinding" => {
                let request = authority::binding(&cast.unit, &self.role().await, &self.group().await);
                let other = authority::binding("", &request.role_binding.clone().unwrap_or_default().role, "users/dev");
                let other = Some(method.request_of(&other));
                let request = method.request_of(&request);
                return Prepared { caller: cast.admin.clone(), request, other, ends_session: false };
            }
            "DeleteRoleBinding" => {
                let mut bindings = Vec::new();
                for _ in 0..2 {
                    let request = authority::binding(&cast.unit, &self.role().await, &self.group().await);
                    let made = cast.admin.roles().create_role_binding(request).await.expect("a role is given");
                    bindings.push(pb::DeleteRoleBindingRequest { name: made.into_inner().name, ..Default::default() });
                }
                let other = Some(method.request_of(&bindings[1]));
                let request = method.request_of(&bindings[0]);
                return Prepared { caller: cast.admin.clone(), request, other, ends_session: false };
            }
            "CreateGroup" => {
                let group = pb::Group { display_name: self.id("Group"), ..Default::default() };
                let request = pb::CreateGroupRequest {
                    parent: cast.unit.clone(),
                    group_id: self.id("group"),
                    group: Some(group),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateGroup" => {
                let group =
                    pb::Group { name: self.group().await, display_name: self.id("Named"), ..Default::default() };
                let request = pb::UpdateGroupRequest { group: Some(group), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteGroup" => {
                let request = pb::DeleteGroupRequest { name: self.group().await, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "AddGroupMember" => {
                let request = pb::AddGroupMemberRequest {
                    name: self.group().await,
                    user: "users/dev".into(),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RemoveGroupMember" => {
                let (name, user) = (self.group().await, "users/dev".to_owned());
                let add = pb::AddGroupMemberRequest { name: name.clone(), user: user.clone(), ..Default::default() };
                cast.admin.groups().add_group_member(add).await.expect("a member is added");
                let request = pb::RemoveGroupMemberRequest { name, user, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "CreateTeam" => {
                let team = pb::Team { display_name: self.id("Team"), ..Default::default() };
                let request =
                    pb::CreateTeamRequest { team_id: self.id("team"), team: Some(team), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateTeam" => {
                let team = pb::Team { name: self.team().await, display_name: self.id("Named"), ..Default::default() };
                let request = pb::UpdateTeamRequest { team: Some(team), ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteTeam" => {
                let request = pb::DeleteTeamRequest { name: self.team().await, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "AddTeamMember" => {
                let request = pb::AddTeamMemberRequest {
                    name: self.team().await,
                    user: "users/dev".into(),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RemoveTeamMember" => {
                let (name, user) = (self.team().await, "users/dev".to_owned());
                let add = pb::AddTeamMemberRequest { name: name.clone(), user: user.clone(), ..Default::default() };
                cast.admin.teams().add_team_member(add).await.expect("a member is added");
                let request = pb::RemoveTeamMemberRequest { name, user, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "PollDeviceLogin" => {
                let mut codes = Vec::new();
                for _ in 0..2 {
                    let begun = device_login(&self.app).await;
                    confirm(&cast.dev, &begun.user_code).await;
                    codes.push(begun.device_code);
                }
                let mut polls = codes.into_iter().map(|device_code| {
                    method.request_of(&pb::PollDeviceLoginRequest { device_code, ..Default::default() })
                });
                let request = polls.next().expect("there are two");
                return Prepared { caller: self.app.anonymous(), request, other: polls.next(), ends_session: false };
            }
            "ConfirmDeviceLogin" => {
                let mut requests = Vec::new();
                for _ in 0..2 {
                    let user_code = device_login(&self.app).await.user_code;
                    let request = pb::ConfirmDeviceLoginRequest { user_code, ..Default::default() };
                    requests.push(method.request_of(&request));
                }
                let (other, request) = (requests.pop(), requests.remove(0));
                return Prepared { caller: cast.dev.clone(), request, other, ends_session: false };
            }
            "CreateApiToken" => {
                let request = own_token(&self.id("Token"));
                (cast.dev.clone(), method.request_of(&request))
            }
            "RevokeApiToken" => {
                let made = cast.dev.api_tokens().create_api_token(own_token(&self.id("Token"))).await;
                let name = made.expect("a token is made").into_inner().api_token.expect("it is told").name;
                let request = method.request_of(&pb::RevokeApiTokenRequest { name, ..Default::default() });
                // There is nothing to change but the name.
                return Prepared { caller: cast.dev.clone(), request, other: None, ends_session: false };
            }
            "CreateServiceAccount" => (cast.admin.clone(), method.request_of(&service_account(&self.id("made")))),
            "UpdateServiceAccount" => {
                let name = self.service_account().await;
                let service_account = pb::ServiceAccount { name, description: "Builds".into(), ..Default::default() };
                let request = pb::UpdateServiceAccountRequest {
                    service_account: Some(service_account),
                    update_mask: Some(FieldMask { paths: vec!["description".into()] }),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteServiceAccount" => {
                let name = self.service_account().await;
                let request = pb::DeleteServiceAccountRequest { name, ..Default::default() };
                (cast.admin.clone(), method.request_of(&request))
            }
            "RotateSigningKey" => {
                let caller = self.app.operator(&self.id("operates")).await;
                return Prepared { caller, request: method.request(), other: None, ends_session: false };
            }
            name if super::queue_mutations::is_one(name) => return self.queue_mutation(method).await,
            name => panic!("no state is known in which {name} succeeds: add one to tests/it/support/mutations.rs"),
        };
        let mut other = with_another_text(&request);
        if value(&request, "user").is_some_and(|user| user.as_str() == Some("users/dev")) {
            // Its one text names a user: another body is about another one.
            other = request.clone();
            set(&mut other, "user", Value::String("users/approver".into()));
        }
        Prepared { caller, request, other: Some(other), ends_session: false }
    }

    /// A new business unit of the administrator.
    async fn unit(&self) -> String {
        let id = self.id("unit");
        let unit = pb::BusinessUnit { code: id.to_uppercase(), display_name: id, ..Default::default() };
        let request = pb::CreateBusinessUnitRequest { business_unit: Some(unit), ..Default::default() };
        let made = self.cast.admin.business_units().create_business_unit(request).await;
        made.expect("a unit is created").into_inner().name
    }

    /// A viewer in a new business unit.
    async fn member(&self) -> String {
        let request = pb::AddBusinessUnitMemberRequest {
            parent: self.unit().await,
            email: "dev@flagstone.localhost".into(),
            role: "roles/viewer".into(),
            ..Default::default()
        };
        let made = self.cast.admin.business_units().add_business_unit_member(request).await;
        made.expect("a member is added").into_inner().name
    }

    /// An operator of the installation.
    async fn operator(&self) -> Caller {
        self.app.operator(&self.id("operator")).await
    }

    /// A new organization without users.
    async fn organization(&self) -> String {
        let id = self.id("organization");
        let request = pb::CreateOrganizationRequest {
            organization_id: id.clone(),
            organization: Some(pb::Organization { display_name: id.clone(), ..Default::default() }),
            admin_email: format!("first@{id}.example"),
            ..Default::default()
        };
        let made = self.operator().await.organizations().create_organization(request).await;
        made.expect("an organization is created");
        format!("organizations/{id}")
    }

    async fn role(&self) -> String {
        authority::make_role(&self.cast.admin, &self.id("role")).await
    }

    async fn group(&self) -> String {
        authority::make_group(&self.cast.admin, &self.cast.unit, &self.id("group")).await
    }

    async fn team(&self) -> String {
        authority::make_team(&self.cast.admin, &self.id("team")).await
    }

    async fn service_account(&self) -> String {
        let made =
            self.cast.admin.service_accounts().create_service_account(service_account(&self.id("program"))).await;
        made.expect("a service account is made").into_inner().name
    }

    /// A new person, by name.
    async fn person(&self) -> String {
        let username = self.id("person");
        self.app.user(&username, &[]).await;
        format!("users/{username}")
    }

    /// A call that has nothing but the name of a person: another body has another name.
    fn on_one_name(&self, caller: Caller, method: &Method, request: &impl prost::Message) -> Prepared {
        let request = method.request_of(request);
        let mut other = request.clone();
        set(&mut other, "name", Value::String(text(&request, "name").replacen('-', "-0", 1)));
        Prepared { caller, request, other: Some(other), ends_session: false }
    }

    async fn login(&self, method: &Method) -> Prepared {
        let mut sent = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
        let request = method.request_of(&sent);
        sent.identifier = "DEV".into();
        let other = Some(method.request_of(&sent));
        Prepared { caller: self.app.anonymous(), request, other, ends_session: false }
    }

    async fn refresh(&self, method: &Method) -> Prepared {
        let mut sent = pb::RefreshSessionRequest::default();
        let mut message = async || {
            sent.refresh_token = self.app.session("dev").await.refresh_token;
            method.request_of(&sent)
        };
        let (request, other) = (message().await, Some(message().await));
        Prepared { caller: self.app.anonymous(), request, other, ends_session: false }
    }
}

/// The message with one text changed that names no object: the body is another then, whatever the method makes of it.
fn with_another_text(message: &DynamicMessage) -> DynamicMessage {
    let mut other = message.clone();
    let path = text_fields(message).into_iter().next().expect("a request has a text beside names");
    set(&mut other, &path, Value::String("another-text-of-twenty".into()));
    other
}

/// Paths of texts that name no object, in the message itself and one level below.
fn text_fields(message: &DynamicMessage) -> Vec<String> {
    use prost_reflect::{Kind, ReflectMessage};
    let is_free = |name: &str| !matches!(name, "name" | "parent" | "request_id");
    let mut paths = Vec::new();
    for field in message.descriptor().fields().filter(|field| !field.is_list() && !field.is_map()) {
        match field.kind() {
            Kind::String if is_free(field.name()) => paths.push(field.name().to_owned()),
            Kind::Message(inner) if inner.package_name() == "flagstone.v1" => {
                let below = inner
                    .fields()
                    .filter(|field| matches!(field.kind(), Kind::String) && !field.is_list() && is_free(field.name()));
                paths.extend(below.map(|inner| format!("{}.{}", field.name(), inner.name())));
            }
            _ => {}
        }
    }
    // An object's own etag would be refused for what it is.
    paths.sort_by_key(|path| path.ends_with("etag"));
    paths
}

/// Path of the etag that a method takes, if it takes one.
pub fn etag_path(method: &Method) -> Option<String> {
    if method.takes("etag") {
        return Some("etag".into());
    }
    method.input().fields().find_map(|field| match field.kind() {
        prost_reflect::Kind::Message(inner)
            if method.takes("update_mask") && inner.get_field_by_name("etag").is_some() =>
        {
            Some(format!("{}.etag", field.name()))
        }
        _ => None,
    })
}

/// The call under this `request_id`.
pub fn with_request_id(request: &DynamicMessage, id: &str) -> DynamicMessage {
    let mut request = request.clone();
    assert!(value(&request, "request_id").is_some(), "a mutation takes a request_id");
    set(&mut request, "request_id", Value::String(id.to_owned()));
    request
}

/// A device login that somebody may confirm.
pub async fn device_login(app: &TestApp) -> pb::BeginDeviceLoginResponse {
    let request = pb::BeginDeviceLoginRequest { device: "a terminal".into() };
    app.anonymous().auth().begin_device_login(request).await.expect("a device login begins").into_inner()
}

/// Confirms a device login.
pub async fn confirm(caller: &Caller, user_code: &str) {
    let request = pb::ConfirmDeviceLoginRequest { user_code: user_code.into(), ..Default::default() };
    caller.auth().confirm_device_login(request).await.expect("the device login is confirmed");
}

/// A token of the caller's own.
fn own_token(display_name: &str) -> pb::CreateApiTokenRequest {
    let token = pb::ApiToken {
        display_name: display_name.into(),
        permissions: vec!["user:profile:read".into()],
        ..Default::default()
    };
    pb::CreateApiTokenRequest { parent: "users/me".into(), api_token: Some(token), ..Default::default() }
}

fn service_account(id: &str) -> pb::CreateServiceAccountRequest {
    let account = pb::ServiceAccount { kind: pb::ServiceAccountKind::Machine.into(), ..Default::default() };
    pb::CreateServiceAccountRequest {
        service_account_id: id.into(),
        service_account: Some(account),
        ..Default::default()
    }
}
