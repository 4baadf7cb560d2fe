//! Why a command did not do what was asked, as people read it and as scripts see it.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use flagstone_api::pb::ErrorReason;
use flagstone_client::{Code, Error};

use crate::text::plain;

const RED: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server refused, or could not be reached.
    #[error(transparent)]
    Call(#[from] Error),
    /// The command line, or a file it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing, found out here.
    #[error("{0}")]
    NotFound(String),
    /// What was waited for ended, but not well.
    #[error("{0}")]
    Awaited(String),
    /// It is not what it was when it was looked at.
    #[error("{0}")]
    Conflict(String),
    /// What was waited for did not come in time.
    #[error("{0}")]
    TimedOut(String),
    /// The answer to the question is no; it was printed.
    #[error("No.")]
    No,
    /// The asked person said no.
    #[error("Nothing was changed.")]
    Declined,
    /// Reading or writing here.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Call(status.into())
    }
}

impl Failure {
    /// The exit code, as listed in `flagstone --help`.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // The reader of a pipe has seen enough: no failure.
            Self::Io(error) if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Io(_) | Self::Declined => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 4,
            Self::No => 3,
            Self::Awaited(_) => 5,
            Self::TimedOut(_) => 6,
            Self::Conflict(_) => 7,
            Self::Call(error) => match error.code {
                Code::Unauthenticated | Code::PermissionDenied => 3,
                Code::NotFound => 4,
                Code::DeadlineExceeded => 6,
                Code::Aborted | Code::AlreadyExists => 7,
                Code::Unavailable | Code::ResourceExhausted if error.is_passing() => 8,
                _ => 1,
            },
        }
    }

    /// What people read: what, why, what to do, each violation on a line of its own.
    fn text(&self) -> String {
        let mut text = format!("{RED}error:{RED:#} {}\n", plain(&self.message()));
        if let Self::Call(error) = self {
            details(error, &mut text);
        }
        text
    }

    fn message(&self) -> String {
        match self {
            Self::Call(error) if error.message.is_empty() => format!("{:?}", error.code),
            Self::Call(error) => error.message.clone(),
            other => other.to_string(),
        }
    }
}

