//! Statuses that this client makes itself, where no server answered.
#![expect(clippy::disallowed_methods, reason = "the server's rule for its own statuses; these never cross a wire")]

use std::error::Error as StdError;

use tonic::Status;

/// The call did not reach the server at `url`, or its answer did not come back.
pub(crate) fn unreachable(url: &str, error: &(dyn StdError + 'static)) -> Status {
    let mut message = format!("{url} cannot be reached: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Wrappers often repeat what they wrap.
        if !message.ends_with(&cause_text) {
            message = format!("{message}: {cause_text}");
        }
        source = cause.source();
    }
    Status::unavailable(message)
}

/// The call took longer than allowed.
pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("No answer came in time. Whether the call was carried out is not known.")
}

/// There is no usable session.
pub(crate) fn unauthenticated(message: &str) -> Status {
    Status::unauthenticated(message)
}

/// The tokens cannot be read or stored.
pub(crate) fn token_store(error: &std::io::Error) -> Status {
    Status::failed_precondition(format!("The tokens cannot be read or stored: {error}"))
}
