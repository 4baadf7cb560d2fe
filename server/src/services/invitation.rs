//! InvitationService: asks people in who have no account yet. What the invited do is in [`accept`].

pub(crate) mod accept;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::invitation_service_server::InvitationService;
use flagstone_core::access::{RoleScope, Scope, could_match};
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::invitation::InvitationState;
use flagstone_core::names::{BusinessUnitName, InvitationName, RoleName, UserName, parse};
use flagstone_core::user::email as read_email;
use flagstone_core::{Error as CoreError, Kind, Reason, Violations};
use flagstone_db::invitation::{self, InvitationRow, NewInvitation};
use flagstone_db::list::{self, Branch};
use flagstone_db::{Connection, role, user};
use serde_json::{Value, json};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::account;
use crate::app::App;
use crate::convert::{enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::guards;
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::rpc;
use crate::services::auth::session::opening;
use crate::token::{self, TokenKind};
use crate::tx::Tx;
use accept::{accept_invitation, lookup_invitation};

/// The service.
pub struct Invitations(pub Arc<App>);

#[tonic::async_trait]
impl InvitationService for Invitations {
    rpc::unary! {
        create_invitation: pb::CreateInvitationRequest => pb::CreateInvitationResponse,
        list_invitations: pb::ListInvitationsRequest => pb::ListInvitationsResponse,
        revoke_invitation: pb::RevokeInvitationRequest => pb::Invitation,
        lookup_invitation: pb::LookupInvitationRequest => pb::LookupInvitationResponse,
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        opening(&self.0, request, accept_invitation, |accepted| accepted.tokens.as_mut()).await
    }
}

/// What allows to know that an invitation exists.
const READABLE: &[&str] = &["platform:invitations:manage", "business_unit:business_units:manage_members"];

/// How long an invitation stays open.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const LIST: List = List {
    fields: &[
        Field { name: "state", kind: FieldKind::Enum(InvitationState::WORDS) },
        Field { name: "email", kind: FieldKind::TextSearch },
        Field { name: "business_unit", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("business_unit", NameKind::BusinessUnit)],
    orders: BY_CREATION,
};

async fn create_invitation(cx: Cx, req: pb::CreateInvitationRequest) -> Result<pb::CreateInvitationResponse> {
    let sent = req.invitation.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let email = read_email(&sent.email, "invitation.email", &mut wrong);
    let role_name = wrong.take(parse::<RoleName>(&sent.role, "invitation.role"));
    let unit_name: Option<BusinessUnitName> = match sent.business_unit.as_str() {
        "" => None,
        name => Some(parse(name, "invitation.business_unit")?),
    };
    let target = match &unit_name {
        Some(unit) => Target::in_unit(unit, unit.clone()),
        None => Target::organization("invitations"),
    };
    let mut tx = cx.begin(&req, target).await?;
    let organization_id = tx.organization_id;
    tx.check(&Facts { name: "invitations", tier: None, team_id: None, creator_id: None, readable_by: READABLE })
        .await?;
    let unit_id = match &unit_name {
        Some(_) => Some(tx.admitted()?.unit()?.id),
        None => None,
    };
    let Some(role_name) = role_name else {
        wrong.finish()?;
        return Err(Error::internal("a name was refused without a reason"));
    };
    wrong.finish()?;
    let role = role::find(&tx, organization_id, role_name.id().as_str()).await?;
    let role = role.ok_or_else(|| CoreError::not_found(&role_name))?;
    let scope = unit_id.map_or(Scope::Organization, Scope::Unit);
    guards::may_grant(&tx, &account::permissions_of(&role), scope).await?;
    if unit_id.is_some() && role.scope != RoleScope::BusinessUnit.as_str() {
        let message = format!("{role_name} holds in the whole organization only. Leave `business_unit` empty.");
        return Err(Error::field("invitation.role", message));
    }
    if let Some(known) = user::by_email(&tx, organization_id, &email).await? {
        let name = UserName::stored(&known.username)?;
        let message = format!("{email} has an account, {name}. Give it the role instead of an invitation.");
        return Err(CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message).with("name", &name).into());
    }
    make_room(&mut tx, &email, scope).await?;
    let (token, sha256) = token::mint(TokenKind::Invitation)?;
    let creator = tx.principal.clone();
    let new = NewInvitation {
        id: Uuid::now_v7(),
        organization_id,
        email: &email,
        role_id: role.id,
        business_unit_id: unit_id,
        token_sha256: &sha256,
        lifetime: LIFETIME,
        creator: &creator,
    };
    let made = invitation::insert(&mut tx, &new).await;
    let row = made.map_err(|error| match error.constraint() {
        Some("invitations_one_pending") => pending(&email, None).into(),
        _ => Error::from(error),
    })?;
    let about = object(&row);
    tx.about(about.name.clone());
    let mut after = view(&row);
    after["role"] = json!(role_name.to_string());
    after["business_unit"] = json!(unit_name.map(|unit| unit.to_string()));
    tx.record(about, None, Some(&after));
    let link = if tx.is_dry() { String::new() } else { account::link(&tx.app, "invitations", &token) };
    let shown = to_proto(&tx, organization_id, &tx.directory, vec![row]).await?.pop();
    tx.commit_sealed(pb::CreateInvitationResponse { invitation: shown, link, effects: None }).await
}

