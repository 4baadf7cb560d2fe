//! Resource names: how every object is called in calls, answers, logs and the audit (AIP-122).
//!
//! Each kind of object has its own type, so that a name of another kind cannot be passed by mistake. A name has one
//! spelling: what is parsed is displayed again byte for byte. The organization is implied by the credential and never
//! part of a name, except of the organization's own.

mod api_token;
mod principal;
mod scoped;
mod segment;
mod subject;

pub use api_token::{ApiTokenName, ApiTokenParent};
pub use principal::Principal;
pub use scoped::{GroupName, RoleBindingName, ScopeParent, parse_scope};
pub use segment::{
    BusinessUnitId, EnvironmentId, RequestId, RevisionNumber, Segment, Slug, TemplateVersionNumber, Username,
};
pub use subject::Subject;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::words::Excerpt;
use crate::{Error, Reason};

/// In place of a business unit: every business unit the caller may read.
pub const ANY: &str = "-";

/// A resource name of one kind.
pub trait ResourceName: FromStr<Err = NameError> + fmt::Display {
    /// The form, for instance `businessUnits/{business_unit}/environments/{environment}`.
    const PATTERN: &'static str;
}

/// Why a text is not a name of the wanted kind. Its `Display` says what is wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text.
    #[error("This is required, in the form {pattern}.")]
    Empty {
        /// The wanted form.
        pattern: &'static str,
    },
    /// The collections or the number of segments differ.
    #[error("`{value}` is not of the form {pattern}.")]
    Shape {
        /// What was sent, cut if it is long.
        value: String,
        /// The wanted form.
        pattern: &'static str,
    },
    /// One segment breaks its grammar.
    #[error("`{value}` is not of the form {pattern}: `{segment}` is not {rule}.")]
    Segment {
        /// What was sent, cut if it is long.
        value: String,
        /// The wanted form.
        pattern: &'static str,
        /// The segment that is wrong, cut if it is long.
        segment: String,
        /// What the segment should be.
        rule: &'static str,
    },
    /// `businessUnits/-` where one business unit has to be named.
    #[error("`{value}` means every business unit; name one, in the form {pattern}.")]
    AnyBusinessUnit {
        /// What was sent, cut if it is long.
        value: String,
        /// The wanted form.
        pattern: &'static str,
    },
}

/// Reads the name that a caller sent in `field`. Anything else is a violation of that field; `businessUnits/-`, or
/// nothing at all, where one unit is needed has the reason `BUSINESS_UNIT_REQUIRED`.
pub fn parse<T: ResourceName>(value: &str, field: &str) -> Result<T, Error> {
    value.parse().map_err(|problem: NameError| {
        let mut error = Error::field(field, problem.to_string());
        let is_missing = matches!(problem, NameError::Empty { .. }) && T::PATTERN == BusinessUnitName::PATTERN;
        if is_missing || matches!(problem, NameError::AnyBusinessUnit { .. }) {
            error.reason = Reason::BusinessUnitRequired;
        }
        error
    })
}

/// Takes a name apart: the segments at the places of `{…}`, if the collections and the number of segments are right.
fn split<'a, const N: usize>(value: &'a str, pattern: &'static str) -> Result<[&'a str; N], NameError> {
    if value.is_empty() {
        return Err(NameError::Empty { pattern });
    }
    let shape = || NameError::Shape { value: Excerpt(value).to_string(), pattern };
    let mut segments = [""; N];
    let mut next = segments.iter_mut();
    let mut parts = value.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next().ok_or_else(shape)?;
        if wanted.starts_with('{') {
            *next.next().ok_or_else(shape)? = part;
        } else if part != wanted {
            return Err(shape());
        }
    }
    if parts.next().is_some() { Err(shape()) } else { Ok(segments) }
}

/// Reads one segment of a name.
fn segment<T: Segment>(value: &str, pattern: &'static str, segment: &str) -> Result<T, NameError> {
    if let Some(parsed) = T::read(segment) {
        return Ok(parsed);
    }
    let value = Excerpt(value).to_string();
    if T::IS_BUSINESS_UNIT && segment == ANY {
        return Err(NameError::AnyBusinessUnit { value, pattern });
    }
    Err(NameError::Segment { value, pattern, segment: Excerpt(segment).to_string(), rule: T::RULE })
}

