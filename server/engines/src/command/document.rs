//! What a program writes, judged before it counts: a plan in the form of Terraform's plan JSON, and outputs.
//!
//! A plan is what people approve. So everything in it must be known to them and to us: unknown keys, addresses that are
//! there twice, changes that do not fit the state are refused with the place where they are.

use std::collections::{BTreeMap, BTreeSet};

use flagstone_core::plan::normalise;
use serde::Deserialize;
use serde_json::{Value, json};

use super::unfit;
use crate::engine::{Operation, Output};
use crate::error::EngineError;

/// Largest plan, in bytes.
pub(super) const MAX_PLAN: usize = 16 * 1024 * 1024;
/// Largest file of outputs, in bytes.
pub(super) const MAX_OUTPUTS: usize = 4 * 1024 * 1024;
/// Most resources of a plan and of a state.
pub(super) const MAX_RESOURCES: usize = 10_000;
/// Most outputs.
const MAX_OUTPUT_COUNT: usize = 500;
/// Longest name of a type, of a resource and of an output, in bytes.
const MAX_NAME: usize = 128;

/// A plan's top. What stands in it beside this is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format_version: String,
    resource_changes: Vec<Resource>,
    #[serde(default)]
    resource_drift: Vec<Resource>,
    output_changes: BTreeMap<String, OutputChange>,
    /// For the program's own apply: kept with the plan, shown to nobody.
    #[serde(default, rename = "private")]
    _private: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    address: String,
    #[serde(default)]
    mode: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    index: Value,
    #[serde(default, rename = "provider_name")]
    _provider_name: Option<String>,
    #[serde(default, rename = "action_reason")]
    _action_reason: Option<String>,
    change: Change,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default, rename = "after_unknown")]
    _after_unknown: Value,
    #[serde(default, rename = "before_sensitive")]
    _before_sensitive: Value,
    #[serde(default, rename = "after_sensitive")]
    _after_sensitive: Value,
    #[serde(default, rename = "replace_paths")]
    _replace_paths: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputChange {
    actions: Vec<String>,
    #[serde(default, rename = "before")]
    _before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default, rename = "before_sensitive")]
    _before_sensitive: Value,
    #[serde(default)]
    after_sensitive: Value,
}

/// A plan that was judged and is fit.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    /// As the program wrote it, less `private`.
    document: Value,
    private: Value,
}

/// One change of a plan.
pub(super) struct Doing<'a> {
    pub(super) address: &'a str,
    pub(super) resource_type: &'a str,
    pub(super) actions: Vec<&'a str>,
}

impl Changes {
    /// Reads what a program planned for an operation, against the addresses that the state holds. An error says what is
    /// wrong with it, and where.
    pub(super) fn read(bytes: &[u8], operation: Operation, state: &BTreeSet<String>) -> Result<Self, EngineError> {
        if bytes.len() > MAX_PLAN {
            return Err(unfit(format!("The program's plan has {} bytes; at most {MAX_PLAN} are taken.", bytes.len())));
        }
        let refuse = |why: String| unfit(format!("The program's plan is refused: {why}."));
        let mut value: Value =
            serde_json::from_slice(bytes).map_err(|error| refuse(format!("it is no JSON: {error}")))?;
        // From the bytes again, since then serde says the line.
        let document: Document = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        check(&document, operation, state).map_err(refuse)?;
        let private = value.as_object_mut().and_then(|members| members.remove("private")).unwrap_or_default();
        // What cannot be shown cannot be approved.
        normalise(&value, &[]).map_err(|error| unfit(format!("The program's plan is refused: {error}")))?;
        Ok(Self { document: value, private })
    }

    /// What [`Changes::parts`] gave, of a plan that was judged when it was made.
    pub(super) const fn from_parts(document: Value, private: Value) -> Self {
        Self { document, private }
    }

    /// The plan, and what the program keeps with it.
    pub(super) const fn parts(&self) -> (&Value, &Value) {
        (&self.document, &self.private)
    }

    /// The plan as people and the digest see it.
    pub(super) const fn document(&self) -> &Value {
        &self.document
    }

    /// The plan as the program wrote it.
    pub(super) fn for_program(&self) -> Value {
        let mut whole = self.document.clone();
        if let (Value::Object(members), false) = (&mut whole, self.private.is_null()) {
            members.insert("private".to_owned(), self.private.clone());
        }
        whole
    }

