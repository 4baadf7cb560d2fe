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

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;
    use futures::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::fixture::{config, count, database, kill_all, note, open};
    use crate::pool::Database;

    async fn run(mut conn: &Connection, statement: &str) -> Result<(), Error> {
        Ok(conn.batch_execute(statement).await?)
    }

    #[tokio::test]
    async fn reading_is_all_that_is_allowed() {
        let database = database().await;
        let db = open(&database).await;
        let reads = db.reads.get().await.unwrap();
        run(&reads, "INSERT INTO notes VALUES (1, 'no')").await.unwrap_err();
        run(&reads, "SET default_transaction_read_only = off; INSERT INTO notes VALUES (1, 'no')").await.unwrap_err();
        assert_eq!(count(&reads).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn dropped_reads_do_not_shift_the_answers_of_others() {
        let database = database().await;
        let db = open(&database).await;
        note(&mut *database.owner().await, 1, "one").await.unwrap();
        let calls = (0..200_u64).map(|n| {
            let reads = db.reads.clone();
            async move {
                let conn = reads.get().await.unwrap();
                let patience = if n % 2 == 0 { Duration::from_micros(n) } else { Duration::from_secs(5) };
                timeout(patience, count(&conn)).await.ok()
            }
        });
        let answers: Vec<i64> = join_all(calls).await.into_iter().flatten().map(Result::unwrap).collect();
        assert!(answers.len() >= 100);
        assert!(answers.iter().all(|answer| *answer == 1));
    }

    #[tokio::test]
    async fn users_are_spread_over_the_connections() {
        let database = database().await;
        let db = open(&database).await;
        let all_up = async {
            while db.reads.shared.slots.iter().any(|slot| slot.read().unwrap().is_none()) {
                tokio::time::sleep(MIN_PAUSE).await;
            }
        };
        timeout(Duration::from_secs(5), all_up).await.unwrap();
        let (one, other) = (db.reads.get().await.unwrap(), db.reads.get().await.unwrap());
        assert!(!Arc::ptr_eq(&one.0, &other.0));
    }

    #[tokio::test]
    async fn a_slow_statement_is_stopped() {
        let database = database().await;
        let db = open(&database).await;
        let reads = db.reads.get().await.unwrap();
        assert!(matches!(run(&reads, "SELECT pg_sleep(5)").await, Err(Error::StatementTimeout(_))));
        assert_eq!(count(&reads).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn killed_connections_come_back() {
        let database = database().await;
        let db = open(&database).await;
        let mut owner = database.owner().await;
        for _ in 0..3 {
            count(&db.reads.get().await.unwrap()).await.unwrap();
            kill_all(&mut owner).await;
            let start = Instant::now();
            while count(&db.reads.get().await.unwrap()).await.is_err() {
                assert!(start.elapsed() < Duration::from_secs(2), "not healed");
            }
        }
    }

    #[tokio::test]
    async fn a_changed_column_type_replaces_the_connection() {
        let database = database().await;
        // Another one, which never prepared the statement, would hide that this one is stale.
        let db = Database::connect(&crate::Config { read_connections: 1, ..config(&database) }).await.unwrap();
        let reads = db.reads.get().await.unwrap();
        let bodies = async |mut conn: &Connection| {
            use diesel::prelude::*;
            use diesel_async::RunQueryDsl;
            crate::fixture::notes::table.select(crate::fixture::notes::body).load::<String>(&mut conn).await
        };
        bodies(&reads).await.unwrap();
        run(&*database.owner().await, "ALTER TABLE notes ALTER body TYPE varchar(9)").await.unwrap();
        bodies(&reads).await.unwrap_err();
        drop(reads);
        let start = Instant::now();
        while bodies(&db.reads.get().await.unwrap()).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(2), "not healed");
        }
    }
}
