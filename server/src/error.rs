//! What a handler fails with: an error of the rules or of the database, or the stored answer of a call that was made
//! before, which is no failure but travels the same way out.

use flagstone_core::{Error as CoreError, FieldViolation};

/// Why a handler stopped.
#[derive(Debug)]
pub enum Error {
    /// A rule, the database or we ourselves stood in the way.
    Core(CoreError),
    /// The call was made before with the same `request_id` and body: these bytes were the answer.
    Replay(Vec<u8>),
    /// A denial whose audit event is written already.
    Audited(CoreError),
}

/// Result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Our fault: told to the caller as a fixed sentence, to the log with its cause.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Core(CoreError::internal(source))
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Core(CoreError::field(field, message))
    }

    /// Several wrong fields; not empty.
    pub fn invalid(violations: Vec<FieldViolation>) -> Self {
        Self::Core(CoreError::invalid(violations))
    }
}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        Self::Core(error)
    }
}

impl From<flagstone_db::Error> for Error {
    fn from(error: flagstone_db::Error) -> Self {
        Self::Core(error.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Core(error) | Self::Audited(error) => error.fmt(f),
            Self::Replay(_) => f.write_str("the call was answered before"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Core(error) | Self::Audited(error) => std::error::Error::source(error),
            Self::Replay(_) => None,
        }
    }
}
