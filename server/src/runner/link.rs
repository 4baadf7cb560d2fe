//! The connection to the server, and the calls over it: within the process, or to servers elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flagstone_api::google::rpc;
use flagstone_api::pb;
use flagstone_api::pb::runner_link_service_client::RunnerLinkServiceClient;
use flagstone_core::{Error as CoreError, Reason};
use futures::stream;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::service::{Interceptor, Routes};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Server};
use tonic::{Code, Request, Status};

/// Bytes in flight on the in-memory connection.
const PIPE: usize = 1024 * 1024;

/// Bytes of one chunk of a file.
const CHUNK: usize = 512 * 1024;

/// Largest file that is taken from the server.
const FILE_MAX: usize = 64 * 1024 * 1024;

/// The pauses between attempts of a call.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The generated client with the runner's credential.
pub(super) type Client = RunnerLinkServiceClient<InterceptedService<Channel, Credential>>;

/// Puts the runner's token into every call.
#[derive(Clone)]
pub(super) struct Credential(MetadataValue<Ascii>);

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Why a call did not work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The lease is over; whatever the attempt still does counts for nothing.
    Lost,
    /// The server will never take it.
    Refused(Status),
}

/// How long a connection may take to be made, and how often a silent one is asked whether it lives.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(10);

/// The connection of one runner. Cheap to clone; clones speak to the same server.
#[derive(Clone)]
pub(super) struct Link {
    servers: Arc<[Peer]>,
    /// Which of them is spoken to.
    current: Arc<AtomicUsize>,
}

/// A server that a runner may speak to.
struct Peer {
    /// Where engines reach it, without the path.
    address: String,
    client: Client,
}

/// A way to a server elsewhere, made when it is first used. `ca` holds certificates in PEM by which the server's is
/// verified, in place of the system's. Fails with a sentence for what is no URL of a server.
pub(super) fn channel(url: &str, ca: Option<&[u8]>) -> Result<Channel, String> {
    let not_a_url = || format!("`{url}` is not the URL of a server, such as https://flagstone.example.org.");
    let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| not_a_url())?;
    match endpoint.uri().scheme_str() {
        Some("http") if endpoint.uri().authority().is_some() => {}
        Some("https") => {
            let tls = match ca {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|error| format!("TLS cannot be set up for {url}: {error}."))?;
        }
        _ => return Err(not_a_url()),
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // The work stream may be quiet for long: this finds a server that is gone without a word.
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .connect_lazy())
}

impl Link {
    /// A connection within the process to these services. It is made when it is first used, and anew after it broke.
    /// `address` is where engines reach the same server.
    pub(super) fn in_process(services: Routes, token: &str, address: String) -> Result<Self, CoreError> {
        let channel =
            Endpoint::from_static("http://embedded.runner").connect_with_connector_lazy(tower::service_fn(move |_| {
                let services = services.clone();
                async move {
                    let (ours, theirs) = tokio::io::duplex(PIPE);
                    // Ends when no further connection can come; the one there is lives on by itself.
                    Server::builder()
                        .add_routes(services)
                        .serve_with_incoming(stream::iter([Ok::<_, std::io::Error>(theirs)]))
                        .await
                        .map_err(std::io::Error::other)?;
                    Ok::<_, std::io::Error>(TokioIo::new(ours))
                }
            }));
        Self::over(vec![(address, channel)], token)
    }

    /// A connection to one of these servers, each with its address.
    pub(super) fn over(servers: Vec<(String, Channel)>, token: &str) -> Result<Self, CoreError> {
        let mut credential = MetadataValue::try_from(format!("Bearer {token}")).map_err(CoreError::internal)?;
        credential.set_sensitive(true);
        let peer = |(address, channel): (String, Channel)| {
            let client = RunnerLinkServiceClient::with_interceptor(channel, Credential(credential.clone()));
            Peer { address, client }
        };
        Ok(Self { servers: servers.into_iter().map(peer).collect(), current: Arc::default() })
    }

    /// The generated client.
    pub(super) fn client(&self) -> Client {
        self.peer().client.clone()
    }

    /// Where engines reach the server that is spoken to, without the path.
    pub(super) fn address(&self) -> &str {
        &self.peer().address
    }

