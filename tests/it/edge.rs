//! The edge: what every call meets before its handler, seen from outside.

use std::time::Duration;

use bytes::Bytes;
use flagstone_api::pb::{self, ErrorReason};
use http::Method;
use prost::Message;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::support::caller::REQUEST_ID;
use crate::support::http::{get, grpc_web, send};
use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, TestApp};

const ORIGIN: &str = "https://portal.example.org";

fn bearer(caller: &Caller) -> String {
    format!("Bearer {}", caller.token())
}

#[tokio::test]
async fn grpc_web_carries_answers_errors_with_details_and_streams() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let authorization = bearer(&dev);
    let headers = [("authorization", authorization.as_str())];

    let answer = grpc_web(app.address, "/flagstone.v1.UserService/GetMe", &headers, &pb::GetMeRequest {}).await;
    assert!(answer.error().is_none());
    assert_eq!(pb::User::decode(answer.messages[0].clone()).unwrap().username, "dev");

    let request = pb::CreateRequestRequest { parent: "businessUnits/sandbox".into(), ..Default::default() };
    let answer = grpc_web(app.address, "/flagstone.v1.RequestService/CreateRequest", &headers, &request).await;
    let web = answer.error().unwrap();
    let native = Error::from(dev.requests().create_request(request).await.unwrap_err());
    assert_eq!((web.code, web.reason), (Code::InvalidArgument, Some(ErrorReason::FieldInvalid)));
    assert_eq!(web.violations.fields, native.violations.fields);

    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "watched"));
    draft.draft = true;
    let name = dev.requests().create_request(draft).await.unwrap().into_inner().name;
    let cancel = pb::CancelRequestRequest { name: name.clone(), ..Default::default() };
    dev.requests().cancel_request(cancel).await.unwrap();
    let watch = pb::WatchRequestRequest { name, ..Default::default() };
    let answer = grpc_web(app.address, "/flagstone.v1.RequestService/WatchRequest", &headers, &watch).await;
    assert!(answer.error().is_none());
    let events: Vec<_> =
        answer.messages.iter().map(|bytes| pb::WatchRequestResponse::decode(bytes.clone()).unwrap().event).collect();
    assert!(matches!(events.first(), Some(Some(pb::watch_request_response::Event::Open(_)))), "{events:?}");
    let Some(Some(pb::watch_request_response::Event::End(end))) = events.last() else { panic!("no end: {events:?}") };
    assert_eq!(end.reason(), pb::StreamEndReason::Complete);
    app.finish().await;
}

#[tokio::test]
async fn a_preflight_of_a_known_origin_is_allowed_and_of_another_is_not() {
    let app = TestApp::builder().config(|config| config.edge.cors_origins = vec![ORIGIN.into()]).start().await;
    let path = "/flagstone.v1.UserService/GetMe";
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,x-grpc-web"),
        ];
        send(app.address, Method::OPTIONS, path, &headers, Bytes::new()).await
    };
    let known = preflight(ORIGIN).await;
    let header = |name: &str| known.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase());
    assert_eq!(header("access-control-allow-origin").as_deref(), Some(ORIGIN));
    assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
    let accepted = header("access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "x-grpc-web"] {
        assert!(accepted.contains(name), "{name} in {accepted}");
    }
    for foreign in ["https://evil.example.org", "null", "https://portal.example.org.evil.org"] {
        let refused = preflight(foreign).await;
        assert!(refused.headers().get("access-control-allow-origin").is_none(), "{foreign}: {refused:?}");
    }

    let authorization = bearer(&app.as_dev().await);
    let headers = [("authorization", authorization.as_str()), ("origin", ORIGIN)];
    let answer = grpc_web(app.address, path, &headers, &pb::GetMeRequest {}).await;
    let exposed = answer.headers.get("access-control-expose-headers").unwrap().to_str().unwrap().to_lowercase();
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
    app.finish().await;
}