/// One invitation of an address is open at a time. One whose time is over makes room.
async fn make_room(tx: &mut Tx, email: &str, scope: Scope) -> Result<()> {
    let organization_id = tx.organization_id;
    match invitation::lock_pending(tx, organization_id, email).await? {
        None => Ok(()),
        Some((row, true)) => end(tx, &row, InvitationState::Expired).await.map(drop),
        Some((row, false)) => {
            // One that the caller may not manage is not named.
            let admitted = tx.admitted()?;
            let theirs = row.business_unit_id.map_or(Scope::Organization, Scope::Unit);
            let manages = theirs == scope
                || READABLE.iter().any(|slug| {
                    flagstone_core::access::PermissionPattern::parse(slug)
                        .is_ok_and(|pattern| could_match(&admitted.user.grants, admitted.now, &pattern, theirs))
                });
            Err(pending(email, manages.then_some(&row)).into())
        }
    }
}

fn pending(email: &str, row: Option<&InvitationRow>) -> CoreError {
    let what = row.map_or_else(|| "an open invitation".to_owned(), |row| format!("invitations/{}", row.id));
    let message = format!("{email} has {what} already. Wait for it, or have it revoked and invite again.");
    let error = CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message);
    match row {
        Some(row) => error.with("name", &format!("invitations/{}", row.id)),
        None => error,
    }
}

async fn list_invitations(cx: Cx, req: pb::ListInvitationsRequest) -> Result<pb::ListInvitationsResponse> {
    let call = LIST.call(&cx, arguments!(req))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of_unowned(&read.visible, None);
    let page = list::invitation::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListInvitationsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        invitations: to_proto(read.conn(), read.organization_id(), &read.user.directory, page.rows).await?,
    })
}

async fn revoke_invitation(cx: Cx, req: pb::RevokeInvitationRequest) -> Result<pb::Invitation> {
    let name: InvitationName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::invitation(*name.id())).await?;
    let organization_id = tx.organization_id;
    let found = invitation::lock(&mut tx, organization_id, *name.id()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&Facts { name: &req.name, tier: None, team_id: None, creator_id: None, readable_by: READABLE }).await?;
    Etag::check(&req.etag, row.revision)?;
    if row.state != InvitationState::Pending.as_str() {
        return Err(CoreError::wrong_state(&name, &row.state, &[InvitationState::Pending.as_str()]).into());
    }
    let row = end(&mut tx, &row, InvitationState::Revoked).await?;
    let shown = to_proto(&tx, organization_id, &tx.directory, vec![row]).await?.pop();
    tx.commit(shown.unwrap_or_default()).await
}

/// Ends a pending invitation that is locked.
async fn end(tx: &mut Tx, row: &InvitationRow, state: InvitationState) -> Result<InvitationRow> {
    let after = invitation::end(tx, row, state.as_str()).await?;
    tx.record(object(row), Some(&view(row)), Some(&view(&after)));
    Ok(after)
}

/// Ends an invitation whose time is over. False where somebody else ended it, or its time is not over.
pub async fn expire(tx: &mut Tx, id: Uuid) -> Result<bool> {
    let organization_id = tx.organization_id;
    let Some(row) = invitation::lock(tx, organization_id, id).await? else { return Ok(false) };
    match invitation::lock_pending(tx, organization_id, &row.email).await? {
        Some((pending, true)) if pending.id == id => end(tx, &pending, InvitationState::Expired).await.map(|_| true),
        _ => Ok(false),
    }
}

/// An invitation in the ledger.
fn object(row: &InvitationRow) -> ObjectRef {
    ObjectRef {
        object_type: "invitation",
        name: format!("invitations/{}", row.id),
        id: row.id,
        business_unit_id: row.business_unit_id,
    }
}

/// An invitation as the ledger tells it, before and after a change.
fn view(row: &InvitationRow) -> Value {
    json!({"email": row.email, "state": row.state, "expire_time": row.expire_time, "revision": row.revision})
}

/// Invitations as those who manage them see them, in the same order.
async fn to_proto(
    conn: &Connection,
    organization_id: Uuid,
    directory: &Directory,
    rows: Vec<InvitationRow>,
) -> Result<Vec<pb::Invitation>> {
    let role_ids: Vec<Uuid> = rows.iter().map(|row| row.role_id).collect();
    let roles = role::by_ids(conn, organization_id, &role_ids).await?;
    let roles: HashMap<Uuid, String> = roles.into_iter().map(|role| (role.id, role.slug)).collect();
    let user_ids: Vec<Uuid> = rows.iter().filter_map(|row| row.user_id).collect();
    let users = user::usernames(conn, organization_id, &user_ids).await?;
    let users: HashMap<Uuid, String> = users.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let role = roles.get(&row.role_id).map(RoleName::stored).transpose()?;
            let user = row.user_id.and_then(|id| users.get(&id)).map(UserName::stored).transpose()?;
            let unit = row.business_unit_id.and_then(|id| directory.unit_by_id(id));
            Ok(pb::Invitation {
                name: InvitationName::new(row.id).to_string(),
                email: row.email,
                role: role.map(|role| role.to_string()).unwrap_or_default(),
                business_unit: unit.map(|unit| unit.name.to_string()).unwrap_or_default(),
                state: enum_number(pb::InvitationState::from_str_name, "INVITATION_STATE_", &row.state),
                expire_time: Some(timestamp(row.expire_time)),
                accept_time: row.accept_time.map(timestamp),
                user: user.map(|user| user.to_string()).unwrap_or_default(),
                creator: row.creator,
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                etag: Etag::of(row.revision),
                effects: None,
            })
        })
        .collect()
}
