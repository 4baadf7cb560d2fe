//! Health over HTTP: whether the process lives, and whether it can work.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flagstone_db::installation;
use http::StatusCode;
use serde_json::json;

use crate::app::App;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// `/healthz`: the process answers. Nothing else is asked, so that a database that is away restarts no server.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz` and `/health`: 200 while calls can be answered, else 503 with what is missing.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let database = if is_ready(&app).await { "ok" } else { "unavailable" };
    let shutting_down = app.shutdown.is_cancelled();
    let ready = database == "ok" && !shutting_down;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if ready { "ok" } else { "unavailable" },
        "database": database,
        "shutting_down": shutting_down,
        "version": env!("CARGO_PKG_VERSION"),
    });
    (status, Json(body)).into_response()
}

/// Whether the database answers and has our schema.
pub async fn is_ready(app: &App) -> bool {
    let answer = async { installation::ping(&*app.db.reads.get().await?).await };
    matches!(tokio::time::timeout(PATIENCE, answer).await, Ok(Ok(())))
}
