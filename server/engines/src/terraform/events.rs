//! The JSON lines that `terraform -json` prints, one event each.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{AppliedResource, LogLevel, Output, ResourceAction};

/// One event. Fields that this engine does not use are left out; all but the first two are absent in most events.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "@level")]
    level: String,
    #[serde(rename = "@message")]
    message: String,
    #[serde(rename = "type", default)]
    kind: String,
    change: Option<Change>,
    hook: Option<Hook>,
    diagnostic: Option<Diagnostic>,
    outputs: Option<BTreeMap<String, ToldOutput>>,
}

#[derive(Debug, Deserialize)]
struct Change {
    action: String,
}

#[derive(Debug, Deserialize)]
struct Hook {
    resource: Option<Resource>,
    action: Option<String>,
    id_value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    addr: String,
    resource_type: String,
}

/// A problem that Terraform or a provider tells.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Diagnostic {
    pub(super) severity: String,
    pub(super) summary: String,
    #[serde(default)]
    pub(super) detail: String,
    pub(super) address: Option<String>,
    pub(super) range: Option<Range>,
    pub(super) snippet: Option<Snippet>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Range {
    pub(super) filename: String,
    pub(super) start: Position,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Position {
    pub(super) line: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Snippet {
    pub(super) context: Option<String>,
    pub(super) code: String,
}

#[derive(Debug, Deserialize)]
struct ToldOutput {
    sensitive: bool,
    /// Absent when sensitive, and in a plan.
    value: Option<Value>,
}

impl Event {
    /// Reads a line, if it is an event at all.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    pub(super) fn level(&self) -> LogLevel {
        match self.level.as_str() {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warning,
            "debug" | "trace" => LogLevel::Debug,
            _ => LogLevel::Info,
        }
    }

    /// What a person reads in the log, with an ending.
    pub(super) fn text(&self) -> String {
        match &self.diagnostic {
            Some(diagnostic) => diagnostic.text(),
            None => format!("{}\n", self.message),
        }
    }
}

impl Diagnostic {
    pub(super) fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// As Terraform prints it for people, less the frame.
    fn text(&self) -> String {
        let kind = if self.is_error() { "Error" } else { "Warning" };
        let mut text = format!("{kind}: {}\n", self.summary);
        if let Some(address) = &self.address {
            text += &format!("  with {address}\n");
        }
        if let Some(range) = &self.range {
            let context = self.snippet.as_ref().and_then(|snippet| snippet.context.as_deref());
            let context = context.map(|context| format!(", in {context}")).unwrap_or_default();
            text += &format!("  on {} line {}{context}\n", range.filename, range.start.line);
        }
        for line in self.snippet.iter().flat_map(|snippet| snippet.code.lines()) {
            text += &format!("    {line}\n");
        }
        for line in self.detail.lines() {
            text += &format!("  {line}\n");
        }
        text
    }
}

/// What all events of a run have told together.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// In the order in which they were finished.
    pub(super) resources: Vec<AppliedResource>,
    planned: u32,
    failed: u32,
    outputs: BTreeMap<String, ToldOutput>,
}

impl Told {
    /// Takes in one event. True when the count of resources has changed.
    pub(super) fn hear(&mut self, event: Event) -> bool {
        self.diagnostics.extend(event.diagnostic);
        if let Some(outputs) = event.outputs {
            self.outputs = outputs;
        }
        match event.kind.as_str() {
            "planned_change" => {
                // A replacement is finished twice: once deleted, once created.
                self.planned += match event.change.as_ref().map(|change| change.action.as_str()) {
                    Some("replace") => 2,
                    Some("create" | "update" | "delete") => 1,
                    _ => 0,
                };
                true
            }
            "apply_complete" => {
                self.resources.extend(event.hook.and_then(Hook::applied));
                true
            }
            "apply_errored" => {
                self.failed += 1;
                true
            }
            _ => false,
        }
    }

    /// Resources that an apply is through with, and how many it is to change.
    pub(super) fn applied(&self) -> (u32, u32) {
        let done = u32::try_from(self.resources.len()).unwrap_or(u32::MAX).saturating_add(self.failed);
        (done, self.planned.max(done))
    }

    /// The outputs after an apply, unless one is sensitive: Terraform then keeps its value back.
    pub(super) fn outputs_in_the_clear(&self) -> Option<BTreeMap<String, Output>> {
        let clear = |output: &ToldOutput| {
            (!output.sensitive).then(|| Output { value: output.value.clone().unwrap_or_default(), sensitive: false })
        };
        self.outputs.iter().map(|(name, output)| Some((name.clone(), clear(output)?))).collect()
    }
}

impl Hook {
    fn applied(self) -> Option<AppliedResource> {
        let action = match self.action.as_deref() {
            Some("create") => ResourceAction::Created,
            Some("update") => ResourceAction::Updated,
            Some("delete") => ResourceAction::Deleted,
            // Data sources and ephemeral values: read, not changed.
            _ => return None,
        };
        let resource = self.resource?;
        Some(AppliedResource {
            address: resource.addr,
            resource_type: resource.resource_type,
            action,
            id: self.id_value,
        })
    }
}

/// Reads the answer of `output -json`.
pub(super) fn parse_outputs(json: &[u8]) -> Option<BTreeMap<String, Output>> {
    let outputs: BTreeMap<String, ToldOutput> = serde_json::from_slice(json).ok()?;
    let output = |told: ToldOutput| Output { value: told.value.unwrap_or_default(), sensitive: told.sensitive };
    Some(outputs.into_iter().map(|(name, told)| (name, output(told))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Told {
        let mut told = Told::default();
        for line in lines {
            told.hear(Event::parse(line.as_bytes()).unwrap());
        }
        told
    }

    #[test]
    fn counts_a_replacement_twice() {
        let told = told(&[
            r#"{"@level":"info","@message":"a: Plan to replace","change":{"resource":{"addr":"a"},"action":"replace"},"type":"planned_change"}"#,
            r#"{"@level":"info","@message":"","hook":{"resource":{"addr":"a","resource_type":"t"},"action":"delete"},"type":"apply_complete"}"#,
        ]);
        assert_eq!(told.applied(), (1, 2));
        assert_eq!(told.resources[0].action, ResourceAction::Deleted);
    }

    #[test]
    fn a_sensitive_output_is_not_in_the_clear() {
        let with = |output: &str| {
            told(&[&format!(r#"{{"@level":"info","@message":"","outputs":{{"o":{output}}},"type":"outputs"}}"#)])
                .outputs_in_the_clear()
        };
        assert_eq!(with(r#"{"sensitive":false,"value":[1]}"#).unwrap()["o"].value, serde_json::json!([1]));
        assert_eq!(with(r#"{"sensitive":true}"#), None);
    }

    #[test]
    fn a_diagnostic_says_where() {
        let event = Event::parse(
            br#"{"@level":"error","@message":"Error: Bad","type":"diagnostic","diagnostic":{"severity":"error","summary":"Bad",
            "detail":"It is bad.","address":"x.y","range":{"filename":"main.tf","start":{"line":3,"column":1,"byte":1}},
            "snippet":{"context":"resource \"x\" \"y\"","code":"  a = b"}}}"#,
        )
        .unwrap();
        assert_eq!(
            event.text(),
            "Error: Bad\n  with x.y\n  on main.tf line 3, in resource \"x\" \"y\"\n      a = b\n  It is bad.\n"
        );
        assert_eq!(event.level(), LogLevel::Error);
        assert!(Event::parse(b"plain text").is_none());
    }
}
