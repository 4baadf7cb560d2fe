//! One person decides one stage: the guards of an approval (permissions rule 13) and what the verdict leads to.

use std::collections::BTreeSet;
use std::fmt;

use super::{ApprovalEvent, ApprovalStage, ApprovalState, Approver, Decision};
use crate::machine::StateMachine;
use crate::words::words;
use crate::{Error, Kind, Reason, Violations};

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
    /// The open stage, from 1.
    pub current_stage: u32,
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

/// The person who decides, and what the server found out about them.
#[derive(Clone, Debug, Default)]
pub struct Decider {
    /// Username.
    pub username: String,
    /// Ids of the roles held in the business unit or at the organization.
    pub roles: BTreeSet<String>,
    /// Ids of the groups the person is in.
    pub groups: BTreeSet<String>,
    /// Ids of the teams the person is in.
    pub teams: BTreeSet<String>,
    /// Made the request.
    pub is_requester: bool,
    /// The request was made for this person.
    pub is_on_behalf_of: bool,
    /// Owns the business unit of the request.
    pub is_unit_owner: bool,
    /// Is in the team that owns the deployment or its service.
    pub is_in_owning_team: bool,
    /// Holds the permission to decide this subject, for instance `approvals:decide:production`.
    pub may_decide: bool,
    /// Holds `approvals:decide_assigned`, which counts where the stage names one of the person's roles.
    pub may_decide_assigned: bool,
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
    /// The stage that is open now, or the one the approval ended in, from 1.
    pub stage: u32,
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
    let stage = open_stage(approval)?;
    check_named(approval, stage, by)?;
    check_first_decision(approval, by)?;
    check_unchanged(approval, seen)?;
    match verdict {
        Verdict::Reject => Ok(Outcome { state: rejected, stage: approval.current_stage, stage_closed: true }),
        Verdict::Approve => approved(approval, stage, by),
    }
}

impl Approver {
    /// True if this names the person.
    pub fn names(&self, by: &Decider) -> bool {
        match self {
            Self::User(username) => *username == by.username,
            Self::Role(role) => by.roles.contains(role),
            Self::Group(group) => by.groups.contains(group),
            Self::Team(team) => by.teams.contains(team),
            Self::BusinessUnitOwner => by.is_unit_owner,
            Self::OwningTeam => by.is_in_owning_team,
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "users/{id}"),
            Self::Role(id) => write!(f, "roles/{id}"),
            Self::Group(id) => write!(f, "groups/{id}"),
            Self::Team(id) => write!(f, "teams/{id}"),
            Self::BusinessUnitOwner => f.write_str("the owner of the business unit"),
            Self::OwningTeam => f.write_str("the owning team"),
        }
    }
}

impl ApprovalStage {
    /// True if the stage names the person and the person holds the permission that counts here.
    pub fn admits(&self, by: &Decider) -> bool {
        let named = self.approvers.iter().any(|approver| approver.names(by));
        let by_role = self.approvers.iter().any(|approver| matches!(approver, Approver::Role(_)) && approver.names(by));
        named && (by.may_decide || (by_role && by.may_decide_assigned))
    }
}

fn check_form(approval: &ApprovalView<'_>, verdict: Verdict, seen: &Seen<'_>) -> Result<(), Error> {
    let mut wrong = Violations::new();
    wrong.check(
        verdict == Verdict::Approve || !seen.comment.trim().is_empty(),
        "comment",
        "A rejection needs a comment: the requester wants to know why.",
    );
    wrong.check(!seen.content_hash.is_empty(), "content_hash", "Send the content_hash of the approval you looked at.");
    wrong.check(
        approval.plan_digest.is_none() || !seen.plan_digest.is_empty(),
        "plan_digest",
        "Send the plan_digest of the plan you looked at.",
    );
    wrong.finish()
}

fn open_stage<'a>(approval: &ApprovalView<'a>) -> Result<&'a ApprovalStage, Error> {
    (approval.current_stage as usize).checked_sub(1).and_then(|index| approval.stages.get(index)).ok_or_else(|| {
        Error::internal(format!(
            "{} is pending in stage {}, which it does not have",
            approval.name, approval.current_stage
        ))
    })
}

fn check_named(approval: &ApprovalView<'_>, stage: &ApprovalStage, by: &Decider) -> Result<(), Error> {
    if stage.admits(by) {
        return Ok(());
    }
    let later = approval.stages.iter().skip(approval.current_stage as usize).find(|later| later.admits(by));
    if let Some(later) = later {
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
        format!("You have decided stage {} of {}. Each stage needs another person.", earlier.stage, approval.name)
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

fn approved(approval: &ApprovalView<'_>, stage: &ApprovalStage, by: &Decider) -> Result<Outcome, Error> {
    let mut people: BTreeSet<&str> = approval
        .decisions
        .iter()
        .filter(|decision| decision.stage == approval.current_stage && decision.verdict == Verdict::Approve)
        .map(|decision| decision.user.as_str())
        .collect();
    people.insert(&by.username);
    let stage_closed = people.len() >= stage.quorum as usize;
    let last = approval.current_stage as usize == approval.stages.len();
    let event = if stage_closed && last { ApprovalEvent::ApproveLast } else { ApprovalEvent::Approve };
    let next_stage = if stage_closed && !last { approval.current_stage + 1 } else { approval.current_stage };
    Ok(Outcome { state: approval.state.next(event, &approval.name)?, stage: next_stage, stage_closed })
}
