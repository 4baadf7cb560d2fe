//! From our errors to gRPC's: the only file that knows `tonic::Code`.
//!
//! Every status carries `ErrorInfo`; then, by kind, all field violations, the preconditions, the quota, when to try
//! again, and the policies that said no. A status stays below 8 KiB, as it travels in headers.

use flagstone_api::google::rpc;
use flagstone_api::google::rpc::{bad_request, precondition_failure, quota_failure};
use flagstone_api::pb;
use flagstone_core::{Error as CoreError, Kind, Reason};
use prost::{Message, Name};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::error::Error;

/// The domain of every `ErrorInfo`.
const DOMAIN: &str = "flagstone";

/// Most bytes of encoded details.
const DETAILS_MAX: usize = 5 * 1024;

/// Most bytes of the message. With the details, base64 and names it stays below 8 KiB.
const MESSAGE_MAX: usize = 600;

/// The status of an error. An internal one is logged here, once, with its chain; the caller sees the correlation id.
pub fn from_error(error: &Error, correlation_id: &str) -> Status {
    match error {
        Error::Core(error) | Error::Audited(error) => from_core(error, correlation_id),
        Error::Replay(_) => from_core(&CoreError::internal("a stored answer did not reach its caller"), correlation_id),
    }
}

/// The status of an error of the rules.
pub fn from_core(error: &CoreError, correlation_id: &str) -> Status {
    if error.kind == Kind::Internal || error.kind == Kind::DataLoss {
        tracing::error!(correlation_id, error = %chain(error), "A call failed on our side.");
    }
    let code = code(error.kind);
    let message: String = error.message.chars().take(MESSAGE_MAX / 2).collect();
    let details = details(error, correlation_id);
    let status = rpc::Status { code: code as i32, message: message.clone(), details };
    #[expect(clippy::disallowed_methods, reason = "this is the one place where a status is made")]
    Status::with_details_and_metadata(code, message, status.encode_to_vec().into(), MetadataMap::new())
}

/// A status of the edge: what fails before there is a handler.
pub fn of(kind: Kind, reason: Reason, message: &str, correlation_id: &str) -> Status {
    from_core(&CoreError::new(kind, reason, message), correlation_id)
}

/// A status that tonic made before a handler ran (no such method, a message that is too long or cannot be read), with the
/// details that every error of ours has.
pub fn complete(foreign: &Status, correlation_id: &str) -> Status {
    let said = foreign.message();
    let too_large = said.contains("length too large") || said.contains("size limit");
    let error = match foreign.code() {
        Code::OutOfRange | Code::ResourceExhausted if too_large => {
            CoreError::new(Kind::Invalid, Reason::PayloadTooLarge, format!("{said}. Send less at once."))
                .with("limit", &crate::edge::MESSAGE_MAX)
        }
        Code::Unimplemented if said.is_empty() => unknown_method(),
        Code::Unimplemented => CoreError::new(Kind::Unimplemented, Reason::UnknownMethod, said),
        // tonic's word for a message that does not decode; what fails on our side has details.
        Code::Internal | Code::InvalidArgument => {
            CoreError::new(Kind::Invalid, Reason::FieldInvalid, format!("The message cannot be read: {said}."))
        }
        code => CoreError::internal(format!("an answer without details: {code:?}: {said}")),
    };
    from_core(&error, correlation_id)
}

/// The answer where there is no such method.
pub fn unknown_method() -> CoreError {
    let message = "There is no such method. Ask the reflection service for those there are.";
    CoreError::new(Kind::Unimplemented, Reason::UnknownMethod, message)
}

/// Whether a status says that the credential is of no use.
pub fn is_unauthenticated(status: &Status) -> bool {
    status.code() == Code::Unauthenticated
}

/// Our error as the in-band status of a stream.
pub fn in_band(error: &Error, correlation_id: &str) -> rpc::Status {
    let status = from_error(error, correlation_id);
    rpc::Status::decode(status.details()).unwrap_or_else(|_| rpc::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: vec![],
    })
}

const fn code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::Denied => Code::PermissionDenied,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Precondition => Code::FailedPrecondition,
        Kind::Aborted => Code::Aborted,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Deadline => Code::DeadlineExceeded,
        Kind::DataLoss => Code::DataLoss,
        Kind::OutOfRange => Code::OutOfRange,
        Kind::Unimplemented => Code::Unimplemented,
        Kind::Internal => Code::Internal,
    }
}

