//! Where the change feed stands, asked once for all who want to know at the same time: a hundred streams that wait cost
//! the database as little as one.

use std::time::Duration;

use flagstone_db::Database;
use flagstone_db::change_event::{self, Cursor};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::Result;

/// What this process last heard of the feed.
#[derive(Debug, Default)]
pub struct Horizon {
    /// When the question was sent, and the answer. Held while somebody asks.
    last: Mutex<Option<(Instant, Cursor)>>,
}

impl Horizon {
    /// Below this place the feed is complete. The answer is at most `max_age` older than the question.
    pub async fn read(&self, database: &Database, max_age: Duration) -> Result<Cursor> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((sent, cursor)) = *last
            && sent + max_age >= asked
        {
            return Ok(cursor);
        }
        let sent = Instant::now();
        let conn = database.reads.get().await?;
        let cursor = change_event::head(&conn).await?;
        *last = Some((sent, cursor));
        Ok(cursor)
    }
}
