//! Queues that organizations have paused. A row is a pause.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use flagstone_core::job::QueueName;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::queue_pauses;

/// The pause of a queue.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = queue_pauses)]
pub struct PauseRow {
    pub id: Uuid,
    pub queue: String,
    pub reason: String,
    /// Name of whoever paused it.
    pub principal: String,
    pub time: DateTime<Utc>,
}

/// Pauses a queue. `None` where it is paused already.
pub async fn insert(
    conn: &mut Connection,
    organization_id: Uuid,
    queue: QueueName,
    principal: &str,
    reason: &str,
) -> Result<Option<PauseRow>, Error> {
    Ok(diesel::insert_into(queue_pauses::table)
        .values((
            queue_pauses::organization_id.eq(organization_id),
            queue_pauses::queue.eq(queue.as_str()),
            queue_pauses::id.eq(Uuid::now_v7()),
            queue_pauses::priority.eq(queue.priority()),
            queue_pauses::reason.eq(reason),
            queue_pauses::principal.eq(principal),
        ))
        .on_conflict_do_nothing()
        .returning(PauseRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Ends the pause of a queue, and returns it. `None` where it is not paused.
pub async fn delete(conn: &mut Connection, organization_id: Uuid, queue: QueueName) -> Result<Option<PauseRow>, Error> {
    Ok(diesel::delete(queue_pauses::table.find((organization_id, queue.as_str())))
        .returning(PauseRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// The pause of a queue.
pub async fn get(mut conn: &Connection, organization_id: Uuid, queue: &str) -> Result<Option<PauseRow>, Error> {
    Ok(queue_pauses::table
        .find((organization_id, queue))
        .select(PauseRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// The pauses of an organization.
pub async fn all(mut conn: &Connection, organization_id: Uuid) -> Result<Vec<PauseRow>, Error> {
    Ok(queue_pauses::table
        .filter(queue_pauses::organization_id.eq(organization_id))
        .select(PauseRow::as_select())
        .load(&mut conn)
        .await?)
}
