//! The edge as its callers see it, without a socket: requests go into the router.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use flagstone_api::google::rpc;
use flagstone_api::pb;
use flagstone_db::testing::TestDatabase;
use http::{Method, Request, Response, StatusCode};
use prost::Message;

use super::*;
use crate::config::{Config, Mode, Secret};
use crate::contract::Contract;
use crate::{bootstrap, serve, services};

const ORIGIN: &str = "https://portal.example.org";
const PASSWORD: &str = "quaint-lantern-orbit-meadow";

/// A server without a socket. The database and the directory go away with it.
struct Edge {
    router: Router,
    app: Arc<App>,
    _database: TestDatabase,
    _data_dir: tempfile::TempDir,
}

impl Edge {
    async fn start(change: fn(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let data_dir = tempfile::tempdir().unwrap();
        let key = Secret::new("kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e");
        let mut config = Config::new(Mode::Development, database.url(), key, data_dir.path().into());
        config.edge.cors_origins = vec![ORIGIN.to_owned()];
        config.admin.password = Some(Secret::new(PASSWORD));
        change(&mut config);
        let app = serve::app(config, Contract::load().unwrap()).await.unwrap();
        bootstrap::run(&app).await.map_err(serve::StartError::from).unwrap();
        let (_, health) = services::health::service();
        let router = router(&app, services::beside(services::routes(&app), health).unwrap());
        Self { router, app, _database: database, _data_dir: data_dir }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends one message as gRPC.
    async fn call(&self, path: &str, message: &impl Message, token: &str) -> Response<Body> {
        self.send(grpc(path, "application/grpc", frame(&message.encode_to_vec()), token)).await
    }

    async fn login(&self) -> pb::LoginResponse {
        let request = pb::LoginRequest { identifier: "admin".into(), password: PASSWORD.into(), ..Default::default() };
        read(self.call("/flagstone.v1.AuthService/Login", &request, "").await).await
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

fn grpc(path: &str, content_type: &str, body: Vec<u8>, token: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://localhost{path}"))
        .version(if content_type.contains("web") { http::Version::HTTP_11 } else { http::Version::HTTP_2 })
        .header("content-type", content_type)
        .header("te", "trailers");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body)).unwrap()
}

/// The message of a gRPC answer that succeeded.
async fn read<M: Message + Default>(response: Response<Body>) -> M {
    assert!(!response.headers().contains_key("grpc-status"), "{:?}", response.headers());
    let bytes = to_bytes(response.into_body(), MESSAGE_MAX).await.unwrap();
    M::decode(&bytes[5..]).unwrap()
}

/// The reason of an error whose status is in the headers, and its code.
fn reason(response: &Response<Body>) -> (String, String) {
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let details = header("grpc-status-details-bin");
    let bytes = STANDARD.decode(&details).or_else(|_| STANDARD_NO_PAD.decode(&details)).unwrap();
    let status = rpc::Status::decode(bytes.as_slice()).unwrap();
    let info = rpc::ErrorInfo::decode(status.details[0].value.as_slice()).unwrap();
    assert_eq!(info.domain, "flagstone");
    assert_eq!(info.metadata["correlation_id"], header("x-request-id"));
    (header("grpc-status"), info.reason)
}

#[tokio::test]
async fn the_layers_stand_in_the_order_of_the_architecture() {
    let edge = Edge::start(|_| {}).await;
    let app = &edge.app;
    let stack = layers!(app);
    let name = std::any::type_name_of_val(&stack);
    // Used as they are meant, so that the compiler knows the whole type.
    let _: Router = Router::new().layer(stack);
    // A stack names its innermost layer first.
    let order = [
        "admission::admit",
        "rate::rate_limit",
        "authenticate::authenticate",
        "deadline::deadline",
        "GlobalConcurrencyLimitLayer",
        "LoadShedLayer",
        "HandleErrorLayer",
        "errors::catch_panic",
        "errors::map_errors",
        "metrics::measure",
        "trace::trace",
        "GrpcWebLayer",
    ];
    let places: Vec<_> =
        order.iter().map(|layer| name.find(layer).unwrap_or_else(|| panic!("{layer}: {name}"))).collect();
    assert!(places.is_sorted(), "{name}");
}

#[tokio::test]
async fn every_error_says_why_and_has_its_correlation_id() {
    let edge = Edge::start(|_| {}).await;
    let me = "/flagstone.v1.UserService/GetMe";
    let huge = frame(&pb::LoginRequest { identifier: "x".repeat(MESSAGE_MAX), ..Default::default() }.encode_to_vec());
    for (request, code, expected) in [
        (grpc("/flagstone.v1.UserService/Nothing", "application/grpc", frame(&[]), ""), "12", "UNKNOWN_METHOD"),
        (grpc("/nothing/AtAll", "application/grpc", frame(&[]), ""), "12", "UNKNOWN_METHOD"),
        (grpc(me, "application/grpc", frame(&[]), ""), "16", "BAD_CREDENTIALS"),
        (grpc(me, "application/grpc", frame(&[]), "nonsense"), "16", "BAD_CREDENTIALS"),
        (grpc("/flagstone.v1.AuthService/Login", "application/grpc", frame(&[255; 3]), ""), "3", "FIELD_INVALID"),
        (grpc("/flagstone.v1.AuthService/Login", "application/grpc", huge, ""), "3", "PAYLOAD_TOO_LARGE"),
    ] {
        let path = request.uri().path().to_owned();
        let found = reason(&edge.send(request).await);
        assert_eq!(found, (code.to_owned(), expected.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_session_lives_until_its_logout() {
    let edge = Edge::start(|_| {}).await;
    let tokens = edge.login().await.tokens.unwrap();
    let me = "/flagstone.v1.UserService/GetMe";
    let user: pb::User = read(edge.call(me, &pb::GetMeRequest {}, &tokens.access_token).await).await;
    assert_eq!(
        (user.name.as_str(), user.organization_roles.as_slice()),
        ("users/admin", &["roles/installation-operator".to_owned(), "roles/platform-admin".to_owned()][..])
    );

    let refresh = |token: &str| pb::RefreshSessionRequest { refresh_token: token.to_owned(), ..Default::default() };
    let path = "/flagstone.v1.AuthService/RefreshSession";
    let fresh: pb::RefreshSessionResponse = read(edge.call(path, &refresh(&tokens.refresh_token), "").await).await;
    let fresh = fresh.tokens.unwrap();
    let _: pb::LogoutResponse =
        read(edge.call("/flagstone.v1.AuthService/Logout", &pb::LogoutRequest::default(), &fresh.access_token).await)
            .await;
    for token in [&tokens.access_token, &fresh.access_token] {
        let refused = edge.call(me, &pb::GetMeRequest {}, token).await;
        assert_eq!(reason(&refused).1, "PRINCIPAL_INACTIVE");
    }
    let refused = edge.call(path, &refresh(&fresh.refresh_token), "").await;
    assert_eq!(reason(&refused).1, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let edge = Edge::start(|_| {}).await;
    let (one, other) = (edge.login().await.tokens.unwrap(), edge.login().await.tokens.unwrap());
    let path = "/flagstone.v1.AuthService/RefreshSession";
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let refresh =
        |token: &str, id: &str| pb::RefreshSessionRequest { refresh_token: token.into(), request_id: id.into() };
    let first: pb::RefreshSessionResponse = read(edge.call(path, &refresh(&one.refresh_token, id), "").await).await;
    let again: pb::RefreshSessionResponse = read(edge.call(path, &refresh(&one.refresh_token, id), "").await).await;
    assert_eq!(first, again);
    let reused = edge.call(path, &refresh(&one.refresh_token, ""), "").await;
    assert_eq!(reason(&reused), ("16".to_owned(), "TOKEN_REUSED".to_owned()));
    let dead = edge.call(path, &refresh(&first.tokens.unwrap().refresh_token, ""), "").await;
    assert_eq!(reason(&dead).1, "BAD_CREDENTIALS");
    let _: pb::RefreshSessionResponse = read(edge.call(path, &refresh(&other.refresh_token, ""), "").await).await;
}

#[tokio::test]
async fn failed_logins_are_alike_and_the_sixth_is_refused() {
    let edge = Edge::start(|_| {}).await;
    let path = "/flagstone.v1.AuthService/Login";
    let login = |identifier: &str, password: &str| pb::LoginRequest {
        identifier: identifier.into(),
        password: password.into(),
        ..Default::default()
    };
    let wrong = edge.call(path, &login("admin", "wrong"), "").await;
    let unknown = edge.call(path, &login("nobody", "wrong"), "").await;
    assert_eq!(reason(&wrong).1, "BAD_CREDENTIALS");
    assert_eq!(wrong.headers()["grpc-message"], unknown.headers()["grpc-message"]);
    for _ in 0..4 {
        assert_eq!(reason(&edge.call(path, &login("Admin", "wrong"), "").await).1, "BAD_CREDENTIALS");
    }
    let refused = edge.call(path, &login("admin", PASSWORD), "").await;
    assert_eq!(reason(&refused), ("8".to_owned(), "RATE_LIMITED".to_owned()));
    // Another identifier of the same account is another pair.
    let other = login("ADMIN@flagstone.localhost", PASSWORD);
    let _: pb::LoginResponse = read(edge.call(path, &other, "").await).await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_is_answered_again() {
    let edge = Edge::start(|config| config.mode = Mode::Production).await;
    let (mine, other) = (edge.login().await, edge.login().await);
    assert!(mine.password_change_required);
    let (mine, other) = (mine.tokens.unwrap(), other.tokens.unwrap());
    let list = "/flagstone.v1.TemplateService/ListTemplates";
    let early = edge.call(list, &pb::ListTemplatesRequest::default(), &mine.access_token).await;
    assert_eq!(reason(&early).1, "PASSWORD_CHANGE_REQUIRED");

    let path = "/flagstone.v1.AuthService/ChangePassword";
    let mut change = pb::ChangePasswordRequest {
        current_password: "wrong".into(),
        new_password: "admin".into(),
        request_id: "7c9e6679-7425-40de-944b-e07fc1f90ae8".into(),
    };
    let refused = edge.call(path, &change, &mine.access_token).await;
    assert_eq!(reason(&refused).1, "FIELD_INVALID");
    change.current_password = PASSWORD.into();
    change.new_password = "drowsy-kettle-velvet-comet".into();
    for _ in 0..2 {
        let answer: pb::ChangePasswordResponse = read(edge.call(path, &change, &mine.access_token).await).await;
        assert_eq!(answer.revoked_sessions, 1);
    }
    let _: pb::ListTemplatesResponse =
        read(edge.call(list, &pb::ListTemplatesRequest::default(), &mine.access_token).await).await;
    let ended = edge.call(list, &pb::ListTemplatesRequest::default(), &other.access_token).await;
    assert_eq!(reason(&ended).1, "PRINCIPAL_INACTIVE");
}

#[tokio::test]
async fn a_principal_has_its_calls_a_minute() {
    let edge = Edge::start(|config| config.edge.calls_per_minute = 2).await;
    let token = edge.login().await.tokens.unwrap().access_token;
    let me = "/flagstone.v1.UserService/GetMe";
    for left in ["1", "0"] {
        let answer = edge.call(me, &pb::GetMeRequest {}, &token).await;
        assert_eq!(
            (&answer.headers()["x-ratelimit-limit"], &answer.headers()["x-ratelimit-remaining"]),
            (&"2".parse::<http::HeaderValue>().unwrap(), &left.parse().unwrap())
        );
    }
    let refused = edge.call(me, &pb::GetMeRequest {}, &token).await;
    assert_eq!(reason(&refused), ("8".to_owned(), "RATE_LIMITED".to_owned()));
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
}

#[tokio::test]
async fn browsers_of_listed_origins_may_read_and_others_may_not() {
    let edge = Edge::start(|config| config.public_url = "https://flagstone.example.org".into()).await;
    let from = |origin: &str| {
        let mut request = grpc("/flagstone.v1.UserService/GetMe", "application/grpc-web+proto", frame(&[]), "");
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let answer = edge.send(from(ORIGIN)).await;
    assert_eq!(reason(&answer).1, "BAD_CREDENTIALS");
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/grpc-web"));
    assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(["grpc-status", "grpc-status-details-bin", "x-request-id"].iter().all(|name| exposed.contains(name)));
    for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(answer.headers().contains_key("strict-transport-security"));
    assert!(!edge.send(from("https://evil.example.org")).await.headers().contains_key("access-control-allow-origin"));

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/flagstone.v1.UserService/GetMe")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,x-grpc-web");
    let answer = edge.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
}

#[tokio::test]
async fn probes_tell_the_state_and_metrics_are_not_for_everybody() {
    let edge = Edge::start(|_| {}).await;
    let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/health", 200), ("/metrics", 404), ("/v1", 404)] {
        let answer = edge.send(get(path)).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.headers().contains_key("x-request-id"));
    }
    edge.app.shutdown.cancel();
    assert_eq!(edge.send(get("/readyz")).await.status(), 503);
    assert_eq!(edge.send(get("/healthz")).await.status(), 200);
}

#[tokio::test]
async fn a_start_that_finds_everything_changes_nothing() {
    let edge = Edge::start(|_| {}).await;
    let count = async || {
        let login = edge.login().await.tokens.unwrap().access_token;
        let list = pb::ListAuditEventsRequest { page_size: 200, ..Default::default() };
        let events: pb::ListAuditEventsResponse =
            read(edge.call("/flagstone.v1.AuditService/ListAuditEvents", &list, &login).await).await;
        events.audit_events.iter().filter(|event| event.principal == "system").count()
    };
    let before = count().await;
    assert!(before >= 3, "{before} events");
    bootstrap::run(&edge.app).await.map_err(serve::StartError::from).unwrap();
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn a_changed_template_of_a_published_version_is_refused_by_name() {
    let mut edge = Edge::start(|_| {}).await;
    let dir = tempfile::tempdir().unwrap();
    let source = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/config-bundle"));
    let copy = dir.path().join("config-bundle");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(source).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    std::fs::write(copy.join("main.tf"), "# changed\n").unwrap();
    // The router holds the app too.
    edge.router = Router::new();
    let app = Arc::get_mut(&mut edge.app).unwrap();
    app.config.templates_dir = Some(dir.path().into());
    let refused = serve::StartError::from(bootstrap::run(&edge.app).await.unwrap_err()).to_string();
    assert!(refused.contains("config-bundle") && refused.contains("raise `version`"), "{refused}");
}
