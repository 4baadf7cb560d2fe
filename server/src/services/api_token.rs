//! ApiTokenService: long-lived secrets of people and of service accounts.
//!
//! Two rules keep a token from adding a right. At use, it gives what both it and its holder have. When it is made, whoever
//! makes it must hold what it will give, wherever it will give it (rule 11).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_api::pb::api_token_service_server::ApiTokenService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{
    Grants, Object, Permission, PermissionPattern, PermissionSet, Scope, could_match, decide,
};
use flagstone_core::api_token::{self as rules, reached};
use flagstone_core::error::Violations;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{ApiTokenName, ApiTokenParent, BusinessUnitName, Principal, parse};
use flagstone_db::api_token::{self, ApiTokenRow, NewApiToken};
use flagstone_db::list::{self, Branch};
use flagstone_db::{Connection, clock, service_account};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::call::UserCaller;
use crate::convert::timestamp;
use crate::cx::{Admitted, Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::guards::may_grant;
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, arguments};
use crate::rpc::unary;
use crate::token::{self, TokenKind};
use crate::tx::Tx;

/// The service.
pub struct ApiTokens(pub Arc<App>);

#[tonic::async_trait]
impl ApiTokenService for ApiTokens {
    unary! {
        create_api_token: pb::CreateApiTokenRequest => pb::CreateApiTokenResponse,
        list_api_tokens: pb::ListApiTokensRequest => pb::ListApiTokensResponse,
        revoke_api_token: pb::RevokeApiTokenRequest => pb::RevokeApiTokenResponse,
    }
}

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "create_time", kind: FieldKind::Time },
        Field { name: "expire_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

const OWN: &str = "user:api_tokens:manage:own";
const OF_ACCOUNTS: &str = "platform:service_accounts:manage";
const OF_ACCOUNTS_LIST: &str = "platform:service_accounts:list";

/// Whose tokens a call is about, as far as its name says.
struct Holder {
    name: ApiTokenParent,
    /// The name without `me`.
    shown: String,
    is_caller: bool,
}

impl Holder {
    /// Fails where a program asks for its tokens as if it were a person: they are managed under its name, by others.
    fn of(name: ApiTokenParent, caller: &UserCaller) -> Result<Self> {
        if matches!(&name, ApiTokenParent::User(name) if name.is_me()) {
            caller.person()?;
        }
        let is_caller = match (&name, &caller.name) {
            (ApiTokenParent::User(name), Principal::User(own)) => name.is_me() || name == own,
            _ => false,
        };
        let shown = if is_caller { caller.name.to_string() } else { name.to_string() };
        Ok(Self { name, shown, is_caller })
    }

    /// A person's tokens are that person's alone; an administrator manages those of service accounts. `writes` is whether
    /// they are changed.
    fn pattern(&self, writes: bool) -> Result<PermissionPattern> {
        let slug = match self.name {
            ApiTokenParent::User(_) => OWN,
            ApiTokenParent::ServiceAccount(_) if writes => OF_ACCOUNTS,
            ApiTokenParent::ServiceAccount(_) => OF_ACCOUNTS_LIST,
        };
        PermissionPattern::parse(slug).map_err(Error::internal)
    }

    fn facts<'a>(&self, name: &'a str, caller: &UserCaller) -> Facts<'a> {
        let (creator_id, readable_by): (_, &'static [&'static str]) = match self.name {
            // Nobody's own, where it is somebody else's.
            ApiTokenParent::User(_) => (Some(if self.is_caller { caller.id } else { Uuid::nil() }), &[OWN]),
            ApiTokenParent::ServiceAccount(_) => (None, &[OF_ACCOUNTS_LIST]),
        };
        Facts { name, tier: None, team_id: None, creator_id, readable_by }
    }

    /// Row id of the holder. To be asked after the door has judged who asks.
    async fn id(&self, conn: &Connection, caller: &UserCaller) -> Result<Uuid> {
        match &self.name {
            ApiTokenParent::User(_) if self.is_caller => Ok(caller.id),
            ApiTokenParent::User(_) => Err(CoreError::not_found(&self.shown).into()),
            ApiTokenParent::ServiceAccount(name) => {
                let found = service_account::find(conn, caller.organization_id, name.id().as_str()).await?;
                Ok(found.ok_or_else(|| CoreError::not_found(name))?.id)
            }
        }
    }
}

