//! The session of a browser: its refresh token is in a cookie that no script can read, and only pages that may use it do.

use std::cell::RefCell;

use bytes::Bytes;
use flagstone_api::pb::{self, ErrorReason};
use http::{HeaderMap, Method};
use prost::Message;
use uuid::Uuid;

use crate::support::http::{grpc_web, send};
use crate::support::{Code, Error, PASSWORD, TestApp, database};

const LISTED: &str = "https://portal.example.org";
const FOREIGN: &str = "https://evil.example.org";
const LOGIN: &str = "/flagstone.v1.AuthService/Login";
const REFRESH: &str = "/flagstone.v1.AuthService/RefreshSession";
const WEEK: &str = "604800";

/// One attribute or the value of a `Set-Cookie`.
fn part<'a>(cookie: &'a str, name: &str) -> Option<&'a str> {
    cookie.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// A page in a browser: it keeps the cookie, and its script never sees it.
struct Page<'a> {
    app: &'a TestApp,
    origin: String,
    cookie: RefCell<Option<String>>,
}

impl<'a> Page<'a> {
    /// A page that the server itself served.
    fn of(app: &'a TestApp) -> Self {
        Self::at(app, &app.url())
    }

    fn at(app: &'a TestApp, origin: &str) -> Self {
        Self { app, origin: origin.to_owned(), cookie: RefCell::default() }
    }

    /// A page with the cookies of this one as they are now.
    fn copy(&self) -> Self {
        Self { app: self.app, origin: self.origin.clone(), cookie: self.cookie.clone() }
    }

    /// Makes a call, and keeps or removes the cookie as the answer says. Returns `Set-Cookie`, too.
    async fn call<M: Message + Default>(
        &self,
        path: &str,
        token: &str,
        request: &impl Message,
    ) -> (Result<M, Error>, Option<String>) {
        let authorization = format!("Bearer {token}");
        let cookie = self.cookie.borrow().clone().map(|value| format!("theme=dark; flagstone_refresh={value}"));
        let mut headers = vec![("origin", self.origin.as_str()), ("x-flagstone-client", "web/0.1.0")];
        headers.extend((!token.is_empty()).then_some(("authorization", authorization.as_str())));
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let answer = grpc_web(self.app.address, path, &headers, request).await;
        let set = set_cookie(&answer.headers);
        if let Some(set) = &set {
            let value = part(set, "flagstone_refresh").expect("it is that cookie").to_owned();
            *self.cookie.borrow_mut() = (part(set, "Max-Age") != Some("0")).then_some(value);
        }
        let answer = match answer.error() {
            Some(error) => Err(error),
            None => Ok(M::decode(answer.messages[0].clone()).expect("the answer decodes")),
        };
        (answer, set)
    }

    /// Logs in as the developer. Returns the tokens that the script sees.
    async fn log_in(&self) -> pb::TokenPair {
        let request = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
        self.call::<pb::LoginResponse>(LOGIN, "", &request).await.0.unwrap().tokens.unwrap()
    }

    async fn refresh(&self, request_id: &str) -> Result<pb::TokenPair, Error> {
        let request = pb::RefreshSessionRequest { request_id: request_id.into(), ..Default::default() };
        let answer = self.call::<pb::RefreshSessionResponse>(REFRESH, "", &request).await.0;
        answer.map(|answer| answer.tokens.unwrap())
    }

    async fn is_logged_in(&self, tokens: &pb::TokenPair) -> bool {
        self.call::<pb::User>("/flagstone.v1.UserService/GetMe", &tokens.access_token, &pb::GetMeRequest {})
            .await
            .0
            .is_ok()
    }

    fn has_cookie(&self) -> bool {
        self.cookie.borrow().is_some()
    }
}

fn set_cookie(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all("set-cookie").iter();
    let first = all.next().map(|value| value.to_str().unwrap().to_owned());
    assert!(all.next().is_none(), "one cookie");
    first
}

fn refused(answer: Result<pb::TokenPair, Error>) -> (Code, Option<ErrorReason>) {
    let error = answer.expect_err("the call is refused");
    (error.code, error.reason)
}

const NOT_LOGGED_IN: (Code, Option<ErrorReason>) = (Code::Unauthenticated, Some(ErrorReason::BadCredentials));

