//! The states of an approval and the only way from one to the next.

use crate::machine::StateMachine;
use crate::words::words;

words! {
    /// Where an approval stands.
    pub enum ApprovalState: "approval state" {
        /// Somebody is asked.
        Pending = "PENDING",
        /// Every stage reached its quorum, or a policy or a break-glass approved it.
        Approved = "APPROVED",
        /// One person said no.
        Rejected = "REJECTED",
        /// Nobody decided in time.
        Expired = "EXPIRED",
        /// The requester took the request back.
        Withdrawn = "WITHDRAWN",
        /// What it was for has changed; a new approval was opened.
        Superseded = "SUPERSEDED",
    }
}

words! {
    /// What approved it.
    pub enum ApprovalMethod: "approval method" {
        /// People decided.
        Human = "HUMAN",
        /// An approval policy decided, with a recorded reason.
        Policy = "POLICY",
    }
}

/// What happens to an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalEvent {
    /// A person approved; the quorum of the stage is still open, or another stage follows.
    Approve,
    /// A person approved, and the last stage has its quorum.
    ApproveLast,
    /// A person rejected.
    Reject,
    /// The time to decide passed once: more people are asked.
    Escalate,
    /// The time to decide passed and nobody is left to ask.
    Expire,
    /// The subject was taken back before its apply started.
    Withdraw,
    /// The content hash or the plan digest changed before the apply started.
    Supersede,
    /// Approved in an emergency; or, once approved, a freeze lifted.
    BreakGlass,
}

impl ApprovalEvent {
    /// Every event.
    pub const ALL: [Self; 8] = [
        Self::Approve,
        Self::ApproveLast,
        Self::Reject,
        Self::Escalate,
        Self::Expire,
        Self::Withdraw,
        Self::Supersede,
        Self::BreakGlass,
    ];
}

impl ApprovalState {
    /// True if nothing can happen to the approval any more. An approved one may still be withdrawn or superseded.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired | Self::Withdrawn | Self::Superseded)
    }
}

impl StateMachine for ApprovalState {
    type Event = ApprovalEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: ApprovalEvent) -> Option<Self> {
        use ApprovalEvent as Event;
        match (self, event) {
            (Self::Pending, Event::Approve | Event::Escalate) => Some(Self::Pending),
            (Self::Pending, Event::ApproveLast) => Some(Self::Approved),
            (Self::Pending, Event::Reject) => Some(Self::Rejected),
            (Self::Pending, Event::Expire) => Some(Self::Expired),
            // Also of an approved one: cancelling an approved request withdraws its approval.
            (Self::Pending | Self::Approved, Event::Withdraw) => Some(Self::Withdrawn),
            (Self::Pending | Self::Approved, Event::Supersede) => Some(Self::Superseded),
            (Self::Pending | Self::Approved, Event::BreakGlass) => Some(Self::Approved),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing::{check_table, table};

    #[test]
    fn the_table_is_the_domains() {
        let terminal: Vec<_> = ApprovalState::ALL.iter().copied().filter(|state| state.is_terminal()).collect();
        check_table(&[ApprovalState::Pending, ApprovalState::Approved], &terminal, &ApprovalEvent::ALL);
        assert_eq!(
            table::<ApprovalState>(&ApprovalEvent::ALL),
            "PENDING + Approve -> PENDING\n\
             PENDING + ApproveLast -> APPROVED\n\
             PENDING + Reject -> REJECTED\n\
             PENDING + Escalate -> PENDING\n\
             PENDING + Expire -> EXPIRED\n\
             PENDING + Withdraw -> WITHDRAWN\n\
             PENDING + Supersede -> SUPERSEDED\n\
             PENDING + BreakGlass -> APPROVED\n\
             APPROVED + Withdraw -> WITHDRAWN\n\
             APPROVED + Supersede -> SUPERSEDED\n\
             APPROVED + BreakGlass -> APPROVED"
        );
    }
}
