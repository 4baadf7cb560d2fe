//! Approval policies.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::approval_policies;

/// An approval policy.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = approval_policies)]
pub struct ApprovalPolicyRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub priority: i32,
    pub match_rule: Value,
    pub stages: Value,
    pub allow_self: bool,
    pub distinct_across_stages: bool,
    pub ttl_seconds: i64,
    pub auto_approve: Option<Value>,
    pub active: bool,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// An approval policy to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = approval_policies)]
pub struct NewApprovalPolicy<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub priority: i32,
    pub match_rule: &'a Value,
    pub stages: &'a Value,
    pub allow_self: bool,
    pub distinct_across_stages: bool,
    pub ttl_seconds: i64,
    pub auto_approve: Option<&'a Value>,
    pub active: bool,
    pub creator: &'a str,
}

/// The new content of an approval policy, whole: `None` empties a column.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = approval_policies, treat_none_as_null = true)]
pub struct ApprovalPolicyContent<'a> {
    pub display_name: &'a str,
    pub description: &'a str,
    pub priority: i32,
    pub match_rule: &'a Value,
    pub stages: &'a Value,
    pub allow_self: bool,
    pub distinct_across_stages: bool,
    pub ttl_seconds: i64,
    pub auto_approve: Option<&'a Value>,
    pub active: bool,
}

/// Stores an approval policy unless the organization has one of that id. True where it was stored.
pub async fn insert_missing(conn: &mut Connection, policy: &NewApprovalPolicy<'_>) -> Result<bool, Error> {
    let stored = diesel::insert_into(approval_policies::table)
        .values(policy)
        .on_conflict((approval_policies::organization_id, approval_policies::slug))
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(stored == 1)
}

/// The approval policy of an id.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<ApprovalPolicyRow>, Error> {
    Ok(approval_policies::table
        .filter(approval_policies::organization_id.eq(organization_id))
        .filter(approval_policies::slug.eq(slug))
        .select(ApprovalPolicyRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the approval policy of an id, to change it.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    slug: &str,
) -> Result<Option<ApprovalPolicyRow>, Error> {
    Ok(approval_policies::table
        .filter(approval_policies::organization_id.eq(organization_id))
        .filter(approval_policies::slug.eq(slug))
        .select(ApprovalPolicyRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// The active approval policies of an organization, in the order in which they decide.
pub async fn active(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<ApprovalPolicyRow>, Error> {
    Ok(approval_policies::table
        .filter(approval_policies::organization_id.eq(organization_id))
        .filter(approval_policies::active)
        .order((approval_policies::priority, approval_policies::slug))
        .select(ApprovalPolicyRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Ids of approval policies by their row ids, in no order.
pub async fn slugs(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(approval_policies::table
        .filter(approval_policies::organization_id.eq(organization_id))
        .filter(approval_policies::id.eq_any(ids))
        .select((approval_policies::id, approval_policies::slug))
        .load(&mut conn)
        .await?)
}

/// Gives a locked approval policy new content. The row's revision rises, and with it its etag.
pub async fn update(
    conn: &mut Connection,
    policy: &ApprovalPolicyRow,
    content: &ApprovalPolicyContent<'_>,
) -> Result<ApprovalPolicyRow, Error> {
    Ok(diesel::update(approval_policies::table.find(policy.id))
        .filter(approval_policies::organization_id.eq(policy.organization_id))
        .set((
            content,
            approval_policies::revision.eq(approval_policies::revision + 1),
            approval_policies::update_time.eq(now),
        ))
        .returning(ApprovalPolicyRow::as_returning())
        .get_result(conn)
        .await?)
}
