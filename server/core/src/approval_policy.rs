//! Approval policies: rows of `approval_policies` that say who must approve what, and what needs nobody.

use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalStage, Approver};
use crate::error::{FieldViolation, Violations};
use crate::plan::Summary;
use crate::request::RequestKind;
use crate::text::{READABLE, is_readable, is_title, title_rule};
use crate::tier::Tier;
use crate::words::words;

/// Priorities go from 0 to this; the lowest decides.
pub const MAX_PRIORITY: i32 = 10_000;
/// Shortest and longest time that an approval may stay open, in seconds: a minute and 90 days.
pub const TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=90 * 24 * 3600;
/// Most stages of a policy.
pub const MAX_STAGES: usize = 10;
/// Most approvers that a stage may name.
pub const MAX_APPROVERS: usize = 50;
/// Most people that a stage may ask for.
pub const MAX_QUORUM: u32 = 20;
/// Most entries of each list in a match.
pub const MAX_MATCH_ENTRIES: usize = 100;

words! {
    /// Which plans a policy approves by itself.
    pub enum AutoApproveCondition: "condition of automatic approval" {
        /// Every plan.
        Always = "ALWAYS",
        /// Plans that destroy nothing, not even to create it anew.
        NoDestroy = "NO_DESTROY",
    }
}

/// Which requests a policy is for. An empty list means any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    pub kinds: Vec<RequestKind>,
    pub tiers: Vec<Tier>,
    /// Ids of templates.
    pub templates: Vec<String>,
    /// Ids of business units.
    pub business_units: Vec<String>,
}

/// When a policy approves by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoApprove {
    /// The switch: off, people decide.
    pub enabled: bool,
    pub condition: AutoApproveCondition,
    /// What is recorded with the approval.
    pub reason: String,
}

/// One approval policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalPolicy {
    /// The id in `approvalPolicies/{id}`.
    pub id: String,
    pub display_name: String,
    pub description: String,
    /// The matching policy with the lowest number decides, by id where equal.
    pub priority: i32,
    pub matches: Match,
    /// What people have to pass, in order. Never empty: it also holds when automatic approval is off.
    pub stages: Vec<ApprovalStage>,
    /// Whether the requester may decide, where the organization allows that for the tier.
    pub allow_self: bool,
    /// Whether one person may decide in one stage only.
    pub distinct_across_stages: bool,
    /// How long an approval stays open.
    pub ttl_seconds: i64,
    pub auto_approve: Option<AutoApprove>,
    /// False: it matches nothing.
    pub active: bool,
}

/// What policies may look at.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    pub kind: RequestKind,
    pub tier: Tier,
    /// Id of the template.
    pub template: &'a str,
    /// Id of the business unit.
    pub business_unit: &'a str,
    /// What the plan does; `None` before there is one, as in a preview.
    pub plan: Option<Summary>,
    /// Whether an agent asks for something of high risk: then a person decides, whatever the policy says (rule 14).
    pub is_agents: bool,
}

/// How a request is approved under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// By the policy itself. The reason is recorded (R139).
    Automatic { reason: String },
    /// By people, who pass these stages. `why` says what keeps the policy from approving by itself, where it could.
    People { stages: &'a [ApprovalStage], why: Option<&'static str> },
}

impl ApprovalPolicy {
    /// Whether it is for this request.
    pub fn matches(&self, facts: &RequestFacts<'_>) -> bool {
        fn listed<T: PartialEq<U>, U: ?Sized>(list: &[T], value: &U) -> bool {
            list.is_empty() || list.iter().any(|entry| entry == value)
        }
        let Match { kinds, tiers, templates, business_units } = &self.matches;
        self.active
            && listed(kinds, &facts.kind)
            && listed(tiers, &facts.tier)
            && listed(templates, facts.template)
            && listed(business_units, facts.business_unit)
    }

