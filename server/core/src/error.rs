//! The one error of the rules: what went wrong, in a form that a status, a log line and a test can all use.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The class of an error. `status.rs` of the server maps each to one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The call itself is wrong, whatever the state of the system.
    Invalid,
    /// Absent, or not to be known.
    NotFound,
    AlreadyExists,
    Denied,
    Unauthenticated,
    /// The state of the system does not allow it.
    Precondition,
    /// Lost a race; reading again and deciding anew may help.
    Aborted,
    /// A limit is used up.
    Exhausted,
    /// A part is away; the same call may work later.
    Unavailable,
    Deadline,
    DataLoss,
    OutOfRange,
    Unimplemented,
    /// Our fault.
    Internal,
}

/// Why, as a constant that clients decide by. The names are those of `flagstone.v1.ErrorReason` without its prefix;
/// a test of the server compares the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    BadCredentials,
    TokenExpired,
    TokenReused,
    PrincipalInactive,
    PasswordChangeRequired,
    AccessDenied,
    NotFound,
    AlreadyExists,
    FieldInvalid,
    BusinessUnitRequired,
    OrganizationRequired,
    PageTokenInvalid,
    FilterInvalid,
    SearchTooLong,
    PayloadTooLarge,
    EtagMismatch,
    RequestIdReused,
    WrongState,
    InUse,
    OperationInProgress,
    SelfApproval,
    NotAnApprover,
    StageNotOpen,
    AlreadyDecided,
    ContentChanged,
    PlanStale,
    PolicyViolation,
    RateLimited,
    Overloaded,
    StaleFence,
    ChecksumMismatch,
    Unavailable,
    DeadlineExceeded,
    Internal,
    UnknownMethod,
    Conflict,
    ResyncRequired,
    ProtocolUnsupported,
    LastAdmin,
    SelfTarget,
    ConfirmationRequired,
    SessionRequired,
    AuthorizationPending,
    SlowDown,
    LoginRefused,
    PersonRequired,
}

impl Reason {
    /// Every reason, in the order of the proto enum.
    pub const ALL: [Self; 46] = [
        Self::BadCredentials,
        Self::TokenExpired,
        Self::TokenReused,
        Self::PrincipalInactive,
        Self::PasswordChangeRequired,
        Self::AccessDenied,
        Self::NotFound,
        Self::AlreadyExists,
        Self::FieldInvalid,
        Self::BusinessUnitRequired,
        Self::OrganizationRequired,
        Self::PageTokenInvalid,
        Self::FilterInvalid,
        Self::SearchTooLong,
        Self::PayloadTooLarge,
        Self::EtagMismatch,
        Self::RequestIdReused,
        Self::WrongState,
        Self::InUse,
        Self::OperationInProgress,
        Self::SelfApproval,
        Self::NotAnApprover,
        Self::StageNotOpen,
        Self::AlreadyDecided,
        Self::ContentChanged,
        Self::PlanStale,
        Self::PolicyViolation,
        Self::RateLimited,
        Self::Overloaded,
        Self::StaleFence,
        Self::ChecksumMismatch,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Internal,
        Self::UnknownMethod,
        Self::Conflict,
        Self::ResyncRequired,
        Self::ProtocolUnsupported,
        Self::LastAdmin,
        Self::SelfTarget,
        Self::ConfirmationRequired,
        Self::SessionRequired,
        Self::AuthorizationPending,
        Self::SlowDown,
        Self::LoginRefused,
        Self::PersonRequired,
    ];

