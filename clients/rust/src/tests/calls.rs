use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use flagstone_api::pb;
use futures::TryStreamExt;
use tonic::Code;

use super::fake::{Call, Reply, serve};
use crate::{Client, Error, MemoryStore, TokenStore, Tokens};

fn pair(access: &str, refresh: &str, lives: u64) -> pb::TokenPair {
    let at = |seconds| Some(prost_types::Timestamp::from(SystemTime::now() + Duration::from_secs(seconds)));
    pb::TokenPair {
        access_token: access.into(),
        access_token_expire_time: at(lives),
        refresh_token: refresh.into(),
        refresh_token_expire_time: at(86_400),
    }
}

async fn store(access: &str, lives: u64) -> MemoryStore {
    let store = MemoryStore::default();
    let long_ago = SystemTime::now() - Duration::from_secs(600);
    let tokens = Tokens { received_time: long_ago, ..Tokens::received(pair(access, "refresh-1", lives)) };
    store.open().await.unwrap().write(Some(&tokens)).unwrap();
    store
}

async fn get_me(client: &Client) -> Result<pb::User, Error> {
    Ok(client.users().get_me(pb::GetMeRequest {}).await?.into_inner())
}

#[tokio::test]
async fn a_mutation_whose_answer_is_lost_is_repeated_with_the_same_request_id() {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ids);
    let (url, _) = serve(move |call: &Call| {
        let mut ids = seen.lock().unwrap();
        ids.push(call.message::<pb::CancelRequestRequest>().request_id);
        if ids.len() < 3 { Reply::cut([]) } else { Reply::ok(&pb::CancelRequestResponse::default()) }
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    client.requests().cancel_request(pb::CancelRequestRequest::default()).await.unwrap();
    let ids = ids.lock().unwrap();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    uuid::Uuid::parse_str(&ids[0]).unwrap();
}

#[tokio::test]
async fn a_call_is_repeated_only_for_what_passes() {
    let failed = AtomicUsize::new(0);
    let (url, calls) = serve(move |call: &Call| match (call.method.as_str(), failed.fetch_add(1, Ordering::SeqCst)) {
        ("GetMe", 0) => Reply::error(Code::Unavailable, "UNAVAILABLE"),
        ("GetMe", 1) => {
            Reply::retry_in(Code::ResourceExhausted, "OVERLOADED", prost_types::Duration { seconds: 0, nanos: 1 })
        }
        ("GetMe", 2) => Reply::error(Code::Aborted, "CONFLICT"),
        ("GetMe", _) => Reply::ok(&pb::User { username: "ada".into(), ..Default::default() }),
        _ => Reply::error(Code::Aborted, "ETAG_MISMATCH"),
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    assert_eq!(get_me(&client).await.unwrap().username, "ada");
    assert_eq!(calls.lock().unwrap().len(), 4);

    let status = client.requests().cancel_request(pb::CancelRequestRequest::default()).await.unwrap_err();
    assert!(Error::from(status).is(pb::ErrorReason::EtagMismatch));
    assert_eq!(calls.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let (url, calls) = serve(|_: &Call| {
        Reply::retry_in(Code::ResourceExhausted, "RATE_LIMITED", prost_types::Duration { seconds: 900, nanos: 0 })
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    let error = get_me(&client).await.unwrap_err();
    assert_eq!(error.retry_delay, Some(Duration::from_secs(900)));
    assert_eq!(calls.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let client = Client::builder("http://127.0.0.1:1").attempts(1).build().await.unwrap();
    assert_eq!(get_me(&client).await.unwrap_err().code, Code::Unavailable);
}

#[tokio::test]
async fn login_keeps_the_tokens_and_sends_none() {
    let (url, _) = serve(|call: &Call| match call.method.as_str() {
        "Login" => {
            assert_eq!(call.token, None);
            Reply::ok(&pb::LoginResponse { tokens: Some(pair("access-1", "refresh-1", 900)), ..Default::default() })
        }
        "Logout" => Reply::error(Code::Unauthenticated, "BAD_CREDENTIALS"),
        _ => Reply::ok(&pb::User {
            username: call.token.clone().unwrap_or_default(),
            full_name: call.client.clone(),
            ..Default::default()
        }),
    })
    .await;
    let store = MemoryStore::default();
    let client = Client::builder(url).client_name("cli/1").token_store(store.clone()).build().await.unwrap();
    client.login(pb::LoginRequest::default()).await.unwrap();
    let me = get_me(&client).await.unwrap();
    assert_eq!((me.username.as_str(), me.full_name.as_str()), ("access-1", "cli/1"));

    client.logout().await.unwrap();
    assert!(!client.is_logged_in());
    assert_eq!(store.open().await.unwrap().read().unwrap(), None);
}

/// A server that knows one access token and renews any refresh token into `access-2`.
async fn renewing() -> (String, Arc<Mutex<Vec<String>>>) {
    serve(|call: &Call| match (call.method.as_str(), call.token.as_deref()) {
        ("RefreshSession", _) => {
            Reply::ok(&pb::RefreshSessionResponse { tokens: Some(pair("access-2", "refresh-2", 900)) })
        }
        (_, Some("access-2")) => Reply::ok(&pb::User::default()),
        _ => Reply::error(Code::Unauthenticated, "TOKEN_EXPIRED"),
    })
    .await
}

#[tokio::test]
async fn many_calls_with_a_stale_token_renew_it_once() {
    let (url, calls) = renewing().await;
    let store = store("access-1", 30).await;
    let client = Client::builder(url).token_store(store.clone()).build().await.unwrap();
    let answers = futures::future::join_all((0..20).map(|_| get_me(&client))).await;
    assert!(answers.iter().all(Result::is_ok));
    let refreshed = calls.lock().unwrap().iter().filter(|method| *method == "RefreshSession").count();
    assert_eq!(refreshed, 1);
    assert_eq!(store.open().await.unwrap().read().unwrap().unwrap().refresh_token, "refresh-2");
}

#[tokio::test]
async fn a_token_that_the_server_calls_expired_is_renewed() {
    let (url, calls) = renewing().await;
    let client = Client::builder(url).token_store(store("access-1", 900).await).build().await.unwrap();
    get_me(&client).await.unwrap();
    assert_eq!(*calls.lock().unwrap(), ["GetMe", "RefreshSession", "GetMe"]);
}

#[tokio::test]
async fn tokens_that_another_process_renewed_are_taken_over() {
    let (url, calls) = renewing().await;
    let store = store("access-1", 900).await;
    let client = Client::builder(url).token_store(store.clone()).build().await.unwrap();
    let other = Tokens::received(pair("access-2", "refresh-2", 900));
    store.open().await.unwrap().write(Some(&other)).unwrap();
    get_me(&client).await.unwrap();
    assert_eq!(*calls.lock().unwrap(), ["GetMe", "GetMe"]);
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_asked_again_under_the_same_id() {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ids);
    let (url, _) = serve(move |call: &Call| {
        if call.method != "RefreshSession" {
            return Reply::ok(&pb::User::default());
        }
        let mut ids = seen.lock().unwrap();
        ids.push(call.message::<pb::RefreshSessionRequest>().request_id);
        let tokens = Some(pair("access-2", "refresh-2", 900));
        if ids.len() == 1 { Reply::cut([]) } else { Reply::ok(&pb::RefreshSessionResponse { tokens }) }
    })
    .await;
    // One client gives up after its only attempt, as a process that was killed; the next one carries on.
    let store = store("access-1", 0).await;
    let first = Client::builder(url.clone()).attempts(1).token_store(store.clone()).build().await.unwrap();
    assert_eq!(get_me(&first).await.unwrap_err().code, Code::Unavailable);
    let second = Client::builder(url).token_store(store).build().await.unwrap();
    get_me(&second).await.unwrap();
    let ids = ids.lock().unwrap();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_forgotten() {
    let (url, _) = serve(|_: &Call| Reply::error(Code::Unauthenticated, "TOKEN_REUSED")).await;
    let store = store("access-1", 0).await;
    let client = Client::builder(url).token_store(store.clone()).build().await.unwrap();
    assert!(get_me(&client).await.unwrap_err().is(pb::ErrorReason::TokenReused));
    assert!(!client.is_logged_in());
    assert_eq!(store.open().await.unwrap().read().unwrap(), None);
}

#[tokio::test]
async fn a_list_goes_through_all_pages() {
    let (url, _) = serve(|call: &Call| {
        let page: usize = call.message::<pb::ListJobsRequest>().page_token.parse().unwrap_or(0);
        let job = pb::Job { name: format!("jobs/{page}"), ..Default::default() };
        let next_page_token = if page < 2 { (page + 1).to_string() } else { String::new() };
        Reply::ok(&pb::ListJobsResponse { jobs: vec![job], next_page_token, total_size: 0 })
    })
    .await;
    let client = Client::connect(url).await.unwrap();
    let jobs: Vec<_> = client.list_jobs(pb::ListJobsRequest::default()).try_collect().await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["jobs/0", "jobs/1", "jobs/2"]);
}

#[tokio::test]
async fn what_is_not_a_url_is_refused() {
    for wrong in ["", "127.0.0.1:7400", "ftp://example", "http://", "not a url"] {
        let error = Client::builder(wrong).build().await.err().unwrap();
        assert_eq!(error.code, Code::InvalidArgument, "{wrong:?}");
    }
}
