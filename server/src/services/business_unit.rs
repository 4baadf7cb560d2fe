//! Business units: the scope of most work. Their members are in `business_unit_member`.

use std::collections::HashMap;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::business_unit_service_server::BusinessUnitService;
use flagstone_core::access::Scope;
use flagstone_core::business_unit::{BusinessUnitText, CODE_MAX, FORMER_OWNER_ROLE, OWNER_ROLE, id_of_code};
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{BusinessUnitMemberName, BusinessUnitName, UserName, parse};
use flagstone_core::{Error as CoreError, Reason, Violations};
use flagstone_db::Connection;
use flagstone_db::business_unit::{self, BusinessUnitContent, BusinessUnitRow, NewBusinessUnit};
use flagstone_db::business_unit_member::{self, MemberUserRow, UserKey};
use flagstone_db::list::{self, Branch};
use flagstone_db::organization::{self, OrganizationChange};
use flagstone_db::role::{self, RoleRow};
use serde_json::{Value, json};
use uuid::Uuid;

use super::business_unit_member::{
    add_business_unit_member, list_assignable_roles, list_business_unit_members, permissions_of,
    remove_business_unit_member, update_business_unit_member,
};
use crate::app::App;
use crate::business_unit::{member_json, member_ref, open, role_slug, set_member, unit_ref};
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::guards;
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, arguments};
use crate::mask;
use crate::rpc;
use crate::tx::Tx;

/// The service.
#[derive(Debug)]
pub struct BusinessUnits(pub Arc<App>);

#[tonic::async_trait]
impl BusinessUnitService for BusinessUnits {
    rpc::unary! {
        create_business_unit: pb::CreateBusinessUnitRequest => pb::BusinessUnit,
        get_business_unit: pb::GetBusinessUnitRequest => pb::BusinessUnit,
        list_business_units: pb::ListBusinessUnitsRequest => pb::ListBusinessUnitsResponse,
        update_business_unit: pb::UpdateBusinessUnitRequest => pb::BusinessUnit,
        delete_business_unit: pb::DeleteBusinessUnitRequest => pb::DeleteBusinessUnitResponse,
        add_business_unit_member: pb::AddBusinessUnitMemberRequest => pb::BusinessUnitMember,
        update_business_unit_member: pb::UpdateBusinessUnitMemberRequest => pb::BusinessUnitMember,
        remove_business_unit_member: pb::RemoveBusinessUnitMemberRequest => pb::RemoveBusinessUnitMemberResponse,
        list_business_unit_members: pb::ListBusinessUnitMembersRequest => pb::ListBusinessUnitMembersResponse,
        list_assignable_roles: pb::ListAssignableRolesRequest => pb::ListAssignableRolesResponse,
    }
}

/// What allows to know that a unit exists.
const READABLE: &[&str] = &["business_unit:business_units:read", "platform:business_units:read"];

fn facts(name: &str) -> Facts<'_> {
    Facts { name, tier: None, team_id: None, creator_id: None, readable_by: READABLE }
}

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    DisplayName,
    Description,
    Owner,
    Active,
}

const PATHS: [(&str, Path); 4] = [
    ("display_name", Path::DisplayName),
    ("description", Path::Description),
    ("owner", Path::Owner),
    ("active", Path::Active),
];

pub(super) const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "code", kind: FieldKind::Text },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

async fn get_business_unit(cx: Cx, message: pb::GetBusinessUnitRequest) -> Result<pb::BusinessUnit> {
    let name: BusinessUnitName = parse(&message.name, "name")?;
    let read = cx.read(Target::in_unit(&name, name.clone())).await?;
    read.check(&facts(&message.name)).await?;
    let found = business_unit::get(read.conn(), read.organization_id(), read.unit()?.id).await?;
    one(read.conn(), found.ok_or_else(|| CoreError::not_found(&name))?).await
}

async fn list_business_units(cx: Cx, message: pb::ListBusinessUnitsRequest) -> Result<pb::ListBusinessUnitsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::everywhere()).await?;
    let names = call.names(&read).await?;
    let branches = Branch::of_unowned(&read.visible, None);
    let page = list::business_unit::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    Ok(pb::ListBusinessUnitsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        business_units: to_proto(read.conn(), read.organization_id(), page.rows).await?,
    })
}

