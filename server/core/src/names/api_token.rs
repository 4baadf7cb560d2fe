//! API tokens, which people and service accounts hold.

use std::fmt;
use std::str::FromStr;

use super::{NameError, ResourceName, ServiceAccountApiTokenName, ServiceAccountName, UserApiTokenName, UserName};

/// Who holds an API token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ApiTokenParent {
    /// A person.
    User(UserName),
    /// A program.
    ServiceAccount(ServiceAccountName),
}

/// An API token of either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ApiTokenName {
    /// A person's.
    User(UserApiTokenName),
    /// A program's.
    ServiceAccount(ServiceAccountApiTokenName),
}

impl ResourceName for ApiTokenParent {
    const PATTERN: &'static str = "users/me, users/{user} or serviceAccounts/{service_account}";
}

impl ResourceName for ApiTokenName {
    const PATTERN: &'static str =
        "users/{user}/apiTokens/{api_token} or serviceAccounts/{service_account}/apiTokens/{api_token}";
}

impl FromStr for ApiTokenParent {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        if value.is_empty() {
            return Err(NameError::Empty { pattern: Self::PATTERN });
        }
        if value.starts_with("serviceAccounts/") {
            value.parse().map(Self::ServiceAccount)
        } else {
            value.parse().map(Self::User)
        }
    }
}

impl FromStr for ApiTokenName {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        if value.is_empty() {
            return Err(NameError::Empty { pattern: Self::PATTERN });
        }
        if value.starts_with("serviceAccounts/") {
            value.parse().map(Self::ServiceAccount)
        } else {
            value.parse().map(Self::User)
        }
    }
}

impl fmt::Display for ApiTokenParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::ServiceAccount(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for ApiTokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::ServiceAccount(name) => name.fmt(f),
        }
    }
}

impl ApiTokenName {
    /// Who holds it.
    pub fn parent(&self) -> ApiTokenParent {
        match self {
            Self::User(name) => ApiTokenParent::User(name.user()),
            Self::ServiceAccount(name) => ApiTokenParent::ServiceAccount(name.service_account()),
        }
    }
}
