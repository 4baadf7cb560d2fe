//! Whoever acts.

use std::fmt;
use std::str::FromStr;

use super::{NameError, ResourceName, RunnerName, ServiceAccountName, UserName};
use crate::words::Excerpt;

/// The name of whoever acts, as audit entries, creators and triggers carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// A person, `users/{user}`.
    User(UserName),
    /// A machine, CI or agent, `serviceAccounts/{service_account}`.
    ServiceAccount(ServiceAccountName),
    /// A runner, `runners/{runner}`.
    Runner(RunnerName),
    /// The server's own code, `system`.
    System,
}

impl ResourceName for Principal {
    const PATTERN: &'static str = "users/{user}, serviceAccounts/{service_account}, runners/{runner} or system";
}

impl FromStr for Principal {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        match value.split_once('/') {
            Some(("users", _)) => value.parse().map(Self::User),
            Some(("serviceAccounts", _)) => value.parse().map(Self::ServiceAccount),
            Some(("runners", _)) => value.parse().map(Self::Runner),
            None if value == "system" => Ok(Self::System),
            _ if value.is_empty() => Err(NameError::Empty { pattern: Self::PATTERN }),
            _ => Err(NameError::Shape { value: Excerpt(value).to_string(), pattern: Self::PATTERN }),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::ServiceAccount(name) => name.fmt(f),
            Self::Runner(name) => name.fmt(f),
            Self::System => f.write_str("system"),
        }
    }
}