fn details(error: &Error, text: &mut String) {
    let mut line = |line: String| {
        let _ = writeln!(text, "  {}", plain(&line));
    };
    // A policy's violation is told with the policy, below.
    let of_policy = |field: &str| error.violations.policies.iter().any(|violation| violation.field == field);
    for violation in error.violations.fields.iter().filter(|violation| !of_policy(&violation.field)) {
        line(format!("{}: {}", violation.field, violation.description));
    }
    for violation in &error.violations.policies {
        let place = if violation.field.is_empty() { String::new() } else { format!(" {}", violation.field) };
        line(format!("{}{place}: {} {}", violation.policy, violation.message, violation.fix));
    }
    for violation in error.violations.preconditions.iter().filter(|violation| violation.description != error.message) {
        line(format!("{} {}: {}", violation.r#type, violation.subject, violation.description));
    }
    for violation in &error.violations.quotas {
        line(format!("{}: {}", violation.subject, violation.description));
    }
    if let Some(delay) = error.retry_delay {
        line(format!(
            "Try again in {}.",
            humantime::format_duration(std::time::Duration::from_secs(delay.as_secs().max(1)))
        ));
    }
    if let Some(advice) = advice(error) {
        line(advice);
    }
    let mut trace: Vec<String> = Vec::new();
    trace.extend(error.reason.map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned()));
    for (key, value) in error.metadata.iter().filter(|(key, _)| *key != "correlation_id") {
        trace.push(format!("{key}={value}"));
    }
    trace.extend(error.correlation_id.as_ref().map(|id| format!("correlation id {id}")));
    if !trace.is_empty() {
        let _ = writeln!(text, "  {DIM}{}{DIM:#}", plain(&trace.join(" · ")));
    }
}

/// What to type next, where the server's own message cannot know.
fn advice(error: &Error) -> Option<String> {
    let advice = match error.reason {
        Some(ErrorReason::PasswordChangeRequired) => "Run `flagstone login` again to set a new password.",
        Some(ErrorReason::ContentChanged) => "Look again with `flagstone request plan` and decide anew.",
        Some(ErrorReason::AccessDenied) => "`flagstone whoami --permissions` shows what you may do.",
        Some(ErrorReason::OperationInProgress) => "`flagstone request list` shows the other request.",
        Some(ErrorReason::BadCredentials) | None if error.code == Code::Unauthenticated => "Run `flagstone login`.",
        Some(ErrorReason::TokenExpired | ErrorReason::TokenReused) => "Run `flagstone login`.",
        None if error.code == Code::Unavailable => "Is the server running? Choose another one with --server.",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Prints the failure to stderr and returns its exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    let code = failure.code();
    // A question that is answered by no was answered.
    if code != 0 && !matches!(failure, Failure::No) {
        // Where stderr is closed too, the exit code still tells.
        let _ = anstream::stderr().write_all(failure.text().as_bytes());
    }
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::google::rpc;
    use prost::{Message, Name};

    #[expect(clippy::disallowed_methods, reason = "these tests make the statuses that a server would send")]
    fn call(code: Code, reason: &str, more: &[prost_types::Any]) -> Failure {
        let metadata = [("correlation_id".to_owned(), "c-1".to_owned()), ("scope".to_owned(), "s".to_owned())].into();
        let info = rpc::ErrorInfo { reason: reason.into(), domain: "flagstone".into(), metadata };
        let mut details = vec![pack(&info)];
        details.extend_from_slice(more);
        let inner = rpc::Status { code: code as i32, message: "No.".into(), details };
        tonic::Status::with_details(code, "No.", inner.encode_to_vec().into()).into()
    }

    fn pack<M: Message + Name>(message: &M) -> prost_types::Any {
        prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
    }

    #[test]
    fn exit_codes_are_those_of_the_help() {
        let retry = pack(&rpc::RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 3, nanos: 0 }) });
        let codes = [
            (Failure::Io(io::Error::other("disk")), 1),
            (Failure::Declined, 1),
            (call(Code::InvalidArgument, "FIELD_INVALID", &[]), 1),
            (call(Code::FailedPrecondition, "SELF_APPROVAL", &[]), 1),
            (call(Code::ResourceExhausted, "POLICY_VIOLATION", &[]), 1),
            (Failure::Usage(String::new()), 2),
            (call(Code::Unauthenticated, "BAD_CREDENTIALS", &[]), 3),
            (call(Code::PermissionDenied, "ACCESS_DENIED", &[]), 3),
            (Failure::NotFound(String::new()), 4),
            (call(Code::NotFound, "NOT_FOUND", &[]), 4),
            (Failure::Awaited(String::new()), 5),
            (Failure::TimedOut(String::new()), 6),
            (call(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", &[]), 6),
            (Failure::Conflict(String::new()), 7),
            (call(Code::Aborted, "ETAG_MISMATCH", &[]), 7),
            (call(Code::AlreadyExists, "ALREADY_EXISTS", &[]), 7),
            (call(Code::Unavailable, "UNAVAILABLE", &[]), 8),
            (call(Code::ResourceExhausted, "RATE_LIMITED", &[retry]), 8),
            (Failure::Io(ErrorKind::BrokenPipe.into()), 0),
        ];
        for (failure, code) in codes {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }

    #[test]
    fn each_violation_has_a_line_and_the_correlation_id_is_told() {
        let violation = |field: &str| rpc::bad_request::FieldViolation {
            field: field.into(),
            description: "This is required.".into(),
            ..Default::default()
        };
        let fields =
            rpc::BadRequest { field_violations: vec![violation("request.title"), violation("request.tags.a")] };
        let text = call(Code::InvalidArgument, "FIELD_INVALID", &[pack(&fields)]).text();
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            text,
            "error: No.\n  request.title: This is required.\n  request.tags.a: This is required.\n  \
             FIELD_INVALID · scope=s · correlation id c-1\n"
        );
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let text = Failure::NotFound("a\x1b[2Jb".into()).text();
        assert!(anstream::adapter::strip_str(&text).to_string().contains("a�[2Jb"));
    }
}
