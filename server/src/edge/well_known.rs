//! What anybody may know of the keys that sign: `/.well-known/jwks.json` and the document that says where it is. Neither
//! asks the database, so neither is counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::Value;

use crate::app::App;

/// How long it may be kept: less than a new key waits before it signs.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The public parts of the signing keys.
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Response {
    answer(&app.keys.jwks())
}

/// What describes this issuer of tokens.
pub(super) async fn discovery(State(app): State<Arc<App>>) -> Response {
    answer(&app.keys.discovery())
}

fn answer(document: &Value) -> Response {
    ([(CACHE_CONTROL, KEPT)], Json(document)).into_response()
}