async fn create_business_unit(cx: Cx, message: pb::CreateBusinessUnitRequest) -> Result<pb::BusinessUnit> {
    let sent = message.business_unit.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let id = id_of_code(&sent.code);
    wrong.check(
        id.is_some(),
        "business_unit.code",
        format!("Give 1 to {CODE_MAX} of A-Z, a-z, 0-9 and `-`, a letter first, for instance `ENG`."),
    );
    let text = BusinessUnitText { display_name: sent.display_name.clone(), description: sent.description.clone() };
    text.check("business_unit", &mut wrong);
    let target =
        id.as_ref().map_or_else(|| "businessUnits".to_owned(), |id| BusinessUnitName::new(id.clone()).to_string());
    let mut tx = cx.begin(&message, Target::organization(&target)).await?;
    tx.check(&facts(&target)).await?;
    let owner = match sent.owner.as_str() {
        "" => Some(caller(&tx).await?),
        name => owner(&tx, name, &mut wrong).await?,
    };
    wrong.finish()?;
    let (Some(id), Some(owner)) = (id, owner) else { return Err(Error::internal("a unit without id or owner")) };

    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let unit = NewBusinessUnit {
        id: Uuid::now_v7(),
        organization_id,
        slug: id.as_str(),
        code: &sent.code,
        display_name: &text.display_name,
        description: &text.description,
        owner_id: Some(owner.id),
        creator: &creator,
    };
    let role = owner_role(&tx, Scope::Unit(unit.id)).await?;
    let settings = crate::organization::settings(&tx, organization_id).await?;
    let row = open(&mut tx, &unit, &settings.default_region).await?;
    tx.record(unit_ref(&row)?, None, Some(&to_json(&row, Some(&owner.username))?));
    set_member(&mut tx, &row, (owner.id, &owner.username), &role).await?;
    tx.raise_epoch(organization_id).await?;
    let answer = one(&tx, row).await?;
    tx.commit(answer).await
}

async fn update_business_unit(cx: Cx, message: pb::UpdateBusinessUnitRequest) -> Result<pb::BusinessUnit> {
    let sent = message.business_unit.clone().unwrap_or_default();
    let name: BusinessUnitName = parse(&sent.name, "business_unit.name")?;
    let mut wrong = Violations::new();
    let is_set = |path| match path {
        Path::DisplayName => !sent.display_name.is_empty(),
        Path::Description => !sent.description.is_empty(),
        Path::Owner => !sent.owner.is_empty(),
        Path::Active => sent.active,
    };
    let mask = mask::paths(message.update_mask.as_ref(), &PATHS, is_set, &mut wrong);
    let mut tx = cx.begin(&message, Target::in_unit(&name, name.clone())).await?;
    let (organization_id, unit_id) = (tx.organization_id, tx.admitted()?.unit()?.id);
    let found = business_unit::lock(&mut tx, organization_id, unit_id).await?;
    let before = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&facts(&sent.name)).await?;
    Etag::check(&sent.etag, before.revision)?;

    let mut text =
        BusinessUnitText { display_name: before.display_name.clone(), description: before.description.clone() };
    let (mut active, mut new_owner) = (before.active, None);
    for path in mask {
        match path {
            Path::DisplayName => sent.display_name.clone_into(&mut text.display_name),
            Path::Description => sent.description.clone_into(&mut text.description),
            Path::Active => active = sent.active,
            Path::Owner => new_owner = owner(&tx, &sent.owner, &mut wrong).await?,
        }
    }
    text.check("business_unit", &mut wrong);
    wrong.finish()?;
    let new_owner = new_owner.filter(|owner| Some(owner.id) != before.owner_id);
    let owner_id = new_owner.as_ref().map(|owner| owner.id).or(before.owner_id);
    let content =
        BusinessUnitContent { display_name: &text.display_name, description: &text.description, owner_id, active };
    let same = (before.display_name.as_str(), before.description.as_str(), before.owner_id, before.active)
        == (content.display_name, content.description, content.owner_id, content.active);
    if same {
        let answer = one(&tx, before).await?;
        return tx.commit(answer).await;
    }
    if let Some(owner) = &new_owner {
        let role = owner_role(&tx, Scope::Unit(unit_id)).await?;
        set_member(&mut tx, &before, (owner.id, &owner.username), &role).await?;
        retire_owner(&mut tx, &before, &role).await?;
    }
    let after = business_unit::update(&mut tx, &before, &content).await?;
    let owners: HashMap<Uuid, String> =
        business_unit::owners(&tx, organization_id, &[before.clone(), after.clone()]).await?.into_iter().collect();
    let view = |row: &BusinessUnitRow| to_json(row, row.owner_id.and_then(|id| owners.get(&id)).map(String::as_str));
    tx.record(unit_ref(&after)?, Some(&view(&before)?), Some(&view(&after)?));
    if new_owner.is_some() || before.active != after.active {
        tx.raise_epoch(organization_id).await?;
    }
    let answer = one(&tx, after).await?;
    tx.commit(answer).await
}

