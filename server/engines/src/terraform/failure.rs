//! Terraform's diagnostics become an error with a class.
//!
//! A class is decided by codes that clouds and Go print in fixed form, never by the wording of a sentence. One table
//! holds them all.

use super::events::Diagnostic;
use crate::error::{EngineError, ErrorClass};

use ErrorClass::{Conflict, Credential, Engine, Network, NotFound, Permission, Quota, Validation};

/// Error codes of clouds, as whole words, with their class and whether a later try may help by itself.
const CODES: &[(&str, ErrorClass, bool)] = &[
    ("AuthFailure", Credential, false),
    ("ExpiredToken", Credential, false),
    ("ExpiredTokenException", Credential, false),
    ("IncompleteSignature", Credential, false),
    ("InvalidAccessKeyId", Credential, false),
    ("InvalidAuthenticationToken", Credential, false),
    ("InvalidClientTokenId", Credential, false),
    ("NoCredentialProviders", Credential, false),
    ("SignatureDoesNotMatch", Credential, false),
    ("UnrecognizedClientException", Credential, false),
    ("AccessDenied", Permission, false),
    ("AccessDeniedException", Permission, false),
    ("AllAccessDisabled", Permission, false),
    ("AuthorizationFailed", Permission, false),
    ("UnauthorizedOperation", Permission, false),
    ("BucketLimitExceeded", Quota, false),
    ("InstanceLimitExceeded", Quota, false),
    ("LimitExceeded", Quota, false),
    ("LimitExceededException", Quota, false),
    ("QuotaExceeded", Quota, false),
    ("ServiceQuotaExceededException", Quota, false),
    ("TooManyBuckets", Quota, false),
    ("VcpuLimitExceeded", Quota, false),
    ("RequestLimitExceeded", Quota, true),
    ("SlowDown", Quota, true),
    ("Throttling", Quota, true),
    ("ThrottlingException", Quota, true),
    ("TooManyRequestsException", Quota, true),
    ("BucketAlreadyExists", Conflict, false),
    ("BucketAlreadyOwnedByYou", Conflict, false),
    ("BucketNotEmpty", Conflict, false),
    ("ConditionalCheckFailedException", Conflict, false),
    ("DependencyViolation", Conflict, false),
    ("EntityAlreadyExists", Conflict, false),
    ("OperationAborted", Conflict, true),
    ("ResourceInUseException", Conflict, false),
    ("NoSuchBucket", NotFound, false),
    ("NoSuchEntity", NotFound, false),
    ("NoSuchKey", NotFound, false),
    ("ResourceNotFoundException", NotFound, false),
    ("InvalidBucketName", Validation, false),
    ("InvalidParameterValue", Validation, false),
    ("MalformedPolicy", Validation, false),
    ("ValidationException", Validation, false),
    ("InternalError", Engine, true),
    ("ServiceUnavailable", Network, true),
    ("RequestTimeout", Network, true),
];

/// What Go's network code prints, the same in every program.
const NETWORK: [&str; 8] = [
    "connect: connection refused",
    "connection reset by peer",
    "i/o timeout",
    "no such host",
    "network is unreachable",
    "no route to host",
    "TLS handshake timeout",
    "server misbehaving",
];

/// Terraform's own diagnostics, by their whole summary.
const SUMMARIES: &[(&str, ErrorClass, bool, &str)] = &[
    (
        "Error acquiring the state lock",
        Conflict,
        true,
        "Another job holds the workspace state. Wait for it, then retry.",
    ),
    ("No value for required variable", Validation, false, "Give the input that the error names."),
    ("Invalid value for variable", Validation, false, "Correct the input that the error names."),
    ("Invalid value for input variable", Validation, false, "Correct the input that the error names."),
    ("Resource precondition failed", Validation, false, "Correct the inputs as the error says."),
    ("Resource postcondition failed", Validation, false, "Correct the inputs as the error says."),
    ("Saved plan is stale", Conflict, false, "The workspace state has moved since. Plan the request again."),
    (
        "Failed to query available provider packages",
        Engine,
        false,
        "Check that the runner's provider mirror holds the provider in the version that the template asks for.",
    ),
    (
        "Failed to persist state to backend",
        Engine,
        false,
        "The state is kept with the job; store it before anything else is done with this deployment.",
    ),
    (
        "Failed to save state",
        Engine,
        false,
        "The state is kept with the job; store it before anything else is done with this deployment.",
    ),
];

