//! The channel under the generated clients. It authenticates each call, renews the session when that is due, fills in
//! request ids, repeats what may be repeated and keeps the deadline. Callers see one call and one answer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flagstone_api::pb::ErrorReason;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Collected, Full};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};
use uuid::Uuid;

use crate::backoff::backoff;
use crate::error::Error;
use crate::method::Method;
use crate::session::Session;
use crate::{deadline, frame, local};

/// Which program calls, for instance `cli/1.2.3`.
const CLIENT: HeaderName = HeaderName::from_static("x-flagstone-client");
/// How long the call may take.
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The authenticated channel. Cheap to clone; clones share the connection and the session.
#[derive(Clone)]
pub struct Connection(pub(crate) Arc<Shared>);

/// What the clones of a connection share.
pub(crate) struct Shared {
    /// Where the server is, for messages.
    pub(crate) url: String,
    pub(crate) channel: Channel,
    pub(crate) session: Session,
    pub(crate) client: HeaderValue,
    /// For unary calls without a timeout of their own, all attempts together.
    pub(crate) deadline: Duration,
    /// Most attempts of one call.
    pub(crate) attempts: u32,
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Each attempt waits for the channel itself.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move { connection.send(request).await })
    }
}

impl Connection {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let method = Method::at(request.uri().path());
        let (mut head, body) = request.into_parts();
        head.headers.insert(CLIENT, self.0.client.clone());
        if !method.single_input {
            self.authorize(&mut head, method).await?;
            return self.channel(Request::from_parts(head, body)).await;
        }

        let given = head.headers.get(&TIMEOUT).and_then(deadline::parse);
        let limit = given.or(method.unary.then_some(self.0.deadline));
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut frame = body.collect().await?.to_bytes();
        if let Some(field) = method.request_id {
            frame = frame::with_default_request_id(frame, field, Uuid::new_v4());
        }
        let mut renewed = false;
        let mut attempt = 1;
        loop {
            let mut this = head.clone();
            let token = self.authorize(&mut this, method).await?;
            let answer = self.attempt(this, frame.clone(), method, deadline).await;
            let Some(error) = answer.error() else { return answer.into_response() };

            if let Some(token) = token.filter(|_| error.is(ErrorReason::TokenExpired) && !renewed) {
                renewed = true;
                self.renew(&token).await?;
                continue;
            }
            let delay = backoff(attempt).max(error.retry_delay.unwrap_or_default());
            let in_time = deadline.is_none_or(|deadline| Instant::now() + delay < deadline);
            let again = method.unary && method.repeatable && error.is_passing();
            if !again || attempt >= self.0.attempts || !in_time {
                return answer.into_response();
            }
            tracing::debug!(path = head.uri.path(), attempt, %error, "A call is repeated.");
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// Adds the credential, if there is one and the method needs it, and returns the access token.
    async fn authorize(&self, head: &mut http::request::Parts, method: Method) -> Result<Option<String>, Status> {
        if method.public {
            return Ok(None);
        }
        let Some(token) = self.access_token().await? else { return Ok(None) };
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| local::unauthenticated("The stored access token is not one. Log in again."))?;
        value.set_sensitive(true);
        head.headers.insert(AUTHORIZATION, value);
        Ok(Some(token))
    }

    async fn attempt(
        &self,
        mut head: http::request::Parts,
        frame: Bytes,
        method: Method,
        deadline: Option<Instant>,
    ) -> Answer {
        if let Some(deadline) = deadline {
            head.headers.insert(TIMEOUT, deadline::header(deadline.saturating_duration_since(Instant::now())));
        }
        let request = Request::from_parts(head, Body::new(Full::new(frame)));
        let call = async {
            let response = match self.channel(request).await {
                Ok(response) => response,
                Err(status) => return Answer::Lost(status),
            };
            if !method.unary {
                return Answer::Stream(response);
            }
            // The status of an answer comes after its body: only a whole answer tells whether to repeat the call.
            let (head, body) = response.into_parts();
            match body.collect().await {
                Ok(body) => Answer::Whole(Response::from_parts(head, body)),
                Err(status) => Answer::Lost(local::unreachable(&self.0.url, &status)),
            }
        };
        // A stream has no deadline of its own accord: `grpc-timeout` of its caller is kept by the channel.
        match deadline.filter(|_| method.unary) {
            None => call.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, call).await {
                Ok(Answer::Lost(_)) | Err(_) if Instant::now() >= deadline => Answer::Lost(local::deadline_exceeded()),
                Ok(answer) => answer,
                Err(_) => Answer::Lost(local::deadline_exceeded()),
            },
        }
    }

    async fn channel(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        self.0.channel.clone().oneshot(request).await.map_err(|error| local::unreachable(&self.0.url, &error))
    }
}

/// What came of one attempt.
enum Answer {
    /// A unary answer with its trailers.
    Whole(Response<Collected<Bytes>>),
    /// The beginning of a stream.
    Stream(Response<Body>),
    /// No answer: it is not known whether the call arrived.
    Lost(Status),
}

impl Answer {
    /// The error in the answer; `None` where there is none, or none yet.
    fn error(&self) -> Option<Error> {
        let status = match self {
            Self::Lost(status) => Some(status.clone()),
            Self::Stream(response) => Status::from_header_map(response.headers()),
            Self::Whole(response) => Status::from_header_map(response.headers())
                .or_else(|| response.body().trailers().and_then(Status::from_header_map)),
        };
        status.filter(|status| status.code() != tonic::Code::Ok).map(Error::from)
    }

    fn into_response(self) -> Result<Response<Body>, Status> {
        match self {
            Self::Whole(response) => Ok(response.map(Body::new)),
            Self::Stream(response) => Ok(response),
            Self::Lost(status) => Err(status),
        }
    }
}
