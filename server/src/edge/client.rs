//! Where a call comes from: the address behind trusted proxies, and the kind of client.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use http::header::USER_AGENT;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use tonic::transport::server::TcpConnectInfo;

use super::{Wire, request_id};
use crate::call::{Call, Origin};

/// The proxies that add the address they heard from.
const FORWARDED: &str = "x-forwarded-for";

/// What our own clients call themselves: `cli` or `web`, with `/` and a version after it.
const CLIENT: &str = "x-flagstone-client";

/// What is known of a call before anybody looked at its credential.
pub(super) fn call_of(request: &Request, trusted: &[IpNet]) -> Call {
    let headers = request.headers();
    let text = |name: http::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Call {
        correlation_id: request_id::of(request.extensions()),
        ip: address(request.extensions(), headers, trusted).map_or_else(|| Arc::from(""), |ip| ip.to_string().into()),
        user_agent: text(USER_AGENT).into(),
        origin: origin(headers, request.extensions()),
        started: Instant::now(),
    }
}

/// The address of the client: the peer's, or the last one that a trusted proxy heard from. `None` within the process.
pub(super) fn address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip().to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut client = peer;
    // Each proxy appends the address it heard from: the last one is the nearest.
    let mut forwarded: Vec<_> = headers
        .get_all(FORWARDED)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|ip| ip.trim().parse::<IpAddr>().map(|ip| ip.to_canonical()))
        .collect();
    while is_trusted(&client) {
        match forwarded.pop() {
            Some(Ok(next)) => client = next,
            // Nothing more, or nonsense: whoever sent it is the client as far as we know.
            Some(Err(_)) | None => break,
        }
    }
    Some(client)
}

/// What the client calls itself, without its version.
pub(super) fn name(headers: &HeaderMap) -> Option<&str> {
    headers.get(CLIENT)?.to_str().ok()?.split('/').next()
}

fn origin(headers: &HeaderMap, extensions: &Extensions) -> Origin {
    match (name(headers), extensions.get::<Wire>()) {
        (Some("cli"), _) => Origin::Cli,
        (Some("web"), _) | (None, Some(Wire::GrpcWeb)) => Origin::Ui,
        _ => Origin::Api,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut extensions = Extensions::new();
        let remote_addr = Some(std::net::SocketAddr::new(peer.parse().unwrap(), 5));
        extensions.insert(TcpConnectInfo { local_addr: None, remote_addr });
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        address(&extensions, &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies = ["10.0.0.0/8"];
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.2.3.4, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
        ] {
            assert_eq!(client(peer, forwarded, &proxies), expected, "{peer} {forwarded:?}");
        }
        assert_eq!(client("10.0.0.1", &["203.0.113.9"], &[]), "10.0.0.1");
    }

    #[test]
    fn clients_say_what_they_are() {
        let of = |client: Option<&str>, wire| {
            let mut headers = HeaderMap::new();
            if let Some(client) = client {
                headers.insert(CLIENT, client.parse().unwrap());
            }
            let mut extensions = Extensions::new();
            extensions.insert(wire);
            origin(&headers, &extensions)
        };
        assert_eq!(of(Some("cli"), Wire::Grpc), Origin::Cli);
        assert_eq!(of(Some("cli/0.1.0"), Wire::Grpc), Origin::Cli);
        assert_eq!(of(None, Wire::GrpcWeb), Origin::Ui);
        assert_eq!(of(Some("web"), Wire::Grpc), Origin::Ui);
        assert_eq!(of(None, Wire::Grpc), Origin::Api);
        assert_eq!(of(Some("other"), Wire::Grpc), Origin::Api);
    }
}
