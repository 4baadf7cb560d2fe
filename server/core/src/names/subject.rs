//! Whom a role is given to.

use std::fmt;
use std::str::FromStr;

use super::{GroupName, NameError, ResourceName, ServiceAccountName, UserName};
use crate::words::Excerpt;

/// Whom a role is given to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A person, `users/{user}`.
    User(UserName),
    /// Everybody in a group.
    Group(GroupName),
    /// A program, `serviceAccounts/{service_account}`.
    ServiceAccount(ServiceAccountName),
}

impl ResourceName for Subject {
    const PATTERN: &'static str = "users/{user}, groups/{group}, businessUnits/{business_unit}/groups/{group} or \
                                   serviceAccounts/{service_account}";
}

impl FromStr for Subject {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        match value.split_once('/') {
            Some(("users", _)) => value.parse().map(Self::User),
            Some(("groups" | "businessUnits", _)) => value.parse().map(Self::Group),
            Some(("serviceAccounts", _)) => value.parse().map(Self::ServiceAccount),
            _ if value.is_empty() => Err(NameError::Empty { pattern: Self::PATTERN }),
            _ => Err(NameError::Shape { value: Excerpt(value).to_string(), pattern: Self::PATTERN }),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Group(name) => name.fmt(f),
            Self::ServiceAccount(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_nothing_else_passes() {
        for name in ["users/ada", "groups/admins", "businessUnits/pay/groups/admins", "serviceAccounts/ci"] {
            assert_eq!(name.parse::<Subject>().unwrap().to_string(), name);
        }
        for name in ["", "ada", "roles/viewer", "system", "users/", "businessUnits/pay", "teams/a"] {
            assert!(name.parse::<Subject>().is_err(), "{name}");
        }
    }
}
