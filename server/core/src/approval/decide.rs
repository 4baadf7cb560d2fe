//! One person decides one stage: the guards of an approval (permissions rule 13) and what the verdict leads to.

use std::collections::BTreeSet;

use super::{ApprovalEvent, ApprovalStage, ApprovalState, Approver, Decider, Decision};
use crate::machine::StateMachine;
use crate::words::words;
use crate::{Error, Kind, Reason, Violations};

/// Longest comment of a decision, in characters.
pub const MAX_COMMENT: usize = 4000;

words! {
    /// What a person says to an approval.
    pub enum Verdict: "verdict" {
        /// Let it happen.
        Approve = "APPROVE",
        /// Do not; the comment says why.
        Reject = "REJECT",
    }
}

/// An approval as it is in the database, with its row locked.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalView<'a> {
    /// Resource name, for the errors.
    pub name: &'a str,
    /// Where it stands.
    pub state: ApprovalState,
    /// The stages, in order. Not empty while the approval is pending.
    pub stages: &'a [ApprovalStage],
    /// Index of the open stage, from 0.
    pub current_stage: i32,
    /// Everything decided so far.
    pub decisions: &'a [Decision],
    /// Hash of the content that would happen.
    pub content_hash: &'a str,
    /// Digest of the plan that would be applied; nothing for a subject without one.
    pub plan_digest: Option<&'a str>,
    /// True if the approval policy lets requesters decide their own and the organization allows that for the tier.
    pub allow_self: bool,
    /// True if nobody may decide two stages of it.
    pub distinct_across_stages: bool,
}

/// What the person looked at, as the call carries it, and what they say about it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// `content_hash` of the call.
    pub content_hash: &'a str,
    /// `plan_digest` of the call; empty if the approval has none.
    pub plan_digest: &'a str,
    /// `comment` of the call.
    pub comment: &'a str,
}

/// What a decision led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The state of the approval now.
    pub state: ApprovalState,
    /// Index of the stage that is open now, or of the one the approval ended in, from 0.
    pub stage: i32,
    /// True if this decision was the last its stage needed.
    pub stage_closed: bool,
}

/// Checks one decision and says what it leads to. The caller stores the decision and the outcome.
///
/// Refused are, in this order: a form that is wrong (`FIELD_INVALID`, all at once), an approval that is not pending
/// (`WRONG_STATE`), a requester (`SELF_APPROVAL`), somebody the open stage does not name or who lacks the permission
/// (`NOT_AN_APPROVER`; `STAGE_NOT_OPEN` if a later stage names them), a second decision of the same person
/// (`ALREADY_DECIDED`) and a decision about something else than what would happen (`CONTENT_CHANGED`).
pub fn decide(approval: &ApprovalView<'_>, by: &Decider, verdict: Verdict, seen: &Seen<'_>) -> Result<Outcome, Error> {
    check_form(approval, verdict, seen)?;
    // Both verdicts are possible in the same states, so this refuses before anybody's right is looked at.
    let rejected = approval.state.next(ApprovalEvent::Reject, &approval.name)?;
    if (by.is_requester || by.is_on_behalf_of) && !approval.allow_self {
        return Err(Error::precondition(
            Reason::SelfApproval,
            format!("{} is for your own request. Another person has to decide it.", approval.name),
        )
        .with("name", &approval.name));
    }
    let (stage, later) = open_stage(approval)?;
    check_named(approval, stage, later, by)?;
    check_first_decision(approval, by)?;
    check_unchanged(approval, seen)?;
    match verdict {
        Verdict::Reject => Ok(Outcome { state: rejected, stage: approval.current_stage, stage_closed: true }),
        Verdict::Approve => approve(approval, stage, later.is_empty(), by),
    }
}

fn check_form(approval: &ApprovalView<'_>, verdict: Verdict, seen: &Seen<'_>) -> Result<(), Error> {
    let mut wrong = Violations::new();
    wrong.check(
        verdict == Verdict::Approve || !seen.comment.trim().is_empty(),
        "comment",
        "A rejection needs a comment: the requester wants to know why.",
    );
    wrong.check(
        seen.comment.chars().count() <= MAX_COMMENT,
        "comment",
        format!("The comment is longer than {MAX_COMMENT} characters."),
    );
    wrong.check(!seen.content_hash.is_empty(), "content_hash", "Send the content_hash of the approval you looked at.");
    wrong.check(
        approval.plan_digest.is_none() || !seen.plan_digest.is_empty(),
        "plan_digest",
        "Send the plan_digest of the plan you looked at.",
    );
    wrong.finish()
}