async fn create_api_token(cx: Cx, req: pb::CreateApiTokenRequest) -> Result<pb::CreateApiTokenResponse> {
    let caller = cx.user()?.clone();
    let holder = Holder::of(parse(&req.parent, "parent")?, &caller)?;
    let sent = req.api_token.clone().unwrap_or_default();
    let mut tx = cx.begin(&req, Target::organization(&holder.shown)).await?;
    let facts = holder.facts(&holder.shown, &caller);
    tx.require(&holder.pattern(true)?, &facts).await?;
    tx.check(&facts).await?;
    if holder.is_caller {
        // A token that could make tokens would outlive its own revocation.
        cx.session()?;
    }
    let holder_id = holder.id(&tx, &caller).await?;
    let wanted = Wanted::read(&tx, &sent, clock::read(&tx).await?)?;
    judge(&tx, &holder, holder_id, &wanted).await?;

    let (secret, sha256) = token::mint(TokenKind::Api)?;
    let is_users = matches!(holder.name, ApiTokenParent::User(_));
    let slugs: Vec<String> = wanted.permissions.iter().map(|permission| permission.slug().to_owned()).collect();
    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let row = api_token::insert(
        &mut tx,
        &NewApiToken {
            id: Uuid::now_v7(),
            organization_id,
            user_id: is_users.then_some(holder_id),
            service_account_id: (!is_users).then_some(holder_id),
            display_name: &wanted.display_name,
            prefix: token::shown_prefix(TokenKind::Api, &secret),
            sha256: &sha256,
            permissions: &slugs,
            business_unit_ids: wanted.units.as_deref(),
            expire_time: wanted.expire_time,
            creator: &creator,
        },
    )
    .await?;
    let object = object(&holder.shown, &row);
    tx.about(object.name.clone());
    tx.record(object, None, Some(&to_json(&row, &tx.directory)));
    let api_token = Some(to_proto(&holder.shown, &row, &tx.directory));
    if req.validate_only {
        return tx.commit(pb::CreateApiTokenResponse { api_token, ..Default::default() }).await;
    }
    tx.commit_secret(pb::CreateApiTokenResponse { api_token, secret, effects: None }).await
}

/// What a caller asks for, checked as far as it needs no one's rights.
struct Wanted {
    display_name: String,
    permissions: PermissionSet,
    units: Option<Vec<Uuid>>,
    expire_time: DateTime<Utc>,
}

impl Wanted {
    fn read(tx: &Tx, sent: &pb::ApiToken, now: DateTime<Utc>) -> Result<Self> {
        let mut wrong = Violations::new();
        let expire_time = match &sent.expire_time {
            None => now + rules::LIFETIME_DEFAULT,
            Some(time) => u32::try_from(time.nanos)
                .ok()
                .and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos))
                .unwrap_or_default(),
        };
        let units = sent.business_units.len();
        let permissions = rules::check(&sent.display_name, &sent.permissions, units, expire_time, now, &mut wrong);
        let mut ids = Vec::new();
        for (index, name) in sent.business_units.iter().enumerate().take(rules::LIST_MAX) {
            let field = format!("api_token.business_units[{index}]");
            let Some(name) = wrong.take(parse::<BusinessUnitName>(name, &field)) else { continue };
            // Absent and out of sight answer alike.
            match tx.directory.unit(&name).filter(|unit| sees(tx.admitted(), unit.id, &permissions)) {
                Some(unit) => ids.push(unit.id),
                None => wrong.add(field, format!("{name} was not found. Check the name, or ask for access.")),
            }
        }
        wrong.finish()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(Self {
            display_name: sent.display_name.trim().to_owned(),
            permissions,
            units: (!ids.is_empty()).then_some(ids),
            expire_time,
        })
    }
}

/// Whether the caller may know of a unit: may read it, or holds in it something of what is asked for.
fn sees(admitted: Result<&Admitted>, unit_id: Uuid, permissions: &PermissionSet) -> bool {
    let Ok(admitted) = admitted else { return false };
    let (grants, now, scope) = (&admitted.user.grants, admitted.now, Scope::Unit(unit_id));
    let reads = |slug: &str, scope| {
        Permission::parse(slug).is_ok_and(|permission| decide(grants, now, permission, Object::of(scope)).is_allow())
    };
    reads("business_unit:business_units:read", scope)
        || reads("platform:business_units:read", Scope::Organization)
        || permissions.iter().any(|permission| could_match(grants, now, &permission.into(), scope))
}

/// Fails unless the holder has what the token is to carry, and the caller may hand it on.
async fn judge(tx: &Tx, holder: &Holder, holder_id: Uuid, wanted: &Wanted) -> Result<()> {
    let admitted = tx.admitted()?;
    let all_units: Vec<Uuid> = tx.directory.units().iter().map(|unit| unit.id).collect();
    let reach =
        |grants: &Grants| reached(grants, admitted.now, &wanted.permissions, wanted.units.as_deref(), &all_units);
    if holder.is_caller {
        // What the caller holds somewhere the token may carry there: it is the caller's own. What it holds nowhere is
        // refused and audited as everywhere.
        let missing: PermissionSet = reach(&admitted.user.grants).missing.into_iter().collect();
        return if missing.is_empty() { Ok(()) } else { may_grant(tx, &missing, Scope::Organization).await };
    }
    let grants = tx.app.identities.grants(tx, tx.organization_id, holder_id).await?;
    let reach = reach(&grants);
    if !reach.missing.is_empty() {
        let missing: Vec<&str> = reach.missing.iter().map(|permission| permission.slug()).collect();
        let message = format!(
            "{} does not hold {} where the token is for. Bind a role to it first, or leave that out.",
            holder.shown,
            missing.join(", ")
        );
        return Err(Error::field("api_token.permissions", message.chars().take(1_000).collect::<String>()));
    }
    for (scope, permissions) in &reach.scopes {
        may_grant(tx, permissions, *scope).await?;
    }
    Ok(())
}

