//! The members of business units: BusinessUnitService's other half.

use std::collections::HashMap;

use flagstone_api::pb;
use flagstone_core::access::{Permission, PermissionSet, Restriction, RoleScope, Scope};
use flagstone_core::business_unit::OWNER_ROLE;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{BusinessUnitMemberName, BusinessUnitName, RoleName, UserName, parse};
use flagstone_core::{Error as CoreError, Reason, Violations, email};
use flagstone_db::Connection;
use flagstone_db::business_unit::{self, BusinessUnitRow};
use flagstone_db::business_unit_member::{self, BoundRole, BusinessUnitMemberRow, MemberUserRow, UserKey};
use flagstone_db::list::{self, Branch};
use flagstone_db::role::{self, RoleRow};
use serde_json::json;
use uuid::Uuid;

use crate::business_unit::{member_json, member_ref, role_slug, set_member};
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::guards;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::mask;
use crate::tx::Tx;

/// What allows to know who is a member.
const READABLE: &[&str] = &["business_unit:business_units:read"];

const LIST: List = List {
    fields: &[Field { name: "user", kind: FieldKind::Name }, Field { name: "create_time", kind: FieldKind::Time }],
    names: &[("user", NameKind::User)],
    orders: BY_CREATION,
};

fn facts(name: &str) -> Facts<'_> {
    Facts { name, tier: None, team_id: None, creator_id: None, readable_by: READABLE }
}

pub(super) async fn add_business_unit_member(
    cx: Cx,
    message: pb::AddBusinessUnitMemberRequest,
) -> Result<pb::BusinessUnitMember> {
    let parent: BusinessUnitName = parse(&message.parent, "parent")?;
    let mut wrong = Violations::new();
    let address = email::normalised(&message.email);
    wrong.check(address.is_some(), "email", "Give the e-mail address of a user of the organization.");
    let role_name = wrong.take(parse::<RoleName>(&message.role, "role"));
    let mut tx = cx.begin(&message, Target::in_unit(&parent, parent.clone())).await?;
    tx.check(&facts(&message.parent)).await?;
    let unit = held_unit(&mut tx, &parent).await?;
    let role = match role_name {
        Some(name) => assignable(&tx, &name, "role", &mut wrong).await?,
        None => None,
    };
    let user = match &address {
        Some(address) => business_unit_member::user(&tx, tx.organization_id, UserKey::Email(address)).await?,
        None => None,
    };
    if address.is_some() {
        let is_somebody = user.is_some();
        wrong.check(is_somebody, "email", "Nobody in the organization has this address. Invite it, or correct it.");
        let is_active = user.as_ref().is_none_or(|user| user.active);
        wrong.check(is_active, "email", "This user is not active. Activate the account first.");
    }
    wrong.finish()?;
    let (Some(role), Some(user)) = (role, user) else { return Err(Error::internal("a member without role or user")) };

    let (organization_id, creator) = (tx.organization_id, tx.principal.clone());
    let name = BusinessUnitMemberName::stored(&unit.slug, &user.username)?;
    tx.about(name.to_string());
    let row = business_unit_member::insert(&mut tx, organization_id, unit.id, user.id, role.id, &creator)
        .await
        .map_err(|error| error.about(&name))?;
    tx.record(member_ref(unit.id, &name, user.id), None, Some(&member_json(&role.slug)?));
    tx.raise_epoch(organization_id).await?;
    let answer = one(&tx, &unit, row).await?;
    tx.commit(answer).await
}

pub(super) async fn update_business_unit_member(
    cx: Cx,
    message: pb::UpdateBusinessUnitMemberRequest,
) -> Result<pb::BusinessUnitMember> {
    let sent = message.business_unit_member.clone().unwrap_or_default();
    let name: BusinessUnitMemberName = parse(&sent.name, "business_unit_member.name")?;
    let mut wrong = Violations::new();
    let changes = mask::paths(message.update_mask.as_ref(), &[("role", ())], |()| !sent.role.is_empty(), &mut wrong);
    let mut tx = cx.begin(&message, Target::in_unit(&name, name.business_unit())).await?;
    let (unit, user, member) = locked(&mut tx, &name).await?;
    tx.check(&facts(&sent.name)).await?;
    Etag::check(&sent.etag, member.revision)?;
    let field = "business_unit_member.role";
    let role = match changes.is_empty() {
        true => None,
        false => match wrong.take(parse::<RoleName>(&sent.role, field)) {
            Some(role) => assignable(&tx, &role, field, &mut wrong).await?,
            None => None,
        },
    };
    wrong.finish()?;
    let organization_id = tx.organization_id;
    let row = match role {
        Some(role) if role.id != member.role_id => {
            if unit.owner_id == Some(user.id) && role.slug != OWNER_ROLE {
                return Err(owns(&name));
            }
            let row = set_member(&mut tx, &unit, (user.id, &user.username), &role).await?;
            tx.raise_epoch(organization_id).await?;
            row
        }
        _ => member,
    };
    let answer = one(&tx, &unit, row).await?;
    tx.commit(answer).await
}

