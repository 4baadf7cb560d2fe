//! Who a stage asks, and whether a person is one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ApprovalStage;
use crate::Error;
use crate::names::{RoleName, UserName};
use crate::words::Excerpt;

const BUSINESS_UNIT_OWNER: &str = "businessUnitOwner";

/// Names the people who may decide a stage: `users/{user}`, `roles/{role}` or `businessUnitOwner`, in JSON too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Approver {
    /// One person, by username.
    User(String),
    /// Everyone who has the role in the business unit or at the organization, by role id.
    Role(String),
    /// The owner of the request's business unit.
    BusinessUnitOwner,
}

/// The person who decides, and what the server found out about them.
#[derive(Clone, Debug, Default)]
pub struct Decider {
    /// Username.
    pub username: String,
    /// Ids of the roles held in the business unit or at the organization.
    pub roles: BTreeSet<String>,
    /// Made the request.
    pub is_requester: bool,
    /// The request was made for this person.
    pub is_on_behalf_of: bool,
    /// Owns the business unit of the request.
    pub is_unit_owner: bool,
    /// Holds the permission to decide this subject, for instance `approvals:decide:production`.
    pub may_decide: bool,
    /// Holds `approvals:decide_assigned`, which counts where the stage names one of the person's roles.
    pub may_decide_assigned: bool,
}

impl Approver {
    /// Reads what a caller sent in `field`.
    pub fn parse(value: &str, field: &str) -> Result<Self, Error> {
        value.parse().map_err(|message: String| Error::field(field, message))
    }

    /// True if this names the person.
    pub fn names(&self, by: &Decider) -> bool {
        match self {
            Self::User(username) => *username == by.username,
            Self::Role(role) => by.roles.contains(role),
            Self::BusinessUnitOwner => by.is_unit_owner,
        }
    }
}

impl ApprovalStage {
    /// True if the stage names the person and the person holds the permission that counts here.
    pub fn admits(&self, by: &Decider) -> bool {
        let mut naming = self.approvers.iter().filter(|approver| approver.names(by)).peekable();
        let is_named = naming.peek().is_some();
        let by_role = naming.any(|approver| matches!(approver, Approver::Role(_)));
        (is_named && by.may_decide) || (by_role && by.may_decide_assigned)
    }
}

impl FromStr for Approver {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        if value == BUSINESS_UNIT_OWNER {
            return Ok(Self::BusinessUnitOwner);
        }
        if let Ok(name) = value.parse::<UserName>() {
            return Ok(Self::User(name.id().to_string()));
        }
        if let Ok(name) = value.parse::<RoleName>() {
            return Ok(Self::Role(name.id().to_string()));
        }
        Err(format!(
            "`{}` names no approver. Write users/{{user}}, roles/{{role}} or {BUSINESS_UNIT_OWNER}.",
            Excerpt(value)
        ))
    }
}

impl TryFrom<String> for Approver {
    type Error = String;

    fn try_from(value: String) -> Result<Self, String> {
        value.parse()
    }
}

impl From<Approver> for String {
    fn from(approver: Approver) -> Self {
        approver.to_string()
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "users/{id}"),
            Self::Role(id) => write!(f, "roles/{id}"),
            Self::BusinessUnitOwner => f.write_str(BUSINESS_UNIT_OWNER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvers_read_back_as_they_are_written() {
        for (text, approver) in [
            ("users/ada", Approver::User("ada".to_owned())),
            ("roles/it-engineer", Approver::Role("it-engineer".to_owned())),
            ("businessUnitOwner", Approver::BusinessUnitOwner),
        ] {
            assert_eq!(Approver::parse(text, "approvers").unwrap(), approver);
            assert_eq!(approver.to_string(), text);
            assert_eq!(serde_json::to_value(&approver).unwrap(), text);
            assert_eq!(serde_json::from_value::<Approver>(text.into()).unwrap(), approver);
        }
        for text in ["", "users/", "users/Ada", "roles", "serviceAccounts/ci", "groups/a1", "businessUnitOwner/x"] {
            assert_eq!(Approver::parse(text, "approvers").unwrap_err().fields[0].field, "approvers", "{text}");
        }
    }

    /// Rule 13: being named and the permission are both needed, and the weaker permission counts only for a role.
    #[test]
    fn a_stage_admits_whom_it_names_with_the_permission() {
        let stage = |approver: &Approver| ApprovalStage {
            title: "t".to_owned(),
            approvers: vec![Approver::User("other".to_owned()), approver.clone()],
            quorum: 1,
        };
        let ada = Approver::User("ada".to_owned());
        let role = Approver::Role("it-engineer".to_owned());
        let owner = Approver::BusinessUnitOwner;
        for (approver, may_decide, may_decide_assigned, admitted) in [
            (&ada, false, false, false),
            (&ada, false, true, false),
            (&ada, true, false, true),
            (&role, false, false, false),
            (&role, false, true, true),
            (&role, true, false, true),
            (&owner, false, true, false),
            (&owner, true, true, true),
        ] {
            let by = Decider {
                username: "ada".to_owned(),
                roles: BTreeSet::from(["it-engineer".to_owned()]),
                is_unit_owner: true,
                may_decide,
                may_decide_assigned,
                ..Decider::default()
            };
            assert_eq!(stage(approver).admits(&by), admitted, "{approver} {may_decide} {may_decide_assigned}");
            let nobody = Decider { may_decide: true, may_decide_assigned: true, ..Decider::default() };
            assert!(!stage(approver).admits(&nobody), "{approver}");
        }
    }
}