/// The details in the order of their weight: what does not fit any more is left out.
fn details(error: &CoreError, correlation_id: &str) -> Vec<prost_types::Any> {
    let mut info = rpc::ErrorInfo {
        reason: error.reason.as_str().to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: error.metadata.clone(),
    };
    if !correlation_id.is_empty() {
        info.metadata.insert("correlation_id".to_owned(), correlation_id.to_owned());
    }
    let mut packed = Packed::default();
    packed.add(&info);
    if let Some(delay) = error.retry_after {
        packed.add(&rpc::RetryInfo { retry_delay: prost_types::Duration::try_from(delay).ok() });
    }
    if !error.policies.is_empty() {
        packed.add_list(&error.policies, |violations| pb::PolicyViolations {
            violations: violations
                .iter()
                .map(|violation| pb::PolicyViolation {
                    policy: violation.policy.clone(),
                    field: violation.field.clone(),
                    message: violation.message.clone(),
                    fix: violation.fix.clone(),
                    enforced: violation.enforced,
                })
                .collect(),
        });
    }
    if !error.fields.is_empty() {
        packed.add_list(&error.fields, |fields| rpc::BadRequest {
            field_violations: fields
                .iter()
                .map(|violation| bad_request::FieldViolation {
                    field: violation.field.clone(),
                    description: violation.message.clone(),
                    reason: error.reason.as_str().to_owned(),
                    localized_message: None,
                })
                .collect(),
        });
    }
    match error.kind {
        Kind::Precondition => packed.add(&rpc::PreconditionFailure {
            violations: vec![precondition_failure::Violation {
                r#type: error.reason.as_str().to_owned(),
                subject: error.metadata.get("name").cloned().unwrap_or_default(),
                description: error.message.clone(),
            }],
        }),
        Kind::Exhausted => packed.add(&rpc::QuotaFailure {
            violations: vec![quota_failure::Violation {
                subject: error.metadata.get("subject").cloned().unwrap_or_default(),
                description: error.message.clone(),
                ..Default::default()
            }],
        }),
        _ => {}
    }
    packed.details
}

#[derive(Default)]
struct Packed {
    details: Vec<prost_types::Any>,
    size: usize,
}

impl Packed {
    /// Adds a detail if it fits.
    fn add<M: Message + Name>(&mut self, message: &M) {
        let any = prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() };
        let size = any.encoded_len();
        if self.size + size <= DETAILS_MAX {
            self.size += size;
            self.details.push(any);
        }
    }

    /// Adds a detail that is a list: as many of its entries as fit.
    fn add_list<T, M: Message + Name>(&mut self, entries: &[T], of: impl Fn(&[T]) -> M) {
        let mut fitting = entries.len();
        while fitting > 0 && self.size + of(&entries[..fitting]).encoded_len() + M::type_url().len() + 16 > DETAILS_MAX
        {
            fitting /= 2;
        }
        if fitting > 0 {
            self.add(&of(&entries[..fitting]));
        }
    }
}

/// An error and everything that caused it, in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_core::FieldViolation;

    #[test]
    fn a_status_stays_below_8_kib() {
        let violations = (0..500).map(|n| FieldViolation::new(format!("field{n}"), "x".repeat(100))).collect();
        let mut error = CoreError::invalid(violations);
        error.message = "é".repeat(10_000);
        let status = from_core(&error, "id");
        let encoded = status.details().len() * 4 / 3 + status.message().len() * 3;
        assert!(encoded < 8 * 1024, "{encoded} bytes");
        let decoded = rpc::Status::decode(status.details()).unwrap();
        assert!(decoded.details.iter().any(|any| any.type_url.ends_with("google.rpc.BadRequest")));
    }

    #[test]
    fn an_internal_error_tells_nothing_of_its_cause() {
        let status = from_core(&CoreError::internal("password=hunter2"), "abc");
        assert!(!format!("{status:?}").contains("hunter2"));
        let decoded = rpc::Status::decode(status.details()).unwrap();
        let info = rpc::ErrorInfo::decode(decoded.details[0].value.as_slice()).unwrap();
        assert_eq!(info.metadata["correlation_id"], "abc");
    }
}
