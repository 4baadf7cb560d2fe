//! How often each principal calls, and each address without one. Runners are not counted: what they may send is bounded by
//! their leases.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::errors;
use super::limits::{Exceeded, Remaining};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::contract::Method;
use crate::status;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Public methods with a limit of their own: failed logins by address and identifier, refreshes by session.
const COUNTED_ELSEWHERE: [&str; 2] = ["Login", "RefreshSession"];

/// Counts the call, refuses one too many, and tells what is left.
pub(super) async fn rate_limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match count(&app, &request) {
        None => next.run(request).await,
        Some(Ok(remaining)) => {
            let mut response = next.run(request).await;
            tell(response.headers_mut(), remaining.limit, remaining.remaining, remaining.reset.as_secs());
            response
        }
        Some(Err((exceeded, subject))) => {
            let correlation_id = super::request_id::of(request.extensions());
            let mut response = errors::answer(status::from_core(&exceeded.error(&subject), &correlation_id));
            tell(response.headers_mut(), exceeded.limit, 0, exceeded.retry_after.as_secs() + 1);
            response
        }
    }
}

/// Counts the call; `None` for one that is not counted.
fn count(app: &App, request: &Request) -> Option<Result<Remaining, (Exceeded, String)>> {
    let extensions = request.extensions();
    match extensions.get::<Caller>()? {
        Caller::User(user) => {
            Some(app.limits.principals.take(&user.id).map_err(|exceeded| (exceeded, user.name.to_string())))
        }
        Caller::Runner(_) => None,
        Caller::Anonymous => {
            // Health is for machines that ask often.
            let elsewhere =
                extensions.get::<Arc<Method>>().is_some_and(|method| COUNTED_ELSEWHERE.contains(&method.name.as_str()));
            if elsewhere || request.uri().path().starts_with("/grpc.health.v1.") {
                return None;
            }
            let ip = &extensions.get::<Call>()?.ip;
            Some(app.limits.addresses.take(ip).map_err(|exceeded| (exceeded, format!("the address {ip}"))))
        }
    }
}

/// Writes the headers: how many calls a minute, how many are left, in how many seconds all are back.
fn tell(headers: &mut HeaderMap, limit: u32, remaining: u32, reset: u64) {
    headers.insert(LIMIT, HeaderValue::from(limit));
    headers.insert(REMAINING, HeaderValue::from(remaining));
    headers.insert(RESET, HeaderValue::from(reset));
}
