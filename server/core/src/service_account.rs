//! Programs that act under a name of their own, and whose word a CI account trusts.

use serde::{Deserialize, Serialize};

use crate::error::Violations;
use crate::text;
use crate::words::words;

words! {
    /// What kind of program a service account is.
    pub enum ServiceAccountKind: "kind of service account" {
        /// A machine or a script.
        Machine = "MACHINE",
        /// Jobs of a CI provider.
        Ci = "CI",
        /// A program that decides by itself (rule 14).
        Agent = "AGENT",
    }
}

/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 1_000;

/// Most trust rules of an account, and most conditions of a rule.
const RULES_MAX: usize = 20;

/// Longest issuer and longest value of a claim, in characters.
const VALUE_MAX: usize = 500;

/// Fewest characters before a `*`.
const STEM_MIN: usize = 3;

/// The claims that tie a token to something of ours. A rule without one would trust everybody at the provider.
const ANCHORS: [&str; 5] = ["sub", "repository", "repository_id", "project_path", "project_id"];

/// Whose tokens may be exchanged for a token of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiTrustRule {
    /// The `iss` of the provider's tokens.
    pub issuer: String,
    /// All must hold.
    pub conditions: Vec<CiClaimCondition>,
}

/// A claim and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiClaimCondition {
    pub claim: String,
    /// A `*` at the end stands for any rest.
    pub value: String,
}

/// What callers say of a service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccountContent {
    pub kind: ServiceAccountKind,
    pub description: String,
    pub active: bool,
    pub ci_trust_rules: Vec<CiTrustRule>,
}

impl ServiceAccountContent {
    /// Notes everything that is wrong with it, with paths below `field`.
    pub fn check(&self, field: &str, wrong: &mut Violations) {
        wrong.take(text::optional(&self.description, DESCRIPTION_MAX, &format!("{field}.description")));
        let at = format!("{field}.ci_trust_rules");
        let is_ci = self.kind == ServiceAccountKind::Ci;
        wrong.check(
            is_ci || self.ci_trust_rules.is_empty(),
            at.as_str(),
            "Only an account of kind CI has trust rules. Leave them out, or make an account of that kind.",
        );
        wrong.check(self.ci_trust_rules.len() <= RULES_MAX, at.as_str(), "At most 20 rules.");
        for (index, rule) in self.ci_trust_rules.iter().take(RULES_MAX).enumerate() {
            rule.check(&format!("{at}[{index}]"), wrong);
        }
    }
}

impl CiTrustRule {
    fn check(&self, field: &str, wrong: &mut Violations) {
        wrong.check(
            is_issuer(&self.issuer),
            format!("{field}.issuer"),
            "Give the issuer as its tokens spell it: an https address without query, at most 500 characters.",
        );
        let at = format!("{field}.conditions");
        wrong.check((1..=RULES_MAX).contains(&self.conditions.len()), at.as_str(), "Give 1 to 20 conditions.");
        wrong.check(
            self.conditions.iter().any(|condition| ANCHORS.contains(&condition.claim.as_str())),
            at.as_str(),
            format!("Say whose tokens are meant: one condition is about {}.", ANCHORS.join(", ")),
        );
        for (index, condition) in self.conditions.iter().take(RULES_MAX).enumerate() {
            let at = format!("{at}[{index}]");
            wrong.check(
                is_claim(&condition.claim),
                format!("{at}.claim"),
                "At most 100 of a-z, A-Z, 0-9, `_`, `.`, `-` and `/`.",
            );
            let value = format!("{at}.value");
            if wrong.take(text::required(&condition.value, VALUE_MAX, &value)).is_some() {
                wrong.check(
                    is_value(&condition.value),
                    value,
                    "A `*` stands at the end only, after at least 3 characters.",
                );
            }
        }
    }
}

fn is_issuer(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("https://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    !host.is_empty()
        && issuer.len() <= VALUE_MAX
        && issuer.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@*\\\"<>".contains(&byte))
}

fn is_claim(claim: &str) -> bool {
    (1..=100).contains(&claim.len())
        && claim.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte))
}

fn is_value(value: &str) -> bool {
    match value.find('*') {
        None => true,
        Some(at) => at + 1 == value.len() && value.chars().count() > STEM_MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(issuer: &str, conditions: &[(&str, &str)]) -> CiTrustRule {
        let of = |(claim, value): &(&str, &str)| CiClaimCondition { claim: (*claim).into(), value: (*value).into() };
        CiTrustRule { issuer: issuer.into(), conditions: conditions.iter().map(of).collect() }
    }

    fn wrong(kind: ServiceAccountKind, rules: Vec<CiTrustRule>) -> Vec<String> {
        let mut wrong = Violations::new();
        ServiceAccountContent { kind, description: String::new(), active: true, ci_trust_rules: rules }
            .check("service_account", &mut wrong);
        let fields = wrong.finish().err().map(|error| error.fields).unwrap_or_default();
        fields.into_iter().map(|violation| violation.field.replace("service_account.ci_trust_rules", "rules")).collect()
    }

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    #[test]
    fn a_rule_says_whose_tokens_it_trusts() {
        use ServiceAccountKind::{Ci, Machine};
        let good = rule(GITHUB, &[("repository", "acme/web"), ("ref", "refs/heads/*")]);
        assert_eq!(wrong(Ci, vec![good.clone()]), [""; 0]);
        assert_eq!(wrong(Machine, vec![good]), ["rules"]);
        assert_eq!(wrong(Ci, vec![rule(GITHUB, &[])]), ["rules[0].conditions", "rules[0].conditions"]);
        assert_eq!(wrong(Ci, vec![rule(GITHUB, &[("ref", "refs/heads/main")])]), ["rules[0].conditions"]);
        for issuer in
            ["", "http://ci.example.org", "https://", "https://a.example.org?x", "https://a@b.example.org", "x"]
        {
            assert_eq!(wrong(Ci, vec![rule(issuer, &[("sub", "web")])]), ["rules[0].issuer"], "{issuer}");
        }
        for value in ["*", "ab*", "acme/*/main", "**", ""] {
            assert_eq!(wrong(Ci, vec![rule(GITHUB, &[("sub", value)])]), ["rules[0].conditions[0].value"], "{value}");
        }
        let hostile = rule(GITHUB, &[("sub", "repo:acme/web:%_\u{202e}"), ("a b", "x")]);
        assert_eq!(wrong(Ci, vec![hostile]), ["rules[0].conditions[0].value", "rules[0].conditions[1].claim"]);
    }
}