#[tokio::test]
async fn browsers_are_told_to_be_careful() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/assets/nothing-here"] {
        let answer = get(app.address, path, &[]).await;
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
            assert_eq!(answer.headers().get(name).unwrap(), value, "{path}");
        }
        assert!(answer.headers().contains_key("content-security-policy"), "{path}");
        // Not over plain HTTP: browsers would lock themselves out.
        assert!(!answer.headers().contains_key("strict-transport-security"), "{path}");
    }
    app.finish().await;

    let https = |config: &mut flagstone_server::config::Config| config.public_url = "https://flagstone.test".into();
    let app = TestApp::builder().config(https).start().await;
    assert!(get(app.address, "/healthz", &[]).await.headers().contains_key("strict-transport-security"));
    app.finish().await;
}

#[tokio::test]
async fn health_is_told_over_http_and_grpc() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/readyz", "/health"] {
        assert_eq!(get(app.address, path, &[]).await.status(), 200, "{path}");
    }
    let answer = HealthClient::new(app.anonymous()).check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let answer = get(app.address, "/healthz/nothing", &[]).await;
    assert_eq!(answer.status(), 404);
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_method_is_told_with_our_reason() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    for path in ["/flagstone.v1.UserService/Nothing", "/flagstone.v2.UserService/GetMe", "/a.B/C"] {
        for caller in [&dev, &app.anonymous()] {
            let mut client = tonic::client::Grpc::new(caller.clone());
            client.ready().await.unwrap();
            let request = tonic::Request::new(Bytes::new());
            let path = http::uri::PathAndQuery::from_static(path);
            let error = Error::from(client.unary(request, path.clone(), crate::support::codec::Raw).await.unwrap_err());
            let expected = (Code::Unimplemented, Some(ErrorReason::UnknownMethod));
            assert_eq!((error.code, error.reason), expected, "{path}: {error:?}");
        }
        let answer = grpc_web(app.address, path, &[], &pb::GetMeRequest {}).await;
        assert_eq!(answer.error().unwrap().reason, Some(ErrorReason::UnknownMethod), "{path} by gRPC-web");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_message_of_more_than_ten_megabytes_is_refused_and_what_is_no_message_too() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let request = pb::GetRequestRequest { name: "x".repeat(10 * 1024 * 1024 + 1) };
    let error = Error::from(dev.requests().get_request(request).await.unwrap_err());
    assert!(matches!(error.code, Code::OutOfRange | Code::ResourceExhausted | Code::InvalidArgument), "{error:?}");
    assert_eq!(error.reason, Some(ErrorReason::PayloadTooLarge), "{error:?}");

    let method = crate::support::contract::method("GetRequest");
    let error = Error::from(dev.call_bytes(&method, Bytes::from_static(b"\xff\xff\xff")).await.unwrap_err());
    assert_ne!(error.code, Code::Unknown, "{error:?}");
    assert!(error.reason.is_some(), "{error:?}");
    // The connection lives on.
    dev.users().get_me(pb::GetMeRequest {}).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn the_id_of_a_call_is_echoed_or_made_and_links_answer_error_and_audit() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let answer = dev.with_request_id("my.call_1-A").users().get_me(pb::GetMeRequest {}).await.unwrap();
    assert_eq!(answer.metadata().get(REQUEST_ID.as_str()).unwrap(), "my.call_1-A");
    let unusable = dev.with_request_id("not acceptable").users().get_me(pb::GetMeRequest {}).await.unwrap();
    let made = unusable.metadata().get(REQUEST_ID.as_str()).unwrap().to_str().unwrap();
    assert!(uuid::Uuid::parse_str(made).is_ok(), "{made}");

    let denied = pb::ListApprovalPoliciesRequest::default();
    let denied = dev.with_request_id("denied-1").approval_policies().list_approval_policies(denied).await;
    let error = Error::from(denied.unwrap_err());
    assert_eq!(error.correlation_id.as_deref(), Some("denied-1"), "{error:?}");
    let request = pb::ListAuditEventsRequest { filter: "correlation_id = \"denied-1\"".into(), ..Default::default() };
    let events = app.as_admin().await.audit().list_audit_events(request).await.unwrap().into_inner().audit_events;
    let [event] = events.as_slice() else { panic!("not one event: {events:?}") };
    assert_eq!(event.outcome(), pb::AuditOutcome::Denied);
    assert_eq!(format!("auditEvents/{}", error.metadata["decision_id"]), event.name);
    assert!(get(app.address, "/healthz", &[]).await.headers().contains_key("x-request-id"));
    app.finish().await;
}

