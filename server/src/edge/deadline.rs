//! No unary call waits for ever: its caller's deadline, or ours. The work itself is not cut (`rpc`): repeated with the same
//! `request_id`, the call tells what became of it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use flagstone_core::{Error as CoreError, Kind, Reason};
use http::HeaderMap;

use super::{errors, request_id};
use crate::app::App;
use crate::status;

/// Longest deadline of a caller that counts.
const LONGEST: Duration = Duration::from_secs(600);

/// Answers with DEADLINE_EXCEEDED when the time is over. Streams have no deadline.
pub(super) async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let unary = app.contract.method(request.uri().path()).is_some_and(|method| !method.server_streaming);
    if !unary {
        return next.run(request).await;
    }
    let wanted = grpc_timeout(request.headers());
    let limit = wanted.map_or(app.config.edge.deadline, |wanted| wanted.min(LONGEST));
    let correlation_id = request_id::of(request.extensions());
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = "The call took longer than its deadline. With a request_id it can be repeated safely.";
            let error = CoreError::new(Kind::Deadline, Reason::DeadlineExceeded, message);
            errors::answer(status::from_core(&error, &correlation_id))
        }
    }
}

/// The `grpc-timeout` header: at most eight digits and a unit.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_deadline_is_read_and_nonsense_is_none() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(of("5S"), Some(Duration::from_secs(5)));
        assert_eq!(of("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(of("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for nonsense in ["", "S", "5", "-5S", "123456789S", "5x", "5 S"] {
            assert_eq!(of(nonsense), None, "{nonsense}");
        }
    }
}
