//! Everything in a business unit or an organization that the caller may read: the changes themselves are told, and that
//! what the caller may do is not what it was.

use flagstone_api::pb;
use flagstone_db::change_event::{self, Cursor, EventRow, Seen};
use uuid::Uuid;

use super::access::Access;
use super::kinds::{ObjectKind, sights};
use super::{BATCH, Look, Source};
use crate::convert::{enum_number, timestamp};
use crate::directory::Directory;
use crate::error::Result;
use crate::ledger::changes_topic;

/// What of the feed is wanted.
#[derive(Debug)]
pub struct Changes {
    /// Only of this unit.
    pub unit_id: Option<Uuid>,
    /// Only of objects of these kinds.
    pub kinds: Vec<&'static ObjectKind>,
    /// Only of these objects, by name; empty for all.
    pub objects: Vec<String>,
    /// What the watcher knows of what the caller may do; `None` where that is not asked for.
    pub access: Option<Access>,
}

/// What a look found. One of both at least.
#[derive(Debug, Default)]
pub struct News {
    /// What the caller may do, where it is not what was told before.
    pub access: Option<String>,
    /// Oldest first.
    pub changes: Vec<pb::ChangeEvent>,
}

impl Source for Changes {
    type News = News;

    fn topics(&self, organization_id: Uuid) -> Vec<String> {
        vec![changes_topic(organization_id)]
    }

    async fn look(&mut self, look: &Look<'_>, after: Cursor) -> Result<(Option<News>, Cursor)> {
        let (changes, cursor) = self.changes(look, after).await?;
        let caller = look.cx.user()?;
        let access = self.access.as_mut().and_then(|access| access.news(caller));
        let news = (access.is_some() || !changes.is_empty()).then_some(News { access, changes });
        Ok((news, cursor))
    }
}

impl Changes {
    async fn changes(&self, look: &Look<'_>, after: Cursor) -> Result<(Vec<pb::ChangeEvent>, Cursor)> {
        let app = &look.cx.app;
        let until = app.horizon.read(&app.db, look.max_age).await?;
        if until <= after {
            return Ok((Vec::new(), after));
        }
        // By the rights of this moment: what was lost since the last look is not shown any more.
        let sights = sights(look.cx, self.unit_id, &self.kinds)?;
        let caller = look.cx.user()?;
        let seen = Seen {
            organization_id: look.organization_id,
            caller_id: caller.id,
            unit_id: self.unit_id,
            sights: &sights,
            objects: &self.objects,
        };
        let conn = app.db.reads.get().await?;
        let events = change_event::between(&conn, &seen, after, until, BATCH).await?;
        // Where there is no more, the cursor also passes what the caller does not see: it is not looked through again.
        let is_full = i64::try_from(events.len()).is_ok_and(|found| found >= BATCH);
        let cursor = if is_full { events.last().map_or(until, EventRow::cursor) } else { until };
        Ok((to_proto(&caller.directory, events), cursor))
    }
}

/// Changes as people see them.
pub fn to_proto(directory: &Directory, events: Vec<EventRow>) -> Vec<pb::ChangeEvent> {
    let one = |event: EventRow| pb::ChangeEvent {
        // A unit younger than the directory is missing for at most a second.
        business_unit: event
            .business_unit_id
            .and_then(|id| directory.unit_by_id(id))
            .map(|unit| unit.name.to_string())
            .unwrap_or_default(),
        object: event.object,
        object_type: event.object_type,
        action: enum_number(pb::ChangeAction::from_str_name, "CHANGE_ACTION_", &event.action),
        fields: event.fields,
        principal: event.principal,
        time: Some(timestamp(event.time)),
    };
    events.into_iter().map(one).collect()
}
