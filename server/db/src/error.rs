//! What can go wrong with the database, and the one place that finds it out.
//!
//! Diesel names a handful of SQLSTATEs and hides the rest, deadlocks (40P01) and cancelled statements (57014) among
//! them: those are told apart here by the server's words. The words depend on `lc_messages`, which
//! [`Database::connect`](crate::pool::Database::connect) checks.

use std::fmt;
use std::time::Duration;

use diesel::result::{ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use flagstone_core::{Error as CoreError, Kind, Reason};

/// What caused an error, kept for the log.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// A query or a connection that failed. Queries return it; the server turns it into [`flagstone_core::Error`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule that was checked next to the query.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The connection was lost, could not be made, or the server is starting or stopping. Whether a COMMIT under way
    /// took effect is not known.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Source),
    /// Every connection was in use for longer than the pool waits.
    #[error("no database connection became free in time")]
    PoolExhausted,
    /// A deadlock, a serialization failure or a lock that was not free in time. The transaction is over; it may
    /// succeed when it is run again from its start.
    #[error("the transaction lost a race")]
    Conflict(#[source] Source),
    /// The statement ran longer than `statement_timeout`, or was cancelled.
    #[error("the statement took too long")]
    StatementTimeout(#[source] Source),
    /// A unique or exclusion constraint was violated.
    #[error("the unique constraint {constraint} was violated")]
    Unique {
        /// Name of the constraint or index; empty when the server did not say.
        constraint: String,
    },
    /// A foreign key was violated: the other row is missing, or still needed.
    #[error("the foreign key {constraint} was violated")]
    ForeignKey {
        /// Name of the constraint; empty when the server did not say.
        constraint: String,
    },
    /// A check constraint was violated.
    #[error("the check {constraint} was violated")]
    Check {
        /// Name of the constraint; empty when the server did not say.
        constraint: String,
    },
    /// One row was asked for and none was there.
    #[error("the row was not found")]
    NotFound,
    /// The configuration or the schema does not fit; the sentence says what to do. Only at start.
    #[error("{0}")]
    Setup(String),
    /// Anything else: our fault.
    #[error("the query failed")]
    Other(#[source] Source),
}

impl Error {
    /// Something that is our fault, told in a sentence.
    pub fn other(source: impl Into<Source>) -> Self {
        Self::Other(source.into())
    }

    /// Something that an operator can put right, told in a sentence.
    pub fn setup(sentence: impl Into<String>) -> Self {
        Self::Setup(sentence.into())
    }

    /// True when the connection is gone; another one may work.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Name of the constraint that was violated, if that is what happened and the server said so.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Unique { constraint } | Self::ForeignKey { constraint } | Self::Check { constraint } => {
                Some(constraint.as_str()).filter(|name| !name.is_empty())
            }
            _ => None,
        }
    }

    /// This error for a caller who named `name`: an absent row becomes "`name` was not found", one in the way
    /// "`name` exists already".
    pub fn about(self, name: &impl fmt::Display) -> CoreError {
        match self {
            Self::NotFound => CoreError::not_found(name),
            Self::Unique { .. } => CoreError::already_exists(name),
            other => other.into(),
        }
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let (kind, info) = match error {
            DieselError::NotFound => return Self::NotFound,
            DieselError::DatabaseError(kind, info) => (kind, info),
            other => return Self::Other(other.into()),
        };
        let constraint = || info.constraint_name().unwrap_or_default().to_owned();
        match kind {
            DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::ExclusionViolation => {
                Self::Unique { constraint: constraint() }
            }
            DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
                Self::ForeignKey { constraint: constraint() }
            }
            DatabaseErrorKind::CheckViolation => Self::Check { constraint: constraint() },
            DatabaseErrorKind::SerializationFailure => Self::Conflict(chain(kind, info)),
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
                Self::Unavailable(chain(kind, info))
            }
            _ => Self::from_words(kind, info),
        }
    }
}

