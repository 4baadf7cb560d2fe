//! How a plan differs from the one that was approved, field by field: what people see when an approval no longer holds
//! (`PLAN_STALE`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AttributeChange, OutputChange, PlanChanges, ResourceChange};
use crate::canonical::canonical_json;
use crate::redact::MASK;

/// One plan with what it was made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// As stored: masked.
    pub changes: &'a PlanChanges,
    /// The inputs as they are. They are compared and never shown.
    pub inputs: &'a Value,
    /// The inputs as people may see them. Same shape, secrets masked.
    pub shown_inputs: &'a Value,
    /// Resource name of the template version. It is shown; `template_sha256` is compared.
    pub template_version: &'a str,
    /// See [`DigestParts`](super::DigestParts).
    pub template_sha256: &'a str,
    pub provider_lock_hash: &'a str,
    pub state_lineage: &'a str,
    pub policies: &'a [(String, i32)],
}

/// What a difference is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Change {
    /// A field of the inputs, by path. Empty for the inputs as a whole.
    Input(String),
    /// The template version, or what is in it.
    Template,
    /// A policy that applied, by id; the values are versions.
    Policy(String),
    /// The chosen versions of providers.
    Providers,
    /// The workspace state was replaced by another one.
    StateLineage,
    /// A resource, by address.
    Resource(String),
    /// An output, by name.
    Output(String),
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub change: Change,
    /// The attribute, where it is about one of a resource; `action` for what happens to the resource as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What was approved, masked; absent where there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Value>,
    /// What is planned now, masked; absent where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Value>,
    /// The two values are what existed when each plan was made, not what it makes of it.
    #[serde(default)]
    pub existing: bool,
    /// The values differ in something that is masked or cut off, so that they look alike.
    #[serde(default)]
    pub hidden: bool,
}

impl Difference {
    /// The place in one line: `inputs.versioning_enabled`, `aws_s3_bucket.this.bucket`, `outputs.url`, `template`.
    pub fn place(&self) -> String {
        let whole = match &self.change {
            Change::Input(path) if path.is_empty() => "inputs".to_owned(),
            Change::Input(path) => format!("inputs.{path}"),
            Change::Template => "template".to_owned(),
            Change::Policy(id) => format!("policies.{id}"),
            Change::Providers => "providers".to_owned(),
            Change::StateLineage => "state_lineage".to_owned(),
            Change::Resource(address) => address.clone(),
            Change::Output(name) => format!("outputs.{name}"),
        };
        if self.path.is_empty() { whole } else { format!("{whole}.{}", self.path) }
    }
}

/// Stands for a value that only the apply will tell.
pub const UNKNOWN: &str = "(known after apply)";

/// Every difference, in the order of [`Change`], then by path. Empty exactly where the digests of the plans are equal.
pub fn diff(approved: &PlanView<'_>, current: &PlanView<'_>) -> Vec<Difference> {
    let mut found = Found::default();
    let sides = [approved, current].map(|view| Input { real: view.inputs, shown: Some(view.shown_inputs) });
    found.inputs(String::new(), sides.map(Some));
    if approved.template_sha256 != current.template_sha256 {
        let versions = [approved, current].map(|view| Some(Value::from(view.template_version)));
        found.add(Change::Template, "", versions, false);
    }
    let versions = [approved, current].map(|view| view.policies.iter().map(|(id, version)| (id, *version)).collect());
    for (id, sides) in paired(&versions) {
        found.note(Change::Policy(id.clone()), "", sides.map(|version| version.copied()), Value::from);
    }
    found.note(Change::Providers, "", [approved, current].map(|view| Some(view.provider_lock_hash)), Value::from);
    found.note(Change::StateLineage, "", [approved, current].map(|view| Some(view.state_lineage)), Value::from);
    for (_, sides) in paired(&[approved, current].map(|view| resources(view.changes))) {
        found.resource(sides.map(|resource| resource.copied()));
    }
    let outputs = [approved, current].map(|view| view.changes.outputs.iter().map(|it| (&it.name, it)).collect());
    for (name, sides) in paired(&outputs) {
        found.output(name, sides.map(|output| output.copied()));
    }
    found.0.sort_by(|a, b| (&a.change, &a.path, a.existing).cmp(&(&b.change, &b.path, b.existing)));
    found.0
}

/// The inputs at one place, as they are and as they may be shown.
#[derive(Clone, Copy)]
struct Input<'a> {
    real: &'a Value,
    shown: Option<&'a Value>,
}

