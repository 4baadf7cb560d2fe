//! One call: who makes it, from where, under which id. The edge makes these and puts them into the request's
//! extensions; handlers find them in their `Cx`.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use flagstone_core::access::Grants;
use flagstone_core::names::{Principal, RunnerName, UserName};
use flagstone_core::service_account::ServiceAccountKind;
use flagstone_core::{Error as CoreError, Reason};
use uuid::Uuid;

use crate::directory::Directory;

/// What is known of a call before anybody looked at its credential.
#[derive(Clone, Debug)]
pub struct Call {
    /// Links the answer, the logs, the errors and the audit of the call.
    pub correlation_id: Arc<str>,
    /// Address of the caller; of a forwarding proxy only where it is trusted.
    pub ip: Arc<str>,
    pub user_agent: Arc<str>,
    pub origin: Origin,
    pub started: Instant,
}

impl Call {
    /// The server's own doing: no caller, an id of its own or that of the call that caused it.
    pub fn internal(correlation_id: &str, origin: Origin) -> Self {
        Self {
            correlation_id: correlation_id.into(),
            ip: "".into(),
            user_agent: "".into(),
            origin,
            started: Instant::now(),
        }
    }
}

/// Where a call comes from, as the audit tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Ui,
    Api,
    Cli,
    Runner,
    System,
}

impl Origin {
    /// The spelling of the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ui => "UI",
            Self::Api => "API",
            Self::Cli => "CLI",
            Self::Runner => "RUNNER",
            Self::System => "SYSTEM",
        }
    }
}

/// Who makes a call.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No credential; only methods marked `public` take it.
    Anonymous,
    User(Arc<UserCaller>),
    Runner(Arc<RunnerCaller>),
}

impl Caller {
    /// Name of the principal; empty for nobody.
    pub fn principal(&self) -> String {
        match self {
            Self::Anonymous => String::new(),
            Self::User(user) => user.name.to_string(),
            Self::Runner(runner) => Principal::Runner(runner.name.clone()).to_string(),
        }
    }
}

/// By what a principal came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A person's session, by its row id.
    Session(Uuid),
    /// An API token of the principal. The audit names it beside its holder.
    ApiToken { id: Uuid, name: Arc<str> },
}

/// A person or a service account with a credential that stands, and what may be done with it.
#[derive(Debug)]
pub struct UserCaller {
    /// Row id of the user or of the service account.
    pub id: Uuid,
    pub name: Principal,
    /// What kind of program it is; `None` for a person.
    pub account_kind: Option<ServiceAccountKind>,
    pub organization_id: Uuid,
    pub credential: Credential,
    /// Until the first password is changed, little else works.
    pub password_change_required: bool,
    /// The organization's units and the epoch of the grants below.
    pub directory: Arc<Directory>,
    pub grants: Grants,
    /// When the access token or API token ends.
    pub expire_time: DateTime<Utc>,
}

impl UserCaller {
    /// Whether it is a program that decides by itself (rule 14).
    pub fn is_agent(&self) -> bool {
        self.account_kind == Some(ServiceAccountKind::Agent)
    }

    /// Name of the person, for what is about the caller as one. FAILED_PRECONDITION `PERSON_REQUIRED` for a program.
    pub fn person(&self) -> Result<&UserName, CoreError> {
        self.user_name().ok_or_else(|| {
            let message = format!(
                "This is about the caller as a person. {} is a service account, without profile, sessions or tokens of its \
                 own to manage: log in, or name the person.",
                self.name
            );
            CoreError::precondition(Reason::PersonRequired, message)
        })
    }

    /// Name of the person; `None` for a program.
    pub const fn user_name(&self) -> Option<&UserName> {
        match &self.name {
            Principal::User(name) => Some(name),
            _ => None,
        }
    }

    /// Row id of the session, if that is how the caller came in.
    pub const fn session_id(&self) -> Option<Uuid> {
        match self.credential {
            Credential::Session(id) => Some(id),
            Credential::ApiToken { .. } => None,
        }
    }

    /// Name of the API token, if that is how the caller came in.
    pub fn token_name(&self) -> Option<&str> {
        match &self.credential {
            Credential::Session(_) => None,
            Credential::ApiToken { name, .. } => Some(name),
        }
    }
}

/// A runner that showed its credential.
#[derive(Debug)]
pub struct RunnerCaller {
    pub id: Uuid,
    pub name: RunnerName,
    /// The one organization it serves; `None` for the whole installation.
    pub organization_id: Option<Uuid>,
}
