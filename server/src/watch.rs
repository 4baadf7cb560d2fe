//! What all streams share: when to look again, when to say that one is alive, when to end.
//!
//! Subscribe first, then read. Bells are hints and come late, twice or never, so that whoever waits also polls. A bell
//! may ring for a change that is not to be read yet, since an older transaction still runs: after a bell the first looks
//! follow one another quickly.

mod access;
mod changes;
mod horizon;
mod kinds;
mod objects;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flagstone_api::pb;
use flagstone_core::{Error as CoreError, Kind};
use flagstone_db::change_event::{self, Cursor};
use flagstone_db::{Bell, BellListener};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::app::App;
use crate::call::UserCaller;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::status;

pub use access::Access;
pub use changes::{Changes, News, to_proto};
pub use horizon::Horizon;
pub use kinds::{KINDS, ObjectKind, sights};
pub use objects::Objects;

/// The longest wait between two looks.
const POLL: Duration = Duration::from_millis(500);

/// The wait after the first look that a bell caused in vain; it doubles up to [`POLL`].
const QUICK: Duration = Duration::from_millis(2);

/// How often a stream looks whether its caller still stands. A right that is taken ends it within a second: half of that is
/// for the look to come late, and for what it takes.
const STANDING: Duration = Duration::from_millis(500);

/// Events taken at a time.
const BATCH: i64 = 500;

/// What a call that waits keeps of its deadline, to answer in.
const RESERVE: Duration = Duration::from_secs(2);

/// When a unary call that may wait this long has to answer: before its deadline at the edge.
pub fn answer_by(cx: &Cx, wait: Duration) -> Instant {
    let left = cx.app.config.edge.deadline.saturating_sub(RESERVE).saturating_sub(cx.call.started.elapsed());
    Instant::now() + wait.min(left)
}

/// Why a wait is over.
#[derive(Debug)]
pub enum Wake {
    /// There may be something new.
    Look,
    /// Nothing was said for a while: say something.
    Heartbeat,
    /// The stream is to end; for which reason and with which error.
    End(pb::StreamEndReason, Option<flagstone_api::google::rpc::Status>),
}

/// Judges anew whether the caller of a context may have the stream: called when the caller's grants have changed.
pub type Judge = Box<dyn Fn(Cx) -> BoxFuture<'static, Result<()>> + Send>;

/// Waits on behalf of one stream.
pub struct Waiter {
    app: Arc<App>,
    /// The context of the stream, with the caller's grants of the last look.
    cx: Cx,
    judge: Judge,
    topics: Vec<String>,
    listener: BellListener,
    heartbeat_at: Instant,
    standing_at: Instant,
    /// The wait before the next look.
    pause: Duration,
}

impl Waiter {
    /// Subscribes to the bells of these topics, for a caller whom `judge` has let in.
    pub fn new(cx: &Cx, topics: Vec<String>, judge: Judge) -> Self {
        let now = Instant::now();
        Self {
            listener: cx.app.bells.subscribe(),
            app: cx.app.clone(),
            cx: cx.clone(),
            judge,
            topics,
            heartbeat_at: now + cx.app.config.edge.heartbeat,
            standing_at: now + STANDING,
            pause: QUICK,
        }
    }

    /// Notes that the stream said something: the next heartbeat is due a while from now.
    pub fn said(&mut self) {
        self.heartbeat_at = Instant::now() + self.app.config.edge.heartbeat;
    }

    /// Waits until it is time for something. Call it after a look that found nothing.
    pub async fn wait(&mut self) -> Wake {
        let look_at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(POLL);
        loop {
            if self.app.shutdown.is_cancelled() {
                return Wake::End(pb::StreamEndReason::Shutdown, None);
            }
            if let Some(end) = self.standing().await {
                return end;
            }
            if Instant::now() >= self.heartbeat_at {
                self.said();
                return Wake::Heartbeat;
            }
            tokio::select! {
                bell = self.listener.next() => match bell {
                    Some(Bell::Topic(topic)) if !self.topics.iter().any(|own| **own == *topic) => {}
                    Some(_) => {
                        self.pause = QUICK;
                        return Wake::Look;
                    }
                    // The bells are gone with their process.
                    None => return Wake::End(pb::StreamEndReason::Shutdown, None),
                },
                () = sleep_until(look_at) => return Wake::Look,
                () = sleep_until(self.heartbeat_at.min(self.standing_at)) => {}
                () = self.app.shutdown.cancelled() => {}
            }
        }
    }

