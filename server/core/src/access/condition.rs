//! Conditions of bindings (rule 9): CEL over who asks, what for, when and from where.
//!
//! What a condition sees:
//!
//! - `principal`: `name` (`users/ada`), `kind` (`USER` or `SERVICE_ACCOUNT`), `groups` and `teams` (lists of names), and for
//!   users `email`.
//! - `object`: `type` (the resource of the permission, for instance `deployments`), `own` (whether the principal created
//!   it), and as far as it has them `name`, `tier`, `business_unit` and `team`.
//! - `time`, in UTC: `now` (`2026-11-20T17:05:00Z`, so that times compare as texts), `year`, `month`, `day`, `hour`, `minute`
//!   and `weekday` (1 for Monday to 7 for Sunday).
//! - `network`: `ip`, and `cidr`, the network of that one address, for `cidrContains('10.0.0.0/8', network.cidr)`.
//!
//! For the actions `list` and `read` an object has only `type` and `own`: a list is filtered by the database, which knows no
//! CEL, and what is listed and what is read must not differ. A condition that asks such an object for more gives no
//! verdict, like one that asks for what is not there: it does not match an ALLOW and does match a DENY.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde_json::{Map, Value, json};

use super::evaluate::Object;
use super::grants::Who;
use super::permission::Permission;
use crate::expression::Expression;

const VARIABLES: &[&str] = &["principal", "object", "time", "network"];

/// What can be asked of each variable.
const FIELDS: [(&str, &[&str]); 4] = [
    ("principal", &["name", "kind", "email", "groups", "teams"]),
    ("object", &["type", "own", "name", "tier", "business_unit", "team"]),
    ("time", &["now", "year", "month", "day", "hour", "minute", "weekday"]),
    ("network", &["ip", "cidr"]),
];

/// What a list knows of an object.
const LISTED: &[&str] = &["type", "own"];

/// A decision may evaluate many conditions: each may take this part of what an expression may take.
const SHARE: usize = 200;

/// When and from where a decision is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub now: DateTime<Utc>,
    /// Address of the caller; `None` where there is none to speak of.
    pub ip: Option<&'a str>,
}

impl From<DateTime<Utc>> for Moment<'_> {
    fn from(now: DateTime<Utc>) -> Self {
        Self { now, ip: None }
    }
}

/// Whether a text can be the condition of a binding. Fails with a sentence for its author.
pub fn check_condition(source: &str) -> Result<(), String> {
    if source.trim().is_empty() {
        return Err("A condition cannot be empty. Leave it out for a binding that always holds.".to_owned());
    }
    let expression = Expression::compile(source, VARIABLES)?;
    for (variable, known) in FIELDS {
        if let Some(unknown) = expression.fields_of(variable).find(|field| !known.contains(field)) {
            return Err(format!("There is no `{variable}.{unknown}`. `{variable}` has {}.", known.join(", ")));
        }
    }
    Ok(())
}

/// A condition, read once.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    source: String,
    /// `None` where it cannot be read: it was stored by a version that could, and gives no verdict.
    expression: Option<Arc<Expression>>,
    /// Whether its verdict depends on the object.
    pub(super) of_object: bool,
    /// Whether it depends on more of the object than a list knows.
    of_details: bool,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Condition {
    pub(super) fn read(source: String) -> Self {
        let expression = Expression::compile(&source, VARIABLES).ok().map(Arc::new);
        let of_object = expression.as_ref().is_some_and(|expression| expression.mentions("object"));
        let of_details = expression.as_ref().is_some_and(|expression| !expression.reads_only("object", LISTED));
        Self { source, expression, of_object, of_details }
    }

    /// As it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds; `None` where it gives no verdict.
    pub(super) fn holds(
        &self,
        who: &Who,
        at: &Moment<'_>,
        permission: Permission,
        object: &Object<'_>,
    ) -> Option<bool> {
        let expression = self.expression.as_ref()?;
        if self.of_details && (permission.is_list_or_read() || object.details.is_none()) {
            return None;
        }
        let (object, time, network) = (see_object(permission, object), see_time(at.now), see_network(at.ip));
        let seen = [("principal", who.seen()), ("object", &object), ("time", &time), ("network", &network)];
        expression.holds(&seen, SHARE).ok()
    }
}

fn see_object(permission: Permission, object: &Object<'_>) -> Value {
    let mut seen = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            seen.insert(name.to_owned(), value);
        }
    };
    put("type", Some(permission.info().resource.into()));
    put("own", object.creator_is_caller.map(Value::from));
    if let Some(details) = &object.details {
        put("name", Some(details.name.into()));
        put("tier", details.tier.map(|tier| tier.as_str().into()));
        put("business_unit", details.business_unit.map(Value::from));
        put("team", details.team.map(Value::from));
    }
    Value::Object(seen)
}

fn see_time(now: DateTime<Utc>) -> Value {
    json!({
        "now": now.to_rfc3339_opts(SecondsFormat::Secs, true), "year": now.year(), "month": now.month(), "day": now.day(),
        "hour": now.hour(), "minute": now.minute(), "weekday": now.weekday().number_from_monday(),
    })
}

fn see_network(ip: Option<&str>) -> Value {
    match ip.and_then(|ip| ip.parse::<IpAddr>().ok()) {
        Some(ip) => {
            let length = if ip.is_ipv4() { 32 } else { 128 };
            json!({"ip": ip.to_string(), "cidr": format!("{ip}/{length}")})
        }
        None => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_checked_when_they_are_written() {
        for good in [
            "true",
            "object.tier != 'PRODUCTION'",
            "principal.email.endsWith('@example.org') && 'groups/oncall' in principal.groups",
            "time.weekday <= 5 && time.hour >= 8 && time.hour < 18",
            "time.now < '2027-01-01T00:00:00Z'",
            "cidrContains('10.0.0.0/8', network.cidr)",
            "has(object.team) && object.team in principal.teams",
        ] {
            assert_eq!(check_condition(good), Ok(()), "{good}");
        }
        for (bad, word) in [
            ("", "empty"),
            ("  ", "empty"),
            ("object.teir == 'x'", "object.teir"),
            ("subject.name == 'x'", "subject"),
            ("now() > 1", "now"),
            ("object.name ==", "expression"),
            ("object.name.matches('(a+)+')", "matches"),
        ] {
            let told = check_condition(bad).unwrap_err();
            assert!(told.contains(word), "{bad}: {told}");
        }
        assert!(check_condition(&"x".repeat(2000)).is_err());
    }
}
