//! The connection to the server, and the calls over it.

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
use tonic::transport::{Channel, Endpoint, Server};
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

/// The connection of one runner. Cheap to clone.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
}

impl Link {
    /// A connection within the process to these services. It is made when it is first used, and anew after it broke.
    pub(super) fn in_process(services: Routes, token: &str) -> Result<Self, CoreError> {
        let mut credential = MetadataValue::try_from(format!("Bearer {token}")).map_err(CoreError::internal)?;
        credential.set_sensitive(true);
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
        Ok(Self { client: RunnerLinkServiceClient::with_interceptor(channel, Credential(credential)) })
    }

    /// The generated client.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
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

/// The reason that the server gives for an error.
fn reason(status: &Status) -> Option<String> {
    let details = rpc::Status::decode(status.details()).ok()?.details;
    details.iter().find_map(|any| any.to_msg::<rpc::ErrorInfo>().ok()).map(|info| info.reason)
}

/// Whether the same call may work in a moment.
fn is_passing(status: &Status) -> bool {
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
