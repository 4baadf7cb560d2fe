//! Guardrail policies: rows of `policies`, evaluated on what somebody asks for. Which policies there are, what they demand
//! and whether they block is data; the kinds of demand are here.

mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::rules::Rule;
use crate::error::{Error, FieldViolation, Kind, PolicyViolation, Reason};
use crate::tier::Tier;
use crate::words::words;

words! {
    /// What a policy demands.
    pub enum PolicyKind: "policy kind" {
        /// Tags that must be there. Config `{"tags": [key, …], "any_of": [[name, …], …]}`: every key of `tags`, and of each
        /// group in `any_of` at least one, as a tag or as a field of the same name.
        RequiredTags = "REQUIRED_TAGS",
        /// The form that every tag must have. Config `{}`.
        TagFormat = "TAG_FORMAT",
        /// The values that a field may have, if it is there. Config `{"field": "a.b", "values": [value, …]}`.
        AllowedValues = "ALLOWED_VALUES",
        /// Keys that no field may have, ignoring case, at any depth, also as the end of a key after `_` or `-`. Config
        /// `{"keys": [key, …]}`.
        RestrictedKeys = "RESTRICTED_KEYS",
    }
}

words! {
    /// What kind of thing a policy is evaluated on.
    pub enum PolicyTarget: "policy target" {
        /// The content of a request, before it is planned.
        Request = "REQUEST",
        /// The plan of a request, before it is approved.
        Plan = "PLAN",
        /// A deployment.
        Deployment = "DEPLOYMENT",
        /// An environment.
        Environment = "ENVIRONMENT",
    }
}

words! {
    /// What class of error a violation is (R164).
    pub enum ViolationClass: "violation class" {
        /// What was sent is wrong: INVALID_ARGUMENT.
        Input = "INPUT",
        /// The state of the system forbids it: FAILED_PRECONDITION.
        State = "STATE",
        /// A limit is used up: RESOURCE_EXHAUSTED.
        Quota = "QUOTA",
    }
}

/// What a policy is limited to. An empty list means any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyScope {
    pub tiers: Vec<Tier>,
    /// Ids of templates.
    pub templates: Vec<String>,
    /// Ids of business units.
    pub business_units: Vec<String>,
}

/// One version of one policy, as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The id in `policies/{id}`.
    pub id: String,
    /// Rises with every change.
    pub version: i32,
    pub description: String,
    pub kind: PolicyKind,
    pub target: PolicyTarget,
    pub scope: PolicyScope,
    /// See [`PolicyKind`].
    pub config: Value,
    /// False: it only warns (R167).
    pub enforced: bool,
    pub class: ViolationClass,
    /// Why it is demanded; follows what is wrong.
    pub message: String,
    /// What to do about a violation.
    pub fix: String,
}

/// What policies are evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub target: PolicyTarget,
    pub tier: Option<Tier>,
    /// Id of the template.
    pub template: Option<&'a str>,
    /// Id of the business unit.
    pub business_unit: Option<&'a str>,
    pub tags: &'a BTreeMap<String, String>,
    /// Path of the tags in the call's message, for instance `request.tags`.
    pub tags_field: &'a str,
    /// Everything else, as an object.
    pub fields: &'a Value,
    /// Path of `fields` in the call's message, for instance `request.create`.
    pub fields_prefix: &'a str,
}

/// The verdict of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyResult {
    /// Resource name, `policies/{id}`.
    pub policy: String,
    pub version: i32,
    pub enforced: bool,
    pub class: ViolationClass,
    /// Empty where the subject complies.
    pub violations: Vec<PolicyViolation>,
}

impl Policy {
    /// Every fault of its own: config that its kind does not understand, blank texts. `field` is its path in the call's
    /// message.
    pub fn check(&self, field: &str) -> Vec<FieldViolation> {
        let mut faults = Rule::parse(self.kind, &self.config, &format!("{field}.config")).err().unwrap_or_default();
        for (name, text) in [("message", &self.message), ("fix", &self.fix)] {
            if text.trim().is_empty() {
                faults.push(FieldViolation::new(
                    format!("{field}.{name}"),
                    "This is required: whoever violates the policy reads it.",
                ));
            }
        }
        faults
    }

    /// Whether it is about this subject.
    pub fn applies_to(&self, subject: &Subject<'_>) -> bool {
        let listed =
            |list: &[String], id: Option<&str>| list.is_empty() || id.is_some_and(|id| list.iter().any(|it| it == id));
        let PolicyScope { tiers, templates, business_units } = &self.scope;
        self.target == subject.target
            && (tiers.is_empty() || subject.tier.is_some_and(|tier| tiers.contains(&tier)))
            && listed(templates, subject.template)
            && listed(business_units, subject.business_unit)
    }