    /// Every change, also those that change nothing.
    pub(super) fn doings(&self) -> impl Iterator<Item = Doing<'_>> {
        let changes = self.document["resource_changes"].as_array().into_iter().flatten();
        changes.map(|entry| Doing {
            address: entry["address"].as_str().unwrap_or_default(),
            resource_type: entry["type"].as_str().unwrap_or_default(),
            actions: entry["change"]["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        })
    }

    /// How many resources are destroyed, replacements included.
    pub(super) fn destroys(&self) -> u32 {
        let count = self.doings().filter(|doing| doing.actions.contains(&"delete")).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Holds the state after an apply against the plan: what was to be made is in it, what was to go is not.
    pub(super) fn check_done(&self, before: &BTreeSet<String>, after: &BTreeSet<String>) -> Result<(), EngineError> {
        let mut expected = before.clone();
        for doing in self.doings() {
            match doing.actions.as_slice() {
                ["create"] => {
                    expected.insert(doing.address.to_owned());
                }
                ["delete"] => {
                    expected.remove(doing.address);
                }
                _ => {}
            }
        }
        let missing: Vec<&String> = expected.difference(after).collect();
        let surplus: Vec<&String> = after.difference(&expected).collect();
        let told = match (missing.first(), surplus.first()) {
            (None, None) => return Ok(()),
            (Some(address), _) => format!("{address} is not in its new state"),
            (_, Some(address)) => format!("{address} is in its new state without being planned"),
        };
        let others = missing.len() + surplus.len() - 1;
        let others = if others == 0 { String::new() } else { format!(", and {others} more") };
        Err(unfit(format!("The program has not done what was planned: {told}{others}. The state is stored as it is.")))
    }

    /// Holds the outputs of an apply against the plan. One that was planned as sensitive stays so, whatever is said now.
    pub(super) fn check_outputs(
        &self,
        mut outputs: BTreeMap<String, Output>,
    ) -> Result<BTreeMap<String, Output>, EngineError> {
        let refuse = |name: &str, why: &str| unfit(format!("The output {name} is not as planned: {why}."));
        let no_changes = serde_json::Map::new();
        let planned = self.document["output_changes"].as_object().unwrap_or(&no_changes);
        for (name, change) in planned {
            if change["actions"] == json!(["delete"]) {
                continue;
            }
            let output = outputs.get_mut(name).ok_or_else(|| refuse(name, "the program did not write it"))?;
            let is_known = !holds_true(&change["after_unknown"]);
            if is_known && output.value != change["after"] {
                return Err(refuse(name, "it has another value"));
            }
            output.sensitive |= holds_true(&change["after_sensitive"]);
        }
        let stays = |name: &&String| planned.get(*name).is_some_and(|change| change["actions"] != json!(["delete"]));
        match outputs.keys().find(|name| !stays(name)) {
            Some(name) => Err(refuse(name, "it is in no change of the plan")),
            None => Ok(outputs),
        }
    }
}

/// Reads the outputs that a program wrote: `{"name": {"value": …, "sensitive": true}}`.
pub(super) fn read_outputs(bytes: &[u8]) -> Result<BTreeMap<String, Output>, EngineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Told {
        value: Value,
        #[serde(default)]
        sensitive: bool,
    }
    if bytes.len() > MAX_OUTPUTS {
        return Err(unfit(format!("The outputs have {} bytes; at most {MAX_OUTPUTS} are taken.", bytes.len())));
    }
    let refuse = |why: String| unfit(format!("The program's outputs are refused: {why}."));
    let told: BTreeMap<String, Told> = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
    if told.len() > MAX_OUTPUT_COUNT {
        return Err(refuse(format!("there are more than {MAX_OUTPUT_COUNT}")));
    }
    let mut outputs = BTreeMap::new();
    for (name, Told { value, sensitive }) in told {
        check_name("an output", &name).map_err(refuse)?;
        outputs.insert(name, Output { value, sensitive });
    }
    Ok(outputs)
}

fn check(document: &Document, operation: Operation, state: &BTreeSet<String>) -> Result<(), String> {
    if !document.format_version.starts_with("1.") {
        return Err(format!("its `format_version` is `{}`, not 1.x", document.format_version));
    }
    if document.resource_changes.len() > MAX_RESOURCES {
        return Err(format!("it has more than {MAX_RESOURCES} changes"));
    }
    if document.output_changes.len() > MAX_OUTPUT_COUNT {
        return Err(format!("it has more than {MAX_OUTPUT_COUNT} outputs"));
    }
    let mut seen = BTreeSet::new();
    for resource in &document.resource_changes {
        check_resource(resource, state)?;
        if !seen.insert(resource.address.as_str()) {
            return Err(format!("{} is in it twice", resource.address));
        }
        if operation == Operation::Destroy && !matches!(words(&resource.change.actions)[..], ["delete"]) {
            return Err(format!("{} is not deleted by a plan that destroys", resource.address));
        }
    }
    for resource in &document.resource_drift {
        check_address(resource)?;
    }
    if operation == Operation::Destroy
        && let Some(left) = state.iter().find(|address| !seen.contains(address.as_str()))
    {
        return Err(format!("{left} would be left by a plan that destroys"));
    }
    for (name, change) in &document.output_changes {
        check_output(name, change, operation)?;
    }
    Ok(())
}

fn check_resource(resource: &Resource, state: &BTreeSet<String>) -> Result<(), String> {
    check_address(resource)?;
    let Resource { address, change, .. } = resource;
    let (must_be_there, before, after) = match words(&change.actions)[..] {
        ["no-op"] | ["update"] | ["delete", "create"] | ["create", "delete"] => (true, true, true),
        ["create"] => (false, false, true),
        ["delete"] => (true, true, false),
        _ => return Err(format!("{address} has the actions {:?}, which are not known", change.actions)),
    };
    for (what, value, is_there) in [("before", &change.before, before), ("after", &change.after, after)] {
        if is_there && !value.is_object() {
            return Err(format!("{address} has no object as `{what}`"));
        }
        if !is_there && !value.is_null() {
            return Err(format!("{address} has a `{what}` that its actions exclude"));
        }
    }
    if change.actions == ["no-op"] && change.before != change.after {
        return Err(format!("{address} is to stay as it is, but `before` and `after` differ"));
    }
    match (state.contains(address), must_be_there) {
        (true, false) => Err(format!("{address} is to be created, but the state holds it")),
        (false, true) => Err(format!("{address} is to be there, but the state does not hold it")),
        _ => Ok(()),
    }
}

fn check_address(resource: &Resource) -> Result<(), String> {
    check_name("a type", &resource.kind)?;
    check_name("a resource", &resource.name)?;
    if resource.mode.as_deref().is_some_and(|mode| mode != "managed") {
        return Err(format!("{} has a mode other than `managed`", resource.address));
    }
    let expected = address(&resource.kind, &resource.name, &resource.index)
        .ok_or_else(|| format!("{} has an index that is neither a number nor a text", resource.address))?;
    if resource.address == expected { Ok(()) } else { Err(format!("{} is to be called {expected}", resource.address)) }
}

fn check_output(name: &str, change: &OutputChange, operation: Operation) -> Result<(), String> {
    check_name("an output", name)?;
    let is_gone = match words(&change.actions)[..] {
        ["create"] | ["update"] | ["no-op"] => false,
        ["delete"] => true,
        _ => return Err(format!("the output {name} has the actions {:?}, which are not known", change.actions)),
    };
    if is_gone && !change.after.is_null() {
        return Err(format!("the output {name} goes, but has an `after`"));
    }
    if operation == Operation::Destroy && !is_gone {
        return Err(format!("the output {name} is not deleted by a plan that destroys"));
    }
    let marks = [("after_unknown", &change.after_unknown), ("after_sensitive", &change.after_sensitive)];
    match marks.iter().find(|(_, mark)| !mark.is_boolean() && !mark.is_null()) {
        Some((key, _)) => Err(format!("`{key}` of the output {name} is neither true nor false")),
        None => Ok(()),
    }
}

/// The address of one thing: `type.name`, `type.name[0]` or `type.name["key"]`.
pub(super) fn address(kind: &str, name: &str, index: &Value) -> Option<String> {
    match index {
        Value::Null => Some(format!("{kind}.{name}")),
        Value::Number(number) if number.is_u64() => Some(format!("{kind}.{name}[{number}]")),
        Value::String(_) => Some(format!("{kind}.{name}[{index}]")),
        _ => None,
    }
}

/// Names as they are safe in addresses, logs and forms.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let fits = name.len() <= MAX_NAME
        && name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits {
        return Ok(());
    }
    Err(format!(
        "the name of {what} has 1 to {MAX_NAME} letters, digits, `_` and `-` and begins with a letter, which {} does not",
        Value::from(name.chars().take(40).collect::<String>())
    ))
}

fn words(actions: &[String]) -> Vec<&str> {
    actions.iter().map(String::as_str).collect()
}

fn holds_true(mark: &Value) -> bool {
    mark.as_bool() == Some(true)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