    /// How old what a look finds may be. After a bell nothing is: it tells of a change of this moment. A look that only
    /// makes sure that no bell was missed shares with the others of the process.
    fn max_age(&self) -> Duration {
        if self.pause < POLL { Duration::ZERO } else { POLL }
    }

    /// Hears one more bell.
    fn listen(&mut self, topic: String) {
        self.topics.push(topic);
    }

    /// Looks now and then whether the caller still stands, and ends the stream where not. Call it where a stream may go
    /// on for long without a wait.
    pub async fn standing(&mut self) -> Option<Wake> {
        if Instant::now() < self.standing_at {
            return None;
        }
        self.standing_at = Instant::now() + STANDING;
        self.check_standing().await
    }

    /// The end of a stream whose caller does not stand any more or has lost the right to it. That nobody could tell
    /// ends nothing.
    async fn check_standing(&mut self) -> Option<Wake> {
        let judged = match self.app.identities.look_again(&self.cx.caller).await {
            Ok(Some(caller)) => {
                let fresh = Cx { caller, ..self.cx.clone() };
                let judged = (self.judge)(fresh.clone()).await;
                if judged.is_ok() {
                    self.cx = fresh;
                }
                judged
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        let reason = match &judged {
            Err(Error::Core(error) | Error::Audited(error)) => match error.kind {
                Kind::Unauthenticated => pb::StreamEndReason::CredentialExpired,
                Kind::Denied | Kind::NotFound => pb::StreamEndReason::Error,
                _ => return None,
            },
            _ => return None,
        };
        let status = judged.err().map(|error| status::in_band(&error, &self.cx.call.correlation_id));
        Some(Wake::End(reason, status))
    }
}

/// Where a watch finds what it tells.
pub trait Source: Send + Sync {
    /// What it tells.
    type News: Send;

    /// The bells that ring when there may be some.
    fn topics(&self, organization_id: Uuid) -> Vec<String>;

    /// What there is after a cursor, without waiting, and the cursor behind everything that was looked at.
    fn look(
        &mut self,
        look: &Look<'_>,
        after: Cursor,
    ) -> impl Future<Output = Result<(Option<Self::News>, Cursor)>> + Send;
}

/// One look of a watch.
pub struct Look<'a> {
    /// With the caller's grants of now.
    pub cx: &'a Cx,
    pub organization_id: Uuid,
    /// How old what is known of the feed may be.
    pub max_age: Duration,
}

/// Follows a source, for one stream.
pub struct Watch<S> {
    waiter: Waiter,
    organization_id: Uuid,
    source: S,
    cursor: Cursor,
    /// The oldest place that can still be resumed from, where the cursor lies before it.
    too_old: Option<Cursor>,
}

/// What a watch has to tell.
#[derive(Debug)]
pub enum Signal<N> {
    /// Something changed; objects are to be read anew. [`Watch::cursor`] is behind these changes.
    Changed(N),
    /// Nothing happened for a while.
    Heartbeat,
    /// The stream is to end with this message.
    End(pb::StreamEnd),
}

impl<S: Source> Watch<S> {
    /// Subscribes to a source in an organization, from a cursor on or, where that is empty, from now on. Read the objects
    /// after this, not before.
    ///
    /// A text that is no cursor is a violation of the field `cursor`.
    pub async fn open(cx: &Cx, organization_id: Uuid, source: S, cursor: &str, judge: Judge) -> Result<Self> {
        let waiter = Waiter::new(cx, source.topics(organization_id), judge);
        let conn = cx.app.db.reads.get().await?;
        let (cursor, too_old) = match decode(cursor)? {
            None => (change_event::head(&conn).await?, None),
            Some(cursor) => {
                let oldest = change_event::oldest(&conn, organization_id).await?;
                (cursor, oldest.filter(|oldest| cursor < *oldest))
            }
        };
        Ok(Self { waiter, organization_id, source, cursor, too_old })
    }

    /// Where to resume after everything that was signalled so far.
    pub fn cursor(&self) -> String {
        encode(self.cursor)
    }

