//! Signing in through others: a real OpenID Connect provider and a fake of GitHub, both run by Node from `tests/oidc`, and a
//! browser that goes from one to the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use flagstone_api::pb;
use http::{HeaderMap, Method, Response};
use prost::Message;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::app::TestApp;
use super::caller::Caller;
use super::http::{grpc_web, send};
use super::skip::{installed_program, skip};
use super::{Error, wait_for};

/// Where the server of a test believes to be reached.
pub const PUBLIC_URL: &str = "http://127.0.0.1:7400";

/// The page of the callback.
pub const CALLBACK: &str = "http://127.0.0.1:7400/auth/sso/callback";

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc");

/// Somebody who vouches for people, on a port of its own.
pub struct Issuer {
    process: Child,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
}

impl Issuer {
    /// The provider. Nothing, after having said that `test` is skipped, where this machine lacks it.
    pub async fn start(test: &str, options: &[&str]) -> Option<Self> {
        if !Path::new(SCRIPTS).join("node_modules/oidc-provider").is_dir() {
            skip(test, "oidc-provider is not installed: run `npm install` in tests/oidc");
            return None;
        }
        Self::run(test, "provider.mjs", &[&["--redirect", CALLBACK], options].concat()).await
    }

    /// The fake of GitHub.
    pub async fn start_github(test: &str) -> Option<Self> {
        Self::run(test, "fake-github.mjs", &[]).await
    }

    async fn run(test: &str, script: &str, arguments: &[&str]) -> Option<Self> {
        let Some(node) = installed_program("node") else {
            skip(test, "node is not in PATH");
            return None;
        };
        let mut process = Command::new(node)
            .arg(Path::new(SCRIPTS).join(script))
            .args(arguments)
            // It ends with its input, even where this test is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = loop {
            let line = lines.next_line().await.unwrap().expect("it says where it serves");
            if line.starts_with('{') {
                break line;
            }
        };
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Some(Self {
            process,
            issuer: text("issuer"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
        })
    }

    /// Asks for something to go wrong.
    pub async fn ask(&self, path: &str, body: &str) {
        let answer = send(address(&self.issuer), Method::POST, path, &[], Bytes::from(body.to_owned())).await;
        assert_eq!(answer.status(), 204, "{path} {body}");
    }

    /// What becomes of the next ID token.
    pub async fn tamper(&self, how: &str) {
        self.ask("/test/tamper", &format!(r#"{{"how": "{how}"}}"#)).await;
    }

    /// Takes the provider away.
    pub async fn stop(&mut self) {
        self.process.kill().await.unwrap();
        let address = address(&self.issuer);
        wait_for("nobody listens any more", async || {
            tokio::net::TcpStream::connect(address).await.is_err().then_some(())
        })
        .await;
    }

    /// What makes it a provider of an organization.
    pub fn as_provider(&self, kind: pb::SsoProviderKind) -> pb::SsoProvider {
        pb::SsoProvider {
            display_name: "Example".into(),
            kind: kind.into(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            active: true,
            ..Default::default()
        }
    }

    /// Makes it a provider of the caller's organization.
    pub async fn join(&self, admin: &Caller, id: &str) -> pb::SsoProvider {
        create(admin, id, self.as_provider(pb::SsoProviderKind::Oidc)).await
    }
}

/// Makes a provider.
pub async fn create(admin: &Caller, id: &str, provider: pb::SsoProvider) -> pb::SsoProvider {
    let request =
        pb::CreateSsoProviderRequest { sso_provider_id: id.into(), sso_provider: Some(provider), ..Default::default() };
    admin.sso_providers().create_sso_provider(request).await.expect("a provider is made").into_inner()
}

/// A provider at an address where nobody listens.
pub fn nobody() -> pb::SsoProvider {
    pb::SsoProvider {
        display_name: "Nobody".into(),
        kind: pb::SsoProviderKind::Oidc.into(),
        issuer: "http://127.0.0.1:9".into(),
        client_id: "flagstone".into(),
        active: true,
        ..Default::default()
    }
}

fn address(url: &str) -> SocketAddr {
    let rest = url.strip_prefix("http://").expect("providers of tests have no TLS");
    rest.split('/').next().unwrap().parse().expect("providers of tests have addresses in numbers")
}

/// A browser: cookies by host, and a page of ours.
pub struct Browser<'a> {
    app: &'a TestApp,
    cookies: RefCell<BTreeMap<SocketAddr, BTreeMap<String, String>>>,
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: RefCell::default() }
    }

    /// Another browser with the same cookies.
    pub fn copy(&self) -> Self {
        Self { app: self.app, cookies: self.cookies.clone() }
    }

