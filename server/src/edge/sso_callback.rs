//! Where providers send people back to: the one page of the login that is no call of a client. It completes the login as
//! CompleteSsoLogin does, gives the browser its cookie and sends it on, to where it wanted or to the page of the login with
//! the code of what went wrong.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use flagstone_api::pb;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use openidconnect::url::form_urlencoded;
use tonic::metadata::MetadataMap;
use tracing::Instrument;

use super::client;
use super::session_cookie::Browser;
use crate::app::App;
use crate::call::{Caller, Origin};
use crate::rpc;
use crate::services::auth::sso_login;

/// The method that this is.
const METHOD: &str = "/flagstone.v1.AuthService/CompleteSsoLogin";

/// Longest query that is read, in bytes.
const QUERY_MAX: usize = 8 * 1024;

/// Where the browser goes when it is not even clear what went wrong.
const FAILED: &str = "/login?error=sso_failed";

/// Completes the login of a browser.
pub(super) async fn complete(State(app): State<Arc<App>>, request: Request) -> Response {
    let browser = Browser::returning(&app.config, request.headers());
    let mut call = client::call_of(&request, &app.config.edge.trusted_proxies);
    call.origin = Origin::Ui;
    let span = tracing::info_span!("call", method = METHOD, correlation_id = &*call.correlation_id);
    let query = request.uri().query().unwrap_or_default();
    let (Some(mut message), Some(method)) = (read(query), app.contract.method(METHOD).cloned()) else {
        return go(FAILED, MetadataMap::new());
    };
    // As every call of nobody, which this is one of.
    if app.limits.addresses.take(&call.ip).is_err() {
        return go("/login?error=rate_limited", MetadataMap::new());
    }
    message.binding = browser.binding.clone().unwrap_or_default();
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(call);
    request.extensions_mut().insert(Caller::Anonymous);
    request.extensions_mut().insert(method);

    // Where the browser goes is not part of the error.
    let refused = Arc::new(OnceLock::new());
    let note = refused.clone();
    let answer = rpc::unary(&app, request, async move |cx, message| {
        sso_login::complete(&cx, &message).await.map_err(|refusal| {
            let _ = note.set(refusal.path());
            refusal.error
        })
    });
    let mut cookies = MetadataMap::new();
    match answer.instrument(span).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            if let Some(tokens) = &answer.tokens {
                browser.keep(&tokens.refresh_token, &mut cookies);
            }
            browser.bind("", Duration::ZERO, &mut cookies);
            go(&answer.return_path, cookies)
        }
        // The cookie stays: another login of this browser may be under way, and this address can be called by anybody.
        Err(_) => go(refused.get().map_or(FAILED, String::as_str), cookies),
    }
}

/// What the provider sent along. `None` where it is too long or says something twice.
fn read(query: &str) -> Option<pb::CompleteSsoLoginRequest> {
    if query.len() > QUERY_MAX {
        return None;
    }
    let mut message = pb::CompleteSsoLoginRequest::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let field = match &*name {
            "state" => &mut message.state,
            "code" => &mut message.code,
            "iss" => &mut message.issuer,
            "error" => &mut message.error,
            _ => continue,
        };
        if !field.is_empty() {
            return None;
        }
        *field = value.into_owned();
    }
    Some(message)
}

/// Sends the browser on. Neither the address of this page, which holds a code, nor its answer is kept anywhere.
fn go(path: &str, cookies: MetadataMap) -> Response {
    let Ok(location) = HeaderValue::try_from(path) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.extend(cookies.into_headers());
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_not_read() {
        let read =
            |query: &str| read(query).map(|message| (message.state, message.code, message.issuer, message.error));
        let text = |text: &str| text.to_owned();
        assert_eq!(
            read("state=a%20b&code=c&iss=https%3A%2F%2Fx&error=e&session_state=s"),
            Some((text("a b"), text("c"), text("https://x"), text("e")))
        );
        assert_eq!(read("state=a&state=b"), None);
        assert_eq!(read("code=a&code=b"), None);
        assert_eq!(read(&format!("code={}", "x".repeat(QUERY_MAX))), None);
        assert_eq!(read(""), Some(Default::default()));
    }
}
