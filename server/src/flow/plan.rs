//! What a plan job brings: the plan is read, bound by its digest, judged by policies and stored; then it is approved
//! anew, or found to be the one that was approved.

use chrono::{TimeDelta, Utc};
use flagstone_core::Error as CoreError;
use flagstone_core::access::PermissionPattern;
use flagstone_core::approval::ApprovalState;
use flagstone_core::inputs::InputSchema;
use flagstone_core::machine::StateMachine;
use flagstone_core::plan::{DigestParts, PlanChanges, PlanView, changes_digest, diff, normalise, plan_digest};
use flagstone_core::policy::{PolicyResult, PolicyTarget, Subject, evaluate};
use flagstone_core::redact::MASK;
use flagstone_core::request::{RequestEvent, RequestState};
use flagstone_db::approval::ApprovalRow;
use flagstone_db::job::JobRow;
use flagstone_db::plan::{NewPlan, PlanRow};
use flagstone_db::request::{RequestChange, RequestRow};
use flagstone_db::template::TemplateVersionRow;
use flagstone_db::{Connection, approval, plan, request, workspace};
use serde_json::{Value, json};
use uuid::Uuid;

use super::approval::{Planned, open, supersede};
use super::job::JobError;
use super::objects::{self, record_approval, record_request};
use super::policies;
use super::request::{add_event, enqueue_apply, error_json, fail, state_of, tier_of, to_state, version, void_revision};
use super::secrets::{self, Owner};
use crate::error::{Error, Result};
use crate::tx::Tx;

/// How long a plan may be applied (R221).
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Most bytes of the engine's own text that are kept.
const TEXT_MAX: usize = 1024 * 1024;

/// Most bytes of the changes as JSON; more are cut at a resource.
const CHANGES_MAX: usize = 8 * 1024 * 1024;

/// Most differences that are kept.
const DIFFERENCES_MAX: usize = 200;

/// Shortest secret that is masked by value.
const SECRET_MIN: usize = 4;

/// What a plan job handed in.
pub struct PlanArtifacts {
    /// The plan as the engine's JSON, unmasked.
    pub document: Value,
    /// The engine's own text.
    pub text: String,
    /// The saved plan file.
    pub file: Vec<u8>,
    /// SHA-256 of the file, in hex.
    pub file_sha256: String,
    /// Hash of the locked provider versions, in hex.
    pub provider_lock_hash: String,
}

