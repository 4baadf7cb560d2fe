//! Who may come in and do what: providers, roles, groups, teams, devices, tokens, programs and keys.

use flagstone_api::pb;
use prost_reflect::DynamicMessage;
use prost_types::FieldMask;

use super::{Prepared, Stage, confirm, device_login};
use crate::support::authority;
use crate::support::caller::Caller;
use crate::support::contract::Method;
use crate::support::sso;

impl Stage {
    /// What [`Stage::prepare`] does, for these.
    pub(super) async fn prepare_rights(&self, method: &Method) -> Prepared {
        let cast = &self.cast;
        let (caller, request): (Caller, DynamicMessage) = match method.name.as_str() {
            "CreateSsoProvider" => {
                let request = pb::CreateSsoProviderRequest {
                    sso_provider_id: self.id("made"),
                    sso_provider: Some(sso::nobody()),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "UpdateSsoProvider" => {
                let made = sso::create(&cast.admin, &self.id("changed"), sso::nobody()).await;
                let request = pb::UpdateSsoProviderRequest {
                    sso_provider: Some(pb::SsoProvider { display_name: self.id("Provider"), ..made }),
                    update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
                    ..Default::default()
                };
                (cast.admin.clone(), method.request_of(&request))
            }
            "DeleteSsoProvider" => {
                let made = sso::create(&cast.admin, &self.id("deleted"), sso::nobody()).await;
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
            name => panic!("no state is known in which {name} succeeds: add one to tests/it/support/mutations"),
        };
        Prepared::with_another(caller, request)
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
