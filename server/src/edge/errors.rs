//! Errors of the edge, in the one form that every error has.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flagstone_core::{Error as CoreError, Kind, Reason};
use futures::FutureExt;
use tonic::Status;

use super::request_id;
use crate::status;

/// An answer with a status, in headers alone.
pub(super) fn answer(status: Status) -> Response {
    status.into_http::<Body>()
}

/// Adds our details to a status that was made without them: by tonic, for a method or a message that it does not know,
/// and by the layers inside, which do not know the correlation id.
pub(super) async fn map_errors(request: Request, next: Next) -> Response {
    let correlation_id = request_id::of(request.extensions());
    let response = next.run(request).await;
    let headers = response.headers();
    let failed = headers.get("grpc-status").is_some_and(|code| code != "0");
    if !failed || headers.contains_key("grpc-status-details-bin") {
        return response;
    }
    match Status::from_header_map(headers) {
        Some(foreign) => answer(status::complete(&foreign, &correlation_id)),
        None => response,
    }
}

/// A panic outside of a handler's own task becomes an error of that one call.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    let correlation_id = request_id::of(request.extensions());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => answer(status::from_core(&CoreError::internal("a layer of the edge panicked"), &correlation_id)),
    }
}

/// The answer to a call that was shed. Its correlation id is in the answer's header.
pub(super) async fn shed(_: BoxError) -> Response {
    let message = "The server has as much to do as it takes. Try again in a moment.";
    let error = CoreError::new(Kind::Exhausted, Reason::Overloaded, message).retry_after(Duration::from_millis(500));
    answer(status::from_core(&error, ""))
}