async fn delete_business_unit(
    cx: Cx,
    message: pb::DeleteBusinessUnitRequest,
) -> Result<pb::DeleteBusinessUnitResponse> {
    let name: BusinessUnitName = parse(&message.name, "name")?;
    let mut tx = cx.begin(&message, Target::in_unit(&name, name.clone())).await?;
    let (organization_id, unit_id) = (tx.organization_id, tx.admitted()?.unit()?.id);
    // From here on nothing is begun in it: whoever begins something holds this row.
    let found = business_unit::lock(&mut tx, organization_id, unit_id).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&facts(&message.name)).await?;
    Etag::check(&message.etag, row.revision)?;
    let deployments = business_unit::deployments(&tx, organization_id, unit_id).await?;
    if deployments > 0 {
        let message = format!("{name} has {deployments} deployments that are not DELETED. Destroy them first.");
        return Err(CoreError::precondition(Reason::InUse, message).with("deployments", &deployments).into());
    }
    let owner = business_unit::owners(&tx, organization_id, std::slice::from_ref(&row)).await?.pop();
    let before = to_json(&row, owner.as_ref().map(|(_, username)| username.as_str()))?;
    let emptied = business_unit::delete(&mut tx, &row).await?;
    tx.record(unit_ref(&row)?, Some(&before), None);
    record_emptied(&mut tx, &row, emptied).await?;
    clear_default_unit(&mut tx, &row).await?;
    tx.raise_epoch(organization_id).await?;
    tx.commit(pb::DeleteBusinessUnitResponse::default()).await
}

/// Notes everything that went with a unit.
async fn record_emptied(tx: &mut Tx, unit: &BusinessUnitRow, emptied: business_unit::Emptied) -> Result<()> {
    let in_unit = |object_type, name: String, id| ObjectRef { object_type, name, id, business_unit_id: Some(unit.id) };
    let user_ids: Vec<Uuid> = emptied.members.iter().map(|(user, _)| *user).collect();
    let role_ids: Vec<Uuid> = emptied.members.iter().map(|(_, role)| *role).collect();
    let users = business_unit_member::users(tx, tx.organization_id, &user_ids).await?;
    let roles: HashMap<Uuid, String> =
        business_unit_member::roles(tx, tx.organization_id, &role_ids).await?.into_iter().collect();
    for (user_id, role_id) in emptied.members {
        if let (Some(user), Some(role)) = (users.iter().find(|user| user.id == user_id), roles.get(&role_id)) {
            let name = BusinessUnitMemberName::stored(&unit.slug, &user.username)?;
            tx.record(member_ref(unit.id, &name, user_id), Some(&member_json(role)?), None);
        }
    }
    for (id, slug) in emptied.groups {
        let name = format!("businessUnits/{}/groups/{slug}", unit.slug);
        tx.record(in_unit("group", name, id), Some(&json!({})), None);
    }
    for id in emptied.role_bindings {
        tx.record(in_unit("role_binding", format!("roleBindings/{id}"), id), Some(&json!({})), None);
    }
    for id in emptied.invitations {
        let states = (json!({"state": "PENDING"}), json!({"state": "REVOKED"}));
        tx.record(in_unit("invitation", format!("invitations/{id}"), id), Some(&states.0), Some(&states.1));
    }
    Ok(())
}

/// Takes a deleted unit out of the organization's settings: nobody comes into it any more.
async fn clear_default_unit(tx: &mut Tx, unit: &BusinessUnitRow) -> Result<()> {
    let row = organization::lock_own(tx, unit.organization_id).await?;
    let mut settings = row.settings.clone();
    if settings["default_business_unit"] != unit.slug.as_str() {
        return Ok(());
    }
    settings["default_business_unit"] = Value::Null;
    let change = OrganizationChange { settings: Some(&settings), ..OrganizationChange::default() };
    let after = organization::update(tx, row.id, &change).await?;
    let object = crate::organization::own_ref(&after)?;
    let view = |id: &str| json!({"settings": {"default_business_unit": id}});
    tx.record(object, Some(&view(&unit.slug)), Some(&view("")));
    Ok(())
}

