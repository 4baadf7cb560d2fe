use proptest::prelude::*;

use super::*;

const NAME: &str = "approvals/1";
const SEEN: Seen<'static> = Seen { content_hash: "c1", plan_digest: "p1", comment: "no" };

fn role(id: &str) -> Approver {
    Approver::Role(id.to_owned())
}

fn stage(title: &str, approver: Approver, quorum: u32) -> ApprovalStage {
    ApprovalStage { title: title.to_owned(), approvers: vec![approver], quorum }
}

fn two_stages() -> Vec<ApprovalStage> {
    vec![stage("Owner", Approver::BusinessUnitOwner, 1), stage("IT", role("it"), 2)]
}

fn view<'a>(stages: &'a [ApprovalStage], current_stage: i32, decisions: &'a [Decision]) -> ApprovalView<'a> {
    ApprovalView {
        name: NAME,
        state: ApprovalState::Pending,
        stages,
        current_stage,
        decisions,
        content_hash: "c1",
        plan_digest: Some("p1"),
        allow_self: false,
        distinct_across_stages: true,
    }
}

/// Somebody with every right: owner, role and permission.
fn decider(username: &str) -> Decider {
    Decider {
        username: username.to_owned(),
        roles: BTreeSet::from(["it".to_owned()]),
        is_unit_owner: true,
        may_decide: true,
        ..Decider::default()
    }
}

fn approved(user: &str, stage: i32) -> Decision {
    Decision { stage, user: user.to_owned(), verdict: Verdict::Approve }
}

fn refusal(approval: &ApprovalView<'_>, by: &Decider, verdict: Verdict, seen: &Seen<'_>) -> (Kind, Reason) {
    let error = decide(approval, by, verdict, seen).unwrap_err();
    (error.kind, error.reason)
}

#[test]
fn stages_open_one_after_the_other_until_the_last_has_its_quorum() {
    let stages = two_stages();
    let mut decisions = Vec::new();
    let mut current = 0;
    for (user, state, stage, stage_closed) in [
        ("ada", ApprovalState::Pending, 1, true),
        ("bob", ApprovalState::Pending, 1, false),
        ("eve", ApprovalState::Approved, 1, true),
    ] {
        let outcome = decide(&view(&stages, current, &decisions), &decider(user), Verdict::Approve, &SEEN).unwrap();
        assert_eq!(outcome, Outcome { state, stage, stage_closed }, "{user}");
        decisions.push(approved(user, current));
        current = outcome.stage;
    }
}

#[test]
fn one_rejection_ends_it() {
    let stages = two_stages();
    let outcome = decide(&view(&stages, 1, &[]), &decider("bob"), Verdict::Reject, &SEEN).unwrap();
    assert_eq!(outcome, Outcome { state: ApprovalState::Rejected, stage: 1, stage_closed: true });
}

#[test]
fn nobody_decides_their_own() {
    let stages = two_stages();
    let approval = view(&stages, 0, &[]);
    let requester = Decider { is_requester: true, ..decider("ada") };
    let for_whom = Decider { is_on_behalf_of: true, ..decider("ada") };
    for by in [&requester, &for_whom] {
        for verdict in [Verdict::Approve, Verdict::Reject] {
            assert_eq!(refusal(&approval, by, verdict, &SEEN), (Kind::Precondition, Reason::SelfApproval));
        }
        assert!(decide(&ApprovalView { allow_self: true, ..approval }, by, Verdict::Approve, &SEEN).is_ok());
    }
}

#[test]
fn only_whom_the_open_stage_names_decides() {
    let stages = two_stages();
    let approval = view(&stages, 0, &[]);
    let it_only = Decider { is_unit_owner: false, ..decider("bob") };
    assert_eq!(refusal(&approval, &it_only, Verdict::Approve, &SEEN), (Kind::Precondition, Reason::StageNotOpen));
    let stranger = Decider { username: "eve".to_owned(), may_decide: true, ..Decider::default() };
    assert_eq!(refusal(&approval, &stranger, Verdict::Approve, &SEEN), (Kind::Denied, Reason::NotAnApprover));
    let powerless = Decider { may_decide: false, ..decider("ada") };
    let error = decide(&approval, &powerless, Verdict::Approve, &SEEN).unwrap_err();
    assert_eq!((error.kind, error.reason), (Kind::Denied, Reason::NotAnApprover));
    assert!(error.message.contains("lack the permission"), "{error}");
    // A stage that was passed does not count.
    let owner_only = Decider { roles: BTreeSet::new(), ..decider("ada") };
    let second = view(&stages, 1, &[]);
    assert_eq!(refusal(&second, &owner_only, Verdict::Approve, &SEEN), (Kind::Denied, Reason::NotAnApprover));
}