impl Input<'_> {
    fn member(self, key: &str) -> Option<Self> {
        Some(Self { real: self.real.get(key)?, shown: self.shown.and_then(|shown| shown.get(key)) })
    }
}

/// A resource is known by its address and deposed key; a deferred one is another than one that is applied.
type ResourceKey<'a> = (&'a str, Option<&'a str>, bool);

fn resources(changes: &PlanChanges) -> BTreeMap<ResourceKey<'_>, &ResourceChange> {
    let applied = changes.resources.iter().map(|resource| (false, resource));
    let deferred = changes.deferred.iter().map(|resource| (true, resource));
    applied.chain(deferred).map(|(late, it)| ((it.address.as_str(), it.deposed.as_deref(), late), it)).collect()
}

/// Every key of two maps with what each has there.
fn paired<K: Ord + Copy, V>(maps: &[BTreeMap<K, V>; 2]) -> impl Iterator<Item = (K, [Option<&V>; 2])> {
    let keys: BTreeSet<K> = maps.iter().flat_map(BTreeMap::keys).copied().collect();
    keys.into_iter().map(|key| (key, [maps[0].get(&key), maps[1].get(&key)]))
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    /// Notes a difference if there is one: the sides are compared as they are and shown by `show`.
    fn note<T: PartialEq + Copy>(&mut self, change: Change, path: &str, sides: [Option<T>; 2], show: fn(T) -> Value) {
        if sides[0] != sides[1] {
            self.add(change, path, sides.map(|side| side.map(show)), false);
        }
    }

    fn add(&mut self, change: Change, path: &str, [approved, current]: [Option<Value>; 2], existing: bool) {
        let hidden = approved == current;
        self.0.push(Difference { change, path: path.to_owned(), approved, current, existing, hidden });
    }

    fn inputs(&mut self, path: String, sides: [Option<Input<'_>>; 2]) {
        let [approved, current] = sides;
        // As in the digest, numbers count by value: `1` and `1.0` are the same input.
        if approved.map(|side| canonical_json(side.real)) == current.map(|side| canonical_json(side.real)) {
            return;
        }
        let objects = sides.map(|side| side.and_then(|side| side.real.as_object()));
        if let [Some(before), Some(after)] = objects {
            for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                self.inputs(below, sides.map(|side| side?.member(key)));
            }
            return;
        }
        let show = |side: Input<'_>| side.shown.cloned().unwrap_or_else(|| Value::from(MASK));
        self.add(Change::Input(path), "", sides.map(|side| side.map(show)), false);
    }

    fn resource(&mut self, sides: [Option<&ResourceChange>; 2]) {
        let [approved, current] = sides.map(|side| side.map(|resource| &resource.fingerprint));
        let Some(address) = sides.iter().flatten().map(|resource| &resource.address).next() else { return };
        if approved == current {
            return;
        }
        let change = || Change::Resource(address.clone());
        let so_far = self.0.len();
        let actions = sides.map(|side| side.map(|resource| resource.action.as_str()));
        self.note(change(), "action", actions, Value::from);
        let attributes = sides.map(|side| {
            side.into_iter().flat_map(|resource| &resource.attributes).map(|it| (it.path.as_str(), it)).collect()
        });
        for (path, sides) in paired::<&str, &AttributeChange>(&attributes) {
            self.attribute(change(), path, sides.map(|attribute| attribute.copied()));
        }
        if self.0.len() == so_far {
            self.add(change(), "", [None, None], false);
        }
    }

    fn attribute(&mut self, change: Change, path: &str, sides: [Option<&AttributeChange>; 2]) {
        let planned = sides.map(|side| side.and_then(|it| planned(it.after.as_ref(), it.unknown)));
        let existing = sides.map(|side| side.and_then(|it| it.before.clone()));
        if planned[0] != planned[1] {
            self.add(change, path, planned, false);
        } else if existing[0] != existing[1] {
            self.add(change, path, existing, true);
        }
    }

    fn output(&mut self, name: &str, sides: [Option<&OutputChange>; 2]) {
        let [approved, current] = sides.map(|side| side.map(|output| &output.fingerprint));
        if approved != current {
            let planned = sides.map(|side| side.and_then(|it| planned(it.after.as_ref(), it.unknown)));
            self.add(Change::Output(name.to_owned()), "", planned, false);
        }
    }
}

/// What a plan makes of a value. What is known of it counts, even if a part is not.
fn planned(after: Option<&Value>, unknown: bool) -> Option<Value> {
    after.cloned().or_else(|| unknown.then(|| Value::from(UNKNOWN)))
}
