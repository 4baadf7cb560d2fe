//! What a transaction does, as it goes: the objects it changes, the decisions it asks of people, the jobs it enqueues.
//! From this one list come the audit event, the change events and the answer of a dry run, so that they cannot differ.

use std::collections::BTreeSet;

use flagstone_api::pb;
use flagstone_core::diff::{FieldDiff, diff};
use flagstone_db::change_event::NewEvent;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::convert;

/// Which object changed.
#[derive(Clone, Debug)]
pub struct ObjectRef {
    /// As in the change events: `request`, `approval`, `deployment`, `job` ...
    pub object_type: &'static str,
    /// Resource name.
    pub name: String,
    pub id: Uuid,
    pub business_unit_id: Option<Uuid>,
}

/// One object's change.
#[derive(Clone, Debug)]
struct Change {
    object: ObjectRef,
    action: pb::ChangeAction,
    fields: Vec<FieldDiff>,
}

/// What a transaction does.
#[derive(Debug, Default)]
pub struct Ledger {
    changes: Vec<Change>,
    approvals: Vec<pb::RequiredApproval>,
    policies: Vec<pb::PolicyResult>,
    jobs: Vec<pb::EnqueuedJob>,
    details: serde_json::Map<String, Value>,
    topics: BTreeSet<String>,
    team_id: Option<Uuid>,
}

impl Ledger {
    /// Records one object's change: created where there is no `before`, deleted where there is no `after`. An update
    /// that changes nothing is not recorded. The same object changed twice is one change.
    pub fn record(&mut self, object: ObjectRef, before: Option<&Value>, after: Option<&Value>) {
        let action = match (before, after) {
            (None, _) => pb::ChangeAction::Created,
            (Some(_), Some(_)) => pb::ChangeAction::Updated,
            (Some(_), None) => pb::ChangeAction::Deleted,
        };
        let fields = diff(before, after);
        if fields.is_empty() && action == pb::ChangeAction::Updated {
            return;
        }
        self.topics.insert(object_topic(object.id));
        if let Some(known) = self.changes.iter_mut().find(|change| change.object.id == object.id) {
            merge(&mut known.fields, fields);
            return;
        }
        self.changes.push(Change { object, action, fields });
    }

    /// Records that people have to decide.
    pub fn approval(&mut self, approval: pb::RequiredApproval) {
        self.approvals.push(approval);
    }

    /// Records what the policies said.
    pub fn policies(&mut self, results: impl IntoIterator<Item = pb::PolicyResult>) {
        self.policies.extend(results);
    }

    /// Records that a job was enqueued.
    pub fn job(&mut self, job: pb::EnqueuedJob) {
        self.jobs.push(job);
        self.topics.insert(QUEUE_TOPIC.to_owned());
    }

    /// Adds a fact to the audit event.
    pub fn detail(&mut self, key: &str, value: impl Into<Value>) {
        self.details.insert(key.to_owned(), value.into());
    }

    /// Names the team that the objects belong to: whoever may read the audit of own teams sees the event.
    pub fn in_team(&mut self, team_id: Option<Uuid>) {
        self.team_id = self.team_id.or(team_id);
    }

    /// Row id of the first object of a kind.
    pub fn first(&self, object_type: &str) -> Option<Uuid> {
        self.changes.iter().find(|change| change.object.object_type == object_type).map(|change| change.object.id)
    }

    /// The team that the objects belong to.
    pub fn team_id(&self) -> Option<Uuid> {
        self.team_id
    }

    /// Rings a bell after the commit although no object changed.
    pub fn topic(&mut self, topic: impl Into<String>) {
        self.topics.insert(topic.into());
    }