/// Declares the type of one kind of name: the form, the segments before the last, and the type of the last.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident($pattern:literal) [$($parent:ident: $parent_type:ty),*] $id_type:ty) => {
        $(#[$meta])*
        #[doc = concat!("\n\nThe form is `", $pattern, "`.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            $($parent: $parent_type,)*
            id: $id_type,
        }

        impl $name {
            /// The name with these segments.
            pub const fn new($($parent: $parent_type,)* id: $id_type) -> Self {
                Self { $($parent,)* id }
            }

            /// The name with segments that were stored. A segment that breaks its grammar is our fault, not the
            /// caller's: INTERNAL.
            pub fn stored($($parent: impl fmt::Display,)* id: impl fmt::Display) -> Result<Self, Error> {
                Ok(Self { $($parent: stored_segment(&$parent)?,)* id: stored_segment(&id)? })
            }

            /// The last segment.
            pub const fn id(&self) -> &$id_type {
                &self.id
            }
        }

        impl ResourceName for $name {
            const PATTERN: &'static str = $pattern;
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                let [$($parent,)* id] = split(value, $pattern)?;
                Ok(Self { $($parent: segment(value, $pattern, $parent)?,)* id: segment(value, $pattern, id)? })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let segments: &[&dyn fmt::Display] = &[$(&self.$parent,)* &self.id];
                display($pattern, segments, f)
            }
        }
    };
}

fn stored_segment<T: Segment>(stored: &impl fmt::Display) -> Result<T, Error> {
    let text = stored.to_string();
    T::read(&text).ok_or_else(|| Error::internal(format!("a stored segment, `{}`, is not {}", Excerpt(&text), T::RULE)))
}

/// Writes the form with the segments in the places of `{…}`.
fn display(pattern: &str, segments: &[&dyn fmt::Display], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut segments = segments.iter();
    for (index, part) in pattern.split('/').enumerate() {
        if index > 0 {
            f.write_str("/")?;
        }
        let segment = if part.starts_with('{') { segments.next() } else { None };
        match segment {
            Some(segment) => write!(f, "{segment}")?,
            None => f.write_str(part)?,
        }
    }
    Ok(())
}

name! {
    /// A tenant. Only operators of the installation name it.
    OrganizationName("organizations/{organization}") [] Slug
}
name! {
    /// A division of the organization, the scope of most work.
    BusinessUnitName("businessUnits/{business_unit}") [] BusinessUnitId
}
name! {
    /// A person's place in one business unit.
    BusinessUnitMemberName("businessUnits/{business_unit}/members/{user}")
    [business_unit: BusinessUnitId] Username
}
name! {
    /// Where things of one business unit run.
    EnvironmentName("businessUnits/{business_unit}/environments/{environment}")
    [business_unit: BusinessUnitId] EnvironmentId
}
name! {
    /// What users order.
    TemplateName("templates/{template}") [] Slug
}
name! {
    /// An immutable release of a template.
    TemplateVersionName("templates/{template}/versions/{version}")
    [template: Slug] TemplateVersionNumber
}
name! {
    /// The one way anything deployed changes.
    RequestName("businessUnits/{business_unit}/requests/{request}")
    [business_unit: BusinessUnitId] RequestId
}
name! {
    /// The gate a request passes.
    ApprovalName("approvals/{approval}") [] Uuid
}
name! {
    /// Who must approve what.
    ApprovalPolicyName("approvalPolicies/{approval_policy}") [] Slug
}
name! {
    /// A guardrail.
    PolicyName("policies/{policy}") [] Slug
}
name! {
    /// The long-lived result of requests.
    DeploymentName("businessUnits/{business_unit}/deployments/{deployment}")
    [business_unit: BusinessUnitId] Slug
}
name! {
    /// One applied (or attempted) state of a deployment.
    RevisionName("businessUnits/{business_unit}/deployments/{deployment}/revisions/{revision}")
    [business_unit: BusinessUnitId, deployment: Slug] RevisionNumber
}
name! {
    /// What an engine knows of one deployment. Its id is that of the deployment.
    WorkspaceName("businessUnits/{business_unit}/deployments/{deployment}/workspace")
    [business_unit: BusinessUnitId] Slug
}
name! {
    /// A unit of asynchronous work.
    JobName("jobs/{job}") [] Uuid
}
name! {
    /// Something that the servers do now and then.
    ScheduleName("schedules/{schedule}") [] Slug
}
name! {
    /// What executes jobs.
    RunnerName("runners/{runner}") [] Slug
}
name! {
    /// A person.
    UserName("users/{user}") [] Username
}
name! {
    /// A person's login on one device.
    SessionName("users/{user}/sessions/{session}") [user: Username] Uuid
}
name! {
    /// An offer to join.
    InvitationName("invitations/{invitation}") [] Uuid
}
name! {
    /// A caller that is no person.
    ServiceAccountName("serviceAccounts/{service_account}") [] Slug
}
name! {
    /// A long-lived secret of a person.
    UserApiTokenName("users/{user}/apiTokens/{api_token}") [user: Username] Uuid
}
name! {
    /// A long-lived secret of a service account.
    ServiceAccountApiTokenName("serviceAccounts/{service_account}/apiTokens/{api_token}")
    [service_account: Slug] Uuid
}
name! {
    /// A key that signs access tokens.
    SigningKeyName("signingKeys/{signing_key}") [] Uuid
}
name! {
    /// Who vouches for people at their login.
    SsoProviderName("ssoProviders/{sso_provider}") [] Slug
}
name! {
    /// A named set of permissions.
    RoleName("roles/{role}") [] Slug
}
name! {
    /// Who owns things together.
    TeamName("teams/{team}") [] Slug
}
name! {
    /// One entry of the audit.
    AuditEventName("auditEvents/{audit_event}") [] Uuid
}