/// Takes over a plan. Does nothing where the request has moved on since the job was enqueued.
pub async fn plan_ready(tx: &mut Tx, job: &JobRow, artifacts: PlanArtifacts) -> Result<()> {
    let Some(before) = awaiting(tx, job).await? else { return Ok(()) };
    let read = match Reading::of(tx, &before, job, &artifacts).await {
        Ok(read) => read,
        // What cannot be read cannot be approved: that is the template's or the engine's fault, told as such.
        Err(Error::Core(error)) if error.kind == flagstone_core::Kind::Invalid => {
            let error =
                error_json("ENGINE", &error.message, "Use a version of the engine that this platform understands.");
            fail(tx, &before, RequestEvent::PlanFailed, &error, &job.name()).await?;
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let results = judge(tx, &before, &read).await?;
    let blocked: Vec<&PolicyResult> =
        results.iter().filter(|result| result.enforced && !result.violations.is_empty()).collect();
    if let Some(first) = blocked.first().and_then(|result| result.violations.first()) {
        let error = error_json("VALIDATION", &first.message, &first.fix);
        fail(tx, &before, RequestEvent::PlanBlocked, &error, &job.name()).await?;
        return Ok(());
    }
    let approved = kept_approval(tx, &before).await?;
    let old = match &approved {
        Some(row) => plan::get(tx, before.organization_id, row.plan_id).await?,
        None => None,
    };
    let same = approved.as_ref().is_some_and(|row| row.plan_digest == read.digest);
    let differences = match &old {
        Some(old) if !same => differences(tx, &before, old, &read).await?,
        _ => json!([]),
    };
    let plan_id = store(tx, &before, job, &read, &artifacts, &differences).await?;
    let change = RequestChange { plan_id: Some(Some(plan_id)), error: Some(None), ..RequestChange::default() };
    let row = request::update(tx, &before, &change).await?;
    plan::discard_files(tx, row.organization_id, row.id, Some(plan_id)).await?;
    match approved {
        Some(approval) if same => reconfirm(tx, &before, row, &approval, plan_id).await,
        Some(_) => {
            supersede(tx, &row).await?;
            void_revision(tx, &row).await?;
            let stale = error_json(
                "CONFLICT",
                "PLAN_STALE: what would happen is no longer what was approved. See the plan's differences.",
                "Look at the new plan and decide again.",
            );
            let change = RequestChange {
                error: Some(Some(stale)),
                revision_number: Some(None),
                approval_id: Some(None),
                ..RequestChange::default()
            };
            let row = request::update(tx, &row, &change).await?;
            add_event(tx, &row, "plan_stale", "The new plan differs from the approved one.", &job.name()).await?;
            open(tx, &before, row, read.planned(plan_id)).await.map(drop)
        }
        None => {
            add_event(tx, &row, "planned", &read.words(), &job.name()).await?;
            open(tx, &before, row, read.planned(plan_id)).await.map(drop)
        }
    }
}

/// Takes over that no plan could be made.
pub async fn plan_failed(tx: &mut Tx, job: &JobRow, error: &JobError) -> Result<()> {
    let Some(before) = awaiting(tx, job).await? else { return Ok(()) };
    fail(tx, &before, RequestEvent::PlanFailed, &error.to_json(), &job.name()).await?;
    Ok(())
}

/// The request that waits for this plan job, locked.
async fn awaiting(tx: &mut Tx, job: &JobRow) -> Result<Option<RequestRow>> {
    let row = request::lock(tx, job.organization_id, job.request_id).await?;
    let Some(row) = row else { return Ok(None) };
    let waits = state_of(&row)? == RequestState::Planning
        && row.content_revision == job.content_revision
        && row.job_ids.last() == Some(&job.id);
    Ok(waits.then_some(row))
}

/// A plan as it was read.
struct Reading {
    changes: PlanChanges,
    changes_digest: [u8; 32],
    digest: String,
    version: TemplateVersionRow,
    inputs: Value,
    shown_inputs: Value,
    secrets: Vec<String>,
    policies: Vec<(String, i32)>,
    lineage: String,
    serial: i64,
    provider_lock_hash: String,
}

impl Reading {
    async fn of(tx: &Tx, row: &RequestRow, job: &JobRow, artifacts: &PlanArtifacts) -> Result<Self> {
        let organization_id = row.organization_id;
        let version = version(tx, row).await?;
        let inputs =
            secrets::open(&tx.app.vault, organization_id, Owner::Request(row.id), "inputs", &row.inputs_ciphertext)?;
        let schema = InputSchema::compile(&version.input_schema, "input_schema")?;
        let secrets: Vec<String> =
            schema.secret_values(&inputs).into_iter().filter(|secret| secret.len() >= SECRET_MIN).collect();
        let changes = normalise(&artifacts.document, &secrets)?;
        let changes_digest = changes_digest(&artifacts.document)?;
        let (lineage, serial) = lineage_and_serial(tx, organization_id, job.deployment_id).await?;
        let policies = applied_policies(tx, row).await?;
        let shown_inputs = schema.mask_secrets(&inputs);
        let mut read = Self {
            changes,
            changes_digest,
            digest: String::new(),
            version,
            inputs,
            shown_inputs,
            secrets,
            policies,
            lineage,
            serial,
            provider_lock_hash: artifacts.provider_lock_hash.clone(),
        };
        read.digest = plan_digest(&read.parts(&read.template_sha256()));
        Ok(read)
    }

    fn parts<'a>(&'a self, template_sha256: &'a str) -> DigestParts<'a> {
        DigestParts {
            changes_digest: self.changes_digest,
            inputs: &self.inputs,
            template_sha256,
            provider_lock_hash: &self.provider_lock_hash,
            state_lineage: &self.lineage,
            policies: &self.policies,
        }
    }

    fn template_sha256(&self) -> String {
        hex::encode(&self.version.artifact_sha256)
    }

    fn planned(&self, plan_id: Uuid) -> Planned<'_> {
        Planned { plan_id, digest: &self.digest, summary: self.changes.summary }
    }

    fn words(&self) -> String {
        let summary = self.changes.summary;
        format!(
            "{} to create, {} to change, {} to destroy",
            summary.add + summary.replace,
            summary.change,
            summary.destroy + summary.replace
        )
    }
}

/// Lineage and serial of a deployment's state; nothing and 0 where it has none yet.
pub(super) async fn lineage_and_serial(
    conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<(String, i64)> {
    let found = workspace::get(conn, organization_id, deployment_id).await?;
    Ok(found.map_or_else(Default::default, |workspace| (workspace.lineage, workspace.serial)))
}

/// The policies that apply to a request now, with their versions. A plan is bound to them: a new version voids it.
pub(super) async fn applied_policies(tx: &Tx, row: &RequestRow) -> Result<Vec<(String, i32)>> {
    let all = policies::guardrails(tx, row.organization_id).await?;
    let (template, unit) = (template_slug(tx, row).await?, objects::unit_name(tx, row.business_unit_id)?);
    let (tags, fields) = (std::collections::BTreeMap::new(), json!({}));
    let subject = |target| Subject {
        target,
        tier: tier_of(row).ok(),
        template: Some(&template),
        business_unit: Some(unit.trim_start_matches("businessUnits/")),
        tags: &tags,
        tags_field: "",
        fields: &fields,
        fields_prefix: "",
    };
    let applies = |policy: &&flagstone_core::policy::Policy| {
        policy.applies_to(&subject(PolicyTarget::Request)) || policy.applies_to(&subject(PolicyTarget::Plan))
    };
    Ok(all.iter().filter(applies).map(|policy| (format!("policies/{}", policy.id), policy.version)).collect())
}

async fn template_slug(tx: &Tx, row: &RequestRow) -> Result<String> {
    let version = version(tx, row).await?;
    let found = flagstone_db::template::get(tx, row.organization_id, version.template_id).await?;
    Ok(found.ok_or_else(|| Error::internal("a version's template is gone"))?.slug)
}

/// What the policies say of the plan itself.
async fn judge(tx: &Tx, row: &RequestRow, read: &Reading) -> Result<Vec<PolicyResult>> {
    let all = policies::guardrails(tx, row.organization_id).await?;
    let tags = serde_json::from_value(row.tags.clone()).map_err(Error::internal)?;
    let fields = serde_json::to_value(&read.changes).map_err(Error::internal)?;
    let template = template_slug(tx, row).await?;
    let unit = objects::unit_name(tx, row.business_unit_id)?;
    Ok(evaluate(
        &all,
        &Subject {
            target: PolicyTarget::Plan,
            tier: Some(tier_of(row)?),
            template: Some(&template),
            business_unit: Some(unit.trim_start_matches("businessUnits/")),
            tags: &tags,
            tags_field: "tags",
            fields: &fields,
            fields_prefix: "plan",
        },
    ))
}

/// The approval that a request kept while it was planned anew.
async fn kept_approval(tx: &mut Tx, row: &RequestRow) -> Result<Option<ApprovalRow>> {
    let Some(id) = row.approval_id else { return Ok(None) };
    let found = approval::lock(tx, row.organization_id, id).await?;
    Ok(found.filter(|approval| approval.state == ApprovalState::Approved.as_str()))
}

/// How the new plan differs from the approved one. Its content is the same, or the approval would be void already.
async fn differences(tx: &Tx, row: &RequestRow, old: &PlanRow, read: &Reading) -> Result<Value> {
    let approved: PlanChanges = serde_json::from_value(old.changes.clone()).map_err(Error::internal)?;
    let old_policies: Vec<(String, i32)> = serde_json::from_value(old.policies.clone()).map_err(Error::internal)?;
    let name = format!("templates/{}/versions/{}", template_slug(tx, row).await?, read.version.version);
    let view = |changes, template_sha256, provider_lock_hash, state_lineage, policies| PlanView {
        changes,
        inputs: &read.inputs,
        shown_inputs: &read.shown_inputs,
        template_version: &name,
        template_sha256,
        provider_lock_hash,
        state_lineage,
        policies,
    };
    let sha256 = read.template_sha256();
    let found = diff(
        &view(&approved, &old.template_sha256, &old.provider_lock_hash, &old.state_lineage, &old_policies),
        &view(&read.changes, &sha256, &read.provider_lock_hash, &read.lineage, &read.policies),
    );
    let shown = |value: &Option<Value>, hidden: bool| match value {
        _ if hidden => MASK.to_owned(),
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    Ok(found
        .iter()
        .take(DIFFERENCES_MAX)
        .map(|difference| {
            json!({
                "path": difference.place(),
                "approved": shown(&difference.approved, difference.hidden),
                "current": shown(&difference.current, difference.hidden),
            })
        })
        .collect())
}

async fn store(
    tx: &mut Tx,
    row: &RequestRow,
    job: &JobRow,
    read: &Reading,
    artifacts: &PlanArtifacts,
    differences: &Value,
) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let summary = read.changes.summary;
    let (text, text_cut) = masked_text(&artifacts.text, &read.secrets);
    let (changes, changes_cut) = bounded(&read.changes)?;
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let file_ciphertext = secrets::seal_file(&tx.app.vault, row.organization_id, id, &artifacts.file)?;
    plan::insert(
        tx,
        &NewPlan {
            id,
            organization_id: row.organization_id,
            request_id: row.id,
            job_id: job.id,
            content_hash: &row.content_hash,
            content_revision: row.content_revision,
            changes: &changes,
            text: &text,
            truncated: text_cut || changes_cut,
            differences,
            digest: &read.digest,
            changes_digest: &hex::encode(read.changes_digest),
            inputs_sha256: &flagstone_core::canonical::sha256_hex(&read.inputs),
            template_sha256: &read.template_sha256(),
            add_count: number(summary.add + summary.replace),
            change_count: number(summary.change),
            destroy_count: number(summary.destroy + summary.replace),
            provider_lock_hash: &read.provider_lock_hash,
            state_lineage: &read.lineage,
            state_serial: read.serial,
            policies: &serde_json::to_value(&read.policies).map_err(Error::internal)?,
            file_sha256: &artifacts.file_sha256,
            file_ciphertext: &file_ciphertext,
            expire_time: Utc::now() + LIFETIME,
        },
    )
    .await?;
    Ok(id)
}

/// The plan is the one that was approved: the approval is kept and the apply enqueued again.
async fn reconfirm(
    tx: &mut Tx,
    before: &RequestRow,
    row: RequestRow,
    approved: &ApprovalRow,
    plan_id: Uuid,
) -> Result<()> {
    let name = objects::request_name(tx, &row)?;
    let after = approval::set_plan(tx, approved, plan_id).await?;
    record_approval(tx, Some(approved), &after);
    let state = state_of(&row)?.next(RequestEvent::PlanReconfirmed, &name)?;
    let row = request::update(tx, &row, &to_state(state)).await?;
    let object = format!("approvals/{}", approved.id);
    add_event(tx, &row, "plan_confirmed", "The new plan is the approved one; the approval holds.", &object).await?;
    let version = version(tx, &row).await?;
    let (row, job) = enqueue_apply(tx, row, &version).await?;
    if let (Some(deployment_id), Some(number)) = (row.deployment_id, row.revision_number) {
        flagstone_db::revision::rebind(tx, row.organization_id, deployment_id, number, job.id).await?;
    }
    record_request(tx, Some(before), &row)
}

/// The text with secrets masked by value, cut to what is kept.
fn masked_text(text: &str, secrets: &[String]) -> (String, bool) {
    let mut masked = text.replace('\0', "\u{fffd}");
    for secret in secrets {
        masked = masked.replace(secret.as_str(), MASK);
    }
    if masked.len() <= TEXT_MAX {
        return (masked, false);
    }
    let mut end = TEXT_MAX;
    while !masked.is_char_boundary(end) {
        end -= 1;
    }
    masked.truncate(end);
    (masked, true)
}

/// The changes as JSON, cut at a resource where they are too large to keep.
fn bounded(changes: &PlanChanges) -> Result<(Value, bool)> {
    let whole = serde_json::to_value(changes).map_err(Error::internal)?;
    if whole.to_string().len() <= CHANGES_MAX {
        return Ok((whole, false));
    }
    let mut cut = changes.clone();
    while cut.resources.len() > 1 && serde_json::to_string(&cut).map_err(Error::internal)?.len() > CHANGES_MAX {
        cut.resources.truncate(cut.resources.len() / 2);
    }
    Ok((serde_json::to_value(&cut).map_err(Error::internal)?, true))
}

/// The permissions that a kind of request needs, for the check before its apply.
pub(super) fn needed(tx: &Tx, row: &RequestRow) -> Result<Vec<PermissionPattern>, CoreError> {
    let kind = row.kind.parse().map_err(CoreError::internal)?;
    Ok(tx.app.contract.kind(kind).permissions.clone())
}
