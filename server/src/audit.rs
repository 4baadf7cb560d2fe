//! The audit's entries: of a success in the transaction of the change, of a denial or failure in one of its own.

use flagstone_core::Error as CoreError;
use flagstone_core::redact::redact;
use flagstone_db::audit::NewAuditEvent;
use flagstone_db::{Connection, TxScope};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::{Call, UserCaller};
use crate::cx::Cx;
use crate::error::Result;
use crate::ledger::Ledger;

/// Longest user agent that is kept, in characters.
const USER_AGENT_MAX: usize = 255;

/// Under this key an error carries the row id of its unit to its audit event, and no further.
pub const UNIT_KEY: &str = "business_unit_id";

/// One audit event to write.
#[derive(Debug)]
pub struct Entry {
    id: Uuid,
    organization_id: Uuid,
    principal: String,
    action: String,
    object: String,
    object_type: String,
    business_unit_id: Option<Uuid>,
    team_id: Option<Uuid>,
    outcome: &'static str,
    effects: Value,
    details: Value,
    call: Call,
}

impl Entry {
    /// The event of a transaction that is about to commit.
    pub fn success(
        organization_id: Uuid,
        principal: &str,
        action: &str,
        object: &str,
        call: &Call,
        ledger: &Ledger,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            organization_id,
            principal: principal.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            object_type: object_type(action),
            business_unit_id: ledger.business_unit_id(),
            team_id: None,
            outcome: "SUCCESS",
            effects: ledger.to_json(),
            details: redact(&ledger.details()),
            call: call.clone(),
        }
    }

    /// The event of an attempt that changed nothing.
    pub fn unsuccessful(
        organization_id: Uuid,
        principal: &str,
        action: &str,
        object: &str,
        call: &Call,
        outcome: &'static str,
        details: &Value,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            organization_id,
            principal: principal.to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            object_type: object_type(action),
            business_unit_id: None,
            team_id: None,
            outcome,
            effects: json!({}),
            details: redact(details),
            call: call.clone(),
        }
    }

    /// The unit it belongs to, so that those who may read that unit's audit see it.
    #[must_use]
    pub fn in_unit(mut self, business_unit_id: Option<Uuid>) -> Self {
        self.business_unit_id = business_unit_id;
        self
    }

    /// The team it belongs to, so that those who may read that team's audit see it.
    #[must_use]
    pub fn in_team(mut self, team_id: Option<Uuid>) -> Self {
        self.team_id = team_id;
        self
    }
}

/// The noun of an action: `request` of `request.create`.
fn object_type(action: &str) -> String {
    action.split('.').next().unwrap_or_default().to_owned()
}

/// Writes an event in the transaction that `conn` is in.
pub async fn insert(conn: &Connection, entry: &Entry) -> Result<()> {
    let user_agent: String = entry.call.user_agent.chars().take(USER_AGENT_MAX).collect();
    flagstone_db::audit::insert(
        conn,
        &NewAuditEvent {
            id: entry.id,
            organization_id: entry.organization_id,
            principal: &entry.principal,
            action: &entry.action,
            object: &entry.object,
            object_type: &entry.object_type,
            business_unit_id: entry.business_unit_id,
            team_id: entry.team_id,
            outcome: entry.outcome,
            effects: &entry.effects,
            details: &entry.details,
            ip: &entry.call.ip,
            user_agent: &user_agent,
            correlation_id: &entry.call.correlation_id,
            origin: entry.call.origin.as_str(),
            duration_ms: i64::try_from(entry.call.started.elapsed().as_millis()).unwrap_or(i64::MAX),
        },
    )
    .await?;
    Ok(())
}

/// Writes an event in a transaction of its own.
///
/// Boxed: it is rare, and every read would carry the room for it.
pub fn write<'a>(app: &'a crate::app::App, entry: &'a Entry) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let tx = app.db.begin(TxScope::Organization(entry.organization_id)).await?;
        insert(&tx, entry).await?;
        tx.commit().await?;
        Ok(())
    })
}

/// Records a denial and returns its id, the decision id.
pub async fn denial(
    cx: &Cx,
    user: &UserCaller,
    object: &str,
    business_unit_id: Option<Uuid>,
    permission: &str,
    scope: &str,
) -> Result<Uuid> {
    let details = json!({"method": cx.method.path, "permission": permission, "scope": scope});
    denied(cx, user, object, business_unit_id, &details).await
}

/// Records a refusal that rests on another rule than permissions: four eyes, or what only its requester may do. Returns
/// its id, the decision id.
pub async fn refusal(cx: &Cx, user: &UserCaller, error: &CoreError) -> Result<Uuid> {
    let object = error.metadata.get("name").cloned().unwrap_or_default();
    let unit = error.metadata.get(UNIT_KEY).and_then(|id| Uuid::parse_str(id).ok());
    let details = json!({
        "method": cx.method.path, "reason": error.reason.as_str(), "rule": error.message, "epoch": user.directory.epoch,
    });
    denied(cx, user, &object, unit, &details).await
}

/// Records a denial with what an explanation of it needs, and returns its id.
pub async fn denied(
    cx: &Cx,
    user: &UserCaller,
    object: &str,
    business_unit_id: Option<Uuid>,
    details: &Value,
) -> Result<Uuid> {
    let action =
        if cx.method.audit_action.is_empty() { read_action(&cx.method.name) } else { cx.method.audit_action.clone() };
    let entry =
        Entry::unsuccessful(user.organization_id, &user.name.to_string(), &action, object, &cx.call, "DENIED", details)
            .in_unit(business_unit_id);
    write(&cx.app, &entry).await?;
    Ok(entry.id)
}

/// Records an attempt to change something that failed for a reason the caller can do something about.
pub async fn failure(cx: &Cx, user: &UserCaller, error: &CoreError) -> Result<()> {
    let object = error.metadata.get("name").cloned().unwrap_or_default();
    let action = if error.policies.is_empty() { cx.method.audit_action.as_str() } else { "guardrail_blocked" };
    let policies: Vec<&str> = error.policies.iter().map(|violation| violation.policy.as_str()).collect();
    let fields: Vec<&str> = error.fields.iter().map(|violation| violation.field.as_str()).collect();
    let details = json!({
        "method": cx.method.path, "reason": error.reason.as_str(), "fields": fields, "policies": policies,
    });
    let unit = error.metadata.get(UNIT_KEY).and_then(|id| Uuid::parse_str(id).ok());
    let entry = Entry::unsuccessful(
        user.organization_id,
        &user.name.to_string(),
        action,
        &object,
        &cx.call,
        "FAILURE",
        &with_token(user, details),
    );
    write(&cx.app, &entry.in_unit(unit)).await
}

/// Names the API token beside its holder.
fn with_token(user: &UserCaller, mut details: Value) -> Value {
    if let Some(token) = user.token_name() {
        details["came_in_by"] = token.into();
    }
    details
}

/// Reads have no audit action; a denied one is called by its method: `job_logs` is nothing, `tail_job_logs` is.
fn read_action(method: &str) -> String {
    let mut action = String::from("read.");
    for (index, letter) in method.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            action.push('_');
        }
        action.push(letter.to_ascii_lowercase());
    }
    action
}
