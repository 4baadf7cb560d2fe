//! Requests and their timelines.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use flagstone_core::names::RequestId;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{request_events, requests};

/// A request.
#[derive(Clone, Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = requests)]
pub struct RequestRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub number: i64,
    pub kind: String,
    pub title: String,
    pub description: String,
    pub requester_id: Uuid,
    pub requester: String,
    pub environment_id: Uuid,
    pub tier: String,
    pub deployment_id: Option<Uuid>,
    pub template_version_id: Uuid,
    pub payload: Value,
    pub tags: Value,
    pub inputs_ciphertext: Vec<u8>,
    pub content_hash: String,
    pub content_revision: i32,
    pub state: String,
    pub failed_phase: Option<String>,
    pub apply_started: bool,
    pub error: Option<Value>,
    pub policy_results: Value,
    pub plan_id: Option<Uuid>,
    pub approval_id: Option<Uuid>,
    pub job_ids: Vec<Uuid>,
    pub revision_number: Option<i32>,
    pub last_event: i32,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A request to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = requests)]
pub struct NewRequest<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub number: i64,
    pub kind: &'a str,
    pub title: &'a str,
    pub description: &'a str,
    pub requester_id: Uuid,
    pub requester: &'a str,
    pub environment_id: Uuid,
    pub tier: &'a str,
    pub deployment_id: Option<Uuid>,
    pub template_version_id: Uuid,
    pub payload: &'a Value,
    pub tags: &'a Value,
    pub inputs_ciphertext: &'a [u8],
    pub content_hash: &'a str,
    pub state: &'a str,
    pub policy_results: &'a Value,
    pub creator: &'a str,
}

/// What changes of a request; `None` leaves a column as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = requests)]
pub struct RequestChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub environment_id: Option<Uuid>,
    pub tier: Option<String>,
    pub deployment_id: Option<Option<Uuid>>,
    pub template_version_id: Option<Uuid>,
    pub payload: Option<Value>,
    pub tags: Option<Value>,
    pub inputs_ciphertext: Option<Vec<u8>>,
    pub content_hash: Option<String>,
    pub content_revision: Option<i32>,
    pub state: Option<String>,
    pub failed_phase: Option<Option<String>>,
    pub apply_started: Option<bool>,
    pub error: Option<Option<Value>>,
    pub policy_results: Option<Value>,
    pub plan_id: Option<Option<Uuid>>,
    pub approval_id: Option<Option<Uuid>>,
    pub job_ids: Option<Vec<Uuid>>,
    pub revision_number: Option<Option<i32>>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = request_events)]
pub struct RequestEventRow {
    pub number: i32,
    pub event: String,
    pub state: String,
    pub principal: String,
    pub comment: String,
    pub object: String,
    pub time: DateTime<Utc>,
}

/// An entry to add to a timeline.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub event: &'a str,
    pub principal: &'a str,
    pub comment: &'a str,
    pub object: &'a str,
}

/// The next number of the organization's requests. Held until the transaction ends, so that numbers have no gap.
pub async fn next_number(conn: &mut Connection, organization_id: Uuid) -> Result<i64, Error> {
    use crate::schema::counters;
    Ok(diesel::insert_into(counters::table)
        .values((
            counters::organization_id.eq(organization_id),
            counters::counter.eq("request"),
            counters::value.eq(1_i64),
        ))
        .on_conflict((counters::organization_id, counters::counter))
        .do_update()
        .set(counters::value.eq(counters::value + 1))
        .returning(counters::value)
        .get_result(conn)
        .await?)
}

/// Stores a request.
pub async fn insert(conn: &mut Connection, request: &NewRequest<'_>) -> Result<RequestRow, Error> {
    Ok(diesel::insert_into(requests::table)
        .values(request)
        .returning(RequestRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The request of an id or a code, in a unit.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    id: &RequestId,
) -> Result<Option<RequestRow>, Error> {
    let query = requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::business_unit_id.eq(business_unit_id))
        .select(RequestRow::as_select());
    let found = match id {
        RequestId::Uuid(id) => query.filter(requests::id.eq(*id)).first(&mut conn).await,
        RequestId::Code(number) => query.filter(requests::number.eq(*number)).first(&mut conn).await,
    };
    Ok(found.optional()?)
}

/// The request of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<RequestRow>, Error> {
    Ok(requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::id.eq(id))
        .select(RequestRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a request for a transition. Locks are taken in the order request, approval, deployment, job.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<RequestRow>, Error> {
    Ok(requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::id.eq(id))
        .select(RequestRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Changes a locked request. The row's revision rises, and with it its etag.
pub async fn update(conn: &mut Connection, request: &RequestRow, change: &RequestChange) -> Result<RequestRow, Error> {
    Ok(diesel::update(requests::table.find(request.id))
        .filter(requests::organization_id.eq(request.organization_id))
        .set((change, requests::revision.eq(requests::revision + 1), requests::update_time.eq(now)))
        .returning(RequestRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The request that is under way on a deployment, if there is one.
pub async fn under_way(
    mut conn: &Connection,
    organization_id: Uuid,
    deployment_id: Uuid,
) -> Result<Option<RequestRow>, Error> {
    Ok(requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::deployment_id.eq(deployment_id))
        .filter(requests::state.eq_any(["PLANNING", "PENDING_APPROVAL", "APPROVED", "APPLYING"]))
        .select(RequestRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Adds an entry to the timeline of a request, whose row is locked; the entry's state is the request's.
pub async fn add_event(conn: &mut Connection, request: &RequestRow, event: &NewEvent<'_>) -> Result<(), Error> {
    let number: i32 = diesel::update(requests::table.find(request.id))
        .filter(requests::organization_id.eq(request.organization_id))
        .set(requests::last_event.eq(requests::last_event + 1))
        .returning(requests::last_event)
        .get_result(conn)
        .await?;
    diesel::insert_into(request_events::table)
        .values((
            request_events::organization_id.eq(request.organization_id),
            request_events::request_id.eq(request.id),
            request_events::number.eq(number),
            request_events::event.eq(event.event),
            request_events::state.eq(&request.state),
            request_events::principal.eq(event.principal),
            request_events::comment.eq(event.comment),
            request_events::object.eq(event.object),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Entries of a timeline after a number, oldest first, at most `limit`.
pub async fn events(
    mut conn: &Connection,
    organization_id: Uuid,
    request_id: Uuid,
    after: i32,
    limit: i64,
) -> Result<Vec<RequestEventRow>, Error> {
    Ok(request_events::table
        .filter(request_events::organization_id.eq(organization_id))
        .filter(request_events::request_id.eq(request_id))
        .filter(request_events::number.gt(after))
        .order(request_events::number)
        .limit(limit)
        .select(RequestEventRow::as_select())
        .load(&mut conn)
        .await?)
}

/// Requests of row ids, in no order.
pub async fn of_ids(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<RequestRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::id.eq_any(ids))
        .select(RequestRow::as_select())
        .load(&mut conn)
        .await?)
}
