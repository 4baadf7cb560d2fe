//! Somebody who calls: a connection, a token, and a record of every mutation that was made through it.
//!
//! The generated clients run on it without any of the repetition that `flagstone_client` adds: a test sees each answer of
//! the server as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use flagstone_api::pb;
use flagstone_client::Error;
use futures::StreamExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use prost::Message;
use prost_reflect::DynamicMessage;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use super::codec::Raw;
use super::contract::{Method, decode};
use super::ledger::{Calls, Made};

/// The header with the id that links a call and its audit event.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Largest answer that is taken.
const LARGEST: usize = 64 * 1024 * 1024;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A connection with a credential. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    authorization: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    calls: Arc<Calls>,
}

impl Caller {
    pub(super) fn new(channel: Channel, token: Option<&str>, calls: Arc<Calls>) -> Self {
        let authorization =
            token.map(|token| HeaderValue::try_from(format!("Bearer {token}")).expect("a token is text"));
        Self { channel, authorization, request_id: None, calls }
    }

    /// The same connection with another credential.
    pub fn with_token(&self, token: &str) -> Self {
        Self::new(self.channel.clone(), Some(token), self.calls.clone())
    }

    /// The same caller, whose calls carry this id as header `x-request-id`.
    pub fn with_request_id(&self, id: &str) -> Self {
        Self { request_id: Some(HeaderValue::try_from(id).expect("an id is text")), ..self.clone() }
    }

    /// The access token it sends.
    pub fn token(&self) -> &str {
        let value = self.authorization.as_ref().and_then(|value| value.to_str().ok());
        value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// Makes a unary call, or opens a stream and takes its first message. The answer is as the server sent it.
    pub async fn call(&self, method: &Method, request: &DynamicMessage) -> Result<Bytes, Status> {
        self.call_bytes(method, request.encode_to_vec().into()).await
    }

    /// Like [`Self::call`], with an encoded request.
    pub async fn call_bytes(&self, method: &Method, request: Bytes) -> Result<Bytes, Status> {
        let mut client = tonic::client::Grpc::new(self.clone()).max_decoding_message_size(LARGEST);
        client.ready().await?;
        let path = http::uri::PathAndQuery::try_from(method.path.as_str()).expect("a path of the contract is one");
        let one = tokio_stream::once(request.clone());
        match (method.descriptor.is_client_streaming(), method.descriptor.is_server_streaming()) {
            (false, false) => {
                client.unary(tonic::Request::new(request), path, Raw).await.map(tonic::Response::into_inner)
            }
            (true, false) => {
                client.client_streaming(tonic::Request::new(one), path, Raw).await.map(tonic::Response::into_inner)
            }
            (_, true) => {
                // An open stream keeps its side open, so that a first answer can come.
                let open = one.chain(futures::stream::pending());
                let answers = match method.descriptor.is_client_streaming() {
                    true => client.streaming(tonic::Request::new(open), path, Raw).await,
                    false => client.server_streaming(tonic::Request::new(request), path, Raw).await,
                };
                let first = answers?.into_inner().message().await?;
                first.ok_or_else(|| Status::new(Code::Unknown, "the stream ended without a message"))
            }
        }
    }

    /// Like [`Self::call`], with a decoded answer and error.
    pub async fn ask(&self, method: &Method, request: &DynamicMessage) -> Result<DynamicMessage, Error> {
        Ok(decode(method.output(), &self.call(method, request).await?))
    }
}

impl Service<Request<Body>> for Caller {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let caller = self.clone();
        let headers = request.headers_mut();
        if let Some(value) = &caller.authorization {
            headers.entry(AUTHORIZATION).or_insert(value.clone());
        }
        // Unique in the database of a test: it finds the audit event of the call.
        let fresh = || HeaderValue::try_from(format!("call-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let id = caller.request_id.clone().unwrap_or_else(|| fresh().expect("a number is text"));
        let id = headers.entry(REQUEST_ID).or_insert(id).to_str().expect("an id is text").to_owned();
        Box::pin(async move {
            match caller.calls.mutation(request.uri().path()) {
                None => caller.channel.oneshot(request).await.map_err(lost),
                Some(method) => caller.mutate(method, id, request).await,
            }
        })
    }
}

impl Caller {
    /// Makes a mutating call and records how it ended.
    async fn mutate(self, method: Method, id: String, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (head, body) = request.into_parts();
        let frame = body.collect().await?.to_bytes();
        let sent = frame.get(5..).and_then(|bytes| DynamicMessage::decode(method.input(), bytes).ok());
        let request = Request::from_parts(head, Body::new(Full::new(frame)));
        let response = self.channel.oneshot(request).await.map_err(lost)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let status =
            Status::from_header_map(&head.headers).or_else(|| body.trailers().and_then(Status::from_header_map));
        let code = status.map_or(Code::Unknown, |status| status.code());
        self.calls.record(Made::new(&method, id, sent.as_ref(), code));
        Ok(Response::from_parts(head, Body::new(body)))
    }
}

fn lost(error: impl std::fmt::Display) -> Status {
    Status::new(Code::Unavailable, format!("the call was lost: {error}"))
}

/// A method for each service: its generated client.
macro_rules! services {
    ($($method:ident: $module:ident::$client:ident;)*) => {
        #[allow(dead_code, reason = "one method a service, whether or not a test needs it today")]
        impl Caller {
            $(
                pub fn $method(&self) -> pb::$module::$client<Caller> {
                    pb::$module::$client::new(self.clone()).max_decoding_message_size(LARGEST)
                }
            )*
        }
    };
}

services! {
    auth: auth_service_client::AuthServiceClient;
    users: user_service_client::UserServiceClient;
    access: access_service_client::AccessServiceClient;
    api_tokens: api_token_service_client::ApiTokenServiceClient;
    service_accounts: service_account_service_client::ServiceAccountServiceClient;
    workload_identity: workload_identity_service_client::WorkloadIdentityServiceClient;
    business_units: business_unit_service_client::BusinessUnitServiceClient;
    invitations: invitation_service_client::InvitationServiceClient;
    roles: role_service_client::RoleServiceClient;
    groups: group_service_client::GroupServiceClient;
    teams: team_service_client::TeamServiceClient;
    environments: environment_service_client::EnvironmentServiceClient;
    templates: template_service_client::TemplateServiceClient;
    organizations: organization_service_client::OrganizationServiceClient;
    requests: request_service_client::RequestServiceClient;
    approvals: approval_service_client::ApprovalServiceClient;
    approval_policies: approval_policy_service_client::ApprovalPolicyServiceClient;
    deployments: deployment_service_client::DeploymentServiceClient;
    workspaces: workspace_service_client::WorkspaceServiceClient;
    jobs: job_service_client::JobServiceClient;
    queues: queue_service_client::QueueServiceClient;
    changes: watch_service_client::WatchServiceClient;
    audit: audit_service_client::AuditServiceClient;
    sso_providers: sso_provider_service_client::SsoProviderServiceClient;
    runner_link: runner_link_service_client::RunnerLinkServiceClient;
}
