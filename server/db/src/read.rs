//! Reads over a few shared connections. Statements of many calls are sent one behind the other without waiting, which
//! gives nearly twice the throughput of a pool; each connection is replaced by its keeper as soon as it ends.
//!
//! There is no transaction here and no `SET`: statements of different calls alternate.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connect::{Causes, Connection, Connector, Session};
use crate::error::Error;

/// How long a read waits for a connection to come back.
const WAIT: Duration = Duration::from_secs(1);

/// First pause between attempts to connect; it doubles up to [`MAX_PAUSE`].
pub(crate) const MIN_PAUSE: Duration = Duration::from_millis(10);

/// Longest pause between attempts to connect.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The shared connections. Cheap to clone; the last clone dropped ends them.
#[derive(Clone)]
pub struct Reads {
    shared: Arc<Shared>,
}

struct Shared {
    slots: Arc<[Slot]>,
    /// Changes whenever a slot is filled.
    filled: watch::Receiver<()>,
    /// Ends the keepers when dropped.
    _keepers: JoinSet<()>,
}

/// A place for one connection; empty while it is being made.
type Slot = RwLock<Option<Arc<Session>>>;

/// A shared connection, for reading. Hold it for one call, not longer: it keeps a replaced connection alive.
pub struct ReadConn(Arc<Session>);

impl Deref for ReadConn {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Reads {
    /// Starts making `size` connections, at least one. Returns before they are there.
    pub(crate) fn open(connector: Connector, size: usize) -> Self {
        let slots: Arc<[Slot]> = (0..size.max(1)).map(|_| Slot::default()).collect();
        let (announce, filled) = watch::channel(());
        let mut keepers = JoinSet::new();
        for index in 0..slots.len() {
            keepers.spawn(keep(connector.clone(), Arc::clone(&slots), index, announce.clone()));
        }
        Self { shared: Arc::new(Shared { slots, filled, _keepers: keepers }) }
    }

    /// The least used connection.
    ///
    /// Fails with [`Error::Unavailable`] when none is up within a second.
    pub async fn get(&self) -> Result<ReadConn, Error> {
        if let Some(session) = self.least_used() {
            return Ok(ReadConn(session));
        }
        let mut filled = self.shared.filled.clone();
        let wait = async {
            loop {
                filled.mark_unchanged();
                if let Some(session) = self.least_used() {
                    return Some(session);
                }
                filled.changed().await.ok()?;
            }
        };
        match timeout(WAIT, wait).await {
            Ok(Some(session)) => Ok(ReadConn(session)),
            _ => Err(Error::Unavailable("no connection for reads is up".into())),
        }
    }

    /// Fewest users first: a slow statement holds up its connection, and those who wait behind it are its users.
    fn least_used(&self) -> Option<Arc<Session>> {
        self.shared
            .slots
            .iter()
            .filter_map(|slot| slot.read().unwrap_or_else(PoisonError::into_inner).clone())
            .filter(|session| !session.ended.is_cancelled())
            .min_by_key(Arc::strong_count)
    }
}

/// Keeps one slot filled, forever.
async fn keep(connector: Connector, slots: Arc<[Slot]>, index: usize, announce: watch::Sender<()>) {
    let mut pause = MIN_PAUSE;
    loop {
        match connector.session().await {
            Ok(session) => {
                pause = MIN_PAUSE;
                let (ended, stale) = (session.ended.clone(), session.stale.clone());
                put(&slots[index], Some(Arc::new(session)));
                announce.send_replace(());
                // What waits on a stale connection may finish there: only the slot lets go of it.
                tokio::select! { () = ended.cancelled() => {}, () = stale.cancelled() => {} }
                put(&slots[index], None);
            }
            Err(error) => {
                tracing::warn!(error = %Causes(&error), retry_in = ?pause, "A connection for reads could not be made.");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

fn put(slot: &Slot, session: Option<Arc<Session>>) {
    *slot.write().unwrap_or_else(PoisonError::into_inner) = session;
}
