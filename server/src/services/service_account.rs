//! ServiceAccountService: programs that act under a name of their own.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::service_account_service_server::ServiceAccountService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{Permission, PermissionSet};
use flagstone_core::api_token::reached;
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{RoleName, ServiceAccountName, Slug, parse};
use flagstone_core::service_account::{CiClaimCondition, CiTrustRule, ServiceAccountContent, ServiceAccountKind};
use flagstone_db::api_token;
use flagstone_db::list::{self, Branch};
use flagstone_db::service_account::{self, BoundRole, NewServiceAccount, ServiceAccountRow};
use prost_types::FieldMask;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::convert::{enum_name, enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::guards::may_grant;
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, arguments};
use crate::rpc::unary;
use crate::tx::Tx;

/// The service.
pub struct ServiceAccounts(pub Arc<App>);

#[tonic::async_trait]
impl ServiceAccountService for ServiceAccounts {
    unary! {
        create_service_account: pb::CreateServiceAccountRequest => pb::ServiceAccount,
        get_service_account: pb::GetServiceAccountRequest => pb::ServiceAccount,
        list_service_accounts: pb::ListServiceAccountsRequest => pb::ListServiceAccountsResponse,
        update_service_account: pb::UpdateServiceAccountRequest => pb::ServiceAccount,
        delete_service_account: pb::DeleteServiceAccountRequest => pb::DeleteServiceAccountResponse,
    }
}

const READABLE: &[&str] = &["platform:service_accounts:list"];

/// Where the fields of the message are.
const AT: &str = "service_account";

const LIST: List = List {
    fields: &[
        Field { name: "kind", kind: FieldKind::Enum(ServiceAccountKind::WORDS) },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "description", kind: FieldKind::TextSearch },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

async fn get_service_account(cx: Cx, req: pb::GetServiceAccountRequest) -> Result<pb::ServiceAccount> {
    let name: ServiceAccountName = parse(&req.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = service_account::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    let bound = service_account::bound_roles(read.conn(), read.organization_id(), row.id).await?;
    let mut answer = to_proto(row)?;
    answer.role_bindings = bound.into_iter().map(|role| binding(role, &read.user.directory)).collect::<Result<_>>()?;
    Ok(answer)
}

async fn list_service_accounts(cx: Cx, req: pb::ListServiceAccountsRequest) -> Result<pb::ListServiceAccountsResponse> {
    let call = LIST.call(&cx, arguments!(req))?;
    let read = cx.read(Target::organization("serviceAccounts")).await?;
    let names = call.names(&read).await?;
    let page = list::service_account::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListServiceAccountsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        service_accounts: page.rows.into_iter().map(to_proto).collect::<Result<_>>()?,
    })
}

async fn create_service_account(cx: Cx, req: pb::CreateServiceAccountRequest) -> Result<pb::ServiceAccount> {
    let sent = req.service_account.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let id = wrong.take(Slug::parse(&req.service_account_id, "service_account_id"));
    let kind = wrong.take(read_kind(sent.kind));
    if let Some(kind) = kind {
        content(&sent, kind, true).check(AT, &mut wrong);
    }
    let mut tx = cx.begin(&req, Target::organization("serviceAccounts")).await?;
    tx.check(&Facts { name: "serviceAccounts", tier: None, team_id: None, creator_id: None, readable_by: READABLE })
        .await?;
    let (Some(id), Some(kind)) = (id, kind) else {
        wrong.finish()?;
        return Err(Error::internal("a service account was refused without a reason"));
    };
    wrong.finish()?;
    let content = content(&sent, kind, true);
    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let new = NewServiceAccount {
        id: Uuid::now_v7(),
        organization_id,
        slug: id.as_str(),
        kind: kind.as_str(),
        description: &content.description,
        active: true,
        ci_trust_rules: &json!(content.ci_trust_rules),
        creator: &creator,
    };
    let name = ServiceAccountName::new(id.clone());
    let row = service_account::insert(&mut tx, &new).await?;
    let row = row.ok_or_else(|| CoreError::already_exists(&name))?;
    tx.about(name.to_string());
    tx.record(object(&name, &row), None, Some(&to_json(&row)));
    tx.commit(to_proto(row)?).await
}

