//! Requests to providers. An administrator of one organization says where they go, so they go nowhere but to the internet
//! and to the networks that the operator lists: the address is looked up once, judged, and connected to as it was judged.
//!
//! No redirect is followed, an answer has a size and a request a time. There is no proxy.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use flagstone_core::sso_provider::is_public;
use futures::future::BoxFuture;
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Config, Mode};

/// Longest that a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Most bytes of an answer. Key sets of the large providers have some 10 KiB.
const ANSWER_MAX: usize = 1024 * 1024;

/// Why there is no answer. A sentence for whoever set the provider up; what a person logging in is told is less.
#[derive(Debug)]
pub struct Unreachable(pub String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

/// The way to providers.
#[derive(Debug)]
pub struct Fetch {
    /// Networks that are not the internet and may be gone to.
    networks: Vec<IpNet>,
    /// Whether this machine may be gone to, and without TLS.
    local: bool,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Fetch {
    /// The way that the configuration allows.
    pub fn new(config: &Config) -> Self {
        let local = config.mode == Mode::Development;
        Self { networks: config.sso_networks.clone(), local, tls: OnceLock::new() }
    }

    fn admits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        is_public(ip) || (self.local && ip.is_loopback()) || self.networks.iter().any(|network| network.contains(&ip))
    }

    /// Sends a request and takes the whole answer.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let sent = tokio::time::timeout(PATIENCE, self.attempt(request)).await;
        sent.unwrap_or_else(|_| {
            Err(Unreachable(format!("{host} did not answer within {} seconds", PATIENCE.as_secs())))
        })
    }

    async fn attempt(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (encrypted, usual) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") if self.local => (false, 80),
            _ => return Err(Unreachable(format!("{host} is to be reached without TLS, which is not done"))),
        };
        let address = self.address(&host, uri.port_u16().unwrap_or(usual), encrypted).await?;
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| Unreachable(format!("{host} does not take connections: {error}")))?;
        let request = prepare(request, &uri)?;
        if !encrypted {
            return exchange(&host, stream, request).await;
        }
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Unreachable(format!("{host} is no name that a certificate can have")))?;
        let stream = TlsConnector::from(self.tls()?)
            .connect(name, stream)
            .await
            .map_err(|error| Unreachable(format!("{host} shows no certificate that is trusted here: {error}")))?;
        exchange(&host, stream, request).await
    }

    /// Where a name leads that may be gone to.
    async fn address(&self, host: &str, port: u16, encrypted: bool) -> Result<SocketAddr, Unreachable> {
        let found = lookup_host((host, port))
            .await
            .map_err(|error| Unreachable(format!("{host} cannot be looked up: {error}")))?;
        let mut found: Vec<_> = found.collect();
        found.retain(|address| self.admits(address.ip()) && (encrypted || address.ip().to_canonical().is_loopback()));
        // Not which address it was: names of inner networks are looked up for nobody.
        found.first().copied().ok_or_else(|| {
            Unreachable(format!(
                "{host} is in an inner network; the operator of this installation can list it in FLAGSTONE_SSO_NETWORKS"
            ))
        })
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Unreachable> {
        if let Some(known) = self.tls.get() {
            return Ok(known.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Unreachable(format!("TLS cannot be used: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = Unreachable;
    type Future = BoxFuture<'c, Result<HttpResponse, Unreachable>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The request as it goes over a connection: the path alone, and who asks.
fn prepare(request: HttpRequest, uri: &Uri) -> Result<Request<Full<Bytes>>, Unreachable> {
    let wrong = |error: &dyn fmt::Display| Unreachable(format!("{uri} cannot be asked for: {error}"));
    let (mut head, body) = request.into_parts();
    let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    head.uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|error| wrong(&error))?;
    head.headers.insert(HOST, HeaderValue::from_str(host).map_err(|error| wrong(&error))?);
    // GitHub answers nobody who does not say who it is.
    head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("flagstone/", env!("CARGO_PKG_VERSION"))));
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(Request::from_parts(head, Full::new(Bytes::from(body))))
}

/// One request and its answer over a connection of their own.
async fn exchange<S>(host: &str, stream: S, request: Request<Full<Bytes>>) -> Result<HttpResponse, Unreachable>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: &dyn fmt::Display| Unreachable(format!("{host} does not answer as HTTP: {error}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    #[expect(clippy::disallowed_methods, reason = "it ends with this call, whatever comes of it")]
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await.map_err(|error| broken(&error))?.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| broken(&error))?;
    Ok(Response::from_parts(head, body.to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn fetch(mode: Mode, networks: &[&str]) -> Fetch {
        let mut config = Config::new(mode, "postgres://x/y", Secret::new("x"), "x".into());
        config.sso_networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Fetch::new(&config)
    }

    #[tokio::test]
    async fn inner_networks_are_gone_to_only_where_the_operator_lists_them() {
        let production = fetch(Mode::Production, &[]);
        let listed = fetch(Mode::Production, &["10.0.0.0/8", "127.0.0.2/32"]);
        let dev = fetch(Mode::Development, &[]);
        for (host, [plain, with_list, in_dev]) in [
            ("8.8.8.8", [true, true, true]),
            ("10.1.2.3", [false, true, false]),
            ("127.0.0.1", [false, false, true]),
            ("127.0.0.2", [false, true, true]),
            ("169.254.169.254", [false, false, false]),
            ("::ffff:10.1.2.3", [false, true, false]),
            // Other spellings of an address are looked up first.
            ("localhost", [false, false, true]),
            ("0x7f.1", [false, false, true]),
            ("2130706433", [false, false, true]),
        ] {
            for (fetch, admitted) in [(&production, plain), (&listed, with_list), (&dev, in_dev)] {
                let found = fetch.address(host, 443, true).await;
                assert_eq!(found.is_ok(), admitted, "{host}: {found:?}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_asked_without_tls_but_of_this_machine() {
        let request = |uri: &str| Request::get(uri).body(Vec::new()).unwrap();
        let error = fetch(Mode::Production, &["127.0.0.0/8"]).send(request("http://127.0.0.1:1/")).await.unwrap_err();
        assert!(error.0.contains("without TLS"), "{error}");
        let error = fetch(Mode::Development, &["0.0.0.0/0"]).send(request("http://8.8.8.8:1/")).await.unwrap_err();
        assert!(error.0.contains("inner network"), "{error}");
    }
}
