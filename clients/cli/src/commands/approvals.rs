//! What waits for a decision. Deciding is `request approve` and `request reject`.

use clap::Subcommand;
use flagstone_api::pb::{Approval, ApprovalState, GetApprovalRequest, ListApprovalsRequest};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::Column;
use crate::render::plan;
use crate::text::{id, names as join, short, time, word, yes};

/// What to do with approvals.
#[derive(Subcommand)]
pub(crate) enum Approvals {
    /// List the approvals of your business units, the newest first
    List(Listing),
    /// Show an approval
    Get {
        /// Id of the approval
        approval: String,
    },
}

const COLUMNS: &[Column<Approval>] = &[
    ("REQUEST", |a| a.request_code.clone()),
    ("TITLE", |a| a.request_title.clone()),
    ("TIER", |a| word(a.tier().as_str_name(), "TIER")),
    ("REQUESTER", |a| id(&a.requester)),
    ("STATE", |a| word(a.state().as_str_name(), "APPROVAL_STATE")),
    ("YOURS", |a| yes(a.can_decide)),
    ("CREATED", |a| time(a.create_time.as_ref())),
    ("APPROVAL", |a| id(&a.name)),
];

/// The fields of one approval, for after a decision too.
pub(crate) const FIELDS: &[Column<Approval>] = &[
    ("Approval", |a| id(&a.name)),
    ("Request", |a| format!("{} {}", a.request_code, a.request_title)),
    ("Kind", |a| word(a.request_kind().as_str_name(), "REQUEST_KIND")),
    ("Tier", |a| word(a.tier().as_str_name(), "TIER")),
    ("Requester", |a| id(&a.requester)),
    ("State", |a| word(a.state().as_str_name(), "APPROVAL_STATE")),
    ("Policy", |a| short(&a.approval_policy)),
    ("Reason", |a| a.policy_reason.clone()),
    ("Plan", |a| a.plan.as_ref().map(plan::summary).unwrap_or_default()),
    ("Digest", |a| a.plan_digest.clone()),
    ("Stages", |a| {
        let stage = |s: &flagstone_api::pb::ApprovalStage| {
            format!("{}: {} of {} by {}", s.title, s.approved, s.quorum, join(&s.approvers))
        };
        a.stages.iter().map(stage).collect::<Vec<_>>().join("\n")
    }),
    ("Decisions", |a| {
        let decision = |d: &flagstone_api::pb::ApprovalDecision| {
            let verdict = word(d.verdict().as_str_name(), "VERDICT");
            format!("{} {verdict} by {} {}", time(d.time.as_ref()), id(&d.principal), d.comment)
        };
        a.decisions.iter().map(decision).collect::<Vec<_>>().join("\n")
    }),
    ("You", |a| match (a.state() == ApprovalState::Pending, a.can_decide) {
        (false, _) => String::new(),
        (true, true) => "may decide now".to_owned(),
        (true, false) => a.cannot_decide_reason.clone(),
    }),
    ("Expires", |a| time(a.expire_time.as_ref())),
];

pub(crate) async fn run(context: &Context, approvals: Approvals) -> Result<(), Failure> {
    match approvals {
        Approvals::List(listing) => {
            let request = ListApprovalsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_approvals(request), listing.limit, COLUMNS).await
        }
        Approvals::Get { approval } => {
            let name = names::alone(&approval, "approvals")?;
            let approval = context.client.approvals().get_approval(GetApprovalRequest { name }).await?.into_inner();
            context.format.one(&approval, FIELDS)
        }
    }
}
