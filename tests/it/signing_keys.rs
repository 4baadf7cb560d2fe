//! Signing keys: rotation, and what a library that is not ours makes of what is published.

use std::path::Path;

use flagstone_api::pb::{self, ErrorReason};
use serde_json::Value;

use crate::support::http::get;
use crate::support::skip::{installed_program, skip};
use crate::support::{Caller, Code, Error, TestApp, wait_for};

async fn me(caller: &Caller) -> Result<pb::User, Error> {
    Ok(caller.users().get_me(pb::GetMeRequest {}).await?.into_inner())
}

async fn published(address: std::net::SocketAddr) -> Vec<String> {
    let answer = get(address, "/.well-known/jwks.json", &[]).await;
    assert_eq!(answer.status(), 200);
    let keys: Value = serde_json::from_slice(answer.body()).unwrap();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &str) -> String {
    use base64::Engine;
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rotation_lets_old_tokens_live_and_reaches_every_replica() {
    let app = TestApp::start().await;
    let replica = app.replica(|_| {}).await;
    let operator = app.operator("operator").await;
    let old = app.login("dev").await;
    let rotated = operator.workload_identity().rotate_signing_key(pb::RotateSigningKeyRequest::default()).await;
    let made = rotated.unwrap().into_inner();
    let id = made.name.trim_start_matches("signingKeys/").to_owned();
    wait_for("the replica knows the key", async || published(replica.address()).await.contains(&id).then_some(()))
        .await;
    let fresh = app.login("dev").await;
    assert_eq!(kid(fresh.token()), id);
    for caller in [&old, &fresh] {
        me(caller).await.unwrap();
        me(&replica.with_token(caller.token())).await.unwrap();
    }
    let listed = operator.workload_identity().list_signing_keys(pb::ListSigningKeysRequest {}).await.unwrap();
    let listed = listed.into_inner().signing_keys;
    assert_eq!(listed.len(), 2);
    assert!(listed[0].retire_time.is_none() && listed[1].retire_time.is_some(), "{listed:?}");
    assert!(!format!("{listed:?}").contains("\"d\""), "a private part is told: {listed:?}");
    replica.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn only_an_operator_sees_and_rotates_keys_and_one_new_key_waits_at_a_time() {
    let lead = |config: &mut flagstone_server::config::Config| {
        config.tokens.signing_key_lead = std::time::Duration::from_secs(600);
    };
    let app = TestApp::builder().config(lead).start().await;
    // The first administrator is an operator, too.
    let lead = app.user("lead", &[("platform-admin", "")]).await;
    for caller in [lead, app.as_dev().await] {
        let rotate = caller.workload_identity().rotate_signing_key(pb::RotateSigningKeyRequest::default()).await;
        assert_eq!(Error::from(rotate.unwrap_err()).reason, Some(ErrorReason::AccessDenied));
    }
    let operator = app.operator("operator").await;
    let rotate = async || {
        operator
            .workload_identity()
            .rotate_signing_key(pb::RotateSigningKeyRequest::default())
            .await
            .map_err(Error::from)
    };
    let made = rotate().await.unwrap().into_inner();
    let error = rotate().await.unwrap_err();
    assert_eq!((error.code, error.reason), (Code::FailedPrecondition, Some(ErrorReason::WrongState)));
    let token = app.login("dev").await;
    assert_ne!(format!("signingKeys/{}", kid(token.token())), made.name, "the new key waits");
    assert_eq!(published(app.address).await.len(), 2, "and is published");
    app.finish().await;
}

#[tokio::test]
async fn a_library_that_is_not_ours_finds_the_keys_and_verifies_a_token() {
    const TEST: &str = "a_library_that_is_not_ours_finds_the_keys_and_verifies_a_token";
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|path| path.join("tools/oidc-check").is_dir());
    let tools = tools.expect("the workspace has tools").join("tools/oidc-check");
    let Some(node) = installed_program("node") else { return skip(TEST, "there is no node") };
    if !tools.join("node_modules/jose").is_dir() {
        let installed = installed_program("npm").is_some_and(|npm| {
            let ended = std::process::Command::new(npm).args(["ci", "--silent"]).current_dir(&tools).status();
            ended.is_ok_and(|status| status.success())
        });
        if !installed {
            return skip(TEST, "npm cannot install tools/oidc-check");
        }
    }
    // The address is known before the start: it is the issuer.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let listen = move |config: &mut flagstone_server::config::Config| {
        config.listen = address;
        config.public_url = format!("http://{address}");
    };
    let app = TestApp::builder().config(listen).start().await;
    let dev = app.as_dev().await;
    let check = async |token: &str| {
        let mut command = tokio::process::Command::new(&node);
        command.arg("check.mjs").arg(app.url()).current_dir(&tools).env("TOKEN", token);
        let output = command.output().await.unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (good, said) = check(dev.token()).await;
    assert!(good, "{said}");
    let claims: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(claims["aud"], "flagstone");
    let (head, tail) = dev.token().rsplit_once('.').unwrap();
    let flipped = if tail.starts_with('A') { 'B' } else { 'A' };
    let (good, said) = check(&format!("{head}.{flipped}{}", &tail[1..])).await;
    assert!(!good, "a changed token passed: {said}");
    app.finish().await;
}
