//! Deployments, the long-lived result of requests, and their revisions.

use crate::machine::StateMachine;
use crate::request::RequestKind;
use crate::words::words;

words! {
    /// Where a deployment is in its life.
    pub enum DeploymentState: "deployment state" {
        /// Asked for; nothing has been made yet.
        Pending = "PENDING",
        /// The first apply runs.
        Provisioning = "PROVISIONING",
        /// It is there.
        Active = "ACTIVE",
        /// An apply changes it.
        Updating = "UPDATING",
        /// The first apply failed. What it had made is still there.
        Failed = "FAILED",
        /// A destroy runs.
        Deleting = "DELETING",
        /// A destroy failed. What it had not removed is still there.
        DeleteFailed = "DELETE_FAILED",
        /// Gone. Kept and read-only.
        Deleted = "DELETED",
    }
}

/// What happens to a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentEvent {
    /// The apply of its first request starts, or of the retry after that one failed.
    CreateStarted,
    /// The apply of a change starts.
    UpdateStarted,
    /// The apply of a destroy starts.
    DestroyStarted,
    /// The first request ended before any apply: nothing was made, and the id is free again.
    NeverApplied,
    /// The apply succeeded; for a destroy, the resources are proven absent.
    ApplySucceeded,
    /// The apply ended in any other way, or no live job was found for it.
    ApplyFailed,
}

impl DeploymentEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::CreateStarted,
        Self::UpdateStarted,
        Self::DestroyStarted,
        Self::NeverApplied,
        Self::ApplySucceeded,
        Self::ApplyFailed,
    ];

    /// The start of an apply of a request of this kind.
    pub const fn apply_started(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Create => Self::CreateStarted,
            RequestKind::Update => Self::UpdateStarted,
            RequestKind::Destroy => Self::DestroyStarted,
        }
    }
}

impl DeploymentState {
    /// True if nothing can happen to the deployment any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Deleted)
    }

    /// True while an apply works on it.
    pub const fn is_changing(self) -> bool {
        matches!(self, Self::Provisioning | Self::Updating | Self::Deleting)
    }
}

impl StateMachine for DeploymentState {
    type Event = DeploymentEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: DeploymentEvent) -> Option<Self> {
        use DeploymentEvent as Event;
        match (self, event) {
            (Self::Pending | Self::Failed, Event::CreateStarted) => Some(Self::Provisioning),
            (Self::Pending, Event::NeverApplied) => Some(Self::Deleted),
            (Self::Provisioning, Event::ApplySucceeded) => Some(Self::Active),
            (Self::Provisioning, Event::ApplyFailed) => Some(Self::Failed),
            (Self::Active, Event::UpdateStarted) => Some(Self::Updating),
            // A failed change leaves what there was; the failure is told in the deployment's last operation.
            (Self::Updating, Event::ApplySucceeded | Event::ApplyFailed) => Some(Self::Active),
            (Self::Active | Self::Failed | Self::DeleteFailed, Event::DestroyStarted) => Some(Self::Deleting),
            (Self::Deleting, Event::ApplySucceeded) => Some(Self::Deleted),
            (Self::Deleting, Event::ApplyFailed) => Some(Self::DeleteFailed),
            _ => None,
        }
    }
}

words! {
    /// Where a revision is in its life. A revision exists once its request is approved.
    pub enum RevisionState: "revision state" {
        /// Its apply has not started.
        Queued = "QUEUED",
        /// Its apply runs.
        Running = "RUNNING",
        /// It is what the deployment is.
        Succeeded = "SUCCEEDED",
        /// Its apply failed.
        Failed = "FAILED",
        /// Its apply was cancelled, or never came.
        Cancelled = "CANCELLED",
        /// A newer revision succeeded.
        Superseded = "SUPERSEDED",
    }
}