    /// Whether it approves the request by itself, and if not, whom it asks. Without a plan nothing that depends on the plan
    /// is approved.
    pub fn route(&self, facts: &RequestFacts<'_>) -> Route<'_> {
        let people = |why| Route::People { stages: &self.stages, why };
        let Some(auto) = &self.auto_approve else { return people(None) };
        if !auto.enabled {
            return people(Some("Automatic approval is switched off in the approval policy."));
        }
        if facts.is_agents {
            return people(Some("An agent asks for it: a person has to confirm it."));
        }
        match (auto.condition, facts.plan) {
            (AutoApproveCondition::Always, _) => {}
            (AutoApproveCondition::NoDestroy, Some(plan)) if plan.destroys_nothing() => {}
            (AutoApproveCondition::NoDestroy, Some(_)) => {
                return people(Some("The plan destroys or replaces resources."));
            }
            (AutoApproveCondition::NoDestroy, None) => {
                return people(Some("It depends on the plan whether a person is needed."));
            }
        }
        Route::Automatic { reason: format!("approvalPolicies/{}: {}", self.id, auto.reason) }
    }

    /// Everything that is wrong with it, with paths as in the message `ApprovalPolicy`, below `field` (for instance
    /// `approval_policy`).
    pub fn check(&self, field: &str) -> Vec<FieldViolation> {
        let mut faults = Violations::new();
        let at = |name: &str| format!("{field}.{name}");
        faults.check(is_title(&self.display_name, 255), at("display_name"), title_rule(255));
        faults.check(self.description.chars().count() <= 1000, at("description"), "At most 1,000 characters.");
        faults.check(is_readable(&self.description), at("description"), READABLE);
        faults.check(
            (0..=MAX_PRIORITY).contains(&self.priority),
            at("priority"),
            format!("Give a number from 0 to {MAX_PRIORITY}; the lowest decides."),
        );
        faults.check(TTL_SECONDS.contains(&self.ttl_seconds), at("ttl"), "Give a time from 1 minute to 90 days.");
        let Match { kinds, tiers, templates, business_units } = &self.matches;
        for (name, entries) in [
            ("kinds", kinds.len()),
            ("tiers", tiers.len()),
            ("templates", templates.len()),
            ("business_units", business_units.len()),
        ] {
            let place = at(&format!("match.{name}"));
            faults.check(entries <= MAX_MATCH_ENTRIES, place, format!("At most {MAX_MATCH_ENTRIES} entries."));
        }
        faults.check(
            (1..=MAX_STAGES).contains(&self.stages.len()),
            at("stages"),
            format!("Give 1 to {MAX_STAGES} stages. They hold whenever the policy does not approve by itself."),
        );
        for (index, stage) in self.stages.iter().enumerate().take(MAX_STAGES) {
            check_stage(stage, &at(&format!("stages[{index}]")), &mut faults);
        }
        if let Some(auto) = &self.auto_approve {
            faults.check(
                is_text(&auto.reason, 1000),
                at("auto_approve.reason"),
                "Give 1 to 1,000 characters: the reason is recorded with every approval that the policy makes.",
            );
        }
        faults.finish().err().map(|error| error.fields).unwrap_or_default()
    }
}

/// The policy that decides about a request: of those that match the one with the lowest priority, then with the first id.
/// `None` where none matches: nobody could approve the request then, so it must be refused.
pub fn select<'a>(policies: &'a [ApprovalPolicy], facts: &RequestFacts<'_>) -> Option<&'a ApprovalPolicy> {
    policies.iter().filter(|policy| policy.matches(facts)).min_by_key(|policy| (policy.priority, policy.id.as_str()))
}

fn check_stage(stage: &ApprovalStage, field: &str, faults: &mut Violations) {
    let ApprovalStage { title, approvers, quorum } = stage;
    faults.check(is_title(title, 255), format!("{field}.title"), title_rule(255));
    faults.check(
        (1..=MAX_APPROVERS).contains(&approvers.len()),
        format!("{field}.approvers"),
        format!("Name 1 to {MAX_APPROVERS} approvers."),
    );
    for (index, approver) in approvers.iter().enumerate() {
        let repeated = approvers[..index].contains(approver);
        faults.check(!repeated, format!("{field}.approvers[{index}]"), "Named before in this stage. Leave it out.");
    }
    let quorum_field = format!("{field}.quorum");
    if !(1..=MAX_QUORUM).contains(quorum) {
        faults.add(quorum_field, format!("Give a number from 1 to {MAX_QUORUM}."));
    } else if let Some(people) = named_people(approvers) {
        let message = "More people than the stage names: it could never be passed.";
        faults.check(usize::try_from(*quorum).is_ok_and(|quorum| quorum <= people), quorum_field, message);
    }
}

/// How many people a stage names, where it names nothing but people.
fn named_people(approvers: &[Approver]) -> Option<usize> {
    let only_people =
        approvers.iter().all(|approver| matches!(approver, Approver::User(_) | Approver::BusinessUnitOwner));
    (only_people && !approvers.is_empty()).then_some(approvers.len())
}

fn is_text(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && is_readable(text)
}

/// The approval policies that every organization starts with. They are rows like any other: administrators change them.
pub fn default_approval_policies() -> Vec<ApprovalPolicy> {
    let approvers = ["it-engineer", "bu-owner", "platform-admin"].map(|role| Approver::Role(role.to_owned())).to_vec();
    let policy = |id: &str, name: &str, description: &str, priority, tier| ApprovalPolicy {
        id: id.to_owned(),
        display_name: name.to_owned(),
        description: description.to_owned(),
        priority,
        matches: Match { tiers: vec![tier], ..Match::default() },
        stages: vec![ApprovalStage { title: "Approval".to_owned(), approvers: approvers.clone(), quorum: 1 }],
        allow_self: false,
        distinct_across_stages: true,
        ttl_seconds: 7 * 24 * 3600,
        auto_approve: None,
        active: true,
    };
    let auto = |condition, reason: &str| Some(AutoApprove { enabled: true, condition, reason: reason.to_owned() });
    vec![
        ApprovalPolicy {
            auto_approve: auto(AutoApproveCondition::Always, "Changes in development need nobody's approval."),
            ..policy(
                "development-auto",
                "Development",
                "Approves every change in development by itself. Switched off, one other person approves.",
                100,
                Tier::Development,
            )
        },
        ApprovalPolicy {
            auto_approve: auto(AutoApproveCondition::NoDestroy, "The plan destroys nothing in staging."),
            ..policy(
                "staging",
                "Staging",
                "Approves changes in staging by itself if they destroy nothing; else one other person approves.",
                200,
                Tier::Staging,
            )
        },
        policy(
            "production",
            "Production",
            "One other person approves every change in production.",
            300,
            Tier::Production,
        ),
    ]
}

#[cfg(test)]
mod tests;
