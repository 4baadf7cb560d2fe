//! Approval policies: who must approve what, and what is approved by itself.

use clap::{Subcommand, ValueEnum};
use flagstone_api::pb::{
    ApprovalPolicy, GetApprovalPolicyRequest, ListApprovalPoliciesRequest, UpdateApprovalPolicyRequest,
};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::Column;
use crate::text::{duration, id, names as join, word, yes};

/// What to do with approval policies.
#[derive(Subcommand)]
pub(crate) enum Policies {
    /// List the approval policies, the one that decides first
    List(Listing),
    /// Show an approval policy
    Get {
        /// Id of the approval policy
        policy: String,
    },
    /// Change an approval policy, for every approval opened from then on
    Set {
        /// Id of the approval policy
        policy: String,
        /// Whether it approves by itself what its condition allows
        #[arg(long, value_enum, value_name = "ON|OFF")]
        auto_approve: Switch,
    },
}

/// On or off.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It does
    On,
    /// It does not
    Off,
}

const COLUMNS: &[Column<ApprovalPolicy>] = &[
    ("POLICY", |p| id(&p.name)),
    ("TITLE", |p| p.display_name.clone()),
    ("PRIORITY", |p| p.priority.to_string()),
    ("TIERS", tiers),
    ("AUTO", |p| yes(is_automatic(p))),
    ("ACTIVE", |p| yes(p.active)),
];

const FIELDS: &[Column<ApprovalPolicy>] = &[
    ("Policy", |p| id(&p.name)),
    ("Title", |p| p.display_name.clone()),
    ("Description", |p| p.description.clone()),
    ("Priority", |p| p.priority.to_string()),
    ("Kinds", |p| {
        let kinds = p.r#match.iter().flat_map(|m| m.kinds());
        kinds.map(|kind| word(kind.as_str_name(), "REQUEST_KIND")).collect::<Vec<_>>().join(", ")
    }),
    ("Tiers", tiers),
    ("Templates", |p| p.r#match.as_ref().map(|m| join(&m.templates)).unwrap_or_default()),
    ("Business units", |p| p.r#match.as_ref().map(|m| join(&m.business_units)).unwrap_or_default()),
    ("Stages", |p| {
        let stage =
            |s: &flagstone_api::pb::ApprovalPolicyStage| format!("{}: {} by {}", s.title, s.quorum, join(&s.approvers));
        p.stages.iter().map(stage).collect::<Vec<_>>().join("\n")
    }),
    ("Stays open", |p| duration(p.ttl.as_ref())),
    ("Approves by itself", |p| match &p.auto_approve {
        Some(auto) if auto.enabled => {
            let when = word(auto.condition().as_str_name(), "AUTO_APPROVE_CONDITION");
            format!("{when}: {}", auto.reason)
        }
        _ => "off".to_owned(),
    }),
    ("Active", |p| yes(p.active)),
];

pub(crate) async fn run(context: &Context, policies: Policies) -> Result<(), Failure> {
    match policies {
        Policies::List(listing) => {
            let request = ListApprovalPoliciesRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_approval_policies(request), listing.limit, COLUMNS).await
        }
        Policies::Get { policy } => context.format.one(&get(context, &policy).await?, FIELDS),
        Policies::Set { policy, auto_approve } => {
            let mut policy = get(context, &policy).await?;
            policy.auto_approve.get_or_insert_default().enabled = auto_approve == Switch::On;
            let request = UpdateApprovalPolicyRequest {
                // The etag travels inside: a policy that somebody else has changed meanwhile stays theirs.
                approval_policy: Some(policy),
                update_mask: Some(prost_types::FieldMask { paths: vec!["auto_approve".to_owned()] }),
                ..Default::default()
            };
            let policy = context.client.approval_policies().update_approval_policy(request).await?.into_inner();
            context.format.one(&policy, FIELDS)
        }
    }
}

async fn get(context: &Context, policy: &str) -> Result<ApprovalPolicy, Failure> {
    let request = GetApprovalPolicyRequest { name: names::alone(policy, "approvalPolicies")? };
    Ok(context.client.approval_policies().get_approval_policy(request).await?.into_inner())
}

fn is_automatic(policy: &ApprovalPolicy) -> bool {
    policy.auto_approve.as_ref().is_some_and(|auto| auto.enabled)
}

fn tiers(policy: &ApprovalPolicy) -> String {
    let tiers = policy.r#match.iter().flat_map(|m| m.tiers());
    tiers.map(|tier| word(tier.as_str_name(), "TIER")).collect::<Vec<_>>().join(", ")
}
