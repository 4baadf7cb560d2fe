//! What a principal is given, as one short text: whether it is still the same is asked often, and what it is only then.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::condition::Condition;
use super::grants::{Grants, Rule, RuleList, Scope};
use super::permission::Permission;

/// What somebody is given at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Equal where every decision is, as far as it depends on what is given. Another one says that something was given or
    /// taken, by whatever way: a binding, a group, a unit, a role, a switch of the organization or the end of a binding.
    pub text: String,
    /// From this time on it may be another one, without anybody's doing.
    pub until: Option<DateTime<Utc>>,
}

impl Grants {
    /// The fingerprint of what is given now. It does not depend on the order in which the grants were read.
    pub fn fingerprint(&self, now: DateTime<Utc>) -> Fingerprint {
        let mut lines = vec![format!("usable {}", self.usable), format!("who {}", self.who().told())];
        let mut until: Option<DateTime<Utc>> = None;
        for (scope, rules) in self.all_rules() {
            for (effect, list) in [("ALLOW", &rules.allows), ("DENY", &rules.denies)] {
                for rule in live(list, now) {
                    lines.push(format!("{} {effect} {}", place(scope), told(rule)));
                    until = match (until, rule.expire_time) {
                        (Some(known), Some(end)) => Some(known.min(end)),
                        (known, end) => known.or(end),
                    };
                }
            }
        }
        lines.sort_unstable();
        // Two bindings that differ only in when they end give the same.
        lines.dedup();
        let digest = Sha256::digest(lines.join("\n").as_bytes());
        Fingerprint { text: hex::encode(&digest[..16]), until }
    }
}

fn live(list: &RuleList, now: DateTime<Utc>) -> impl Iterator<Item = &Rule> {
    list.all().filter(move |rule| !rule.expired(now))
}

fn place(scope: Scope) -> String {
    match scope {
        Scope::Organization => "-".to_owned(),
        Scope::Unit(unit) => unit.to_string(),
    }
}

/// Everything of a rule that a decision or its explanation depends on, except for its end.
fn told(rule: &Rule) -> String {
    let permissions: Vec<&str> = rule.permissions().map(Permission::slug).collect();
    let condition = rule.condition.as_ref().map_or("", Condition::source);
    format!("{} {} {} {condition:?}", rule.role, rule.restriction.as_str(), permissions.join(","))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::super::grants::{Binding, Effect, PrincipalFacts, Who};
    use super::super::roles::Restriction;
    use super::*;

    const READ: &str = "business_unit:jobs:read";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn facts(groups: &[&str]) -> PrincipalFacts {
        let groups: Vec<String> = groups.iter().map(|group| format!("groups/{group}")).collect();
        PrincipalFacts {
            who: Who::new("users/ada", true, Some("ada@example.org"), &groups, &[]),
            active: true,
            organization_active: true,
            is_user: true,
            token: None,
            self_service_environments: true,
        }
    }

    fn binding(role: &str, scope: Scope) -> Binding {
        Binding {
            role: role.to_owned(),
            permissions: vec![READ.to_owned()],
            restriction: Restriction::None,
            scope,
            effect: Effect::Allow,
            condition: None,
            expire_time: None,
        }
    }

    fn print(bindings: &[Binding]) -> String {
        Grants::compile(facts(&["a", "b"]), bindings.to_vec()).fingerprint(now()).text
    }

    #[test]
    fn it_is_the_same_however_the_grants_were_read() {
        let home = Scope::Unit(Uuid::from_u128(1));
        let (first, second) = (binding("first", home), binding("second", home));
        assert_eq!(print(&[first.clone(), second.clone()]), print(&[second.clone(), first.clone()]));
        let groups = |groups: &[&str]| Grants::compile(facts(groups), vec![first.clone()]).fingerprint(now());
        assert_eq!(groups(&["a", "b"]), groups(&["b", "a"]));
        assert_ne!(groups(&["a", "b"]), groups(&["a"]), "a condition may ask for the group");
    }

    #[test]
    fn it_differs_where_anything_is_given_or_taken() {
        let home = Scope::Unit(Uuid::from_u128(1));
        let one = binding("one", home);
        let others = [
            Binding { role: "two".into(), ..one.clone() },
            Binding { permissions: vec!["business_unit:jobs:list".into()], ..one.clone() },
            Binding { restriction: Restriction::OwnTeam, ..one.clone() },
            Binding { scope: Scope::Organization, ..one.clone() },
            Binding { effect: Effect::Deny, ..one.clone() },
            Binding { condition: Some("object.own".into()), ..one.clone() },
        ];
        let mut prints: Vec<String> = others.iter().map(|other| print(std::slice::from_ref(other))).collect();
        prints.extend([print(std::slice::from_ref(&one)), print(&[])]);
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
        let inactive = PrincipalFacts { active: false, ..facts(&["a", "b"]) };
        assert_ne!(Grants::compile(inactive, vec![one.clone()]).fingerprint(now()).text, print(&[one]));
    }

    #[test]
    fn it_is_another_one_when_a_binding_ends() {
        let home = Scope::Unit(Uuid::from_u128(1));
        let end = now() + TimeDelta::minutes(5);
        let ends = Binding { expire_time: Some(end), ..binding("ends", home) };
        let later = Binding { expire_time: Some(end + TimeDelta::minutes(5)), ..binding("later", home) };
        let grants = Grants::compile(facts(&["a", "b"]), vec![binding("stays", home), later, ends]);
        let before = grants.fingerprint(now());
        assert_eq!(before.until, Some(end));
        let after = grants.fingerprint(end);
        assert_ne!(before.text, after.text);
        assert_eq!(after.until, Some(end + TimeDelta::minutes(5)));
        let last = grants.fingerprint(end + TimeDelta::minutes(5));
        assert_eq!((last.text, last.until), (print(&[binding("stays", home)]), None));
    }
}
