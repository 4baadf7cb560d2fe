use proptest::prelude::*;

use super::*;
use crate::machine::testing::{check_table, table};

#[test]
fn the_table_is_the_domains() {
    let terminal: Vec<_> = RequestState::ALL.iter().copied().filter(|state| state.is_terminal()).collect();
    check_table(&[RequestState::initial(true), RequestState::initial(false)], &terminal, &RequestEvent::ALL);
    assert_eq!(
        table::<RequestState>(&RequestEvent::ALL),
        "DRAFT + Submit -> PLANNING\n\
         DRAFT + ContentChanged -> DRAFT\n\
         DRAFT + Cancel { apply_ever_started: false } -> CANCELLED\n\
         DRAFT + Cancel { apply_ever_started: true } -> CANCELLED\n\
         PLANNING + PlanReady -> PENDING_APPROVAL\n\
         PLANNING + PlanAutoApproved -> APPROVED\n\
         PLANNING + PlanReconfirmed -> APPROVED\n\
         PLANNING + PlanFailed -> FAILED\n\
         PLANNING + PlanBlocked -> FAILED\n\
         PLANNING + ContentChanged -> PLANNING\n\
         PLANNING + Cancel { apply_ever_started: false } -> CANCELLED\n\
         PLANNING + Cancel { apply_ever_started: true } -> CANCELLED\n\
         PENDING_APPROVAL + Approved -> APPROVED\n\
         PENDING_APPROVAL + Rejected -> REJECTED\n\
         PENDING_APPROVAL + Expired -> EXPIRED\n\
         PENDING_APPROVAL + ContentChanged -> PLANNING\n\
         PENDING_APPROVAL + Cancel { apply_ever_started: false } -> CANCELLED\n\
         PENDING_APPROVAL + Cancel { apply_ever_started: true } -> CANCELLED\n\
         APPROVED + ContentChanged -> PLANNING\n\
         APPROVED + Cancel { apply_ever_started: false } -> CANCELLED\n\
         APPROVED + Cancel { apply_ever_started: true } -> CANCELLED\n\
         APPROVED + ApplyStarted -> APPLYING\n\
         APPROVED + PlanVoid -> PLANNING\n\
         APPROVED + ApplyFailed -> FAILED\n\
         APPLYING + ApplySucceeded -> COMPLETED\n\
         APPLYING + ApplyFailed -> FAILED\n\
         FAILED + Cancel { apply_ever_started: false } -> CANCELLED\n\
         FAILED + Retry -> PLANNING"
    );
}

#[test]
fn exactly_the_events_that_lead_to_failed_name_a_phase() {
    for event in RequestEvent::ALL {
        let fails = RequestState::ALL.iter().any(|state| state.step(event) == Some(RequestState::Failed));
        assert_eq!(fails, event.failed_phase().is_some(), "{event:?}");
    }
}

#[test]
fn a_wrong_state_is_told_with_the_right_ones() {
    let error = RequestState::Completed.next(RequestEvent::Retry, &"businessUnits/b/requests/R-1").unwrap_err();
    assert_eq!(error.message, "businessUnits/b/requests/R-1 is COMPLETED; this works only while it is FAILED.");
}

#[test]
fn the_hash_changes_with_everything_that_is_agreed_to() {
    let (tags, no_tags) = (BTreeMap::from([("team".to_owned(), "a".to_owned())]), BTreeMap::new());
    let payload = json!({"inputs": {"b": 1, "a": [true]}});
    let other_payload = json!({"inputs": {"b": 1, "a": [false]}});
    let content = Content {
        kind: RequestKind::Create,
        deployment: "businessUnits/b/deployments/d",
        environment: Some("businessUnits/b/environments/dev"),
        payload: &payload,
        tags: &tags,
        schedule_time: None,
        on_behalf_of: None,
    };
    let hashes = [
        content,
        Content { kind: RequestKind::Update, ..content },
        Content { deployment: "businessUnits/b/deployments/e", ..content },
        Content { environment: None, ..content },
        Content { tags: &no_tags, ..content },
        Content { payload: &other_payload, ..content },
        Content { schedule_time: Some(DateTime::UNIX_EPOCH), ..content },
        Content { on_behalf_of: Some("users/ada"), ..content },
    ]
    .map(|content| content_hash(&content));
    for (index, hash) in hashes.iter().enumerate() {
        assert_eq!(hash.len(), 64);
        assert!(!hashes[..index].contains(hash), "change {index} is not in the hash");
    }
    let same = json!({"inputs": {"a": [true], "b": 1.0}});
    assert_eq!(content_hash(&Content { payload: &same, ..content }), hashes[0]);
}

proptest! {
    /// Nothing is applied without an approval since the last plan, nothing is applied twice on one approval, and
    /// nothing that ended comes back.
    #[test]
    fn an_apply_needs_a_plan_and_an_approval_of_its_own(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        draft: bool,
    ) {
        let mut state = RequestState::initial(draft);
        let (mut approved, mut applied) = (false, false);
        for pick in picks {
            let event = match *pick.get(&RequestEvent::ALL) {
                RequestEvent::Cancel { .. } => RequestEvent::Cancel { apply_ever_started: applied },
                other => other,
            };
            let Some(next) = state.step(event) else { continue };
            prop_assert!(!state.is_terminal());
            prop_assert!(next != RequestState::Applying || approved, "{state:?} + {event:?}");
            prop_assert!(!(applied && state == RequestState::Failed && next == RequestState::Cancelled));
            approved = next == RequestState::Approved;
            applied |= next == RequestState::Applying;
            state = next;
        }
    }
}
