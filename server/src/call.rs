//! One call: who makes it, from where, under which id. The edge makes these and puts them into the request's
//! extensions; handlers find them in their `Cx`.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use flagstone_core::access::Grants;
use flagstone_core::names::{Principal, RunnerName, UserName};
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

/// A person with a live session, and what that person may do.
#[derive(Debug)]
pub struct UserCaller {
    pub id: Uuid,
    pub name: UserName,
    pub organization_id: Uuid,
    pub session_id: Uuid,
    /// Until the first password is changed, little else works.
    pub password_change_required: bool,
    /// The organization's units and the epoch of the grants below.
    pub directory: Arc<Directory>,
    pub grants: Grants,
    /// When the access token ends.
    pub expire_time: DateTime<Utc>,
}

/// A runner that showed its credential.
#[derive(Debug)]
pub struct RunnerCaller {
    pub id: Uuid,
    pub name: RunnerName,
    /// The one organization it serves; `None` for the whole installation.
    pub organization_id: Option<Uuid>,
}
