//! Why a call failed, with everything that the server says about it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use flagstone_api::google::rpc;
use flagstone_api::pb::{ErrorReason, PolicyViolation, PolicyViolations};
use prost::{Message, Name};
use tonic::{Code, Status};

/// Why a call failed. Decide by `code` and `reason`, never by `message`, which is for people.
///
/// Made from any [`tonic::Status`], so `?` works on the generated clients in a function that returns this type.
#[derive(Clone, Debug)]
pub struct Error {
    /// The gRPC code. UNAVAILABLE also where the server could not be reached at all.
    pub code: Code,
    /// The server's reason; `None` where the error did not come from a Flagstone server or is of this client.
    pub reason: Option<ErrorReason>,
    /// One or two sentences: what is wrong and what to do next.
    pub message: String,
    /// What belongs to the reason, for instance `permission` and `scope` of ACCESS_DENIED.
    pub metadata: BTreeMap<String, String>,
    /// What stands against the call, one entry for each thing.
    pub violations: Box<Violations>,
    /// Do not try again before this time has passed.
    pub retry_delay: Option<Duration>,
    /// Finds the call in the server's logs and audit.
    pub correlation_id: Option<String>,
}

/// What stands against a call: all of it at once.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    /// Every field of the call that is wrong, with its path.
    pub fields: Vec<rpc::bad_request::FieldViolation>,
    /// What has to be different first.
    pub preconditions: Vec<rpc::precondition_failure::Violation>,
    /// The limits that are used up.
    pub quotas: Vec<rpc::quota_failure::Violation>,
    /// What the policies found.
    pub policies: Vec<PolicyViolation>,
}

impl Error {
    /// An error of this client itself.
    pub(crate) fn local(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: None,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Box::default(),
            retry_delay: None,
            correlation_id: None,
        }
    }

    /// What arrived is not what was sent.
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self { reason: Some(ErrorReason::ChecksumMismatch), ..Self::local(Code::DataLoss, message) }
    }

    /// The error in a stream's last message.
    pub(crate) fn in_band(status: &rpc::Status) -> Self {
        Self::read(Code::from_i32(status.code), status.message.clone(), status)
    }

    /// Whether the server gave this reason.
    pub fn is(&self, reason: ErrorReason) -> bool {
        self.reason == Some(reason)
    }

    /// Whether the same call may succeed a little later although nothing else changes: the server or a part of it is
    /// away, sheds load and says when to come back, or two transactions were in each other's way.
    pub fn is_passing(&self) -> bool {
        match self.code {
            Code::Unavailable => true,
            Code::ResourceExhausted => self.retry_delay.is_some(),
            Code::Aborted => self.is(ErrorReason::Conflict),
            _ => false,
        }
    }

    fn read(code: Code, message: String, status: &rpc::Status) -> Self {
        let mut error = Self::local(code, message);
        for detail in &status.details {
            error.take(detail);
        }
        error
    }

    /// Takes over one detail; one that this client does not know says nothing to it.
    fn take(&mut self, detail: &prost_types::Any) {
        if let Some(info) = unpack::<rpc::ErrorInfo>(detail) {
            self.reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
            self.correlation_id = info.metadata.get("correlation_id").cloned().or(self.correlation_id.take());
            self.metadata = info.metadata;
        } else if let Some(retry) = unpack::<rpc::RetryInfo>(detail) {
            self.retry_delay = retry.retry_delay.and_then(|delay| delay.try_into().ok());
        } else if let Some(request) = unpack::<rpc::BadRequest>(detail) {
            self.violations.fields = request.field_violations;
        } else if let Some(failure) = unpack::<rpc::PreconditionFailure>(detail) {
            self.violations.preconditions = failure.violations;
        } else if let Some(failure) = unpack::<rpc::QuotaFailure>(detail) {
            self.violations.quotas = failure.violations;
        } else if let Some(policies) = unpack::<PolicyViolations>(detail) {
            self.violations.policies = policies.violations;
        }
    }
}

/// The detail as this type, if it is one. Only the last segment of the URL counts: its host is the packer's own matter.
fn unpack<M: Message + Name + Default>(detail: &prost_types::Any) -> Option<M> {
    let name = detail.type_url.rsplit('/').next()?;
    (name == M::full_name()).then(|| M::decode(detail.value.as_slice()).ok())?
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // Details that cannot be decoded must not hide the code and message.
        let details = rpc::Status::decode(status.details()).unwrap_or_default();
        let mut error = Self::read(status.code(), status.message().to_owned(), &details);
        if error.correlation_id.is_none() {
            error.correlation_id =
                status.metadata().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        }
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{}: {}", reason.as_str_name().trim_start_matches("ERROR_REASON_"), self.message),
            None => write!(f, "{:?}: {}", self.code, self.message),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "these tests make the statuses that a server would send")]

    use super::*;

    fn pack<M: Message + Name>(message: &M) -> prost_types::Any {
        prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
    }

    fn status(code: Code, details: Vec<prost_types::Any>) -> Status {
        let inner = rpc::Status { code: code as i32, message: "No.".into(), details };
        Status::with_details(code, "No.", inner.encode_to_vec().into())
    }

    #[test]
    fn every_detail_is_decoded() {
        let info = rpc::ErrorInfo {
            reason: "RATE_LIMITED".into(),
            domain: "flagstone".into(),
            metadata: [("correlation_id".to_owned(), "c-1".to_owned())].into(),
        };
        let retry = rpc::RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }) };
        let fields = rpc::BadRequest {
            field_violations: vec![rpc::bad_request::FieldViolation { field: "a.b".into(), ..Default::default() }],
        };
        let policies = PolicyViolations {
            violations: vec![PolicyViolation { policy: "policies/p".into(), ..Default::default() }],
        };
        let details = vec![pack(&info), pack(&retry), pack(&fields), pack(&policies)];
        let error = Error::from(status(Code::ResourceExhausted, details));
        assert!(error.is(ErrorReason::RateLimited));
        assert_eq!(error.retry_delay, Some(Duration::from_millis(1500)));
        assert_eq!(error.violations.fields[0].field, "a.b");
        assert_eq!(error.violations.policies[0].policy, "policies/p");
        assert_eq!(error.correlation_id.as_deref(), Some("c-1"));
        assert_eq!(error.to_string(), "RATE_LIMITED: No.");
    }

    #[test]
    fn only_passing_trouble_is_passing() {
        assert!(Error::from(status(Code::Unavailable, vec![])).is_passing());
        assert!(!Error::from(status(Code::ResourceExhausted, vec![])).is_passing());
        assert!(!Error::from(status(Code::Aborted, vec![])).is_passing());
        let conflict = rpc::ErrorInfo { reason: "CONFLICT".into(), ..Default::default() };
        assert!(Error::from(status(Code::Aborted, vec![pack(&conflict)])).is_passing());
    }

    #[test]
    fn broken_details_leave_code_and_message() {
        let error = Error::from(Status::with_details(Code::NotFound, "Gone.", vec![0xff, 0xff].into()));
        assert_eq!((error.code, error.message.as_str()), (Code::NotFound, "Gone."));
    }
}
