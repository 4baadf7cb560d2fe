//! The web client: its files, and its page for every address that is nothing else. The page finds out by itself what to
//! show, with the same calls as every client; nothing here asks who is there.

mod files;
#[cfg(test)]
mod table;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(super) use files::Files;

use crate::config::Config;

/// The page.
const INDEX: &str = "index.html";

/// What never is an address of the web client: parts of the API and of operation, and the client's own files.
const RESERVED: [&str; 8] = [".well-known", "assets", "health", "healthz", "metrics", "readyz", "tfstate", "v1"];

/// What stands in the page where the nonce of its styles belongs.
const NONCE: &str = "__CSP_NONCE__";

/// What the page may load and do. Nothing inline: React sets styles by the object model, which is no attribute. Pictures
/// may be `data:` for those that a stylesheet holds.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// What the page never needs of the machine it is on.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
     midi=(), payment=(), serial=(), usb=()";

/// What is said where this build has no web client.
const NO_CLIENT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Flagstone</title>
<h1>This server has no web client</h1>
<p>It was built without one. In the repository, <code>make up</code> builds both and starts them;
<code>scripts/web build</code> builds the web client alone, and <code>FLAGSTONE_WEB_DIR</code> names a folder that has one.</p>
<p>The API is here: gRPC and gRPC-web on this port, and the <code>flagstone</code> command.</p>
";

/// How the content of a file is compressed. Vite's build leaves each beside the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// Our order: smallest first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// What its file is called beyond the name of the file itself.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }
}

/// Whether there is a web client to serve.
pub async fn is_there(config: &Config) -> bool {
    Files::of(config).read(INDEX).await.is_some()
}

/// Answers whatever is neither gRPC nor a route.
pub(super) async fn serve(files: &Files, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let path = path.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    // Services and files have a dot in the first part, addresses of the client have none.
    let reserved = first.contains('.') || RESERVED.contains(&first);
    if method != Method::GET && method != Method::HEAD {
        return if reserved {
            nothing_here()
        } else {
            (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response()
        };
    }
    if is_plain(path)
        && let Some(found) = file(files, path, headers).await
    {
        return without_body(method, found);
    }
    if reserved {
        return nothing_here();
    }
    let page = match page(files, INDEX).await {
        Some(page) => page,
        None => (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/html; charset=utf-8")], NO_CLIENT).into_response(),
    };
    without_body(method, page)
}

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing at this address. The API is gRPC and gRPC-web.\n").into_response()
}

/// The answer to HEAD is that to GET without what follows the headers.
fn without_body(method: &Method, mut response: Response) -> Response {
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Whether a path can name a file: no parts that lead elsewhere, none that are hidden, nothing escaped. What is compressed
/// is asked for by its own name.
fn is_plain(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte))
    };
    path.split('/').all(plain)
}

/// A file, in the best encoding that the client takes.
async fn file(files: &Files, path: &str, headers: &HeaderMap) -> Option<Response> {
    if path.ends_with(".html") {
        return page(files, path).await;
    }
    for encoding in accepted(headers) {
        if let Some(content) = files.read(&format!("{path}{}", encoding.suffix())).await {
            return Some(answer(path, encoding, content, headers));
        }
    }
    None
}

/// A page, with a nonce of its own: the library of dialogs keeps the page behind one from scrolling by a style element,
/// which only that lets in. A page is never the same twice, so it has no ETag, and with a kilobyte needs no compression.
async fn page(files: &Files, path: &str) -> Option<Response> {
    let page = files.read(path).await?;
    let nonce = Uuid::new_v4().simple().to_string();
    let page = String::from_utf8_lossy(&page).replace(NONCE, &nonce);
    let policy = POLICY.replace("style-src 'self'", &format!("style-src 'self' 'nonce-{nonce}'"));
    let length = page.len();
    let mut response = Response::new(Body::from(page));
    guard(response.headers_mut(), HeaderValue::try_from(policy).ok()?);
    describe(response.headers_mut(), path, length);
    Some(response)
}

fn answer(path: &str, encoding: Encoding, content: bytes::Bytes, headers: &HeaderMap) -> Response {
    // Of the very bytes that are sent, so that each encoding has its own.
    let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&content)[..16]));
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
    });
    let length = content.len();
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(content)) };
    let out = response.headers_mut();
    // With every file: a worker has the policy that its script came with.
    guard(out, HeaderValue::from_static(POLICY));
    if !known {
        describe(out, path, length);
        if encoding != Encoding::Identity {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
    }
    // The name of such a file holds the hash of its content. Everything else is asked for again.
    if path.starts_with("assets/") {
        out.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        out.insert(ETAG, etag);
    }
    response
}

/// What every file says of itself to be careful with; nothing is used again without asking.
fn guard(out: &mut HeaderMap, policy: HeaderValue) {
    out.insert(CONTENT_SECURITY_POLICY, policy);
    out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in [
        ("permissions-policy", PERMISSIONS),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        out.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// What the content is. Its length is said here, since the answer to HEAD has nothing to count.
fn describe(out: &mut HeaderMap, path: &str, length: usize) {
    out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    out.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// The encodings that a client takes, in our order. Itself uncompressed is always the last resort, even where a client
/// forbids it: better than nothing.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Encoding> {
    let offers: Vec<(String, bool)> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            (name, quality.is_ok_and(|quality| quality > 0.0))
        })
        .collect();
    let takes = move |encoding: &Encoding| {
        let offer = |name: &str| offers.iter().find(|(offered, _)| offered == name).map(|(_, taken)| *taken);
        *encoding == Encoding::Identity || offer(encoding.name()).or_else(|| offer("*")).unwrap_or_default()
    };
    Encoding::ALL.into_iter().filter(takes)
}

/// By the ending of the name.
fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_name_files() {
        for path in ["index.html", "assets/index-B3x_1.js", "assets/deep/a.woff2"] {
            assert!(is_plain(path), "{path}");
        }
        for path in
            ["", ".", "..", "../x", "assets/../x", "assets//x", "assets/", ".vite/x", "a%2e", "a\\b", "ä", "a b"]
        {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn the_smallest_encoding_that_is_taken_comes_first() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            accepted(&headers).map(Encoding::name).collect::<Vec<_>>().join(" ")
        };
        for (value, expected) in [
            ("gzip, deflate, br, zstd", "br gzip identity"),
            ("br;q=0.1, gzip;q=1.0", "br gzip identity"),
            ("gzip", "gzip identity"),
            ("GZIP", "gzip identity"),
            ("br;q=0, *", "gzip identity"),
            ("*;q=0", "identity"),
            ("br;q=x", "identity"),
            ("identity;q=0, br", "br identity"),
            ("", "identity"),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
    }
}