impl Error {
    /// Tells apart what diesel calls `Unknown`.
    fn from_words(kind: DatabaseErrorKind, info: Box<dyn DatabaseErrorInformation + Send + Sync>) -> Self {
        let words = info.message();
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| words.starts_with(beginning));
        if starts(&["deadlock detected", "canceling statement due to lock timeout", "could not obtain lock on"]) {
            Self::Conflict(chain(kind, info)) // 40P01, 55P03
        } else if starts(&["canceling statement due to"]) {
            Self::StatementTimeout(chain(kind, info)) // 57014
        } else if starts(&[
            "terminating connection",     // 57P01, 57P02, 57P05, 25P03
            "the database system is",     // 57P03: starting up, shutting down, in recovery mode
            "cannot connect now",         // 57P03
            "sorry, too many clients",    // 53300
            "remaining connection slots", // 53300
        ]) {
            Self::Unavailable(chain(kind, info))
        } else {
            Self::Other(chain(kind, info))
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<tokio_postgres::Error> for Error {
    /// Of connecting, listening and notifying, which do not go through diesel.
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<Error> for CoreError {
    fn from(error: Error) -> Self {
        let retry = Duration::from_secs(1);
        match error {
            Error::Core(error) => error,
            Error::Unavailable(_) => Self::new(
                Kind::Unavailable,
                Reason::Unavailable,
                "The database cannot be reached at the moment. Try again with the same request_id.",
            )
            .retry_after(retry)
            .caused_by(error),
            Error::PoolExhausted => Self::new(
                Kind::Exhausted,
                Reason::Overloaded,
                "The server has more to do than it has database connections. Try again in a moment.",
            )
            .retry_after(retry)
            .caused_by(error),
            Error::Conflict(_) => Self::aborted(
                Reason::Conflict,
                "Another call changed the same objects at the same time. Nothing was changed by this one; try again.",
            )
            .caused_by(error),
            Error::StatementTimeout(_) => Self::new(
                Kind::Deadline,
                Reason::DeadlineExceeded,
                "The database took too long to answer. Try again, or ask for less at once.",
            )
            .caused_by(error),
            Error::NotFound => {
                Self::new(Kind::NotFound, Reason::NotFound, "It was not found. Check the name, or ask for access.")
            }
            Error::Unique { .. }
            | Error::ForeignKey { .. }
            | Error::Check { .. }
            | Error::Setup(_)
            | Error::Other(_) => Self::internal(error),
        }
    }
}

/// What the server said, as one line of the log: diesel's own `Display` keeps the message only.
fn chain(kind: DatabaseErrorKind, info: Box<dyn DatabaseErrorInformation + Send + Sync>) -> Source {
    let mut line = format!("{} ({kind:?})", info.message());
    for (label, part) in [
        ("detail", info.details()),
        ("hint", info.hint()),
        ("table", info.table_name()),
        ("column", info.column_name()),
        ("constraint", info.constraint_name()),
    ] {
        if let Some(part) = part {
            line.push_str(&format!("; {label}: {part}"));
        }
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;

    use super::*;
    use crate::connect::Connection;
    use crate::fixture::{database, kill_all, note, open};
    use crate::tx::TxScope;

    async fn run(conn: &mut Connection, statement: &str) -> Result<(), Error> {
        Ok(conn.batch_execute(statement).await?)
    }

    #[tokio::test]
    async fn constraints_are_named() {
        let database = database().await;
        let mut conn = database.owner().await;
        note(&mut conn, 1, "one").await.unwrap();
        let unique = run(&mut conn, "INSERT INTO notes VALUES (2, 'one')").await.unwrap_err();
        assert!(matches!(&unique, Error::Unique { constraint } if constraint == "notes_body_key"), "{unique:?}");
        let foreign = run(&mut conn, "INSERT INTO notes VALUES (2, 'two', 9)").await.unwrap_err();
        assert!(
            matches!(&foreign, Error::ForeignKey { constraint } if constraint == "notes_parent_fkey"),
            "{foreign:?}"
        );
        let check = run(&mut conn, "INSERT INTO notes VALUES (2, '')").await.unwrap_err();
        assert!(matches!(&check, Error::Check { constraint } if constraint == "notes_body_check"), "{check:?}");
        let other = run(&mut conn, "SELECT 1 / 0").await.unwrap_err();
        assert!(matches!(&other, Error::Other(source) if source.to_string().contains("division by zero")), "{other:?}");
    }

    #[tokio::test]
    async fn a_deadlock_is_a_conflict() {
        let database = database().await;
        let db = open(&database).await;
        let mut owner = database.owner().await;
        note(&mut owner, 1, "one").await.unwrap();
        note(&mut owner, 2, "two").await.unwrap();
        let crossed = async |first: i32, second: i32, barrier: &tokio::sync::Barrier| {
            let mut tx = db.begin(TxScope::Worker).await?;
            run(&mut tx, &format!("SELECT FROM notes WHERE id = {first} FOR UPDATE")).await?;
            barrier.wait().await;
            run(&mut tx, &format!("SELECT FROM notes WHERE id = {second} FOR UPDATE")).await
        };
        let barrier = tokio::sync::Barrier::new(2);
        let (one, other) = tokio::join!(crossed(1, 2, &barrier), crossed(2, 1, &barrier));
        let error = one.and(other).unwrap_err();
        assert!(matches!(&error, Error::Conflict(source) if source.to_string().contains("deadlock")), "{error:?}");
        let core = CoreError::from(error);
        assert_eq!((core.kind, core.reason), (Kind::Aborted, Reason::Conflict));
    }

    #[tokio::test]
    async fn a_lock_that_stays_taken_is_a_conflict() {
        let database = database().await;
        let db = open(&database).await;
        note(&mut *database.owner().await, 1, "one").await.unwrap();
        let lock = "SELECT FROM notes WHERE id = 1 FOR UPDATE";
        let mut holder = db.begin(TxScope::Worker).await.unwrap();
        run(&mut holder, lock).await.unwrap();
        let mut other = db.begin(TxScope::Worker).await.unwrap();
        let error = run(&mut other, &format!("{lock} NOWAIT")).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
        drop(other);
        let mut other = db.begin(TxScope::Worker).await.unwrap();
        let error = run(&mut other, lock).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_serialization_failure_is_a_conflict() {
        let database = database().await;
        let (mut one, mut other) = (database.owner().await, database.owner().await);
        note(&mut one, 1, "one").await.unwrap();
        run(&mut one, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM notes").await.unwrap();
        run(&mut other, "UPDATE notes SET body = 'other'").await.unwrap();
        let error = run(&mut one, "UPDATE notes SET body = 'mine'").await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_slow_statement_is_past_its_deadline() {
        let database = database().await;
        let db = open(&database).await;
        let mut tx = db.begin(TxScope::Worker).await.unwrap();
        let error = run(&mut tx, "SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)").await.unwrap_err();
        assert!(matches!(error, Error::StatementTimeout(_)), "{error:?}");
        assert_eq!(CoreError::from(error).kind, Kind::Deadline);
    }

    #[tokio::test]
    async fn a_lost_connection_is_unavailable() {
        let database = database().await;
        let db = open(&database).await;
        let mut tx = db.begin(TxScope::Worker).await.unwrap();
        let (statement, ()) = tokio::join!(run(&mut tx, "SELECT pg_sleep(2)"), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            kill_all(&mut *database.owner().await).await;
        });
        assert!(matches!(statement, Err(Error::Unavailable(_))), "{statement:?}");
        let commit = CoreError::from(tx.commit().await.unwrap_err());
        assert_eq!((commit.kind, commit.retry_after), (Kind::Unavailable, Some(Duration::from_secs(1))));
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_unavailable() {
        let config = crate::Config::new("postgres://nobody@127.0.0.1:1/nothing");
        let error = crate::Database::connect(&config).await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
    }

    #[test]
    fn an_absent_row_is_told_like_an_absent_object() {
        let told = Error::NotFound.about(&"jobs/1");
        assert_eq!(told.message, CoreError::not_found(&"jobs/1").message);
    }
}