impl BusinessUnitMemberName {
    /// The unit.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }

    /// The person.
    pub fn user(&self) -> UserName {
        UserName::new(self.id.clone())
    }
}

impl EnvironmentName {
    /// The business unit it belongs to.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }
}

impl TemplateVersionName {
    /// The template it is a release of.
    pub fn template(&self) -> TemplateName {
        TemplateName::new(self.template.clone())
    }
}

impl RequestName {
    /// The business unit it belongs to.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }
}

impl DeploymentName {
    /// The business unit it belongs to.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }
}

impl RevisionName {
    /// The business unit it belongs to.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }

    /// The deployment it is a state of.
    pub fn deployment(&self) -> DeploymentName {
        DeploymentName::new(self.business_unit.clone(), self.deployment.clone())
    }
}

impl WorkspaceName {
    /// The business unit it belongs to.
    pub fn business_unit(&self) -> BusinessUnitName {
        BusinessUnitName::new(self.business_unit.clone())
    }

    /// The deployment it is about.
    pub fn deployment(&self) -> DeploymentName {
        DeploymentName::new(self.business_unit.clone(), self.id.clone())
    }
}

impl SessionName {
    /// Whose session it is.
    pub fn user(&self) -> UserName {
        UserName::new(self.user.clone())
    }
}

impl UserApiTokenName {
    /// Whose it is.
    pub fn user(&self) -> UserName {
        UserName::new(self.user.clone())
    }
}

impl ServiceAccountApiTokenName {
    /// Whose it is.
    pub fn service_account(&self) -> ServiceAccountName {
        ServiceAccountName::new(self.service_account.clone())
    }
}

impl UserName {
    /// True for `users/me`, which means the caller.
    pub fn is_me(&self) -> bool {
        self.id.as_str() == "me"
    }
}

/// The parent of a list: one business unit, or all that the caller may read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BusinessUnitParent {
    /// `businessUnits/-`.
    Any,
    /// One business unit.
    One(BusinessUnitName),
}

impl BusinessUnitParent {
    /// The business unit, if it is one.
    pub const fn one(&self) -> Option<&BusinessUnitName> {
        match self {
            Self::Any => None,
            Self::One(name) => Some(name),
        }
    }
}

impl ResourceName for BusinessUnitParent {
    const PATTERN: &'static str = "businessUnits/{business_unit} or businessUnits/-";
}

impl FromStr for BusinessUnitParent {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        match value.parse() {
            Ok(name) => Ok(Self::One(name)),
            Err(NameError::AnyBusinessUnit { .. }) => Ok(Self::Any),
            Err(NameError::Empty { .. }) => Err(NameError::Empty { pattern: Self::PATTERN }),
            Err(NameError::Shape { value, .. }) => Err(NameError::Shape { value, pattern: Self::PATTERN }),
            Err(NameError::Segment { value, segment, rule, .. }) => {
                Err(NameError::Segment { value, pattern: Self::PATTERN, segment, rule })
            }
        }
    }
}

impl fmt::Display for BusinessUnitParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "businessUnits/{ANY}"),
            Self::One(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