pub(super) async fn remove_business_unit_member(
    cx: Cx,
    message: pb::RemoveBusinessUnitMemberRequest,
) -> Result<pb::RemoveBusinessUnitMemberResponse> {
    let name: BusinessUnitMemberName = parse(&message.name, "name")?;
    let mut tx = cx.begin(&message, Target::in_unit(&name, name.business_unit())).await?;
    let (unit, user, member) = locked(&mut tx, &name).await?;
    tx.check(&facts(&message.name)).await?;
    Etag::check(&message.etag, member.revision)?;
    if unit.owner_id == Some(user.id) {
        return Err(owns(&name));
    }
    let was = member_json(&role_slug(&tx, member.role_id).await?)?;
    let organization_id = tx.organization_id;
    let left = business_unit_member::remove(&mut tx, &member).await?;
    let groups: Vec<String> =
        left.into_iter().map(|(_, slug)| format!("businessUnits/{}/groups/{slug}", unit.slug)).collect();
    tx.record(member_ref(unit.id, &name, user.id), Some(&was), None);
    if !groups.is_empty() {
        tx.ledger.detail("left_groups", json!(groups));
    }
    tx.raise_epoch(organization_id).await?;
    tx.commit(pb::RemoveBusinessUnitMemberResponse { groups, effects: None }).await
}

pub(super) async fn list_business_unit_members(
    cx: Cx,
    message: pb::ListBusinessUnitMembersRequest,
) -> Result<pb::ListBusinessUnitMembersResponse> {
    let (parent, call) = LIST.call_in::<BusinessUnitName>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::in_unit(&parent, parent.clone())).await?;
    read.check(&facts(&message.parent)).await?;
    let names = call.names(&read).await?;
    let (organization_id, unit_id) = (read.organization_id(), read.unit()?.id);
    let unit = business_unit::get(read.conn(), organization_id, unit_id).await?;
    let unit = unit.ok_or_else(|| CoreError::not_found(&parent))?;
    let query = call.query(&read, &names, Some(unit_id), &[Branch::ALL]);
    let page = list::business_unit_member::list(read.conn(), &query).await?;
    Ok(pb::ListBusinessUnitMembersResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        business_unit_members: to_proto(read.conn(), &unit, page.rows).await?,
    })
}

pub(super) async fn list_assignable_roles(
    cx: Cx,
    message: pb::ListAssignableRolesRequest,
) -> Result<pb::ListAssignableRolesResponse> {
    let parent: BusinessUnitName = parse(&message.parent, "parent")?;
    let read = cx.read(Target::in_unit(&parent, parent.clone())).await?;
    read.check(&facts(&message.parent)).await?;
    let unit = read.unit()?;
    if unit.deleted {
        return Err(CoreError::not_found(&parent).into());
    }
    let roles = role::of_units(read.conn(), read.organization_id()).await?;
    let scope = Scope::Unit(unit.id);
    let mut assignable = Vec::new();
    for role in roles {
        let permissions = permissions_of(&role);
        if guards::not_held(&read, &permissions, scope).is_empty() {
            assignable.push(pb::AssignableRole {
                role: RoleName::stored(&role.slug)?.to_string(),
                display_name: role.display_name,
                description: role.description,
                own_team_only: role.restriction == Restriction::OwnTeam.as_str(),
                permission_count: i32::try_from(permissions.iter().count()).unwrap_or(i32::MAX),
            });
        }
    }
    Ok(pb::ListAssignableRolesResponse { roles: assignable })
}

/// What a role gives. What the registry does not know gives nothing.
pub(super) fn permissions_of(role: &RoleRow) -> PermissionSet {
    role.permissions.iter().filter_map(|slug| Permission::parse(slug).ok()).collect()
}

/// The unit of the call, kept from being deleted meanwhile.
async fn held_unit(tx: &mut Tx, name: &BusinessUnitName) -> Result<BusinessUnitRow> {
    let (organization_id, unit_id) = (tx.organization_id, tx.admitted()?.unit()?.id);
    business_unit::hold(tx, organization_id, unit_id).await?;
    let found = business_unit::get(tx, organization_id, unit_id).await?;
    found.ok_or_else(|| CoreError::not_found(name).into())
}