async fn list_api_tokens(cx: Cx, req: pb::ListApiTokensRequest) -> Result<pb::ListApiTokensResponse> {
    let caller = cx.user()?.clone();
    let (name, call) = LIST.call_in::<ApiTokenParent>(&cx, &req.parent, arguments!(req))?;
    let holder = Holder::of(name, &caller)?;
    let read = cx.read(Target::organization(&holder.shown)).await?;
    let facts = holder.facts(&holder.shown, &caller);
    cx.require(&read, &holder.pattern(false)?, &facts).await?;
    let holder_id = holder.id(read.conn(), &caller).await?;
    let names = call.names(&read).await?;
    let page = list::api_token::list(read.conn(), &call.query(&read, &names, Some(holder_id), &[Branch::ALL])).await?;
    Ok(pb::ListApiTokensResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        api_tokens: page.rows.iter().map(|row| to_proto(&holder.shown, row, &caller.directory)).collect(),
    })
}

async fn revoke_api_token(cx: Cx, req: pb::RevokeApiTokenRequest) -> Result<pb::RevokeApiTokenResponse> {
    let caller = cx.user()?.clone();
    let name: ApiTokenName = parse(&req.name, "name")?;
    let holder = Holder::of(name.parent(), &caller)?;
    let id = match &name {
        ApiTokenName::User(name) => *name.id(),
        ApiTokenName::ServiceAccount(name) => *name.id(),
    };
    let shown = format!("{}/apiTokens/{id}", holder.shown);
    let mut tx = cx.begin(&req, Target::organization(&shown)).await?;
    let facts = holder.facts(&shown, &caller);
    tx.require(&holder.pattern(true)?, &facts).await?;
    tx.check(&facts).await?;
    let holder_id = holder.id(&tx, &caller).await?;
    let organization_id = tx.organization_id;
    let found = api_token::lock(&mut tx, organization_id, id).await?;
    let before = found
        .filter(|row| row.user_id == Some(holder_id) || row.service_account_id == Some(holder_id))
        .ok_or_else(|| CoreError::not_found(&shown))?;
    let after = if before.revoke_time.is_some() { before.clone() } else { api_token::revoke(&mut tx, &before).await? };
    let (was, is) = (to_json(&before, &tx.directory), to_json(&after, &tx.directory));
    tx.record(object(&holder.shown, &after), Some(&was), Some(&is));
    let api_token = Some(to_proto(&holder.shown, &after, &tx.directory));
    let answer = tx.commit(pb::RevokeApiTokenResponse { api_token, effects: None }).await?;
    if !req.validate_only {
        cx.app.identities.end_token(id);
    }
    Ok(answer)
}

fn object(holder: &str, row: &ApiTokenRow) -> ObjectRef {
    ObjectRef {
        object_type: "api_token",
        name: format!("{holder}/apiTokens/{}", row.id),
        id: row.id,
        business_unit_id: None,
    }
}

fn unit_names(row: &ApiTokenRow, directory: &Directory) -> Vec<String> {
    let ids = row.business_unit_ids.iter().flatten();
    ids.filter_map(|id| directory.unit_by_id(*id)).map(|unit| unit.name.to_string()).collect()
}

/// The content as the ledger tells it.
fn to_json(row: &ApiTokenRow, directory: &Directory) -> Value {
    json!({
        "display_name": row.display_name,
        "permissions": row.permissions,
        "business_units": unit_names(row, directory),
        "expire_time": row.expire_time,
        "revoked": row.revoke_time.is_some(),
    })
}

/// A token as people see it.
fn to_proto(holder: &str, row: &ApiTokenRow, directory: &Directory) -> pb::ApiToken {
    pb::ApiToken {
        name: format!("{holder}/apiTokens/{}", row.id),
        display_name: row.display_name.clone(),
        prefix: row.prefix.clone(),
        permissions: row.permissions.clone(),
        business_units: unit_names(row, directory),
        expire_time: Some(timestamp(row.expire_time)),
        last_use_time: row.last_use_time.map(timestamp),
        last_use_ip: row.last_use_ip.clone(),
        revoke_time: row.revoke_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        creator: row.creator.clone(),
    }
}
