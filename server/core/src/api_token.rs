//! API tokens: what one may say of itself, and where its holder must hold what it carries.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::access::{Grants, Permission, PermissionScope, PermissionSet, Scope, could_match};
use crate::error::Violations;
use crate::text;

/// Longest life of a token.
pub const LIFETIME_MAX: TimeDelta = TimeDelta::days(365);

/// Its life where nobody says how long.
pub const LIFETIME_DEFAULT: TimeDelta = TimeDelta::days(90);

/// Longest name, in characters.
const DISPLAY_NAME_MAX: usize = 255;

/// Most permissions and most business units that a token names.
pub const LIST_MAX: usize = 500;

/// Checks what a caller says of a new token, and reads its permissions. `now` is the database's.
pub fn check(
    display_name: &str,
    permissions: &[String],
    business_units: usize,
    expire_time: DateTime<Utc>,
    now: DateTime<Utc>,
    wrong: &mut Violations,
) -> PermissionSet {
    wrong.take(text::required(display_name, DISPLAY_NAME_MAX, "api_token.display_name"));
    wrong.check(
        expire_time > now && expire_time <= now + LIFETIME_MAX,
        "api_token.expire_time",
        "Give a time in the future, at most 365 days ahead.",
    );
    let at = "api_token.permissions";
    wrong.check(!permissions.is_empty(), at, "Give at least one permission, such as `business_unit:requests:read`.");
    wrong.check(permissions.len() <= LIST_MAX, at, "At most 500 permissions.");
    wrong.check(business_units <= LIST_MAX, "api_token.business_units", "At most 500 business units.");
    let mut set = PermissionSet::default();
    for (index, slug) in permissions.iter().take(LIST_MAX).enumerate() {
        match Permission::parse(slug) {
            Ok(permission) => set.insert(permission),
            Err(error) => wrong.add(format!("{at}[{index}]"), error.to_string()),
        }
    }
    set
}

/// Where a holder has the permissions that a token is to carry, by scope: what they give, they give there. `missing` are
/// those that it has nowhere. `units` are the only ones that the token is for.
#[derive(Debug, Default)]
pub struct Reached {
    pub scopes: Vec<(Scope, PermissionSet)>,
    pub missing: Vec<Permission>,
}

/// Finds out. `all_units` are the units of the organization.
pub fn reached(
    holder: &Grants,
    now: DateTime<Utc>,
    permissions: &PermissionSet,
    units: Option<&[Uuid]>,
    all_units: &[Uuid],
) -> Reached {
    let mut reached = Reached::default();
    let mut add = |scope: Scope, permission: Permission| match reached.scopes.iter_mut().find(|(s, _)| *s == scope) {
        Some((_, set)) => set.insert(permission),
        None => {
            let mut set = PermissionSet::default();
            set.insert(permission);
            reached.scopes.push((scope, set));
        }
    };
    let mut missing = Vec::new();
    for permission in permissions.iter() {
        let holds = |scope| could_match(holder, now, &permission.into(), scope);
        let in_units = permission.scope() == PermissionScope::BusinessUnit;
        if holds(Scope::Organization) && (units.is_none() || !in_units) {
            add(Scope::Organization, permission);
            continue;
        }
        let asked = units.unwrap_or(all_units).iter().copied();
        let held: Vec<Uuid> = asked.filter(|unit| in_units && holds(Scope::Unit(*unit))).collect();
        if held.is_empty() {
            missing.push(permission);
        }
        for unit in held {
            add(Scope::Unit(unit), permission);
        }
    }
    reached.missing = missing;
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Binding, Effect, PrincipalFacts, Restriction, Who};

    fn grants(bindings: &[(&[&str], Scope)]) -> Grants {
        let facts = PrincipalFacts {
            who: Who::new("users/ada", true, None, &[], &[]),
            active: true,
            organization_active: true,
            is_user: true,
            token: None,
            self_service_environments: true,
        };
        let binding = |(permissions, scope): &(&[&str], Scope)| Binding {
            role: "r".into(),
            permissions: permissions.iter().map(|slug| (*slug).to_owned()).collect(),
            restriction: Restriction::None,
            scope: *scope,
            effect: Effect::Allow,
            condition: None,
            expire_time: None,
        };
        Grants::compile(facts, bindings.iter().map(binding).collect())
    }

    fn set(slugs: &[&str]) -> PermissionSet {
        slugs.iter().map(|slug| Permission::parse(slug).unwrap()).collect()
    }

    const READ: &str = "business_unit:requests:read";
    const LIST: &str = "platform:business_units:list";

    #[test]
    fn a_token_carries_what_its_holder_has_somewhere() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let in_one = grants(&[(&[READ], Scope::Unit(one))]);
        let found = reached(&in_one, now, &set(&[READ, LIST, "user:profile:read"]), None, &[one, two]);
        assert_eq!(found.missing, [Permission::parse(LIST).unwrap()]);
        assert_eq!(
            found.scopes.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(),
            [Scope::Unit(one), Scope::Organization]
        );
        assert_eq!(reached(&in_one, now, &set(&[READ]), Some(&[two]), &[one, two]).missing.len(), 1);
        let everywhere = grants(&[(&[READ, LIST], Scope::Organization)]);
        let found = reached(&everywhere, now, &set(&[READ, LIST]), Some(&[two]), &[one, two]);
        assert!(found.missing.is_empty(), "{found:?}");
        assert_eq!(found.scopes.len(), 2, "{found:?}");
    }

    #[test]
    fn a_token_says_what_it_may_and_for_how_long() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let fields = |name: &str, permissions: &[&str], days| {
            let mut wrong = Violations::new();
            let permissions: Vec<String> = permissions.iter().map(|slug| (*slug).to_owned()).collect();
            check(name, &permissions, 0, now + TimeDelta::days(days), now, &mut wrong);
            let fields = wrong.finish().err().map(|error| error.fields).unwrap_or_default();
            fields.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("CI", &[READ], 365), [""; 0]);
        assert_eq!(fields("", &[], 366), ["api_token.display_name", "api_token.expire_time", "api_token.permissions"]);
        assert_eq!(
            fields("x\u{202e}", &[READ, "made:up", "*"], 0),
            ["api_token.display_name", "api_token.expire_time", "api_token.permissions[1]", "api_token.permissions[2]"]
        );
    }
}
