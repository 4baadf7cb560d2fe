//! The edge: everything that happens to a call before its handler, once for all methods. Outermost first:
//!
//! request id → security headers → CORS → gRPC-web → trace → metrics → map errors → catch panic → load shed → concurrency
//! → deadline (unary) → authenticate → rate limit → method options → services
//!
//! Requests are told apart by content type before gRPC-web, which refuses any other HTTP/1.1: gRPC and gRPC-web go through
//! all layers, everything else (health, metrics, the web client, later REST) stands beside them.

mod admission;
mod authenticate;
mod browser;
mod client;
mod deadline;
mod errors;
pub mod limits;
pub mod metrics;
mod probes;
mod rate;
mod request_id;
mod session_cookie;
mod sso_callback;
mod trace;
pub mod web;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{ServiceBuilder, ServiceExt};

pub use probes::is_ready;
pub use session_cookie::Browser;

use crate::app::App;
use crate::services::tfstate;
use crate::sso::CALLBACK;

/// Most bytes of one message, after decompression.
pub const MESSAGE_MAX: usize = 10 * 1024 * 1024;

/// How a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Grpc,
    GrpcWeb,
    /// Anything that is not gRPC.
    Http,
}

impl Wire {
    /// By content type: gRPC shares its paths with REST and Connect.
    pub fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
        if content_type.starts_with(b"application/grpc-web") {
            Self::GrpcWeb
        } else if content_type.starts_with(b"application/grpc") {
            Self::Grpc
        } else {
            Self::Http
        }
    }
}

/// The layers of gRPC and gRPC-web, outermost first. A macro, since the type of the whole has no short name and its order
/// is read by a test from that type.
macro_rules! layers {
    ($app:expr) => {
        ServiceBuilder::new()
            // Outside of everything that answers with a status, so that clients of gRPC-web can read it.
            .layer(GrpcWebLayer::new())
            // axum's middleware wants axum's body.
            .map_request(boxed as fn(http::Request<tonic::body::Body>) -> axum::extract::Request)
            // The span is around all that logs.
            .layer(from_fn_with_state($app.clone(), trace::trace))
            // Every answer is counted, those of the layers below too.
            .layer(from_fn_with_state($app.clone(), metrics::measure))
            // Completes what tonic and the layers below answer, which do not know the correlation id.
            .layer(from_fn(errors::map_errors))
            // Inside of what counts and completes: a panic is an answer like any other.
            .layer(from_fn(errors::catch_panic))
            // What `load_shed` refuses becomes an answer here.
            .layer(HandleErrorLayer::new(errors::shed))
            // Refuses at once what the next layer would let wait.
            .load_shed()
            // One limit for all connections; a limit of each route or connection would limit nothing.
            .layer(GlobalConcurrencyLimitLayer::new($app.config.edge.max_calls))
            // Around the authentication, which may ask the database.
            .layer(from_fn_with_state($app.clone(), deadline::deadline))
            // Before the rate limit, which counts by principal.
            .layer(from_fn_with_state($app.clone(), authenticate::authenticate))
            // Before the method's options: refused calls count.
            .layer(from_fn_with_state($app.clone(), rate::rate_limit))
            // Last: who may call this method at all.
            .layer(from_fn(admission::admit))
    };
}

fn boxed(request: http::Request<tonic::body::Body>) -> Request {
    request.map(Body::new)
}

/// Everything the server answers on its port. `grpc` holds the services.
pub fn router(app: &Arc<App>, grpc: Routes) -> Router {
    let grpc = grpc.into_axum_router().layer(layers!(app));
    let files = Arc::new(web::Files::of(&app.config));
    let dispatch = move |mut request: Request| {
        let wire = Wire::of(request.headers());
        request.extensions_mut().insert(wire);
        let (grpc, files) = (grpc.clone(), files.clone());
        async move {
            match wire {
                Wire::Grpc | Wire::GrpcWeb => grpc.oneshot(request).await.into_response(),
                Wire::Http => web::serve(&files, request.method(), request.uri().path(), request.headers()).await,
            }
        }
    };
    Router::new()
        .route("/healthz", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/health", get(probes::ready))
        .route("/metrics", get(metrics::page))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/.well-known/openid-configuration", get(well_known::discovery))
        // Where providers send people back to.
        .route(CALLBACK, get(sso_callback::complete))
        .with_state(app.clone())
        // Terraform's state backend: its callers are engines, which the service knows by passwords of their own.
        .merge(tfstate::router(app.clone()))
        .fallback(dispatch)
        // Answers a preflight itself: it never reaches gRPC-web, which would refuse it.
        .layer(browser::cors(&app.config.edge.cors_origins))
        .layer(from_fn_with_state(browser::SecurityHeaders::of(&app.config), browser::security_headers))
        // Outermost: every answer carries its id, a refused preflight too.
        .layer(from_fn(request_id::request_id))
}

/// The services for a runner within the process, over an in-memory connection: without what protects against the outside.
pub fn internal_service(app: &Arc<App>, grpc: Routes) -> Routes {
    let layers = ServiceBuilder::new()
        .layer(from_fn(request_id::request_id))
        .layer(from_fn_with_state(app.clone(), trace::trace))
        .layer(from_fn(errors::map_errors))
        .layer(from_fn_with_state(app.clone(), authenticate::authenticate))
        .layer(from_fn(admission::admit));
    Routes::from(grpc.into_axum_router().layer(layers))
}

#[cfg(test)]
mod tests;