#[test]
fn nobody_decides_twice() {
    let stages = two_stages();
    let same_stage = [approved("ada", 1)];
    let other_stage = [approved("ada", 0)];
    let expected = (Kind::Precondition, Reason::AlreadyDecided);
    assert_eq!(refusal(&view(&stages, 1, &same_stage), &decider("ada"), Verdict::Approve, &SEEN), expected);
    assert_eq!(refusal(&view(&stages, 1, &other_stage), &decider("ada"), Verdict::Reject, &SEEN), expected);
    let not_distinct = |decisions| ApprovalView { distinct_across_stages: false, ..view(&stages, 1, decisions) };
    assert!(decide(&not_distinct(&other_stage), &decider("ada"), Verdict::Approve, &SEEN).is_ok());
    assert_eq!(refusal(&not_distinct(&same_stage), &decider("ada"), Verdict::Approve, &SEEN), expected);
}

#[test]
fn a_decision_is_about_what_would_happen() {
    let stages = two_stages();
    let approval = view(&stages, 0, &[]);
    for seen in [Seen { content_hash: "c0", ..SEEN }, Seen { plan_digest: "p0", ..SEEN }] {
        for verdict in [Verdict::Approve, Verdict::Reject] {
            let expected = (Kind::Precondition, Reason::ContentChanged);
            assert_eq!(refusal(&approval, &decider("ada"), verdict, &seen), expected);
        }
    }
    let planless = ApprovalView { plan_digest: None, ..approval };
    assert!(decide(&planless, &decider("ada"), Verdict::Approve, &Seen { plan_digest: "", ..SEEN }).is_ok());
    assert_eq!(refusal(&planless, &decider("ada"), Verdict::Approve, &SEEN).1, Reason::ContentChanged);
}

#[test]
fn every_fault_of_the_form_is_told_at_once() {
    let stages = two_stages();
    let approval = view(&stages, 0, &[]);
    let fields = |verdict, comment| {
        let empty = Seen { content_hash: "", plan_digest: "", comment };
        let error = decide(&approval, &decider("ada"), verdict, &empty).unwrap_err();
        assert_eq!(error.reason, Reason::FieldInvalid);
        error.fields.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(Verdict::Reject, " \n"), ["comment", "content_hash", "plan_digest"]);
    assert_eq!(fields(Verdict::Approve, ""), ["content_hash", "plan_digest"]);
    assert_eq!(fields(Verdict::Approve, &"é".repeat(4001)), ["comment", "content_hash", "plan_digest"]);
}

#[test]
fn only_a_pending_approval_can_be_decided() {
    let stages = two_stages();
    for &state in ApprovalState::ALL.iter().filter(|state| **state != ApprovalState::Pending) {
        let approval = ApprovalView { state, ..view(&stages, 0, &[]) };
        let error = decide(&approval, &decider("ada"), Verdict::Approve, &SEEN).unwrap_err();
        assert_eq!(error.reason, Reason::WrongState);
        assert_eq!(error.metadata["allowed_states"], "PENDING");
    }
    for stage in [-1, 2] {
        assert_eq!(refusal(&view(&stages, stage, &[]), &decider("ada"), Verdict::Approve, &SEEN).1, Reason::Internal);
    }
}

proptest! {
    /// However often and in whatever order people approve, each stage is passed by its quorum of different people,
    /// nobody counts in two stages, and the requester never counts.
    #[test]
    fn every_stage_is_passed_by_its_quorum_of_different_people(
        quorums in prop::collection::vec(1..4_u32, 1..4),
        attempts in prop::collection::vec(0..14_u8, 0..60),
    ) {
        let stages: Vec<_> = quorums.iter().map(|&quorum| stage("t", role("it"), quorum)).collect();
        let (mut decisions, mut current, mut state) = (Vec::new(), 0, ApprovalState::Pending);
        for user in attempts {
            let by = Decider { is_requester: user == 0, ..decider(&user.to_string()) };
            let approval = ApprovalView { state, ..view(&stages, current, &decisions) };
            let Ok(outcome) = decide(&approval, &by, Verdict::Approve, &SEEN) else { continue };
            decisions.push(approved(&by.username, current));
            (state, current) = (outcome.state, outcome.stage);
        }
        let people: BTreeSet<_> = decisions.iter().map(|decision| &decision.user).collect();
        prop_assert_eq!(people.len(), decisions.len());
        prop_assert!(!decisions.iter().any(|decision| decision.user == "0"));
        let passed = if state == ApprovalState::Approved { stages.len() } else { usize::try_from(current).unwrap() };
        for (index, stage) in stages.iter().enumerate().take(passed) {
            let count = decisions.iter().filter(|decision| usize::try_from(decision.stage) == Ok(index)).count();
            prop_assert_eq!(count, stage.quorum as usize);
        }
    }
}
