//! What browsers need and what protects their users: the origins that may call, and security headers.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id;
use crate::config::Config;

/// Headers of answers that scripts may read.
const EXPOSED: [HeaderName; 8] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    request_id::HEADER,
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("retry-after"),
];

/// Headers that scripts may send.
const ACCEPTED: [HeaderName; 8] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
    HeaderName::from_static("x-flagstone-client"),
    HeaderName::from_static("connect-protocol-version"),
    request_id::HEADER,
];

/// Lets scripts of the configured origins call, with credentials; never any origin.
pub(super) fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(ACCEPTED)
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(3600))
}

/// The headers that tell browsers to be careful.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecurityHeaders {
    https: bool,
}

impl SecurityHeaders {
    /// Those for the way that clients reach the server.
    pub(super) fn of(config: &Config) -> Self {
        Self { https: config.is_https() }
    }
}

/// Adds the security headers to whatever is not native gRPC, which no browser reads.
pub(super) async fn security_headers(State(headers): State<SecurityHeaders>, request: Request, next: Next) -> Response {
    let native = super::Wire::of(request.headers()) == super::Wire::Grpc;
    let mut response = next.run(request).await;
    if native {
        return response;
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        // A page that needs other sources says so itself.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if headers.https {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