/// Longest message; the whole text is in the log.
const MAX_MESSAGE: usize = 2000;

/// The error of a run that has failed. `printed` is the end of what it printed outside of events.
pub(super) fn classify(diagnostics: &[Diagnostic], printed: &str) -> EngineError {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let verdicts = || errors.iter().map(|error| judge(&format!("{} {}", error.summary, error.detail), &error.summary));
    let verdict = verdicts().flatten().next().or_else(|| judge(printed, ""));
    let message = match errors.first() {
        Some(first) => describe(first, errors.len()),
        None => {
            let lines: Vec<&str> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() { "Terraform failed without saying why.".to_owned() } else { lines.join(" ") }
        }
    };
    let message = message.chars().take(MAX_MESSAGE).collect::<String>();
    let Some(verdict) = verdict else { return EngineError::new(Engine, message) };
    let mut error = EngineError::new(verdict.class, message);
    if let Some(suggestion) = verdict.suggestion {
        error = error.suggest(suggestion);
    }
    if verdict.transient { error.transient() } else { error }
}

struct Verdict {
    class: ErrorClass,
    transient: bool,
    suggestion: Option<&'static str>,
}

fn judge(text: &str, summary: &str) -> Option<Verdict> {
    // First, since a state lock may fail to be had for want of a connection.
    if NETWORK.iter().any(|phrase| text.contains(phrase)) {
        return Some(Verdict { class: Network, transient: true, suggestion: None });
    }
    if let Some((_, class, transient, suggestion)) = SUMMARIES.iter().find(|(known, ..)| *known == summary) {
        return Some(Verdict { class: *class, transient: *transient, suggestion: Some(suggestion) });
    }
    let is_code = |word: &str| CODES.iter().find(|(code, ..)| *code == word);
    let (_, class, transient) = text.split(|char: char| !char.is_ascii_alphanumeric()).find_map(is_code)?;
    Some(Verdict { class: *class, transient: *transient, suggestion: None })
}

fn describe(error: &Diagnostic, count: usize) -> String {
    let mut message = error.summary.clone();
    if let Some(address) = &error.address {
        message += &format!(" (with {address})");
    }
    if let Some(line) = error.detail.lines().find(|line| !line.trim().is_empty()) {
        message += &format!(": {}", line.trim());
    }
    if count > 1 {
        message += &format!(" The log tells {} more.", count - 1);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(summary: &str, detail: &str) -> Diagnostic {
        Diagnostic {
            severity: "error".to_owned(),
            summary: summary.to_owned(),
            detail: detail.to_owned(),
            address: None,
            range: None,
            snippet: None,
        }
    }

    fn class(summary: &str, detail: &str) -> (ErrorClass, bool) {
        let error = classify(&[diagnostic(summary, detail)], "");
        (error.class, error.transient)
    }

    #[test]
    fn decides_by_codes() {
        let aws = |code: &str| {
            format!(
                "operation error S3: CreateBucket, https response error StatusCode: 403, RequestID: x, api error {code}: no"
            )
        };
        let create = |code: &str| class(&aws(code), "");
        assert_eq!(create("AccessDenied"), (Permission, false));
        assert_eq!(create("ExpiredToken"), (Credential, false));
        assert_eq!(create("BucketAlreadyExists"), (Conflict, false));
        assert_eq!(create("Throttling"), (Quota, true));
        assert_eq!(create("SomethingNew"), (Engine, false));
        assert_eq!(class("Saved plan is stale", "…"), (Conflict, false));
        assert_eq!(class("Error acquiring the state lock", "HTTP remote state already locked"), (Conflict, true));
        let refused = "Lock \"http://127.0.0.1:1/s\": dial tcp 127.0.0.1:1: connect: connection refused";
        assert_eq!(class("Error acquiring the state lock", refused), (Network, true));
        assert_eq!(class("Not AccessDeniedAtAll", ""), (Engine, false));
    }

    #[test]
    fn the_message_is_that_of_the_first_error() {
        let mut warning = diagnostic("Odd", "");
        warning.severity = "warning".to_owned();
        let error = classify(&[warning, diagnostic("Bad", "\n It is bad.\nMore."), diagnostic("Worse", "")], "");
        assert_eq!(error.message, "Bad: It is bad. The log tells 1 more.");
        assert_eq!(classify(&[], "\nError: no backend\n\n").message, "Error: no backend");
        assert!(!classify(&[], "").message.is_empty());
    }
}
