//! The web client as the server serves it: its files, its page for every address of its own, and what browsers are told.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Response};
use tempfile::TempDir;

use crate::support::TestApp;
use crate::support::http::{get, send};

const PAGE: &str = "<!doctype html><title>The page</title>";
const SCRIPT: &str = "console.log('plain')";

/// A built client: a page, a script with its compressed copies, a picture without, and what must not be served.
fn client() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &str| {
        let path = dir.path().join("dist").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("index.html", PAGE);
    write("favicon.svg", "<svg/>");
    write("assets/app-B3x_1.js", SCRIPT);
    write("assets/app-B3x_1.js.br", "as brotli");
    write("assets/app-B3x_1.js.gz", "as gzip");
    write("assets/font.woff2", "a font");
    write(".vite/manifest.json", "hidden");
    fs::write(dir.path().join("secret"), "outside").unwrap();
    dir
}

async fn serving(dir: &Path) -> TestApp {
    let dist = dir.join("dist");
    TestApp::builder().config(move |config| config.web_dir = Some(dist)).start().await
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

fn text(answer: &Response<Bytes>) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

#[tokio::test]
async fn every_address_of_the_client_is_its_page_and_reserved_ones_are_not() {
    let dir = client();
    let app = serving(dir.path()).await;
    for path in
        ["/", "/index.html", "/login", "/requests/R-1", "/templates/aws-s3/versions/1.0.0", "/deployments/a/%E2%80%A6"]
    {
        let answer = get(app.address, path, &[]).await;
        assert_eq!((answer.status().as_u16(), text(&answer)), (200, PAGE), "{path}");
        assert_eq!(header(&answer, "content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(header(&answer, "cache-control"), Some("no-cache"), "{path}");
    }
    for path in [
        "/assets/absent.js",
        "/assets",
        "/assets/",
        "/flagstone.v1.UserService/GetMe",
        "/grpc.health.v1.Health/Check",
        "/v1/users",
        "/tfstate/sandbox",
        "/healthz/x",
        "/robots.txt",
    ] {
        let answer = get(app.address, path, &[]).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_ne!(text(&answer), PAGE, "{path}");
    }
    assert_eq!(text(&get(app.address, "/healthz", &[]).await), "ok\n");
    let posted = send(app.address, Method::POST, "/login", &[("content-type", "text/plain")], Bytes::new()).await;
    assert_eq!((posted.status().as_u16(), header(&posted, "allow")), (405, Some("GET, HEAD")));
    app.finish().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let dir = client();
    let app = serving(dir.path()).await;
    for path in [
        "/../secret",
        "/assets/../../secret",
        "/assets/..%2f..%2fsecret",
        "/%2e%2e/secret",
        "/assets/%2e%2e/%2e%2e/secret",
        "/..\\secret",
        "//secret",
        "/.vite/manifest.json",
    ] {
        let answer = get(app.address, path, &[]).await;
        assert!(!["outside", "hidden"].contains(&text(&answer)), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn files_are_sent_as_small_as_the_client_takes_them_and_kept_for_good() {
    let dir = client();
    let app = serving(dir.path()).await;
    let path = "/assets/app-B3x_1.js";
    let mut etags = Vec::new();
    for (accepted, encoding, content) in [
        ("gzip, deflate, br, zstd", Some("br"), "as brotli"),
        ("gzip", Some("gzip"), "as gzip"),
        ("br;q=0, gzip;q=0.5", Some("gzip"), "as gzip"),
        ("zstd", None, SCRIPT),
    ] {
        let answer = get(app.address, path, &[("accept-encoding", accepted)]).await;
        assert_eq!((header(&answer, "content-encoding"), text(&answer)), (encoding, content), "{accepted}");
        assert_eq!(header(&answer, "content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(header(&answer, "cache-control"), Some("public, max-age=31536000, immutable"));
        let vary: Vec<_> = answer.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.iter().any(|vary| vary.eq_ignore_ascii_case("accept-encoding")), "{vary:?}");
        etags.push(header(&answer, "etag").unwrap().to_owned());

        let head = send(app.address, Method::HEAD, path, &[("accept-encoding", accepted)], Bytes::new()).await;
        assert_eq!((head.status().as_u16(), text(&head)), (200, ""), "{accepted}");
        assert_eq!(header(&head, "content-length"), Some(content.len().to_string().as_str()), "{accepted}");
        assert_eq!(header(&head, "etag"), header(&answer, "etag"), "{accepted}");
    }
    etags.dedup();
    assert_eq!(etags.len(), 3, "each encoding has its own");
    let plain = get(app.address, "/assets/font.woff2", &[("accept-encoding", "br")]).await;
    assert_eq!((header(&plain, "content-encoding"), header(&plain, "content-type")), (None, Some("font/woff2")));

    for known in [etags[2].clone(), format!("\"other\", W/{}", etags[2]), "*".to_owned()] {
        let answer = get(app.address, path, &[("if-none-match", &known)]).await;
        assert_eq!((answer.status().as_u16(), text(&answer)), (304, ""), "{known}");
        assert_eq!(header(&answer, "etag"), Some(etags[2].as_str()));
        assert!(header(&answer, "cache-control").is_some());
    }
    assert_eq!(get(app.address, path, &[("if-none-match", &etags[0])]).await.status(), 200);

    // A new build is there at once.
    fs::write(dir.path().join("dist/index.html"), "new").unwrap();
    assert_eq!(text(&get(app.address, "/", &[]).await), "new");
    app.finish().await;
}

#[tokio::test]
async fn the_page_may_run_nothing_inline_and_load_nothing_from_elsewhere() {
    let dir = client();
    let app = serving(dir.path()).await;
    for path in ["/", "/requests/R-1", "/assets/app-B3x_1.js"] {
        let answer = get(app.address, path, &[]).await;
        let policy = header(&answer, "content-security-policy").unwrap();
        let sources = |directive: &str| {
            policy.split("; ").find_map(|part| part.strip_prefix(directive)?.strip_prefix(' ')).unwrap()
        };
        let style = sources("style-src").strip_prefix("'self'").unwrap();
        assert_eq!(style.starts_with(" 'nonce-"), !path.starts_with("/assets/"), "{path}: {style}");
        for (directive, expected) in [
            ("default-src", "'none'"),
            ("script-src", "'self'"),
            ("connect-src", "'self'"),
            ("img-src", "'self' data:"),
            ("font-src", "'self'"),
            ("base-uri", "'none'"),
            ("form-action", "'self'"),
            ("frame-ancestors", "'none'"),
        ] {
            assert_eq!(sources(directive), expected, "{path}: {directive}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), Some(value), "{path}");
        }
        assert!(header(&answer, "permissions-policy").unwrap().contains("camera=()"), "{path}");
        assert!(header(&answer, "x-request-id").is_some(), "{path}");
    }
    // What is no page may do nothing at all.
    let answer = get(app.address, "/healthz", &[]).await;
    assert_eq!(header(&answer, "content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    app.finish().await;
}

#[tokio::test]
async fn each_page_lets_in_styles_by_a_nonce_of_its_own() {
    let dir = client();
    fs::write(dir.path().join("dist/index.html"), r#"<meta property="csp-nonce" nonce="__CSP_NONCE__">"#).unwrap();
    let app = serving(dir.path()).await;
    let mut nonces = Vec::new();
    for path in ["/", "/", "/index.html", "/login"] {
        let answer = get(app.address, path, &[]).await;
        let nonce = text(&answer).split('"').nth(3).unwrap().to_owned();
        assert!(nonce.len() >= 22 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{path}: {nonce}");
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.contains(&format!("style-src 'self' 'nonce-{nonce}';")), "{path}: {policy}");
        assert!(policy.contains("script-src 'self';"), "{path}: no script by a nonce: {policy}");
        // One that is kept would have the nonce of another answer.
        assert_eq!((header(&answer, "cache-control"), header(&answer, "etag")), (Some("no-cache"), None), "{path}");
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn anybody_gets_the_page_as_often_as_wanted() {
    let dir = client();
    let dist = dir.path().join("dist");
    let app = TestApp::builder()
        .config(move |config| {
            config.web_dir = Some(dist);
            config.edge.anonymous_calls_per_minute = 1;
        })
        .start()
        .await;
    for _ in 0..5 {
        let answer = get(app.address, "/login", &[("authorization", "Bearer nonsense")]).await;
        assert_eq!(answer.status(), 200);
        assert!(header(&answer, "x-ratelimit-limit").is_none());
    }
    app.finish().await;
}

#[tokio::test]
async fn a_server_without_the_client_says_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let app = serving(dir.path()).await;
    for path in ["/", "/login"] {
        let answer = get(app.address, path, &[]).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(header(&answer, "content-type"), Some("text/html; charset=utf-8"));
        assert!(text(&answer).contains("make up") && !text(&answer).contains("<script"), "{path}: {}", text(&answer));
        assert_eq!(header(&answer, "content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    }
    app.finish().await;
}
