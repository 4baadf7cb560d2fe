//! HTTP/1.1 as browsers speak it: plain requests, and gRPC-web with its frames taken apart.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use flagstone_client::Error;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::TcpStream;
use tonic::Status;

/// Sends one request over a connection of its own and takes the whole answer.
pub async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    try_send(address, method, path, headers, body.into()).await.expect("the server answers")
}

/// Whether a server says that it serves. One that is just starting or ending may cut the call short: it does not.
pub async fn is_ready(address: SocketAddr) -> bool {
    let answer = try_send(address, Method::GET, "/readyz", &[], Bytes::new()).await;
    answer.is_ok_and(|answer| answer.status() == http::StatusCode::OK)
}

async fn try_send(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let mut request = Request::builder().method(method).uri(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = sender.send_request(request.body(Full::new(body))?).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

/// Sends a GET.
pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    send(address, Method::GET, path, headers, Bytes::new()).await
}

/// An answer of gRPC-web.
pub struct WebAnswer {
    pub headers: HeaderMap,
    pub messages: Vec<Bytes>,
    /// What follows the messages, as headers.
    pub trailers: HeaderMap,
}

impl WebAnswer {
    /// The error; `None` where the call went well.
    pub fn error(&self) -> Option<Error> {
        let status = Status::from_header_map(&self.trailers).or_else(|| Status::from_header_map(&self.headers));
        let status = status.expect("an answer has a status");
        (status.code() != tonic::Code::Ok).then(|| Error::from(status))
    }
}

/// Makes a call by gRPC-web.
pub async fn grpc_web(address: SocketAddr, path: &str, headers: &[(&str, &str)], request: &impl Message) -> WebAnswer {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(request.encoded_len()).expect("a request is small"));
    frame.put(request.encode_to_vec().as_slice());
    let mut all = vec![("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
    all.extend_from_slice(headers);
    let (head, body) = send(address, Method::POST, path, &all, frame.freeze()).await.into_parts();
    let mut answer = WebAnswer { headers: head.headers, messages: Vec::new(), trailers: HeaderMap::new() };
    let mut rest = body;
    while rest.len() >= 5 {
        let flags = rest[0];
        let length = usize::try_from(u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]])).expect("it fits");
        let frame = rest.slice(5..5 + length);
        rest = rest.slice(5 + length..);
        if flags & 0x80 == 0 {
            answer.messages.push(frame);
            continue;
        }
        for line in String::from_utf8_lossy(&frame).lines() {
            let (name, value) = line.split_once(':').expect("a trailer has a colon");
            let name = http::HeaderName::try_from(name.trim()).expect("a trailer has a name");
            answer.trailers.insert(name, value.trim().parse().expect("a trailer has a value"));
        }
    }
    assert!(rest.is_empty(), "the answer ends in the middle of a frame");
    answer
}
