//! The door for writes: a transaction that is a guard. Dropped before its commit, nothing happened.
//!
//! The connection behind it goes back to its pool only when it is known to be clean. diesel's own `.transaction()`
//! is not used anywhere: its future, dropped half way, leaves the transaction and its locks open.

use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;

use diesel::connection::TransactionDepthChange;
use diesel_async::{AnsiTransactionManager, SimpleAsyncConnection, TransactionManager};
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::connect::Connection;
use crate::error::Error;
use crate::pool::{Pool, Pooled};

/// How long a statement may go on after its transaction was dropped, before it is cancelled.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the server may take to roll back after that, before the connection is given up.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// What a transaction may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxScope {
    /// The rows of one organization: `app.org` is set to it for row security.
    Organization(Uuid),
    /// Every organization; for workers.
    Worker,
}

/// Whether the session's transaction is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// BEGIN or COMMIT is under way, or failed.
    Unknown,
    /// In a transaction.
    Open,
}

/// An open transaction. Derefs to its [`Connection`].
pub struct Tx {
    /// There until the transaction is over.
    conn: Option<Pooled>,
    state: State,
    pool: Pool,
}

impl Tx {
    /// Takes a connection of `pool` and opens a transaction on it, in one round trip.
    ///
    /// A pooled connection may have been lost without anyone noticing. BEGIN changes nothing, so it is tried again
    /// with the next one, as often as the pool has connections.
    pub async fn begin(pool: &Pool, scope: TxScope) -> Result<Self, Error> {
        let begin = match scope {
            // It takes no binds; a UUID cannot break out of the quotes.
            TxScope::Organization(id) => format!("BEGIN; SELECT set_config('app.org', '{id}', true)"),
            TxScope::Worker => "BEGIN".to_owned(),
        };
        let mut retries = pool.capacity();
        loop {
            // Guard first: a future dropped in BEGIN discards the connection.
            let mut tx = Self { conn: Some(pool.get().await?), state: State::Unknown, pool: pool.clone() };
            match AnsiTransactionManager::begin_transaction_sql(&mut *tx, &begin).await.map_err(Error::from) {
                Ok(()) => {
                    tx.state = State::Open;
                    return Ok(tx);
                }
                Err(error) if error.is_unavailable() && retries > 0 => retries -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes everything permanent, or fails and leaves nothing.
    ///
    /// A statement that failed earlier makes this fail too, even if its error was swallowed: PostgreSQL alone would
    /// answer COMMIT of a failed transaction with success. After [`Error::Unavailable`] the outcome is not known.
    pub async fn commit(mut self) -> Result<(), Error> {
        let depth = AnsiTransactionManager::transaction_manager_status_mut(&mut *self).transaction_depth()?;
        if depth.is_none_or(|depth| depth.get() != 1) {
            return Err(Error::other("a savepoint is open: a nested transaction was dropped half way"));
        }
        self.state = State::Unknown;
        // One message, one round trip: in a failed transaction the SELECT fails, and the server skips the rest.
        self.batch_execute("SELECT 1; COMMIT").await?;
        AnsiTransactionManager::transaction_manager_status_mut(&mut *self)
            .transaction_state()?
            .change_transaction_depth(TransactionDepthChange::DecreaseDepth)?;
        drop(self.conn.take());
        Ok(())
    }

    /// Undoes everything and waits until its locks are free. Dropping does the same in the background.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.state = State::Unknown;
        AnsiTransactionManager::rollback_transaction(&mut *self).await?;
        drop(self.conn.take());
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("only what consumes the transaction takes its connection")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("only what consumes the transaction takes its connection")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        match (self.state, Handle::try_current()) {
            (State::Open, Ok(runtime)) => {
                runtime.spawn(roll_back(conn, self.pool.clone()));
            }
            _ => discard(conn),
        }
    }
}

/// Rolls back behind a statement that may still be running, and gives the connection back when it is clean.
async fn roll_back(mut conn: Pooled, pool: Pool) {
    let token = conn.cancel_token();
    let clean = {
        let mut rollback = pin!(AnsiTransactionManager::rollback_transaction(&mut **conn));
        match timeout(PATIENCE, &mut rollback).await {
            Ok(done) => done.is_ok(),
            Err(_) => {
                let gone = async {
                    pool.cancel(token).await;
                    let _ = rollback.await;
                };
                let _ = timeout(LAST_PATIENCE, gone).await;
                // The cancel request may arrive late and hit the next user's statement.
                false
            }
        }
    };
    if !clean {
        discard(conn);
    }
}

/// Closes the connection; the server rolls back by itself.
fn discard(conn: Pooled) {
    drop(Pooled::take(conn));
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use diesel::sql_types::Text;
    use diesel_async::RunQueryDsl;
    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;
    use crate::fixture::{config, count, database, kill_all, note, open};
    use crate::pool::Database;

    const ORG: TxScope = TxScope::Organization(Uuid::from_u128(7));

    diesel::define_sql_function! {
        fn current_setting(name: Text, missing_ok: diesel::sql_types::Bool) -> diesel::sql_types::Nullable<Text>;
    }

    async fn organization(mut conn: &Connection) -> Option<String> {
        diesel::select(current_setting("app.org", true)).get_result(&mut conn).await.unwrap()
    }

    #[tokio::test]
    async fn the_organization_is_set_for_one_transaction_only() {
        let database = database().await;
        let db = Database::connect(&crate::Config { app_size: 1, ..config(&database) }).await.unwrap();
        let tx = db.begin(ORG).await.unwrap();
        assert_eq!(organization(&tx).await.as_deref(), Some("00000000-0000-0000-0000-000000000007"));
        tx.commit().await.unwrap();
        let tx = Tx::begin(&db.app, TxScope::Worker).await.unwrap();
        assert_eq!(organization(&tx).await.as_deref().unwrap_or_default(), "");
    }

    #[tokio::test]
    async fn only_a_commit_makes_it_permanent() {
        let database = database().await;
        let db = open(&database).await;
        for (id, body) in [(1, "dropped"), (2, "rolled back"), (3, "committed")] {
            let mut tx = db.begin(ORG).await.unwrap();
            note(&mut tx, id, body).await.unwrap();
            match id {
                1 => drop(tx),
                2 => tx.rollback().await.unwrap(),
                _ => tx.commit().await.unwrap(),
            }
        }
        let reads = db.reads.get().await.unwrap();
        assert_eq!(count(&reads).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_swallowed_error_fails_the_commit() {
        let database = database().await;
        let db = open(&database).await;
        let mut tx = db.begin(ORG).await.unwrap();
        note(&mut tx, 1, "one").await.unwrap();
        let _ = note(&mut tx, 1, "two").await;
        tx.commit().await.unwrap_err();
        let reads = db.reads.get().await.unwrap();
        assert_eq!(count(&reads).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_open_savepoint_fails_the_commit() {
        let database = database().await;
        let db = open(&database).await;
        let mut tx = db.begin(ORG).await.unwrap();
        AnsiTransactionManager::begin_transaction(&mut *tx).await.unwrap();
        note(&mut tx, 1, "half of something").await.unwrap();
        tx.commit().await.unwrap_err();
        let reads = db.reads.get().await.unwrap();
        assert_eq!(count(&reads).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_statement_under_way_is_cancelled_when_its_transaction_is_dropped() {
        let database = database().await;
        let db = open(&database).await;
        let mut tx = db.begin(ORG).await.unwrap();
        note(&mut tx, 1, "locked").await.unwrap();
        timeout(Duration::from_millis(20), tx.batch_execute("SELECT pg_sleep(2.5)")).await.unwrap_err();
        drop(tx);
        let start = Instant::now();
        let mut tx = db.begin(ORG).await.unwrap();
        note(&mut tx, 1, "free again").await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "waited {:?} for the lock", start.elapsed());
    }

    #[tokio::test]
    async fn lost_connections_are_not_noticed() {
        let database = database().await;
        let db = open(&database).await;
        let all = join_all((0..db.app.capacity()).map(|_| db.begin(ORG))).await;
        for tx in all {
            tx.unwrap().rollback().await.unwrap();
        }
        // On another thread, while this one stands still: the drivers here cannot see the sockets close.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { kill_all(&mut *database.owner().await).await });
            });
        });
        for id in 0..8 {
            let mut tx = db.begin(ORG).await.unwrap();
            note(&mut tx, id, &id.to_string()).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_full_pool_says_so_and_recovers() {
        let database = database().await;
        let db = open(&database).await;
        let held: Vec<_> = join_all((0..db.app.capacity()).map(|_| db.begin(ORG))).await;
        assert_eq!(db.app.free(), 0);
        assert!(matches!(db.begin(ORG).await, Err(Error::PoolExhausted)));
        drop(held);
        db.begin(ORG).await.unwrap();
    }

    /// One call of the storm: two statements with a lock between them, then commit, failure or panic.
    async fn call(db: Database, id: i32) -> Result<(), Error> {
        let mut tx = db.begin(ORG).await?;
        tx.batch_execute("SELECT FROM notes WHERE id = -1 FOR UPDATE").await?;
        note(&mut tx, 2 * id, &format!("first of {id}")).await?;
        match id % 10 {
            3 => Err(Error::NotFound),
            6 => panic!("a bug in a handler"),
            _ => {
                note(&mut tx, 2 * id + 1, &format!("second of {id}")).await?;
                tx.commit().await
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_storm_of_dropped_calls_leaves_nothing_behind() {
        let database = database().await;
        let db = open(&database).await;
        let mut owner = database.owner().await;
        note(&mut owner, -1, "contended").await.unwrap();
        let calls = (0..600).map(|id| {
            let task = tokio::task::JoinSet::from_iter([call(db.clone(), id)]);
            async move {
                // Spread the ends over the whole life of a call.
                let (mut task, patience) = (task, Duration::from_millis(u64::from(id.unsigned_abs()) * 37 % 400));
                match timeout(patience, task.join_next()).await {
                    Ok(Some(Ok(Ok(())))) => Some(id),
                    _ => None,
                }
            }
        });
        let committed: Vec<i32> = join_all(calls).await.into_iter().flatten().collect();
        assert!((1..540).contains(&committed.len()), "{} of 600 committed: no storm", committed.len());

        // The sessions come to rest without a transaction or a lock.
        let idle = async {
            let busy = "SELECT 1 / (count(*) = 0)::int FROM pg_stat_activity \
                        WHERE datname = current_database() AND pid <> pg_backend_pid() \
                        AND (state LIKE 'idle in%' OR backend_xid IS NOT NULL)";
            while owner.batch_execute(busy).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(5), idle).await.unwrap();
        assert_eq!(db.app.free(), db.app.capacity());

        use crate::fixture::notes::dsl;
        use diesel::{ExpressionMethods, QueryDsl};
        let ids: Vec<i32> =
            dsl::notes.filter(dsl::id.ge(0)).select(dsl::id).order(dsl::id).load(&mut owner).await.unwrap();
        assert!(committed.iter().all(|id| ids.binary_search(&(2 * id)).is_ok()), "an acknowledged write was lost");
        assert!(ids.chunks(2).all(|pair| pair.len() == 2 && pair[1] == pair[0] + 1), "half a transaction was kept");
    }
}