/// What happens to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionEvent {
    /// Its apply starts.
    ApplyStarted,
    /// Its apply succeeded.
    ApplySucceeded,
    /// Its apply failed.
    ApplyFailed,
    /// Its apply was cancelled, or its request ended or changed before the apply.
    Cancelled,
    /// A newer revision of the deployment succeeded.
    Superseded,
}

impl RevisionEvent {
    /// Every event.
    pub const ALL: [Self; 5] =
        [Self::ApplyStarted, Self::ApplySucceeded, Self::ApplyFailed, Self::Cancelled, Self::Superseded];
}

impl RevisionState {
    /// True if nothing can happen to the revision any more. A succeeded one may still be superseded.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled | Self::Superseded)
    }
}

impl StateMachine for RevisionState {
    type Event = RevisionEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: RevisionEvent) -> Option<Self> {
        use RevisionEvent as Event;
        match (self, event) {
            (Self::Queued, Event::ApplyStarted) => Some(Self::Running),
            (Self::Running, Event::ApplySucceeded) => Some(Self::Succeeded),
            (Self::Running, Event::ApplyFailed) => Some(Self::Failed),
            // From QUEUED too: an approved request may be cancelled or changed before its apply starts.
            (Self::Queued | Self::Running, Event::Cancelled) => Some(Self::Cancelled),
            (Self::Succeeded, Event::Superseded) => Some(Self::Superseded),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing::{check_table, table};

    #[test]
    fn the_table_of_deployments_is_the_domains() {
        check_table(&[DeploymentState::Pending], &[DeploymentState::Deleted], &DeploymentEvent::ALL);
        assert_eq!(
            table::<DeploymentState>(&DeploymentEvent::ALL),
            "PENDING + CreateStarted -> PROVISIONING\n\
             PENDING + NeverApplied -> DELETED\n\
             PROVISIONING + ApplySucceeded -> ACTIVE\n\
             PROVISIONING + ApplyFailed -> FAILED\n\
             ACTIVE + UpdateStarted -> UPDATING\n\
             ACTIVE + DestroyStarted -> DELETING\n\
             UPDATING + ApplySucceeded -> ACTIVE\n\
             UPDATING + ApplyFailed -> ACTIVE\n\
             FAILED + CreateStarted -> PROVISIONING\n\
             FAILED + DestroyStarted -> DELETING\n\
             DELETING + ApplySucceeded -> DELETED\n\
             DELETING + ApplyFailed -> DELETE_FAILED\n\
             DELETE_FAILED + DestroyStarted -> DELETING"
        );
    }

    #[test]
    fn the_table_of_revisions_is_the_domains() {
        let terminal: Vec<_> = RevisionState::ALL.iter().copied().filter(|state| state.is_terminal()).collect();
        check_table(&[RevisionState::Queued], &terminal, &RevisionEvent::ALL);
        assert_eq!(
            table::<RevisionState>(&RevisionEvent::ALL),
            "QUEUED + ApplyStarted -> RUNNING\n\
             QUEUED + Cancelled -> CANCELLED\n\
             RUNNING + ApplySucceeded -> SUCCEEDED\n\
             RUNNING + ApplyFailed -> FAILED\n\
             RUNNING + Cancelled -> CANCELLED\n\
             SUCCEEDED + Superseded -> SUPERSEDED"
        );
    }

    #[test]
    fn exactly_the_changing_states_end_with_their_apply() {
        for &state in DeploymentState::ALL {
            assert_eq!(state.is_changing(), state.step(DeploymentEvent::ApplyFailed).is_some(), "{state}");
        }
    }

    #[test]
    fn the_start_of_an_apply_follows_the_kind() {
        assert_eq!(DeploymentState::Active.step(DeploymentEvent::apply_started(RequestKind::Create)), None);
        assert_eq!(
            DeploymentState::Active.step(DeploymentEvent::apply_started(RequestKind::Update)),
            Some(DeploymentState::Updating)
        );
        assert_eq!(
            DeploymentState::Failed.step(DeploymentEvent::apply_started(RequestKind::Destroy)),
            Some(DeploymentState::Deleting)
        );
    }
}