    /// A cookie of ours.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(&self.app.address)?.get(name).cloned()
    }

    /// Forgets everything of a provider, so that it asks again who is there.
    pub fn forget_provider(&self, issuer: &Issuer) {
        self.cookies.borrow_mut().remove(&address(&issuer.issuer));
    }

    fn header(&self, address: SocketAddr) -> String {
        let cookies = self.cookies.borrow();
        let pairs = cookies.get(&address).into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, address: SocketAddr, headers: &HeaderMap) {
        let mut cookies = self.cookies.borrow_mut();
        let jar = cookies.entry(address).or_default();
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let gone = cookie.contains("Max-Age=0") || cookie.contains("expires=Thu, 01 Jan 1970");
            if gone || value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Opens an address, wherever it is.
    async fn open(&self, method: Method, url: &str, form: &str) -> Response<Bytes> {
        let ours = url.starts_with(PUBLIC_URL);
        let address = if ours { self.app.address } else { address(url) };
        let path = url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
        let cookies = self.header(address);
        let mut headers = vec![("accept", "text/html")];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        if method == Method::POST {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let answer = send(address, method, &path, &headers, Bytes::from(form.to_owned())).await;
        self.keep(address, answer.headers());
        answer
    }

    /// Makes a call of our page.
    pub async fn call<M: Message + Default>(
        &self,
        method: &str,
        token: &str,
        request: &impl Message,
    ) -> Result<M, Error> {
        let path = format!("/flagstone.v1.AuthService/{method}");
        let (origin, authorization) = (self.app.url(), format!("Bearer {token}"));
        let cookies = self.header(self.app.address);
        let mut headers = vec![("origin", origin.as_str()), ("x-flagstone-client", "web/0.1.0"), ("cookie", &cookies)];
        headers.extend((!token.is_empty()).then_some(("authorization", authorization.as_str())));
        let answer = grpc_web(self.app.address, &path, &headers, request).await;
        self.keep(self.app.address, &answer.headers);
        match answer.error() {
            Some(error) => Err(error),
            None => Ok(M::decode(answer.messages[0].clone()).expect("the answer decodes")),
        }
    }

    /// Begins a login. Returns where the browser goes.
    pub async fn begin(&self, provider: &str, return_path: &str) -> Result<String, Error> {
        let request = pb::BeginSsoLoginRequest {
            provider: provider.into(),
            return_path: return_path.into(),
            ..Default::default()
        };
        let begun: pb::BeginSsoLoginResponse = self.call("BeginSsoLogin", "", &request).await?;
        assert_eq!(begun.binding, "", "no script sees it");
        Ok(begun.authorization_url)
    }

    /// Logs in at the provider under a name; with an empty one, does not. Returns where the provider sends the browser.
    pub async fn at_provider(&self, url: &str, login: &str) -> String {
        let mut url = url.to_owned();
        for _ in 0..10 {
            if url.starts_with(PUBLIC_URL) {
                return url;
            }
            let mut answer = self.open(Method::GET, &url, "").await;
            if answer.status() == 200 {
                answer = self.open(Method::POST, &url, &format!("login={}", escaped(login))).await;
            }
            assert!(answer.status().is_redirection(), "{url} answers {answer:?}");
            let to = answer.headers()["location"].to_str().unwrap();
            url = if to.starts_with('/') { format!("http://{}{to}", address(&url)) } else { to.to_owned() };
        }
        panic!("the provider sends the browser round in circles: {url}");
    }

    /// Comes back from the provider. Returns where our page sends the browser.
    pub async fn back(&self, url: &str) -> String {
        let answer = self.open(Method::GET, url, "").await;
        assert_eq!(answer.status(), 303, "{url}: {answer:?}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The whole way, as somebody who is not known at the provider yet. Returns where the browser is in the end.
    pub async fn log_in(&self, issuer: &Issuer, provider: &str, login: &str) -> String {
        self.forget_provider(issuer);
        let url = self.begin(provider, "/services?tier=production").await.expect("a login begins");
        let back = self.at_provider(&url, login).await;
        self.back(&back).await
    }

    /// The access token of the session that the cookie holds.
    pub async fn token(&self) -> Result<String, Error> {
        let answer: pb::RefreshSessionResponse =
            self.call("RefreshSession", "", &pb::RefreshSessionRequest::default()).await?;
        Ok(answer.tokens.expect("a session has tokens").access_token)
    }

    /// Who is logged in.
    pub async fn me(&self) -> pb::User {
        let caller = self.app.anonymous().with_token(&self.token().await.expect("the browser has a session"));
        caller.users().get_me(pb::GetMeRequest {}).await.expect("whoever has a session is somebody").into_inner()
    }
}

/// A text as a form sends it.
pub fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A parameter of an address, as it is written there.
pub fn parameter<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let query = url.split_once('?')?.1.split('#').next()?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// An address with a parameter replaced; without it where there is no value.
pub fn with_parameter(url: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = url.split_once('?').expect("the address has parameters");
    let others = query.split('&').filter(|pair| pair.split('=').next() != Some(name)).map(str::to_owned);
    let all: Vec<_> = others.chain(value.map(|value| format!("{name}={value}"))).collect();
    format!("{path}?{}", all.join("&"))
}