    /// True while no object changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The bells to ring after the commit.
    pub fn topics(&self) -> impl Iterator<Item = String> + '_ {
        self.topics.iter().cloned()
    }

    /// The facts of the audit event.
    pub fn details(&self) -> Value {
        Value::Object(self.details.clone())
    }

    /// The unit of the first object that has one.
    pub fn business_unit_id(&self) -> Option<Uuid> {
        self.changes.iter().find_map(|change| change.object.business_unit_id)
    }

    /// The answer of a dry run, and the audit event's record.
    pub fn effects(&self) -> pb::Effects {
        pb::Effects {
            changes: self
                .changes
                .iter()
                .map(|change| pb::ObjectChange {
                    object: change.object.name.clone(),
                    object_type: change.object.object_type.to_owned(),
                    action: change.action.into(),
                    fields: change
                        .fields
                        .iter()
                        .map(|field| pb::FieldChange {
                            field: field.field.clone(),
                            before: shown(field.before.as_ref()),
                            after: shown(field.after.as_ref()),
                        })
                        .collect(),
                })
                .collect(),
            approvals: self.approvals.clone(),
            policy_results: self.policies.clone(),
            jobs: self.jobs.clone(),
        }
    }

    /// The change events: one per object.
    pub fn events<'a>(&'a self, principal: &'a str, correlation_id: &'a str) -> Vec<NewEvent<'a>> {
        self.changes
            .iter()
            .map(|change| NewEvent {
                business_unit_id: change.object.business_unit_id,
                object_type: change.object.object_type,
                object: &change.object.name,
                object_id: change.object.id,
                action: change.action.as_str_name().trim_start_matches("CHANGE_ACTION_"),
                fields: change.fields.iter().map(|field| field.field.as_str()).collect(),
                principal,
                correlation_id,
            })
            .collect()
    }

    /// The effects as JSON, for the audit table.
    pub fn to_json(&self) -> Value {
        json!({
            "changes": self.changes.iter().map(|change| json!({
                "object": change.object.name,
                "object_type": change.object.object_type,
                "action": change.action.as_str_name().trim_start_matches("CHANGE_ACTION_"),
                "fields": change.fields.iter().map(|field| json!({
                    "field": field.field, "before": field.before, "after": field.after,
                })).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "approvals": self.approvals.iter().map(|approval| json!({
                "approval_policy": approval.approval_policy,
                "stage": approval.stage,
                "quorum": approval.quorum,
                "approvers": approval.approvers,
                "auto_approved_reason": approval.auto_approved_reason,
            })).collect::<Vec<_>>(),
            "policy_results": self.policies.iter().map(convert::policy_result_to_json).collect::<Vec<_>>(),
            "jobs": self.jobs.iter().map(|job| json!({
                "kind": job.kind, "subject": job.subject, "concurrency_key": job.concurrency_key,
                "warning": job.warning,
            })).collect::<Vec<_>>(),
        })
    }
}

/// A value as people see it. Nothing is unset, since that is all the audit's JSON can tell of it.
fn shown(value: Option<&Value>) -> Option<prost_types::Value> {
    value.filter(|value| !value.is_null()).map(convert::value_to_proto)
}

/// A later change of the same object: what was before stays, what is after is the later one.
fn merge(known: &mut Vec<FieldDiff>, later: Vec<FieldDiff>) {
    for field in later {
        match known.iter_mut().find(|known| known.field == field.field) {
            Some(known) => known.after = field.after,
            None => known.push(field),
        }
    }
    known.retain(|field| field.before != field.after);
    known.sort_by(|a, b| a.field.cmp(&b.field));
}

/// The bell of whoever waits for jobs.
pub const QUEUE_TOPIC: &str = "queue";

/// The bell of whoever watches an object.
pub fn object_topic(id: Uuid) -> String {
    format!("object {id}")
}

/// The bell of whoever watches all that changes in an organization.
pub fn changes_topic(organization_id: Uuid) -> String {
    format!("changes {organization_id}")
}

/// The bell of whoever reads a job's log.
pub fn log_topic(job_id: Uuid) -> String {
    format!("log {job_id}")
}