    fn evaluate(&self, subject: &Subject<'_>) -> PolicyResult {
        let name = format!("policies/{}", self.id);
        let findings = match Rule::parse(self.kind, &self.config, "config") {
            Ok(rule) => rule.findings(subject),
            // A policy that cannot be read must not let everything pass.
            Err(_) => vec![FieldViolation::new(
                "",
                format!("The policy {name} cannot be read: an administrator must repair it."),
            )],
        };
        let violation = |finding: FieldViolation| PolicyViolation {
            policy: name.clone(),
            field: finding.field,
            message: format!("{} {}", finding.message, self.message).trim().to_owned(),
            fix: self.fix.clone(),
            enforced: self.enforced,
        };
        PolicyResult {
            version: self.version,
            enforced: self.enforced,
            class: self.class,
            violations: findings.into_iter().map(violation).collect(),
            policy: name,
        }
    }
}

/// The verdict of every policy that applies to the subject, sorted by name. All violations are found, not the first.
pub fn evaluate(policies: &[Policy], subject: &Subject<'_>) -> Vec<PolicyResult> {
    let applying = policies.iter().filter(|policy| policy.applies_to(subject));
    let mut results: Vec<PolicyResult> = applying.map(|policy| policy.evaluate(subject)).collect();
    results.sort_by(|a, b| a.policy.cmp(&b.policy));
    results
}

/// Fails with every violation at once where an enforced policy is violated. The class of the error is that of the first
/// enforced violation in the order INPUT, STATE, QUOTA; advice is told along with it.
pub fn enforce(results: &[PolicyResult]) -> Result<(), Error> {
    let blocking = || results.iter().filter(|result| result.enforced && !result.violations.is_empty());
    let Some(class) = blocking().map(|result| result.class).min() else { return Ok(()) };
    let kind = match class {
        ViolationClass::Input => Kind::Invalid,
        ViolationClass::State => Kind::Precondition,
        ViolationClass::Quota => Kind::Exhausted,
    };
    let policies: Vec<&str> = blocking().map(|result| result.policy.as_str()).collect();
    let count = blocking().map(|result| result.violations.len()).sum::<usize>();
    let message = match blocking().flat_map(|result| &result.violations).next() {
        Some(only) if count == 1 => format!("{} {}", only.message, only.fix),
        _ => format!("{count} violations of policies are in the way; see the details for each and its remedy."),
    };
    let mut error = Error::new(kind, Reason::PolicyViolation, message).with("policies", &policies.join(","));
    if class == ViolationClass::Input {
        error.fields = blocking()
            .flat_map(|result| &result.violations)
            .map(|violation| FieldViolation::new(&violation.field, format!("{} {}", violation.message, violation.fix)))
            .collect();
    }
    error.policies = results.iter().flat_map(|result| result.violations.iter().cloned()).collect();
    Err(error)
}

/// The policies that every organization starts with. They are rows like any other: administrators change them.
pub fn default_policies() -> Vec<Policy> {
    let policy = |id: &str, description: &str, kind, config, message: &str, fix: &str| Policy {
        id: id.to_owned(),
        version: 1,
        description: description.to_owned(),
        kind,
        target: PolicyTarget::Request,
        scope: PolicyScope::default(),
        config,
        enforced: true,
        class: ViolationClass::Input,
        message: message.to_owned(),
        fix: fix.to_owned(),
    };
    let production = PolicyScope { tiers: vec![Tier::Production], ..PolicyScope::default() };
    vec![
        policy(
            "required-tags",
            "Everything that is provisioned says whose it is and what it is for.",
            PolicyKind::RequiredTags,
            json!({"tags": ["team", "owner", "purpose"]}),
            "Whatever is provisioned says whose it is and what it is for.",
            "Add the tag with a value that is not blank.",
        ),
        policy(
            "tag-format",
            "Tags have a form that every provider accepts and leave the platform's own keys alone.",
            PolicyKind::TagFormat,
            json!({}),
            "",
            "Change the tag.",
        ),
        Policy {
            scope: production,
            ..policy(
                "production-cost-tag",
                "Whatever runs in production can be charged to somebody.",
                PolicyKind::RequiredTags,
                json!({"any_of": [["cost_center", "project_code"]]}),
                "Whatever runs in production can be charged to somebody.",
                "Set `cost_center` or `project_code`, as a field or as a tag.",
            )
        },
    ]
}

#[cfg(test)]
mod tests;
