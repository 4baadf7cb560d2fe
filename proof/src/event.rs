//! The leaf of an event: everything that is recorded of it, as one line of canonical JSON.

use serde_json::Value;

use crate::json;

/// What a field of a leaf holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A text, or null where a table has an empty cell.
    Optional,
    /// A whole number.
    Number,
    /// Canonical JSON.
    Json,
}

/// The version of this form. It is part of the leaf.
pub const VERSION: &str = "1";

/// The fields of a leaf in their order, which is that of their names.
pub const FIELDS: [(&str, FieldKind); 20] = [
    ("action", FieldKind::Text),
    // Row id of the business unit.
    ("business_unit", FieldKind::Optional),
    ("correlation_id", FieldKind::Text),
    ("details", FieldKind::Json),
    ("duration_ms", FieldKind::Number),
    ("effects", FieldKind::Json),
    ("id", FieldKind::Text),
    ("ip", FieldKind::Text),
    ("object", FieldKind::Text),
    ("object_type", FieldKind::Text),
    ("on_behalf_of", FieldKind::Optional),
    // Row id of the organization.
    ("organization", FieldKind::Text),
    ("origin", FieldKind::Text),
    ("outcome", FieldKind::Text),
    ("principal", FieldKind::Text),
    ("seq", FieldKind::Number),
    // Row id of the team.
    ("team", FieldKind::Optional),
    ("time", FieldKind::Text),
    ("user_agent", FieldKind::Text),
    ("version", FieldKind::Number),
];

/// The cells of one event, in the order of [`FIELDS`].
pub type Cells = [String; FIELDS.len()];

/// An event as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub action: &'a str,
    pub business_unit: &'a str,
    pub correlation_id: &'a str,
    pub details: &'a Value,
    pub duration_ms: i64,
    pub effects: &'a Value,
    pub id: &'a str,
    pub ip: &'a str,
    pub object: &'a str,
    pub object_type: &'a str,
    pub on_behalf_of: &'a str,
    pub organization: &'a str,
    pub origin: &'a str,
    pub outcome: &'a str,
    pub principal: &'a str,
    pub seq: u64,
    pub team: &'a str,
    /// RFC 3339 in UTC, with six digits of microseconds.
    pub time: &'a str,
    pub user_agent: &'a str,
}

impl Event<'_> {
    /// As a row of a table.
    pub fn cells(&self) -> Cells {
        [
            self.action.to_owned(),
            self.business_unit.to_owned(),
            self.correlation_id.to_owned(),
            json::canonical(self.details),
            self.duration_ms.to_string(),
            json::canonical(self.effects),
            self.id.to_owned(),
            self.ip.to_owned(),
            self.object.to_owned(),
            self.object_type.to_owned(),
            self.on_behalf_of.to_owned(),
            self.organization.to_owned(),
            self.origin.to_owned(),
            self.outcome.to_owned(),
            self.principal.to_owned(),
            self.seq.to_string(),
            self.team.to_owned(),
            self.time.to_owned(),
            self.user_agent.to_owned(),
            VERSION.to_owned(),
        ]
    }

    /// The leaf.
    pub fn leaf(&self) -> String {
        leaf(&self.cells())
    }
}

/// The leaf of a row. Cells that are no numbers or no JSON are taken as they are: the hash tells.
pub fn leaf(cells: &Cells) -> String {
    let mut out = String::with_capacity(cells.iter().map(|cell| cell.len() + 20).sum());
    for (index, ((name, kind), cell)) in FIELDS.iter().zip(cells).enumerate() {
        out.push_str(if index == 0 { "{\"" } else { ",\"" });
        out.push_str(name);
        out.push_str("\":");
        match kind {
            FieldKind::Optional if cell.is_empty() => out.push_str("null"),
            FieldKind::Text | FieldKind::Optional => out.push_str(&json::string(cell)),
            FieldKind::Number | FieldKind::Json => out.push_str(cell),
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_leaf_is_canonical_json_of_all_fields() {
        let (effects, details) = (json!({"b": 1.0, "a": ["\u{1}"]}), json!({}));
        let event = Event {
            action: "request.create",
            business_unit: "",
            correlation_id: "c",
            details: &details,
            duration_ms: 3,
            effects: &effects,
            id: "i",
            ip: "::1",
            object: "o\"",
            object_type: "request",
            on_behalf_of: "",
            organization: "g",
            origin: "API",
            outcome: "SUCCESS",
            principal: "users/ada",
            seq: 7,
            team: "t",
            time: "2026-11-20T16:39:40.123456Z",
            user_agent: "x",
        };
        let leaf = event.leaf();
        assert_eq!(
            leaf,
            r#"{"action":"request.create","business_unit":null,"correlation_id":"c","details":{},"duration_ms":3,"effects":{"a":["\u0001"],"b":1},"id":"i","ip":"::1","object":"o\"","object_type":"request","on_behalf_of":null,"organization":"g","origin":"API","outcome":"SUCCESS","principal":"users/ada","seq":7,"team":"t","time":"2026-11-20T16:39:40.123456Z","user_agent":"x","version":1}"#
        );
        let value: Value = serde_json::from_str(&leaf).unwrap();
        assert_eq!(json::canonical(&value), leaf);
        assert!(FIELDS.iter().map(|(name, _)| name).is_sorted());
    }
}