#[tokio::test]
async fn the_cookie_is_for_one_service_and_for_no_script_and_secure_behind_https() {
    let dev = TestApp::builder().config(|config| config.edge.cors_origins = vec![LISTED.into()]).start().await;
    let production = TestApp::builder()
        .config(|config| {
            config.public_url = "https://flagstone.example.org".into();
            config.edge.cors_origins = vec![LISTED.into()];
        })
        .start()
        .await;
    let own = dev.url();
    for (app, origin, same_site, secure) in [
        (&dev, own.as_str(), "Lax", false),
        (&production, "https://flagstone.example.org", "Lax", true),
        // A page of another site gets a cookie only where the operator lists it.
        (&production, LISTED, "None", true),
        (&dev, LISTED, "None", true),
    ] {
        let page = Page::at(app, origin);
        let request = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
        let (answer, set) = page.call::<pb::LoginResponse>(LOGIN, "", &request).await;
        let tokens = answer.unwrap().tokens.unwrap();
        assert_eq!(tokens.refresh_token, "", "the script does not see it");
        assert!(page.is_logged_in(&tokens).await);
        let set = set.unwrap();
        let attributes: Vec<_> = set.split("; ").skip(1).collect();
        assert!(attributes.contains(&"HttpOnly"), "{attributes:?}");
        assert_eq!(attributes.contains(&"Secure"), secure, "{attributes:?}");
        assert_eq!(part(&set, "SameSite"), Some(same_site), "{attributes:?}");
        assert_eq!(part(&set, "Path"), Some("/flagstone.v1.AuthService"));
        assert_eq!(part(&set, "Max-Age"), Some(WEEK));
        assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")), "{attributes:?}");
        assert_eq!(page.refresh("").await.unwrap().refresh_token, "");
    }
    dev.finish().await;
    production.finish().await;
}

