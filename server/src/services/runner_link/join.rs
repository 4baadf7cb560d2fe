//! JoinRunner: a runner comes in by a token, and leaves with a credential of its own.

use flagstone_api::pb;
use flagstone_core::names::RunnerName;
use flagstone_core::runner::{
    DISPLAY_NAME_MAX, PROTOCOL, RunnerState, agree_protocol, check_labels, claimed_labels, id_stem,
};
use flagstone_core::{Error as CoreError, Kind, Reason, Violations, text};
use flagstone_db::runner::{self, NewRunner};
use flagstone_db::runner_token;
use serde_json::json;
use uuid::Uuid;

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flow::runner as runners;
use crate::services::auth::session::open_as;
use crate::services::runner::{labels, state_to_proto};
use crate::token::{self, TokenKind};

/// JoinRunner. The labels are bound to the row of the credential and not signed into it: the server looks the row up with
/// every call anyway, since a runner can be removed at any moment, and what is in one place alone cannot disagree.
pub(super) async fn join_runner(cx: Cx, req: pb::JoinRunnerRequest) -> Result<pb::JoinRunnerResponse> {
    let mut wrong = Violations::new();
    wrong.check(!req.token.is_empty(), "token", "Give a token of CreateRunnerToken.");
    wrong.take(text::required(&req.display_name, DISPLAY_NAME_MAX, "display_name"));
    check_labels(&req.labels, "labels", &mut wrong);
    wrong.finish()?;
    agree_protocol(PROTOCOL, req.protocol_version)?;
    let sha256 = token::hash(TokenKind::RunnerJoin, &req.token).ok_or_else(used_up)?;
    let found = runner_token::offer(&*cx.app.db.reads.get().await?, &sha256).await?;
    let (offered, live) = found.ok_or_else(used_up)?;
    // A repeated call is answered here, although its token is used up.
    let principal = format!("runnerTokens/{}", offered.id);
    let mut tx = open_as(&cx, offered.organization_id, &principal, &req, |_| false).await?;
    if !live {
        return Err(used_up().into());
    }
    let offered = runner_token::lock(&mut tx, &offered).await?.ok_or_else(used_up)?;
    let own = claimed_labels(&labels(&offered.labels), &req.labels, "labels")?;
    let state = if offered.needs_adoption { RunnerState::Pending } else { RunnerState::Adopted };
    let (credential, credential_sha256) = token::mint(TokenKind::Runner)?;
    let id = Uuid::now_v7();
    // Random: an id in use would tell of a runner of others.
    let slug = format!("{}-{}", id_stem(&req.display_name), &Uuid::new_v4().simple().to_string()[..8]);
    let stored_labels = json!(own);
    let new = NewRunner {
        id,
        organization_id: offered.organization_id,
        slug: &slug,
        display_name: &req.display_name,
        labels: &stored_labels,
        state: state.as_str(),
        token_sha256: &credential_sha256,
        creator: &offered.creator,
    };
    let row = runner::insert(&mut tx, &new).await?.ok_or_else(|| Error::internal("two runners drew the same id"))?;
    runner_token::use_up(&mut tx, &offered, id).await?;
    runners::record(&mut tx, None, Some(&row))?;
    // From here on it is known who acts.
    let name = RunnerName::stored(&slug)?.to_string();
    tx.about(name.clone());
    tx.principal.clone_from(&name);
    tracing::info!(runner = slug, state = row.adoption, "A runner has joined.");
    let state = state_to_proto(&row.adoption);
    tx.commit_secret(pb::JoinRunnerResponse { runner: name, credential, labels: own, state }).await
}

/// One answer for a token that was used, whose time is over, or that never was one.
fn used_up() -> CoreError {
    let message = "This token does not work: it was used, or its time is over. Make another with CreateRunnerToken.";
    CoreError::new(Kind::NotFound, Reason::NotFound, message)
}
