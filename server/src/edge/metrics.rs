//! Counts and times of calls, for Prometheus.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use metrics::{counter, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::client;
use crate::app::App;

/// Upper bounds of the histogram of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process, installed at its first use. `None` where the program that we are part of has its own.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?;
    builder.install_recorder().ok()
});

/// Installs the recorder: before the first call, so that none is missed.
pub fn install() {
    LazyLock::force(&RECORDER);
}

/// Puts the times of calls into their histograms. To be called now and then: until then each is kept by itself, and nobody
/// may ever ask for the page.
pub fn tidy() {
    if let Some(recorder) = RECORDER.as_ref() {
        recorder.run_upkeep();
    }
}

/// Counts the call and takes its time, until the headers of the answer.
pub async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // Only what the contract knows becomes a label: anybody can invent paths.
    let method = app.contract.method(request.uri().path()).cloned();
    let started = Instant::now();
    let response = next.run(request).await;
    let Some(method) = method else { return response };
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0").to_owned();
    counter!("flagstone_calls_total", "method" => method.path.clone(), "code" => code).increment(1);
    histogram!("flagstone_call_seconds", "method" => method.path.clone()).record(started.elapsed());
    response
}

/// `/metrics`, for the configured networks; others hear that there is no such page.
pub async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    let address = client::address(request.extensions(), request.headers(), &app.config.edge.trusted_proxies);
    let may_read =
        address.is_some_and(|ip| app.config.edge.metrics_readers.iter().any(|network| network.contains(&ip)));
    match (may_read, RECORDER.as_ref()) {
        (true, Some(recorder)) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