/// The membership of a name, to be changed.
async fn locked(
    tx: &mut Tx,
    name: &BusinessUnitMemberName,
) -> Result<(BusinessUnitRow, MemberUserRow, BusinessUnitMemberRow)> {
    let unit = held_unit(tx, &name.business_unit()).await?;
    let organization_id = tx.organization_id;
    let absent = || CoreError::not_found(name);
    let username = match name.user() {
        user if user.is_me() => tx.admitted()?.user.person()?.id().to_string(),
        user => user.id().to_string(),
    };
    let user = business_unit_member::user(tx, organization_id, UserKey::Username(&username)).await?;
    let user = user.ok_or_else(absent)?;
    let member = business_unit_member::lock(tx, organization_id, unit.id, user.id).await?.ok_or_else(absent)?;
    Ok((unit, user, member))
}

/// A role that the caller may give to a member. One of another scope is a violation, after it is known that the caller
/// holds what it gives: who does not is denied (rules 4 and 11).
async fn assignable(tx: &Tx, name: &RoleName, field: &str, wrong: &mut Violations) -> Result<Option<RoleRow>> {
    let Some(role) = role::find(tx, tx.organization_id, name.id().as_str()).await? else {
        wrong.add(field, format!("{name} was not found."));
        return Ok(None);
    };
    guards::may_grant(tx, &permissions_of(&role), Scope::Unit(tx.admitted()?.unit()?.id)).await?;
    if role.scope != RoleScope::BusinessUnit.as_str() {
        wrong
            .add(field, format!("{name} holds in the whole organization. Give members a role of scope BUSINESS_UNIT."));
        return Ok(None);
    }
    Ok(Some(role))
}

/// The answer to taking the owner's rights.
fn owns(name: &BusinessUnitMemberName) -> Error {
    let message = format!(
        "{} owns {} and manages it. Make somebody else the owner first, with UpdateBusinessUnit.",
        name.user(),
        name.business_unit()
    );
    CoreError::precondition(Reason::InUse, message).into()
}

/// One member as people see it.
async fn one(conn: &Connection, unit: &BusinessUnitRow, row: BusinessUnitMemberRow) -> Result<pb::BusinessUnitMember> {
    let member = to_proto(conn, unit, vec![row]).await?.pop();
    member.ok_or_else(|| Error::internal("a member was lost on its way out"))
}

/// Members as people see them, in the same order. Whatever their number, three look-ups.
async fn to_proto(
    conn: &Connection,
    unit: &BusinessUnitRow,
    rows: Vec<BusinessUnitMemberRow>,
) -> Result<Vec<pb::BusinessUnitMember>> {
    let organization_id = unit.organization_id;
    let user_ids: Vec<Uuid> = rows.iter().map(|row| row.user_id).collect();
    let role_ids: Vec<Uuid> = rows.iter().map(|row| row.role_id).collect();
    let (users, roles, bound) = futures::try_join!(
        business_unit_member::users(conn, organization_id, &user_ids),
        business_unit_member::roles(conn, organization_id, &role_ids),
        business_unit_member::bound_roles(conn, organization_id, unit.id, &user_ids),
    )?;
    let users: HashMap<Uuid, MemberUserRow> = users.into_iter().map(|user| (user.id, user)).collect();
    let roles: HashMap<Uuid, String> = roles.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let missing = || Error::internal("a membership refers to what is not there");
            let user = users.get(&row.user_id).ok_or_else(missing)?;
            let role = RoleName::stored(roles.get(&row.role_id).ok_or_else(missing)?)?.to_string();
            let of_user = bound.iter().filter(|bound| bound.user_id == row.user_id);
            Ok(pb::BusinessUnitMember {
                name: BusinessUnitMemberName::stored(&unit.slug, &user.username)?.to_string(),
                user: UserName::stored(&user.username)?.to_string(),
                full_name: user.full_name.clone(),
                email: user.email.clone(),
                user_active: user.active,
                effective_roles: effective(&role, of_user)?,
                role,
                is_owner: unit.owner_id == Some(row.user_id),
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                creator: row.creator,
                etag: Etag::of(row.revision),
                effects: None,
            })
        })
        .collect()
}

/// The role of the membership, then those of bindings by role.
fn effective<'a>(own: &str, bound: impl Iterator<Item = &'a BoundRole>) -> Result<Vec<pb::EffectiveRole>> {
    let mut others = bound
        .map(|bound| {
            let group = bound.group.as_ref().map_or_else(String::new, |(group, unit)| match unit {
                Some(unit) => format!("businessUnits/{unit}/groups/{group}"),
                None => format!("groups/{group}"),
            });
            Ok(pb::EffectiveRole {
                role: RoleName::stored(&bound.role)?.to_string(),
                group,
                organization_wide: bound.organization_wide,
                conditional: bound.conditional,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    others.sort_by(|a, b| (&a.role, &a.group, a.conditional).cmp(&(&b.role, &b.group, b.conditional)));
    others.dedup();
    let own = pb::EffectiveRole { role: own.to_owned(), ..pb::EffectiveRole::default() };
    Ok(std::iter::once(own).chain(others).collect())
}
