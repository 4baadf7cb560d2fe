//! Who calls. A credential that is wrong fails the call; none at all makes it anonymous, which only public methods take.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};

use super::errors;
use crate::app::App;
use crate::call::{Call, Caller, Origin};
use crate::contract::Admission;
use crate::error::Result;
use crate::{keys, status};

/// Puts the method and its caller into the request.
pub(super) async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let method = app.contract.method(request.uri().path()).cloned();
    // A public method does not look at credentials: a client that refreshes its session still sends the old one.
    let asks = method.as_ref().is_some_and(|method| !matches!(method.admission, Admission::Public));
    let caller = if asks { caller(&app, request.headers(), request.extensions()).await } else { Ok(Caller::Anonymous) };
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => {
            let correlation_id = super::request_id::of(request.extensions());
            return errors::answer(status::from_error(&error, &correlation_id));
        }
    };
    let extensions = request.extensions_mut();
    if let (Caller::Runner(_), Some(call)) = (&caller, extensions.get_mut::<Call>()) {
        call.origin = Origin::Runner;
    }
    extensions.insert(caller);
    if let Some(method) = method {
        extensions.insert(method);
    }
    next.run(request).await
}

async fn caller(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Result<Caller> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Caller::Anonymous) };
    match value.to_str().ok().and_then(bearer) {
        Some(token) => {
            let ip = extensions.get::<Call>().map_or_else(|| Arc::from(""), |call| call.ip.clone());
            app.identities.authenticate(token, &ip).await
        }
        None => Err(keys::unusable().into()),
    }
}

/// The token of `Bearer <token>`; the scheme in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_read() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        for other in ["abc", "Basic abc", "Bearer ", ""] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