/// The open stage, and those after it.
fn open_stage<'a>(approval: &ApprovalView<'a>) -> Result<(&'a ApprovalStage, &'a [ApprovalStage]), Error> {
    usize::try_from(approval.current_stage)
        .ok()
        .and_then(|index| approval.stages.get(index..))
        .and_then(<[ApprovalStage]>::split_first)
        .ok_or_else(|| {
            let ApprovalView { name, current_stage, .. } = approval;
            Error::internal(format!("{name} is pending in stage {current_stage}, which it does not have"))
        })
}

fn check_named(
    approval: &ApprovalView<'_>,
    stage: &ApprovalStage,
    later: &[ApprovalStage],
    by: &Decider,
) -> Result<(), Error> {
    if stage.admits(by) {
        return Ok(());
    }
    if let Some(later) = later.iter().find(|later| later.admits(by)) {
        return Err(Error::precondition(
            Reason::StageNotOpen,
            format!(
                "{} is in stage `{}`; you are asked in stage `{}`, which opens after it.",
                approval.name, stage.title, later.title
            ),
        )
        .with("name", &approval.name)
        .with("stage", &approval.current_stage));
    }
    let asked: Vec<_> = stage.approvers.iter().map(Approver::to_string).collect();
    let message = if stage.approvers.iter().any(|approver| approver.names(by)) {
        format!("Stage `{}` of {} names you, but you lack the permission to decide it.", stage.title, approval.name)
    } else {
        format!("Stage `{}` of {} does not name you. It asks {}.", stage.title, approval.name, asked.join(", "))
    };
    Err(Error::new(Kind::Denied, Reason::NotAnApprover, message)
        .with("name", &approval.name)
        .with("stage", &approval.current_stage)
        .with("approvers", &asked.join(",")))
}

fn check_first_decision(approval: &ApprovalView<'_>, by: &Decider) -> Result<(), Error> {
    let earlier = approval.decisions.iter().find(|decision| {
        decision.user == by.username && (approval.distinct_across_stages || decision.stage == approval.current_stage)
    });
    let Some(earlier) = earlier else { return Ok(()) };
    let message = if earlier.stage == approval.current_stage {
        format!("You have decided this stage of {} already. Another person has to decide next.", approval.name)
    } else {
        format!("You have decided an earlier stage of {}. Each stage needs another person.", approval.name)
    };
    Err(Error::precondition(Reason::AlreadyDecided, message)
        .with("name", &approval.name)
        .with("decided_stage", &earlier.stage))
}

fn check_unchanged(approval: &ApprovalView<'_>, seen: &Seen<'_>) -> Result<(), Error> {
    let plan_digest = approval.plan_digest.unwrap_or_default();
    if seen.content_hash == approval.content_hash && seen.plan_digest == plan_digest {
        return Ok(());
    }
    Err(Error::precondition(
        Reason::ContentChanged,
        format!("{} is no longer about what you looked at. Look at it again, then decide.", approval.name),
    )
    .with("name", &approval.name)
    .with("content_hash", &approval.content_hash)
    .with("plan_digest", &plan_digest))
}

fn approve(approval: &ApprovalView<'_>, stage: &ApprovalStage, is_last: bool, by: &Decider) -> Result<Outcome, Error> {
    let mut people: BTreeSet<&str> = approval
        .decisions
        .iter()
        .filter(|decision| decision.stage == approval.current_stage && decision.verdict == Verdict::Approve)
        .map(|decision| decision.user.as_str())
        .collect();
    people.insert(&by.username);
    let stage_closed = people.len() >= stage.quorum as usize;
    let event = if stage_closed && is_last { ApprovalEvent::ApproveLast } else { ApprovalEvent::Approve };
    let next = if stage_closed && !is_last { approval.current_stage + 1 } else { approval.current_stage };
    Ok(Outcome { state: approval.state.next(event, &approval.name)?, stage: next, stage_closed })
}

#[cfg(test)]
mod tests;
