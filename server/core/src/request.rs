//! Requests: the one way anything deployed changes. Kinds, states and what binds an approval to the content.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::canonical;
use crate::machine::StateMachine;
use crate::words::words;

words! {
    /// What a request asks for.
    pub enum RequestKind: "request kind" {
        /// A new deployment.
        Create = "CREATE",
        /// Other inputs or another template version for a deployment.
        Update = "UPDATE",
        /// The end of a deployment and of everything it made.
        Destroy = "DESTROY",
    }
}

words! {
    /// Where a request stands.
    pub enum RequestState: "request state" {
        /// Written, not submitted.
        Draft = "DRAFT",
        /// The engine works out what would change.
        Planning = "PLANNING",
        /// People are asked.
        PendingApproval = "PENDING_APPROVAL",
        /// The plan may be applied; the apply has not started.
        Approved = "APPROVED",
        /// The plan is being applied.
        Applying = "APPLYING",
        /// Done.
        Completed = "COMPLETED",
        /// An approver said no.
        Rejected = "REJECTED",
        /// Taken back.
        Cancelled = "CANCELLED",
        /// Nobody decided in time.
        Expired = "EXPIRED",
        /// Planning, a policy or the apply failed; see [`FailedPhase`].
        Failed = "FAILED",
    }
}

words! {
    /// What a failed request failed in.
    pub enum FailedPhase: "failed phase" {
        /// The engine could not make a plan.
        Plan = "PLAN",
        /// A policy blocks the plan.
        Policy = "POLICY",
        /// The apply failed. What it had done stays done.
        Apply = "APPLY",
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    /// The requester submits a draft.
    Submit,
    /// The plan is there and people have to decide: the first one, or one that differs from the approved one.
    PlanReady,
    /// The plan is there and a policy approves it.
    PlanAutoApproved,
    /// The plan is there again, with the digest that was approved: the approval is kept.
    PlanReconfirmed,
    /// The plan job failed, was dead-lettered or was cancelled.
    PlanFailed,
    /// A policy blocks the plan.
    PlanBlocked,
    /// The last stage reached its quorum, or a break-glass approved it.
    Approved,
    /// An approver rejected it.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The requester changed the content before an apply started.
    ContentChanged,
    /// Taken back. A failed request can be taken back only if it never began to change anything.
    Cancel {
        /// An apply of this request has started at any time.
        apply_ever_started: bool,
    },
    /// The apply begins, with everything it depends on checked.
    ApplyStarted,
    /// Before the apply: state, inputs or policies moved, or the stored plan is missing, expired or not the approved
    /// one. A fresh plan is made.
    PlanVoid,
    /// The apply succeeded.
    ApplySucceeded,
    /// The apply failed, was dead-lettered or cancelled, or its runner was lost.
    ApplyFailed,
    /// Try again, always with a fresh plan.
    Retry,
}

impl RequestEvent {
    /// Every event, with every value of its guards.
    pub const ALL: [Self; 17] = [
        Self::Submit,
        Self::PlanReady,
        Self::PlanAutoApproved,
        Self::PlanReconfirmed,
        Self::PlanFailed,
        Self::PlanBlocked,
        Self::Approved,
        Self::Rejected,
        Self::Expired,
        Self::ContentChanged,
        Self::Cancel { apply_ever_started: false },
        Self::Cancel { apply_ever_started: true },
        Self::ApplyStarted,
        Self::PlanVoid,
        Self::ApplySucceeded,
        Self::ApplyFailed,
        Self::Retry,
    ];

    /// What the request failed in, for the events that lead to FAILED.
    pub const fn failed_phase(self) -> Option<FailedPhase> {
        match self {
            Self::PlanFailed => Some(FailedPhase::Plan),
            Self::PlanBlocked => Some(FailedPhase::Policy),
            Self::ApplyFailed => Some(FailedPhase::Apply),
            _ => None,
        }
    }
}

impl RequestState {
    /// The state a request is created in. Every kind there is has an engine, so a submitted one is planned first.
    pub const fn initial(draft: bool) -> Self {
        if draft { Self::Draft } else { Self::Planning }
    }

    /// True if nothing can happen to the request any more. A failed one may still be retried.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected | Self::Cancelled | Self::Expired)
    }

    /// True while no other request may be submitted for the same deployment.
    pub const fn occupies_deployment(self) -> bool {
        matches!(self, Self::Planning | Self::PendingApproval | Self::Approved | Self::Applying)
    }
}

impl StateMachine for RequestState {
    type Event = RequestEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: RequestEvent) -> Option<Self> {
        use RequestEvent as Event;
        match (self, event) {
            (Self::Draft, Event::Submit) => Some(Self::Planning),
            (Self::Planning, Event::PlanReady) => Some(Self::PendingApproval),
            (Self::Planning, Event::PlanAutoApproved | Event::PlanReconfirmed) => Some(Self::Approved),
            (Self::Planning, Event::PlanFailed | Event::PlanBlocked) => Some(Self::Failed),
            (Self::PendingApproval, Event::Approved) => Some(Self::Approved),
            (Self::PendingApproval, Event::Rejected) => Some(Self::Rejected),
            (Self::PendingApproval, Event::Expired) => Some(Self::Expired),
            (Self::Draft, Event::ContentChanged) => Some(Self::Draft),
            (Self::Planning | Self::PendingApproval | Self::Approved, Event::ContentChanged) => Some(Self::Planning),
            (Self::Draft | Self::Planning | Self::PendingApproval | Self::Approved, Event::Cancel { .. }) => {
                Some(Self::Cancelled)
            }
            (Self::Failed, Event::Cancel { apply_ever_started: false }) => Some(Self::Cancelled),
            (Self::Approved, Event::ApplyStarted) => Some(Self::Applying),
            (Self::Approved, Event::PlanVoid) => Some(Self::Planning),
            (Self::Applying, Event::ApplySucceeded) => Some(Self::Completed),
            // An apply job can also fail before it changes anything, for instance because its template cannot be read.
            (Self::Approved | Self::Applying, Event::ApplyFailed) => Some(Self::Failed),
            (Self::Failed, Event::Retry) => Some(Self::Planning),
            _ => None,
        }
    }
}

/// What an approver agrees to, besides the plan. A change of any of it voids the approvals.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// What is asked for.
    pub kind: RequestKind,
    /// Resource name of the deployment it is about.
    pub deployment: &'a str,
    /// Resource name of the environment; nothing where the deployment's own counts.
    pub environment: Option<&'a str>,
    /// What the kind needs: for CREATE the template version and the inputs, for instance.
    pub payload: &'a Value,
    /// Tags of the request.
    pub tags: &'a BTreeMap<String, String>,
    /// When the apply may start at the earliest.
    pub schedule_time: Option<DateTime<Utc>>,
    /// Principal name of whom it is made for.
    pub on_behalf_of: Option<&'a str>,
}

/// SHA-256 of the content in canonical JSON, in lower-case hexadecimal.
pub fn content_hash(content: &Content<'_>) -> String {
    let schedule_time = content.schedule_time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true));
    canonical::sha256_hex(&json!({
        "kind": content.kind,
        "deployment": content.deployment,
        "environment": content.environment,
        "payload": content.payload,
        "tags": content.tags,
        "schedule_time": schedule_time,
        "on_behalf_of": content.on_behalf_of,
    }))
}

#[cfg(test)]
mod tests;
