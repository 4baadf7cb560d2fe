//! Accounts as administrators make and change them, for tests about people.

use flagstone_api::pb::{self, ErrorReason};
use prost_types::FieldMask;

use super::app::TestApp;
use super::caller::Caller;
use super::database::run;
use super::world::token_of;
use super::{Code, Error, PASSWORD};

/// As good as the usual password.
pub const ANOTHER: &str = "a-quite-different-walrus";

/// What a refused call is told.
pub fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

/// A message that changes these fields of an account.
pub fn change(name: &str, user: pb::User, paths: &[&str]) -> pb::UpdateUserRequest {
    pb::UpdateUserRequest {
        user: Some(pb::User { name: name.to_owned(), ..user }),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        ..Default::default()
    }
}

impl Caller {
    /// Makes an account without a password.
    pub async fn create_user(&self, email: &str) -> Result<pb::CreateUserResponse, Error> {
        let user = pb::User { email: email.to_owned(), full_name: "New Comer".into(), ..Default::default() };
        let request = pb::CreateUserRequest { user: Some(user), ..Default::default() };
        Ok(self.users().create_user(request).await?.into_inner())
    }

    /// Activates or deactivates an account.
    pub async fn set_active(&self, name: &str, active: bool) -> Result<pb::User, Error> {
        let request = change(name, pb::User { active, ..Default::default() }, &["active"]);
        Ok(self.users().update_user(request).await?.into_inner())
    }

    /// The token of a link to a new password.
    pub async fn reset(&self, name: &str) -> Result<String, Error> {
        let request = pb::ResetUserPasswordRequest { name: name.to_owned(), ..Default::default() };
        Ok(token_of(&self.users().reset_user_password(request).await?.into_inner().link))
    }

    /// Deletes an account.
    pub async fn delete_user(&self, name: &str) -> Result<pb::DeleteUserResponse, Error> {
        let request = pb::DeleteUserRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.users().delete_user(request).await?.into_inner())
    }

    /// An account.
    pub async fn get_user(&self, name: &str) -> Result<pb::User, Error> {
        Ok(self.users().get_user(pb::GetUserRequest { name: name.to_owned() }).await?.into_inner())
    }

    /// Oneself.
    pub async fn me(&self) -> Result<pb::User, Error> {
        Ok(self.users().get_me(pb::GetMeRequest {}).await?.into_inner())
    }
}

impl TestApp {
    /// Tries a password.
    pub async fn log_in(&self, identifier: &str, password: &str) -> Result<pb::LoginResponse, Error> {
        let request =
            pb::LoginRequest { identifier: identifier.into(), password: password.into(), ..Default::default() };
        Ok(self.anonymous().auth().login(request).await?.into_inner())
    }

    /// Sets a password by the token of a link.
    pub async fn accept_reset(&self, token: &str, password: &str) -> Result<pb::AcceptPasswordResetResponse, Error> {
        let request =
            pb::AcceptPasswordResetRequest { token: token.into(), password: password.into(), ..Default::default() };
        Ok(self.anonymous().auth().accept_password_reset(request).await?.into_inner())
    }

    /// Accepts an invitation with the usual password.
    pub async fn accept(&self, token: &str, email: &str) -> Result<pb::AcceptInvitationResponse, Error> {
        let request = pb::AcceptInvitationRequest {
            token: token.into(),
            email: email.into(),
            full_name: "New Comer".into(),
            password: PASSWORD.into(),
            ..Default::default()
        };
        Ok(self.anonymous().invitations().accept_invitation(request).await?.into_inner())
    }

    /// A role of the organization's own, with these permissions.
    pub async fn role(&self, id: &str, scope: &str, permissions: &[&str]) {
        let slugs = permissions.iter().map(|slug| format!("'{slug}'")).collect::<Vec<_>>().join(", ");
        run(
            &self.sql,
            &format!(
                "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, creator)
                 SELECT gen_random_uuid(), id, '{id}', '{id}', '{scope}', ARRAY[{slugs}], 'system'
                 FROM organizations WHERE is_default"
            ),
        )
        .await;
    }

    /// Makes somebody a member of a unit.
    pub async fn member(&self, username: &str, role: &str, unit: &str) {
        run(
            &self.sql,
            &format!(
                "INSERT INTO business_unit_members (organization_id, business_unit_id, user_id, role_id, creator)
                 SELECT u.organization_id, b.id, u.id, r.id, 'system'
                 FROM users u JOIN roles r USING (organization_id) JOIN business_units b USING (organization_id)
                 WHERE u.username = '{username}' AND r.slug = '{role}' AND b.slug = '{unit}'"
            ),
        )
        .await;
        self.grants_changed().await;
    }
}