async fn update_service_account(cx: Cx, req: pb::UpdateServiceAccountRequest) -> Result<pb::ServiceAccount> {
    let sent = req.service_account.clone().unwrap_or_default();
    let name: ServiceAccountName = parse(&sent.name, "service_account.name")?;
    let mut wrong = Violations::new();
    let mask = mask(&sent, req.update_mask.as_ref(), &mut wrong);
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let before = locked(&mut tx, &name, &sent.etag).await?;
    let mut after = stored(&before)?;
    let was = after.clone();
    for path in mask {
        match path {
            Path::Description => sent.description.clone_into(&mut after.description),
            Path::CiTrustRules => after.ci_trust_rules = rules(&sent.ci_trust_rules),
            Path::Active => after.active = sent.active,
        }
    }
    after.check(AT, &mut wrong);
    wrong.finish()?;
    if after == was {
        return tx.commit(to_proto(before)?).await;
    }
    if after.ci_trust_rules != was.ci_trust_rules {
        // Whoever is trusted comes in as the account: that hands on all that it holds.
        hands_on(&tx, &before).await?;
    }
    let trust_rules = json!(after.ci_trust_rules);
    let row = service_account::update(&mut tx, &before, &after.description, after.active, &trust_rules).await?;
    if after.active != was.active {
        let organization_id = tx.organization_id;
        tx.raise_epoch(organization_id).await?;
    }
    tx.record(object(&name, &row), Some(&to_json(&before)), Some(&to_json(&row)));
    let id = row.id;
    let answer = tx.commit(to_proto(row)?).await?;
    if !req.validate_only {
        cx.app.identities.forget_user(id);
    }
    Ok(answer)
}

async fn delete_service_account(
    cx: Cx,
    req: pb::DeleteServiceAccountRequest,
) -> Result<pb::DeleteServiceAccountResponse> {
    let name: ServiceAccountName = parse(&req.name, "name")?;
    let mut tx = cx.begin(&req, Target::organization(&name)).await?;
    let row = locked(&mut tx, &name, &req.etag).await?;
    let organization_id = tx.organization_id;
    let revoked = api_token::revoke_all(&mut tx, organization_id, row.id).await?;
    service_account::delete(&mut tx, &row).await?;
    tx.raise_epoch(organization_id).await?;
    tx.ledger.detail("revoked", revoked.len());
    tx.record(object(&name, &row), Some(&to_json(&row)), None);
    let revoked_tokens = i32::try_from(revoked.len()).unwrap_or(i32::MAX);
    let answer = tx.commit(pb::DeleteServiceAccountResponse { revoked_tokens, effects: None }).await?;
    if !req.validate_only {
        cx.app.identities.forget_user(row.id);
    }
    Ok(answer)
}

/// The account of a name, locked and judged.
async fn locked(tx: &mut Tx, name: &ServiceAccountName, etag: &str) -> Result<ServiceAccountRow> {
    let organization_id = tx.organization_id;
    let found = service_account::lock(tx, organization_id, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(name))?;
    tx.check(&Facts { name: &name.to_string(), tier: None, team_id: None, creator_id: None, readable_by: READABLE })
        .await?;
    Etag::check(etag, row.revision)?;
    Ok(row)
}

/// Fails unless the caller holds everything that the account does.
async fn hands_on(tx: &Tx, row: &ServiceAccountRow) -> Result<()> {
    let grants = tx.app.identities.grants(tx, tx.organization_id, row.id).await?;
    let all: PermissionSet = Permission::all().collect();
    let units: Vec<Uuid> = tx.directory.units().iter().map(|unit| unit.id).collect();
    let held = reached(&grants, tx.admitted()?.now, &all, None, &units);
    for (scope, permissions) in &held.scopes {
        may_grant(tx, permissions, *scope).await?;
    }
    Ok(())
}

/// The fields of a service account that a call may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Description,
    CiTrustRules,
    Active,
}

const PATHS: [(&str, Path); 3] =
    [("description", Path::Description), ("ci_trust_rules", Path::CiTrustRules), ("active", Path::Active)];