    /// The name on the wire, for instance `ETAG_MISMATCH`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadCredentials => "BAD_CREDENTIALS",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenReused => "TOKEN_REUSED",
            Self::PrincipalInactive => "PRINCIPAL_INACTIVE",
            Self::PasswordChangeRequired => "PASSWORD_CHANGE_REQUIRED",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::FieldInvalid => "FIELD_INVALID",
            Self::BusinessUnitRequired => "BUSINESS_UNIT_REQUIRED",
            Self::OrganizationRequired => "ORGANIZATION_REQUIRED",
            Self::PageTokenInvalid => "PAGE_TOKEN_INVALID",
            Self::FilterInvalid => "FILTER_INVALID",
            Self::SearchTooLong => "SEARCH_TOO_LONG",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::WrongState => "WRONG_STATE",
            Self::InUse => "IN_USE",
            Self::OperationInProgress => "OPERATION_IN_PROGRESS",
            Self::SelfApproval => "SELF_APPROVAL",
            Self::NotAnApprover => "NOT_AN_APPROVER",
            Self::StageNotOpen => "STAGE_NOT_OPEN",
            Self::AlreadyDecided => "ALREADY_DECIDED",
            Self::ContentChanged => "CONTENT_CHANGED",
            Self::PlanStale => "PLAN_STALE",
            Self::PolicyViolation => "POLICY_VIOLATION",
            Self::RateLimited => "RATE_LIMITED",
            Self::Overloaded => "OVERLOADED",
            Self::StaleFence => "STALE_FENCE",
            Self::ChecksumMismatch => "CHECKSUM_MISMATCH",
            Self::Unavailable => "UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Internal => "INTERNAL",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::Conflict => "CONFLICT",
            Self::ResyncRequired => "RESYNC_REQUIRED",
            Self::ProtocolUnsupported => "PROTOCOL_UNSUPPORTED",
            Self::LastAdmin => "LAST_ADMIN",
            Self::SelfTarget => "SELF_TARGET",
            Self::ConfirmationRequired => "CONFIRMATION_REQUIRED",
            Self::SessionRequired => "SESSION_REQUIRED",
            Self::AuthorizationPending => "AUTHORIZATION_PENDING",
            Self::SlowDown => "SLOW_DOWN",
            Self::LoginRefused => "LOGIN_REFUSED",
            Self::PersonRequired => "PERSON_REQUIRED",
        }
    }
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path into the request message, for instance `request.create.inputs.bucket_name`.
    pub field: String,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

impl FieldViolation {
    /// A violation of `field`, told in a sentence.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// One finding of a policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PolicyViolation {
    /// Resource name of the policy, `policies/{policy}`.
    pub policy: String,
    pub field: String,
    pub message: String,
    pub fix: String,
    /// False for advice that does not block.
    pub enforced: bool,
}

/// What went wrong. Everything in it may be shown to the caller except `source`, which is for the log.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    pub reason: Reason,
    /// A sentence that says what happened and what to do next.
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub fields: Vec<FieldViolation>,
    pub policies: Vec<PolicyViolation>,
    /// When to try again, where that helps.
    pub retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a class and reason, told in a sentence.
    pub fn new(kind: Kind, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            kind,
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            fields: Vec::new(),
            policies: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// Every wrong field of a call at once. `violations` is not empty.
    pub fn invalid(violations: Vec<FieldViolation>) -> Self {
        let message = match violations.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("{} fields are wrong; see the field violations.", many.len()),
        };
        Self { fields: violations, ..Self::new(Kind::Invalid, Reason::FieldInvalid, message) }
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldViolation::new(field, message)])
    }

    /// The object does not exist or may not be known: the same words for both.
    pub fn not_found(name: &impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, Reason::NotFound, format!("{name} was not found. Check the name, or ask for access."))
            .with("name", name)
    }

    /// Another object has the name already.
    pub fn already_exists(name: &impl fmt::Display) -> Self {
        Self::new(Kind::AlreadyExists, Reason::AlreadyExists, format!("{name} exists already. Choose another name."))
            .with("name", name)
    }

    /// The object's state does not allow the event. `allowed` names the states that do.
    pub fn wrong_state(name: &impl fmt::Display, state: &str, allowed: &[&str]) -> Self {
        Self::new(
            Kind::Precondition,
            Reason::WrongState,
            format!("{name} is {state}; this works only while it is {}.", allowed.join(", ")),
        )
        .with("name", name)
        .with("state", &state)
        .with("allowed_states", &allowed.join(","))
    }

    /// A state of the system that is in the way.
    pub fn precondition(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Kind::Precondition, reason, message)
    }

    /// A race that was lost.
    pub fn aborted(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Kind::Aborted, reason, message)
    }

    /// Our fault. The caller sees a fixed sentence; `source` goes to the log.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                Kind::Internal,
                Reason::Internal,
                "Something failed on our side. Try again; if it persists, report the correlation id.",
            )
        }
    }

    /// Adds a fact that programs can read.
    #[must_use]
    pub fn with(mut self, key: &str, value: &impl fmt::Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Keeps what caused it, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Collects every violation of a call, so that all are told at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldViolation::new(field, message));
    }

    /// Notes that `field` is wrong unless `ok`.
    pub fn check(&mut self, ok: bool, field: impl Into<String>, message: impl Into<String>) {
        if !ok {
            self.add(field, message);
        }
    }

    /// Takes a value, or notes the violations that stood in its way.
    pub fn take<T>(&mut self, value: Result<T, Error>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) if !error.fields.is_empty() => {
                self.0.extend(error.fields);
                None
            }
            Err(error) => {
                self.add("", error.message);
                None
            }
        }
    }

    /// Adds violations found elsewhere.
    pub fn extend(&mut self, more: impl IntoIterator<Item = FieldViolation>) {
        self.0.extend(more);
    }

    /// True while nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with all of them, if there are any.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid(self.0)) }
    }
}
