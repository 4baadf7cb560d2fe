//! One HTTP exchange with the state backend: a connection of its own, an answer of bounded size within bounded time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::engine::SecretValue;

/// Longest for one exchange. A state of many megabytes on a slow line fits in.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who we are to the backend.
pub(super) struct Credential {
    pub(super) username: String,
    pub(super) password: SecretValue,
}

/// Sends a request and takes the whole answer, of at most `limit` bytes. The error is half a sentence.
pub(super) async fn exchange(
    method: &Method,
    address: &str,
    credential: &Credential,
    body: Bytes,
    limit: usize,
) -> Result<(StatusCode, Bytes), String> {
    let attempt = attempt(method, address, credential, body, limit);
    tokio::time::timeout(PATIENCE, attempt)
        .await
        .unwrap_or_else(|_| Err(format!("there was no answer within {} seconds", PATIENCE.as_secs())))
}

async fn attempt(
    method: &Method,
    address: &str,
    credential: &Credential,
    body: Bytes,
    limit: usize,
) -> Result<(StatusCode, Bytes), String> {
    let uri: Uri = address.parse().map_err(|error| format!("its address is none: {error}"))?;
    let (encrypted, usual) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        _ => return Err("its address begins with neither http:// nor https://".to_owned()),
    };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let request = request(method, &uri, credential, body)?;
    let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(usual)))
        .await
        .map_err(|error| error.to_string())?;
    if !encrypted {
        return talk(stream, request, limit).await;
    }
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(tls()?).connect(name, stream).await.map_err(|error| error.to_string())?;
    talk(stream, request, limit).await
}

fn request(method: &Method, uri: &Uri, credential: &Credential, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
    let pair = [credential.username.as_bytes(), b":", credential.password.expose()].concat();
    let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(Zeroizing::new(pair))));
    let mut authorization = HeaderValue::from_str(&basic).map_err(|error| error.to_string())?;
    authorization.set_sensitive(true);
    Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, uri.authority().map(http::uri::Authority::as_str).unwrap_or_default())
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .body(Full::new(body))
        .map_err(|error| error.to_string())
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>, limit: usize) -> Result<(StatusCode, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answer = async move {
        let (head, body) = sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| error.to_string())?;
        Ok((head.status, body.to_bytes()))
    };
    // Both here, so that there is no task which outlives the call. The connection ends with its sender.
    let (answer, _) = futures::join!(answer, connection);
    answer
}

fn tls() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
