//! The span of a call: every log line below carries the correlation id.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::client;
use crate::app::App;

/// Notes where the call comes from, and opens its span.
pub(super) async fn trace(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let call = client::call_of(&request, &app.config.edge.trusted_proxies);
    let span = tracing::info_span!("call", method = request.uri().path(), correlation_id = &*call.correlation_id);
    request.extensions_mut().insert(call);
    next.run(request).instrument(span).await
}
