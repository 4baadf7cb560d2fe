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

    /// This error for a caller who asked for `name`: an absent row becomes "`name` was not found".
    pub fn about(self, name: &impl fmt::Display) -> CoreError {
        match self {
            Self::NotFound => CoreError::not_found(name),
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
            "terminating walsender",      // never ours, but harmless
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