/// The owner before stays a member, with fewer rights: who owns a unit manages it, and nobody else by having done so.
async fn retire_owner(tx: &mut Tx, unit: &BusinessUnitRow, owner_role: &RoleRow) -> Result<()> {
    let Some(user_id) = unit.owner_id else { return Ok(()) };
    let organization_id = tx.organization_id;
    let Some(member) = business_unit_member::lock(tx, organization_id, unit.id, user_id).await? else { return Ok(()) };
    if member.role_id != owner_role.id {
        return Ok(());
    }
    let role = role::find(tx, organization_id, FORMER_OWNER_ROLE).await?;
    let role = role.ok_or_else(|| Error::internal(format!("the role {FORMER_OWNER_ROLE} does not ship")))?;
    let users = business_unit_member::users(tx, organization_id, &[user_id]).await?;
    let user = users.first().ok_or_else(|| Error::internal("an owner has no account"))?;
    let name = BusinessUnitMemberName::stored(&unit.slug, &user.username)?;
    let was = member_json(&role_slug(tx, member.role_id).await?)?;
    business_unit_member::set_role(tx, &member, role.id).await?;
    tx.record(member_ref(unit.id, &name, user_id), Some(&was), Some(&member_json(&role.slug)?));
    Ok(())
}

/// The role of owners, which the caller may give in the unit (rule 11).
async fn owner_role(tx: &Tx, scope: Scope) -> Result<RoleRow> {
    let role = role::find(tx, tx.organization_id, OWNER_ROLE).await?;
    let role = role.ok_or_else(|| Error::internal(format!("the role {OWNER_ROLE} does not ship")))?;
    guards::may_grant(tx, &permissions_of(&role), scope).await?;
    Ok(role)
}

/// The caller as a user.
async fn caller(tx: &Tx) -> Result<MemberUserRow> {
    let Some(name) = tx.admitted()?.user.user_name() else {
        return Err(Error::field(
            "business_unit.owner",
            "Name a person: a service account does not own a business unit.",
        ));
    };
    let found = business_unit_member::user(tx, tx.organization_id, UserKey::Username(name.id().as_str())).await?;
    found.ok_or_else(|| Error::internal("the caller has no account"))
}

/// The user that an owner's name means, who has to be active.
async fn owner(tx: &Tx, sent: &str, wrong: &mut Violations) -> Result<Option<MemberUserRow>> {
    let field = "business_unit.owner";
    let Some(name) = wrong.take(parse::<UserName>(sent, field)) else { return Ok(None) };
    if name.is_me() {
        return caller(tx).await.map(Some);
    }
    let found = business_unit_member::user(tx, tx.organization_id, UserKey::Username(name.id().as_str())).await?;
    match found {
        Some(user) if user.active => Ok(Some(user)),
        Some(_) => {
            wrong.add(field, format!("{name} is not active. Name somebody who is."));
            Ok(None)
        }
        None => {
            wrong.add(field, format!("{name} was not found."));
            Ok(None)
        }
    }
}

/// A unit as the ledger tells it.
fn to_json(row: &BusinessUnitRow, owner: Option<&str>) -> Result<Value> {
    Ok(json!({
        "code": row.code,
        "display_name": row.display_name,
        "description": row.description,
        "owner": owner.map(UserName::stored).transpose()?.map(|name| name.to_string()),
        "active": row.active,
    }))
}

/// One unit as people see it.
async fn one(conn: &Connection, row: BusinessUnitRow) -> Result<pb::BusinessUnit> {
    let organization_id = row.organization_id;
    let unit = to_proto(conn, organization_id, vec![row]).await?.pop();
    unit.ok_or_else(|| Error::internal("a unit was lost on its way out"))
}

/// Units as people see them, in the same order; the names of their owners in one look-up.
pub(super) async fn to_proto(
    conn: &Connection,
    organization_id: Uuid,
    rows: Vec<BusinessUnitRow>,
) -> Result<Vec<pb::BusinessUnit>> {
    let owners = business_unit::owners(conn, organization_id, &rows).await?;
    let owners: HashMap<_, _> = owners.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let owner = row.owner_id.and_then(|id| owners.get(&id));
            Ok(pb::BusinessUnit {
                name: BusinessUnitName::stored(&row.slug)?.to_string(),
                code: row.code,
                display_name: row.display_name,
                description: row.description,
                owner: owner.map(UserName::stored).transpose()?.map(|name| name.to_string()).unwrap_or_default(),
                active: row.active,
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                creator: row.creator,
                etag: Etag::of(row.revision),
                effects: None,
            })
        })
        .collect()
}
