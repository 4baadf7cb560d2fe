//! Approvals and the decisions in them.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{approval_decisions, approvals};

/// An approval.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = approvals)]
pub struct ApprovalRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub request_id: Uuid,
    pub requester_id: Uuid,
    pub tier: String,
    pub approval_policy_id: Uuid,
    pub content_hash: String,
    pub plan_digest: String,
    pub plan_id: Uuid,
    pub stages: Value,
    pub current_stage: i32,
    pub allow_self: bool,
    pub distinct_across_stages: bool,
    pub method: String,
    pub policy_reason: String,
    pub state: String,
    pub expire_time: DateTime<Utc>,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// An approval to open.
#[derive(Debug, Insertable)]
#[diesel(table_name = approvals)]
pub struct NewApproval<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub request_id: Uuid,
    pub requester_id: Uuid,
    pub tier: &'a str,
    pub approval_policy_id: Uuid,
    pub content_hash: &'a str,
    pub plan_digest: &'a str,
    pub plan_id: Uuid,
    pub stages: &'a Value,
    pub allow_self: bool,
    pub distinct_across_stages: bool,
    pub method: &'a str,
    pub policy_reason: &'a str,
    pub state: &'a str,
    pub expire_time: DateTime<Utc>,
}

/// One decision.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = approval_decisions)]
pub struct DecisionRow {
    pub organization_id: Uuid,
    pub approval_id: Uuid,
    pub number: i32,
    pub stage: i32,
    pub user_id: Uuid,
    pub principal: String,
    pub verdict: String,
    pub comment: String,
    pub content_hash: String,
    pub plan_digest: String,
    pub time: DateTime<Utc>,
}

/// Opens an approval.
pub async fn insert(conn: &mut Connection, approval: &NewApproval<'_>) -> Result<ApprovalRow, Error> {
    Ok(diesel::insert_into(approvals::table)
        .values(approval)
        .returning(ApprovalRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The unit an approval belongs to.
pub async fn business_unit(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Uuid>, Error> {
    Ok(approvals::table
        .filter(approvals::organization_id.eq(organization_id))
        .filter(approvals::id.eq(id))
        .select(approvals::business_unit_id)
        .first(&mut conn)
        .await
        .optional()?)
}

/// The approval of an id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<ApprovalRow>, Error> {
    Ok(approvals::table
        .filter(approvals::organization_id.eq(organization_id))
        .filter(approvals::id.eq(id))
        .select(ApprovalRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks an approval for a transition; its request is locked before it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<ApprovalRow>, Error> {
    Ok(approvals::table
        .filter(approvals::organization_id.eq(organization_id))
        .filter(approvals::id.eq(id))
        .select(ApprovalRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Writes where a locked approval stands now.
pub async fn set_state(
    conn: &mut Connection,
    approval: &ApprovalRow,
    state: &str,
    current_stage: i32,
) -> Result<ApprovalRow, Error> {
    Ok(diesel::update(approvals::table.find(approval.id))
        .filter(approvals::organization_id.eq(approval.organization_id))
        .set((
            approvals::state.eq(state),
            approvals::current_stage.eq(current_stage),
            approvals::revision.eq(approvals::revision + 1),
            approvals::update_time.eq(now),
        ))
        .returning(ApprovalRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Binds an approval to a fresh plan with the digest that was approved.
pub async fn set_plan(conn: &mut Connection, approval: &ApprovalRow, plan_id: Uuid) -> Result<ApprovalRow, Error> {
    Ok(diesel::update(approvals::table.find(approval.id))
        .filter(approvals::organization_id.eq(approval.organization_id))
        .set((
            approvals::plan_id.eq(plan_id),
            approvals::revision.eq(approvals::revision + 1),
            approvals::update_time.eq(now),
        ))
        .returning(ApprovalRow::as_returning())
        .get_result(conn)
        .await?)
}

/// A decision to add; its time is the transaction's.
#[derive(Debug, Insertable)]
#[diesel(table_name = approval_decisions)]
pub struct NewDecision<'a> {
    pub organization_id: Uuid,
    pub approval_id: Uuid,
    pub number: i32,
    pub stage: i32,
    pub user_id: Uuid,
    pub principal: &'a str,
    pub verdict: &'a str,
    pub comment: &'a str,
    pub content_hash: &'a str,
    pub plan_digest: &'a str,
}

/// Adds a decision to an approval whose row is locked.
pub async fn add_decision(conn: &mut Connection, decision: &NewDecision<'_>) -> Result<(), Error> {
    diesel::insert_into(approval_decisions::table).values(decision).execute(conn).await?;
    Ok(())
}

/// The decisions of approvals, in the order of the approvals and of time.
pub async fn decisions(
    mut conn: &Connection,
    organization_id: Uuid,
    approval_ids: &[Uuid],
) -> Result<Vec<DecisionRow>, Error> {
    if approval_ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(approval_decisions::table
        .filter(approval_decisions::organization_id.eq(organization_id))
        .filter(approval_decisions::approval_id.eq_any(approval_ids))
        .order((approval_decisions::approval_id, approval_decisions::number))
        .select(DecisionRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Pending approvals whose time is over, of all organizations, at most `limit`: (organization, approval).
pub async fn overdue(mut conn: &Connection, limit: i64) -> Result<Vec<(Uuid, Uuid)>, Error> {
    Ok(approvals::table
        .filter(approvals::state.eq("PENDING"))
        .filter(approvals::expire_time.le(now))
        .order(approvals::expire_time)
        .limit(limit)
        .select((approvals::organization_id, approvals::id))
        .load(&mut conn)
        .await?)
}
