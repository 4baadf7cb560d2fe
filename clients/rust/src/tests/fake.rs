//! A gRPC server made of one function: it gets each call and says what comes back, byte for byte and cut where a test
//! wants it cut. No generated server can send half an answer.
#![expect(clippy::disallowed_methods, reason = "a test's server lives until the test is over")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use flagstone_api::google::rpc;
use futures::StreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use prost::{Message, Name};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};

/// One call as it arrived.
pub(super) struct Call {
    /// Method without its service, for instance `GetRequest`.
    pub(super) method: String,
    /// The access token.
    pub(super) token: Option<String>,
    /// The header `x-flagstone-client`.
    pub(super) client: String,
    body: Bytes,
}

impl Call {
    pub(super) fn message<M: Message + Default>(&self) -> M {
        M::decode(&self.body[5..]).unwrap()
    }
}

/// What comes back.
pub(super) struct Reply {
    messages: Vec<Vec<u8>>,
    /// `None`: the stream is reset in the middle.
    status: Option<Status>,
}

impl Reply {
    pub(super) fn ok(message: &impl Message) -> Self {
        Self::stream([message.encode_to_vec()])
    }

    pub(super) fn stream(messages: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { messages: messages.into_iter().collect(), status: Some(Status::new(Code::Ok, "")) }
    }

    /// The answer never arrives whole.
    pub(super) fn cut(messages: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { status: None, ..Self::stream(messages) }
    }

    /// An error as the server sends them.
    pub(super) fn error(code: Code, reason: &str) -> Self {
        Self { messages: Vec::new(), status: Some(status(code, reason, vec![])) }
    }

    /// An error that says when to come back.
    pub(super) fn retry_in(code: Code, reason: &str, delay: prost_types::Duration) -> Self {
        let retry = rpc::RetryInfo { retry_delay: Some(delay) };
        Self { messages: Vec::new(), status: Some(status(code, reason, vec![pack(&retry)])) }
    }

    fn into_response(self) -> http::Response<Body> {
        let mut frames = Vec::new();
        for message in self.messages {
            let mut frame = BytesMut::new();
            frame.put_u8(0);
            frame.put_u32(u32::try_from(message.len()).unwrap());
            frame.put_slice(&message);
            frames.push(Ok(Frame::data(frame.freeze())));
        }
        frames.push(match self.status {
            Some(status) => {
                let mut trailers = http::HeaderMap::new();
                status.add_header(&mut trailers).unwrap();
                Ok(Frame::trailers(trailers))
            }
            None => Err(std::io::Error::other("cut")),
        });
        // A reset discards what has not left yet: a moment before it, so that a cut comes after something arrived.
        let frames = futures::stream::iter(frames).then(async |frame| {
            if frame.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            frame
        });
        http::Response::builder()
            .header("content-type", "application/grpc")
            .body(Body::new(StreamBody::new(frames)))
            .unwrap()
    }
}

fn pack<M: Message + Name>(message: &M) -> prost_types::Any {
    prost_types::Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn status(code: Code, reason: &str, mut details: Vec<prost_types::Any>) -> Status {
    let info = rpc::ErrorInfo { reason: reason.into(), domain: "flagstone".into(), ..Default::default() };
    details.push(pack(&info));
    let inner = rpc::Status { code: code as i32, message: reason.into(), details };
    Status::with_details(code, reason, inner.encode_to_vec().into())
}

/// Starts the server and returns its URL and the names of the methods that were called so far.
pub(super) async fn serve(
    answer: impl Fn(&Call) -> Reply + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let answer = Arc::new(answer);
    let router = axum::Router::new().fallback(move |request: http::Request<axum::body::Body>| {
        let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
        async move {
            let (head, body) = request.into_parts();
            let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let call = Call {
                method: head.uri.path().rsplit('/').next().unwrap().to_owned(),
                token: header("authorization").map(|value| value.trim_start_matches("Bearer ").to_owned()),
                client: header("x-flagstone-client").unwrap_or_default(),
                body: body.collect().await.unwrap().to_bytes(),
            };
            seen.lock().unwrap().push(call.method.clone());
            answer(&call).into_response().map(axum::body::Body::new)
        }
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(Routes::from(router), incoming));
    (url, calls)
}