#[tokio::test]
async fn a_call_that_is_over_its_deadline_is_answered() {
    let app = TestApp::start().await;
    let authorization = bearer(&app.as_dev().await);
    // By gRPC-web: a native client would keep the deadline itself.
    let headers = [("authorization", authorization.as_str()), ("grpc-timeout", "1n")];
    let answer = grpc_web(app.address, "/flagstone.v1.UserService/GetMe", &headers, &pb::GetMeRequest {}).await;
    let error = answer.error().unwrap();
    assert_eq!((error.code, error.reason), (Code::DeadlineExceeded, Some(ErrorReason::DeadlineExceeded)), "{error:?}");
    app.finish().await;
}

#[tokio::test]
async fn calls_of_one_principal_are_limited_and_told_how_many_are_left() {
    let app = TestApp::builder().config(|config| config.edge.calls_per_minute = 5).start().await;
    let (dev, approver) = (app.as_dev().await, app.as_approver().await);
    for left in (0..5).rev() {
        let answer = dev.users().get_me(pb::GetMeRequest {}).await.unwrap();
        assert_eq!(answer.metadata().get("x-ratelimit-limit").unwrap(), "5");
        assert_eq!(answer.metadata().get("x-ratelimit-remaining").unwrap(), left.to_string().as_str());
    }
    let error = Error::from(dev.users().get_me(pb::GetMeRequest {}).await.unwrap_err());
    assert_eq!((error.code, error.reason), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)), "{error:?}");
    assert!(error.retry_delay.is_some_and(|delay| delay <= Duration::from_secs(60)), "{error:?}");
    approver.users().get_me(pb::GetMeRequest {}).await.unwrap();
    app.finish().await;
}

/// Asks either version of reflection for all services and for a file; both have the same messages.
macro_rules! reflected {
    ($app:expr, $version:ident) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let questions = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol("flagstone.v1.RequestService.CreateRequest".into()),
        ];
        let questions =
            questions.map(|question| ServerReflectionRequest { host: String::new(), message_request: Some(question) });
        let mut client = ServerReflectionClient::new($app.anonymous());
        let answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap();
        let mut answers = answers.into_inner();
        let mut services = Vec::new();
        let mut files = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            match answer.message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    services.extend(list.service.into_iter().map(|service| service.name));
                }
                MessageResponse::FileDescriptorResponse(found) => files.extend(found.file_descriptor_proto),
                other => panic!("{other:?}"),
            }
        }
        (services, files)
    }};
}

#[tokio::test]
async fn reflection_lists_every_service_and_serves_the_comments() {
    let app = TestApp::start().await;
    for (services, files) in [reflected!(app, v1), reflected!(app, v1alpha)] {
        for method in crate::support::contract::methods() {
            let service = method.descriptor.parent_service().full_name().to_owned();
            assert!(services.contains(&service), "{service} in {services:?}");
        }
        assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
        let files: Vec<_> =
            files.iter().map(|file| prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap()).collect();
        let comments = files.iter().filter_map(|file| file.source_code_info.as_ref()).flat_map(|info| &info.location);
        let described = comments.filter_map(|location| location.leading_comments.as_ref());
        assert!(described.into_iter().any(|comment| comment.contains("Asks for a change.")), "the comments are served");
    }
    app.finish().await;
}