#[tokio::test]
async fn a_browser_renews_its_session_by_the_cookie_and_each_token_works_once() {
    let app = TestApp::start().await;
    let page = Page::of(&app);
    assert_eq!(refused(page.refresh("").await), NOT_LOGGED_IN, "without a cookie");
    let first = page.log_in().await;
    let before = page.copy();
    let second = page.refresh("").await.unwrap();
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(*before.cookie.borrow(), *page.cookie.borrow());
    assert!(page.is_logged_in(&second).await);

    // Somebody has a copy of the old cookie: the session ends, and the browser forgets it.
    assert_eq!(refused(before.refresh("").await), (Code::Unauthenticated, Some(ErrorReason::TokenReused)));
    assert!(!before.has_cookie());
    assert_eq!(refused(page.refresh("").await), NOT_LOGGED_IN);
    assert!(!page.has_cookie());
    assert!(!page.is_logged_in(&second).await);
    app.finish().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_with_its_cookie() {
    let app = TestApp::start().await;
    let page = Page::of(&app);
    page.log_in().await;
    let [lost, cut] = [page.copy(), page.copy()];
    let id = Uuid::new_v4().to_string();
    let tokens = page.refresh(&id).await.unwrap();
    // Nothing of the answer arrived: the call is repeated with the old cookie.
    assert_eq!(lost.refresh(&id).await.unwrap(), tokens);
    assert_eq!(*lost.cookie.borrow(), *page.cookie.borrow());
    // The cookie arrived and the message did not: the call is repeated with the new one.
    cut.cookie.replace(page.cookie.borrow().clone());
    assert_eq!(cut.refresh(&id).await.unwrap(), tokens);
    assert_eq!(*cut.cookie.borrow(), *page.cookie.borrow());
    // The id is that of one call: neither of the next refresh nor of another kind of call.
    page.refresh("").await.unwrap();
    assert_eq!(refused(page.refresh(&id).await), (Code::Aborted, Some(ErrorReason::RequestIdReused)));
    assert!(page.has_cookie());
    assert!(page.refresh("").await.is_ok(), "the session lives");

    let id = Uuid::new_v4().to_string();
    let request = pb::LoginRequest {
        identifier: "dev".into(),
        password: PASSWORD.into(),
        request_id: id.clone(),
        ..Default::default()
    };
    let page = Page::of(&app);
    let first = page.call::<pb::LoginResponse>(LOGIN, "", &request).await;
    let again = page.call::<pb::LoginResponse>(LOGIN, "", &request).await;
    assert_eq!((first.0.unwrap(), first.1), (again.0.unwrap(), again.1));
    assert_eq!(refused(page.refresh(&id).await), (Code::Aborted, Some(ErrorReason::RequestIdReused)));
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_neither_gets_a_cookie_nor_uses_one() {
    let app = TestApp::builder()
        .config(|config| {
            config.public_url = "https://flagstone.example.org".into();
            config.mode = flagstone_server::config::Mode::Production;
            config.edge.cors_origins = vec![LISTED.into()];
        })
        .start()
        .await;
    let denied = (Code::PermissionDenied, Some(ErrorReason::AccessDenied));
    let page = Page::at(&app, LISTED);
    page.log_in().await;
    // In production the name by which the server is called proves nothing.
    for foreign in [FOREIGN, "null", "http://flagstone.example.org", &app.url()] {
        let thief = Page { origin: foreign.to_owned(), ..page.copy() };
        let error = thief.refresh("").await.unwrap_err();
        assert_eq!((error.code, error.reason), denied, "{foreign}");
        assert_eq!(error.metadata["origin"], foreign);
        assert!(error.correlation_id.is_some());
        assert!(thief.has_cookie(), "{foreign}: it must not end the session either");
        let request = pb::LoginRequest { identifier: "dev".into(), password: PASSWORD.into(), ..Default::default() };
        let (answer, set) = thief.call::<pb::LoginResponse>(LOGIN, "", &request).await;
        assert_eq!((answer.unwrap_err().code, set), (Code::PermissionDenied, None), "{foreign}");
    }
    page.refresh("").await.unwrap();

    // Without a preflight, a page can send what a form can send. That is no call.
    let cookie = format!("flagstone_refresh={}", page.cookie.borrow().clone().unwrap());
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let headers = [("origin", FOREIGN), ("content-type", content_type), ("cookie", cookie.as_str())];
        let answer = send(app.address, Method::POST, REFRESH, &headers, Bytes::from_static(&[0; 5])).await;
        assert_eq!(answer.status(), 404, "{content_type}");
        assert!(answer.headers().get("set-cookie").is_none(), "{content_type}");
    }
    // Nor can it send the header that makes a call one of ours.
    let preflight = [
        ("origin", FOREIGN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-flagstone-client,x-grpc-web"),
    ];
    let answer = send(app.address, Method::OPTIONS, REFRESH, &preflight, Bytes::new()).await;
    assert!(answer.headers().get("access-control-allow-origin").is_none(), "{answer:?}");
    page.refresh("").await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_logout_removes_the_cookie_and_a_changed_password_keeps_it() {
    let app = TestApp::start().await;
    let page = Page::of(&app);
    let tokens = page.log_in().await;
    let change = pb::ChangePasswordRequest {
        current_password: PASSWORD.into(),
        new_password: "a-quite-different-walrus".into(),
        ..Default::default()
    };
    let path = "/flagstone.v1.AuthService/ChangePassword";
    let (changed, set) = page.call::<pb::ChangePasswordResponse>(path, &tokens.access_token, &change).await;
    changed.unwrap();
    assert_eq!(set, None);
    let tokens = page.refresh("").await.unwrap();

    let before = page.copy();
    let path = "/flagstone.v1.AuthService/Logout";
    let (answer, set) =
        page.call::<pb::LogoutResponse>(path, &tokens.access_token, &pb::LogoutRequest::default()).await;
    answer.unwrap();
    let set = set.unwrap();
    assert_eq!((part(&set, "flagstone_refresh"), part(&set, "Max-Age")), (Some(""), Some("0")), "{set}");
    assert_eq!(part(&set, "Path"), Some("/flagstone.v1.AuthService"), "else another cookie would be removed");
    assert!(!page.has_cookie());
    assert_eq!(refused(before.refresh("").await), NOT_LOGGED_IN);
    app.finish().await;
}

#[tokio::test]
async fn the_cookie_of_somebody_inactive_is_removed_and_too_many_refreshes_leave_it() {
    let app = TestApp::builder().config(|config| config.edge.refreshes_per_minute = 1).start().await;
    let page = Page::of(&app);
    page.log_in().await;
    page.refresh("").await.unwrap();
    assert_eq!(refused(page.refresh("").await), (Code::ResourceExhausted, Some(ErrorReason::RateLimited)));
    assert!(page.has_cookie(), "it still works in a moment");

    let page = Page::of(&app);
    page.log_in().await;
    database::run(&app.sql, "UPDATE users SET active = false WHERE username = 'dev'").await;
    assert_eq!(refused(page.refresh("").await), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)));
    assert!(!page.has_cookie());
    app.finish().await;
}

#[tokio::test]
async fn other_clients_get_the_token_in_the_message_and_their_cookies_do_not_count() {
    let app = TestApp::start().await;
    let page = Page::of(&app);
    page.log_in().await;
    let cookie = format!("flagstone_refresh={}", page.cookie.borrow().clone().unwrap());
    for client in [&[][..], &[("x-flagstone-client", "cli/0.1.0")]] {
        let headers = [client, &[("cookie", cookie.as_str())]].concat();
        let refresh = async |token: String| {
            let request = pb::RefreshSessionRequest { refresh_token: token, ..Default::default() };
            grpc_web(app.address, REFRESH, &headers, &request).await
        };
        assert_eq!(refresh(String::new()).await.error().unwrap().code, Code::InvalidArgument, "{client:?}");
        let token = app.session("dev").await.refresh_token;
        let answer = refresh(token).await;
        assert_eq!(set_cookie(&answer.headers), None, "{client:?}");
        let answer = pb::RefreshSessionResponse::decode(answer.messages[0].clone()).unwrap();
        assert!(!answer.tokens.unwrap().refresh_token.is_empty(), "{client:?}");
    }
    page.refresh("").await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn no_log_holds_a_cookie() {
    let logs = crate::support::logs::Logs::capture();
    let app = TestApp::start().await;
    let page = Page::of(&app);
    page.log_in().await;
    let first = page.cookie.borrow().clone().unwrap();
    page.refresh("").await.unwrap();
    let second = page.cookie.borrow().clone().unwrap();
    Page { origin: FOREIGN.into(), ..page.copy() }.refresh("").await.unwrap_err();
    let logs = logs.text();
    assert!(logs.contains("Serving."), "the logs were captured");
    for token in [first, second] {
        assert!(!logs.contains(&token), "the log holds a refresh token");
    }
    app.finish().await;
}