    /// Speaks to the next server from now on: this one does not answer.
    pub(super) fn turn_to_next(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    fn peer(&self) -> &Peer {
        // There is at least one, by construction.
        &self.servers[self.current.load(Ordering::Relaxed) % self.servers.len()]
    }

    /// Makes a call until the server has answered it, or `lost` says that the answer does not matter any more.
    pub(super) async fn insist<T, Fut>(
        &self,
        lost: &CancellationToken,
        call: impl Fn(Client) -> Fut + Send + Sync,
    ) -> Result<T, Failure>
    where
        Fut: Future<Output = Result<T, Status>> + Send,
    {
        let mut pause = PAUSE_MIN;
        loop {
            let answer = tokio::select! {
                answer = call(self.client()) => answer,
                () = lost.cancelled() => return Err(Failure::Lost),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(status) if reason(&status).as_deref() == Some(Reason::StaleFence.as_str()) => {
                    return Err(Failure::Lost);
                }
                Err(status) if is_passing(&status) => {
                    tracing::debug!(%status, "A call of the runner is tried again.");
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = lost.cancelled() => return Err(Failure::Lost),
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(status) => return Err(Failure::Refused(status)),
            }
        }
    }

    /// Reads a file of a job. Returns it with its SHA-256 in hex, for the caller to compare with what it expects.
    pub(super) async fn get_artifact(
        &self,
        lost: &CancellationToken,
        job: &pb::JobLeaseRef,
        kind: pb::ArtifactKind,
    ) -> Result<(Vec<u8>, String), Failure> {
        let request = pb::GetJobArtifactRequest { job: Some(job.clone()), kind: kind.into() };
        self.insist(lost, |client| read_artifact(client, request.clone())).await
    }

    /// Hands in a file of a job.
    pub(super) async fn put_artifact(
        &self,
        lost: &CancellationToken,
        job: &pb::JobLeaseRef,
        kind: pb::ArtifactKind,
        mut bytes: Bytes,
    ) -> Result<(), Failure> {
        use pb::put_job_artifact_request::Message;
        let header = pb::ArtifactHeader {
            job: Some(job.clone()),
            kind: kind.into(),
            sha256: hex::encode(Sha256::digest(&bytes)),
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        };
        let mut messages = vec![pb::PutJobArtifactRequest { message: Some(Message::Header(header)) }];
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK));
            messages.push(pb::PutJobArtifactRequest { message: Some(Message::Chunk(chunk)) });
        }
        let call = |mut client: Client| {
            let messages = messages.clone();
            async move { client.put_job_artifact(stream::iter(messages)).await }
        };
        self.insist(lost, call).await?;
        Ok(())
    }
}

async fn read_artifact(mut client: Client, request: pb::GetJobArtifactRequest) -> Result<(Vec<u8>, String), Status> {
    use pb::get_job_artifact_response::Message;
    let mut messages = client.get_job_artifact(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(message) = messages.message().await? {
        match message.message {
            Some(Message::Chunk(chunk)) if bytes.len() + chunk.len() <= FILE_MAX => bytes.extend_from_slice(&chunk),
            // Its hash will not be the one that is expected.
            Some(Message::Chunk(_)) => break,
            Some(Message::Header(_)) | None => {}
        }
    }
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok((bytes, sha256))
}

/// The fields that the server finds wrong, each with the reason.
pub(super) fn fields(status: &Status) -> Vec<(String, String)> {
    let details = rpc::Status::decode(status.details()).map(|status| status.details).unwrap_or_default();
    let wrong = details.iter().find_map(|any| any.to_msg::<rpc::BadRequest>().ok()).unwrap_or_default();
    wrong.field_violations.into_iter().map(|wrong| (wrong.field, wrong.description)).collect()
}

/// The reason that the server gives for an error.
pub(super) fn reason(status: &Status) -> Option<String> {
    let details = rpc::Status::decode(status.details()).ok()?.details;
    details.iter().find_map(|any| any.to_msg::<rpc::ErrorInfo>().ok()).map(|info| info.reason)
}

/// Whether the same call may work in a moment.
pub(super) fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
    )
}
