//! Some objects of an organization: that one of them changed is all that is told.

use flagstone_db::change_event::{self, Cursor};
use uuid::Uuid;

use super::{BATCH, Look, Source, Watch};
use crate::error::Result;
use crate::ledger::object_topic;

/// The objects to follow, by row id.
#[derive(Debug)]
pub struct Objects(pub Vec<Uuid>);

impl Source for Objects {
    type News = ();

    fn topics(&self, _: Uuid) -> Vec<String> {
        self.0.iter().copied().map(object_topic).collect()
    }

    async fn look(&mut self, look: &Look<'_>, after: Cursor) -> Result<(Option<()>, Cursor)> {
        let (mut news, mut cursor) = (None, after);
        loop {
            let conn = look.cx.app.db.reads.get().await?;
            let events = change_event::of_objects(&conn, look.organization_id, &self.0, cursor, BATCH).await?;
            let Some(last) = events.last() else { return Ok((news, cursor)) };
            cursor = last.cursor();
            news = Some(());
        }
    }
}

impl Watch<Objects> {
    /// Follows another object too, from the cursor on.
    pub fn follow(&mut self, object: Uuid) {
        if !self.source.0.contains(&object) {
            self.source.0.push(object);
            self.waiter.listen(object_topic(object));
        }
    }
}
