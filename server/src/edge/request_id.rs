//! The id that links a call's answer, log lines, errors and audit events. Clients may bring their own.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header, in calls and answers.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is accepted.
const MAX: usize = 64;

/// The id of a call, as an extension of its request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub Arc<str>);

/// Takes the caller's id or makes one, and answers with it.
pub(super) async fn request_id(mut request: Request, next: Next) -> Response {
    let sent = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_acceptable(id));
    let id: Arc<str> = sent.map_or_else(|| Uuid::new_v4().to_string().into(), Arc::from);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Only what cannot break a log line or a header.
fn is_acceptable(id: &str) -> bool {
    (1..=MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The id of a request that came through [`request_id`].
pub(super) fn of(extensions: &http::Extensions) -> Arc<str> {
    extensions.get::<RequestId>().map_or_else(|| Arc::from(""), |id| id.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_callers_are_short_and_harmless() {
        for (id, expected) in [
            ("abc-DEF_1.2", true),
            ("", false),
            ("a b", false),
            ("a\nb", false),
            ("ä", false),
            ("x".repeat(64).as_str(), true),
            ("x".repeat(65).as_str(), false),
        ] {
            assert_eq!(is_acceptable(id), expected, "{id}");
        }
    }
}
