//! A login by GitHub's OAuth, on github.com or a GitHub Enterprise Server. GitHub vouches by its API, not by a token: what
//! it says of somebody is asked for with the access token, which is then forgotten.

use flagstone_core::sso_login::Profile;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use openidconnect::url::form_urlencoded;
use openidconnect::{HttpRequest, PkceCodeChallenge};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fetch::Fetch;
use super::{Beginning, Examination, Failure, Provider, Secrets, Vouched};

const USUAL: &str = "https://github.com";

/// What GitHub says as `iss`, where it does.
pub(super) fn issuer(provider: &Provider) -> String {
    format!("{}/login/oauth", provider.issuer)
}

/// Where its API is: beside github.com, below an own server.
fn api(provider: &Provider) -> String {
    if provider.issuer == USUAL { "https://api.github.com".to_owned() } else { format!("{}/api/v3", provider.issuer) }
}

fn authorization_endpoint(provider: &Provider) -> String {
    format!("{}/login/oauth/authorize", provider.issuer)
}

/// Where the browser goes.
pub(super) fn begin(provider: &Provider, state: &str) -> Beginning {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &provider.callback_url)
        .append_pair("scope", &provider.scopes.join(" "))
        .append_pair("state", state)
        .append_pair("code_challenge", challenge.as_str())
        .append_pair("code_challenge_method", "S256")
        .finish();
    Beginning {
        authorization_url: format!("{}?{query}", authorization_endpoint(provider)),
        secrets: Secrets { nonce: String::new(), verifier: verifier.into_secret() },
    }
}

#[derive(Deserialize)]
struct Token {
    access_token: Option<String>,
    /// GitHub says errors with status 200.
    error: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
    html_url: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

/// What a code is exchanged with.
fn form(provider: &Provider, code: &str, verifier: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", &provider.client_id)
        .append_pair("code", code)
        .append_pair("redirect_uri", &provider.callback_url)
        .append_pair("code_verifier", verifier);
    if let Some(secret) = &provider.client_secret {
        form.append_pair("client_secret", secret.expose());
    }
    form.finish()
}

/// Who somebody is.
pub(super) async fn complete(
    fetch: &Fetch,
    provider: &Provider,
    secrets: Secrets,
    code: String,
) -> Result<Vouched, Failure> {
    let request = Request::post(format!("{}/login/oauth/access_token", provider.issuer))
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(provider, &code, &secrets.verifier).into_bytes());
    let token: Token = ask(fetch, request).await?;
    let Some(access_token) = token.access_token else {
        let said: String = token.error.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(100).collect();
        return Err(Failure::Rejected(format!("the provider says {said}")));
    };
    let user: User = ask(fetch, get(provider, "/user", &access_token)).await?;
    let emails: Vec<Email> = ask(fetch, get(provider, "/user/emails", &access_token)).await?;
    let primary = emails.into_iter().find(|email| email.primary);
    let profile = Profile {
        // Not the login: that can be changed, and taken by somebody else.
        subject: user.id.to_string(),
        email_verified: Some(primary.as_ref().is_some_and(|email| email.verified)),
        email: primary.map(|email| email.email),
        preferred_username: Some(user.login),
        full_name: user.name,
        profile_url: user.html_url,
    };
    Ok(Vouched { profile, id_token: None })
}

fn get(provider: &Provider, path: &str, access_token: &str) -> Result<HttpRequest, http::Error> {
    let mut credential = HeaderValue::try_from(format!("Bearer {access_token}"))?;
    credential.set_sensitive(true);
    Request::get(format!("{}{path}", api(provider)))
        .header(ACCEPT, "application/vnd.github+json")
        .header(AUTHORIZATION, credential)
        .body(Vec::new())
}

async fn ask<T: DeserializeOwned>(fetch: &Fetch, request: Result<HttpRequest, http::Error>) -> Result<T, Failure> {
    let request = request.map_err(|error| Failure::Unreachable(format!("GitHub cannot be asked: {error}")))?;
    let path = request.uri().path().to_owned();
    let answer = fetch.send(request).await?;
    match answer.status() {
        StatusCode::OK => {}
        status if status.is_server_error() => {
            return Err(Failure::Unreachable(format!("GitHub answers {path} with {status}")));
        }
        status => return Err(Failure::Rejected(format!("GitHub answers {path} with {status}"))),
    }
    // Not what is wrong with it: the answer may hold a token.
    serde_json::from_slice(answer.body())
        .map_err(|_| Failure::Rejected(format!("GitHub's answer to {path} cannot be read")))
}

/// What would keep a login from working.
pub(super) async fn examine(fetch: &Fetch, provider: &Provider) -> Examination {
    let mut problems = Vec::new();
    if provider.client_secret.is_none() {
        problems.push("GitHub wants a client secret.".to_owned());
    }
    let request = Request::get(format!("{}/meta", api(provider))).header(ACCEPT, "application/json").body(Vec::new());
    if let Err(failure) = ask::<serde_json::Value>(fetch, request).await {
        problems.push(format!("{failure}."));
    }
    Examination { problems, authorization_endpoint: authorization_endpoint(provider), signing_keys: 0 }
}