    /// Whose watch it is, with the grants of the last look.
    pub fn caller(&self) -> Result<&Arc<UserCaller>> {
        self.waiter.cx.user()
    }

    /// The oldest cursor that can still be resumed from, where this one cannot.
    pub fn resync(&self) -> Option<String> {
        self.too_old.map(encode)
    }

    /// The last message of the stream.
    pub fn end(&self, reason: pb::StreamEndReason) -> pb::StreamEnd {
        pb::StreamEnd {
            last_cursor: self.cursor(),
            reason: reason.into(),
            status: None,
            oldest_cursor: self.resync().unwrap_or_default(),
        }
    }

    /// What changed since the cursor, without waiting. The cursor moves behind it.
    pub async fn advance(&mut self) -> Result<Option<S::News>> {
        let look = Look { cx: &self.waiter.cx, organization_id: self.organization_id, max_age: self.waiter.max_age() };
        let (news, cursor) = self.source.look(&look, self.cursor).await?;
        self.cursor = cursor;
        Ok(news)
    }

    /// Waits until it is time for something. Call it after an advance that found nothing.
    pub async fn wait(&mut self) -> Wake {
        self.waiter.wait().await
    }

    /// Waits for what comes next. A database that is away for a while ends nothing.
    pub async fn next(&mut self) -> Signal<S::News> {
        if self.too_old.is_some() {
            return Signal::End(self.end(pb::StreamEndReason::ResyncRequired));
        }
        loop {
            // Here too: where changes follow one another there is no wait, and a slow reader comes back after a while.
            if let Some(Wake::End(reason, status)) = self.waiter.standing().await {
                return Signal::End(pb::StreamEnd { status, ..self.end(reason) });
            }
            match self.advance().await {
                Ok(Some(news)) => {
                    self.waiter.said();
                    return Signal::Changed(news);
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(error = %status::chain(&error), "A watch could not look."),
            }
            match self.wait().await {
                Wake::Look => {}
                Wake::Heartbeat => return Signal::Heartbeat,
                Wake::End(reason, status) => {
                    return Signal::End(pb::StreamEnd { status, ..self.end(reason) });
                }
            }
        }
    }
}

/// Lets a stream whose producer fails end with a message that says so and where to go on, not with a bare status. `told`
/// is the cursor that a message carries, `end` makes the last message.
pub fn in_band<T, I: Stream<Item = Result<T>>>(
    cx: &Cx,
    items: I,
    told: fn(&T) -> Option<&str>,
    end: fn(pb::StreamEnd) -> T,
) -> impl Stream<Item = Result<T>> + use<T, I> {
    let correlation_id = cx.call.correlation_id.clone();
    let mut last_cursor = String::new();
    items.map(move |item| {
        let item = item.unwrap_or_else(|error| {
            end(pb::StreamEnd {
                last_cursor: last_cursor.clone(),
                reason: pb::StreamEndReason::Error.into(),
                status: Some(status::in_band(&error, &correlation_id)),
                oldest_cursor: String::new(),
            })
        });
        if let Some(cursor) = told(&item) {
            cursor.clone_into(&mut last_cursor);
        }
        Ok(item)
    })
}

/// A cursor as clients carry it.
fn encode(cursor: Cursor) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&cursor.xid.to_be_bytes());
    bytes[8..].copy_from_slice(&cursor.position.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The cursor that a client sent; `None` for an empty one.
pub fn decode(cursor: &str) -> Result<Option<Cursor>, CoreError> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let Some(bytes) = bytes else {
        return Err(CoreError::field(
            "cursor",
            "is not a cursor of this stream. Send one that this stream gave, or none to start anew.",
        ));
    };
    let number = |half: &[u8]| half.try_into().map(i64::from_be_bytes).unwrap_or_default();
    Ok(Some(Cursor { xid: number(&bytes[..8]), position: number(&bytes[8..]) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert_eq!(decode("").unwrap(), None);
        for wrong in ["x", "AAAA", "not base64!", &URL_SAFE_NO_PAD.encode([0; 17])] {
            assert_eq!(decode(wrong).unwrap_err().fields[0].field, "cursor", "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(xid: i64, position: i64) {
            let cursor = Cursor { xid, position };
            prop_assert_eq!(decode(&encode(cursor)).unwrap(), Some(cursor));
        }
    }
}