/// The fields that a call changes: those of its mask, or without one those that are set.
fn mask(sent: &pb::ServiceAccount, mask: Option<&FieldMask>, wrong: &mut Violations) -> Vec<Path> {
    let paths = mask.map_or(&[][..], |mask| mask.paths.as_slice());
    if paths.is_empty() {
        let is_set = |path: &Path| match path {
            Path::Description => !sent.description.is_empty(),
            Path::CiTrustRules => !sent.ci_trust_rules.is_empty(),
            Path::Active => sent.active,
        };
        return PATHS.into_iter().map(|(_, path)| path).filter(is_set).collect();
    }
    let mut found = Vec::with_capacity(PATHS.len());
    for path in paths {
        match PATHS.into_iter().find(|(name, _)| name == path) {
            Some((_, path)) => found.push(path),
            None => {
                let path: String = path.chars().take(80).collect();
                let known = PATHS.map(|(name, _)| name).join(", ");
                wrong.add("update_mask", format!("`{path}` cannot be changed. The paths are {known}."));
            }
        }
    }
    found
}

fn read_kind(number: i32) -> Result<ServiceAccountKind, CoreError> {
    let kind = pb::ServiceAccountKind::try_from(number).unwrap_or_default();
    enum_name(kind.as_str_name(), "SERVICE_ACCOUNT_KIND_")
        .parse()
        .map_err(|_| CoreError::field("service_account.kind", "Give a kind: MACHINE, CI or AGENT."))
}

fn content(sent: &pb::ServiceAccount, kind: ServiceAccountKind, active: bool) -> ServiceAccountContent {
    ServiceAccountContent {
        kind,
        description: sent.description.clone(),
        active,
        ci_trust_rules: rules(&sent.ci_trust_rules),
    }
}

fn rules(sent: &[pb::CiTrustRule]) -> Vec<CiTrustRule> {
    let condition =
        |sent: &pb::CiClaimCondition| CiClaimCondition { claim: sent.claim.clone(), value: sent.value.clone() };
    sent.iter()
        .map(|rule| CiTrustRule {
            issuer: rule.issuer.clone(),
            conditions: rule.conditions.iter().map(condition).collect(),
        })
        .collect()
}

fn stored(row: &ServiceAccountRow) -> Result<ServiceAccountContent> {
    Ok(ServiceAccountContent {
        kind: row.kind.parse().map_err(Error::internal)?,
        description: row.description.clone(),
        active: row.active,
        ci_trust_rules: serde_json::from_value(row.ci_trust_rules.clone()).map_err(Error::internal)?,
    })
}

fn object(name: &ServiceAccountName, row: &ServiceAccountRow) -> ObjectRef {
    ObjectRef { object_type: "service_account", name: name.to_string(), id: row.id, business_unit_id: None }
}

/// The content as the ledger tells it, before and after a change.
fn to_json(row: &ServiceAccountRow) -> Value {
    json!({
        "kind": row.kind,
        "description": row.description,
        "active": row.active,
        "ci_trust_rules": row.ci_trust_rules,
    })
}

/// A service account as people see it, without its role bindings.
fn to_proto(row: ServiceAccountRow) -> Result<pb::ServiceAccount> {
    let content = stored(&row)?;
    let condition =
        |condition: CiClaimCondition| pb::CiClaimCondition { claim: condition.claim, value: condition.value };
    let rule = |rule: CiTrustRule| pb::CiTrustRule {
        issuer: rule.issuer,
        conditions: rule.conditions.into_iter().map(condition).collect(),
    };
    Ok(pb::ServiceAccount {
        name: ServiceAccountName::stored(&row.slug)?.to_string(),
        kind: enum_number(pb::ServiceAccountKind::from_str_name, "SERVICE_ACCOUNT_KIND_", &row.kind),
        description: row.description,
        active: row.active,
        ci_trust_rules: content.ci_trust_rules.into_iter().map(rule).collect(),
        role_bindings: Vec::new(),
        last_use_time: row.last_use_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    })
}

fn binding(bound: BoundRole, directory: &Directory) -> Result<pb::ServiceAccountBinding> {
    let unit = bound.business_unit_id.and_then(|id| directory.unit_by_id(id));
    Ok(pb::ServiceAccountBinding {
        role_binding: format!("roleBindings/{}", bound.id),
        role: RoleName::stored(bound.role)?.to_string(),
        business_unit: unit.map(|unit| unit.name.to_string()).unwrap_or_default(),
        deny: bound.effect == "DENY",
        condition: bound.condition.unwrap_or_default(),
        expire_time: bound.expire_time.map(timestamp),
    })
}
