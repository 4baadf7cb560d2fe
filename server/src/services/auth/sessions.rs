//! Sessions as people see them: on which devices somebody is logged in, and ending that.

use flagstone_api::pb;
use flagstone_core::filter::Order;
use flagstone_core::names::{SessionName, UserName, parse};
use flagstone_core::{Error as CoreError, FieldViolation};
use flagstone_db::list::{self, Branch, Names};
use flagstone_db::session as db_session;
use flagstone_db::session::SessionRow;
use flagstone_db::user::{self, UserRow};
use serde_json::json;

use super::session;
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::list::{Arguments, List};

/// What allows to know that somebody has sessions at all.
const READABLE: &[&str] = &["user:sessions:manage:own", "platform:sessions:revoke"];

/// In place of a session: all of them but the caller's own.
const ALL: &str = "/sessions/-";

const LIST: List = List {
    fields: &[],
    names: &[],
    orders: &[Order { name: "last_use_time", key: "last_use_time", descending: true }],
};

pub(super) async fn list_sessions(cx: Cx, req: pb::ListSessionsRequest) -> Result<pb::ListSessionsResponse> {
    let sent = Arguments {
        page_size: req.page_size,
        page_token: &req.page_token,
        filter: "",
        order_by: "",
        include_total: false,
    };
    let (parent, call) = LIST.call_in::<UserName>(&cx, &req.parent, sent)?;
    let read = cx.read(Target::organization(&parent)).await?;
    let found = find(&cx, read.conn(), &parent).await?;
    let facts = Facts {
        name: &req.parent,
        tier: None,
        team_id: None,
        creator_id: found.as_ref().map(|user| user.id),
        readable_by: READABLE,
    };
    read.check(&facts).await?;
    let user = found.ok_or_else(|| CoreError::not_found(&parent))?;
    let names = Names::default();
    let page = list::session::list(read.conn(), &call.query(&read, &names, Some(user.id), &[Branch::ALL])).await?;
    let current = cx.user()?.session_id();
    let to_proto = |row: SessionRow| {
        Ok(pb::Session {
            name: session::object(&user.username, row.id)?.name,
            current: Some(row.id) == current,
            device: row.device,
            ip: row.ip,
            create_time: Some(timestamp(row.create_time)),
            last_use_time: Some(timestamp(row.last_use_time)),
            expire_time: Some(timestamp(row.expire_time)),
        })
    };
    Ok(pb::ListSessionsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        sessions: page.rows.into_iter().map(to_proto).collect::<Result<_>>()?,
    })
}

pub(super) async fn revoke_session(cx: Cx, req: pb::RevokeSessionRequest) -> Result<pb::RevokeSessionResponse> {
    let (whose, one) = match req.name.strip_suffix(ALL) {
        Some(user) => (parse::<UserName>(user, "name")?, None),
        None => {
            let name: SessionName = parse(&req.name, "name").map_err(|error| or_all(error.into()))?;
            (name.user(), Some(*name.id()))
        }
    };
    let mut tx = cx.begin(&req, Target::organization(&req.name)).await?;
    let found = find(&cx, &tx, &whose).await?;
    let facts = Facts {
        name: &req.name,
        tier: None,
        team_id: None,
        creator_id: found.as_ref().map(|user| user.id),
        readable_by: READABLE,
    };
    tx.check(&facts).await?;
    let user = found.ok_or_else(|| CoreError::not_found(&req.name))?;
    let ended = match one {
        None => {
            // A program has no session of its own: `-` means all of them.
            let current = tx.admitted()?.user.session_id().unwrap_or_default();
            db_session::revoke_others(&mut tx, user.organization_id, user.id, current).await?
        }
        Some(id) if db_session::revoke_of(&mut tx, user.organization_id, user.id, id).await? => vec![id],
        Some(_) => return Err(CoreError::not_found(&req.name).into()),
    };
    for id in &ended {
        let object = session::object(&user.username, *id)?;
        tx.record(object, Some(&json!({"revoked": false})), Some(&json!({"revoked": true})));
    }
    let revoked_sessions = i32::try_from(ended.len()).unwrap_or(i32::MAX);
    let dry = tx.is_dry();
    let answer = tx.commit(pb::RevokeSessionResponse { revoked_sessions, effects: None }).await?;
    for id in ended.into_iter().filter(|_| !dry) {
        cx.app.identities.end_session(id);
    }
    Ok(answer)
}

/// The person that is named; the caller for `users/me`.
async fn find(cx: &Cx, conn: &flagstone_db::Connection, name: &UserName) -> Result<Option<UserRow>> {
    let caller = cx.user()?;
    if name.is_me() {
        caller.person()?;
        return Ok(Some(user::find(conn, caller.organization_id, caller.id).await?));
    }
    Ok(user::by_username(conn, caller.organization_id, name.id().as_str()).await?)
}

/// A name of another form may have been meant for all sessions.
fn or_all(error: Error) -> Error {
    match error {
        Error::Core(mut core) => {
            core.fields = core
                .fields
                .into_iter()
                .map(|fault| {
                    let message =
                        format!("{} For all sessions of a user write users/{{user}}/sessions/-.", fault.message);
                    FieldViolation::new(fault.field, message)
                })
                .collect();
            Error::Core(core)
        }
        other => other,
    }
}
