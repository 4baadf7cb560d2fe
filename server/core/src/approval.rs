//! Approvals: the stages somebody must pass, who may decide, and what one decision does.

mod decide;
mod state;

pub use decide::{ApprovalView, Decider, Outcome, Seen, Verdict, decide};
pub use state::{ApprovalEvent, ApprovalMethod, ApprovalState};

use serde::{Deserialize, Serialize};

/// One step of an approval: who is asked, and how many of them must agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStage {
    /// What people read, for instance `IT review`.
    pub title: String,
    /// Whoever any of these names may decide.
    pub approvers: Vec<Approver>,
    /// How many distinct people must approve. At least 1.
    pub quorum: u32,
}

/// Names the people who may decide a stage.
///
/// In JSON `{"kind": "ROLE", "id": "it-engineer"}`; the kinds without an id leave it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Approver {
    /// One person, by username.
    User(String),
    /// Everyone who has the role in the business unit or the organization, by role id.
    Role(String),
    /// The members of a group, by group id.
    Group(String),
    /// The members of a team, by team id.
    Team(String),
    /// The owner of the request's business unit.
    BusinessUnitOwner,
    /// The members of the team that owns the deployment or its service.
    OwningTeam,
}

/// One person's verdict in one stage, as it was given. Never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Stage it was given in, from 1.
    pub stage: u32,
    /// The person, by username.
    pub user: String,
    /// What was said.
    pub verdict: Verdict,
}
