//! Approvals: the stages somebody must pass, who may decide, and what one decision does.

mod approver;
mod decide;
mod state;

pub use approver::{Approver, Decider};
pub use decide::{ApprovalView, MAX_COMMENT, Outcome, Seen, Verdict, decide};
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

/// One person's verdict in one stage, as it was given. Never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Index of the stage it was given in, from 0.
    pub stage: i32,
    /// The person, by username.
    pub user: String,
    /// What was said.
    pub verdict: Verdict,
}
