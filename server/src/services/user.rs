//! UserService: people and their profiles. What administrators do with accounts is in [`manage`].

mod manage;
mod view;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::user_service_server::UserService;
use flagstone_core::access::{Object, Permission, Reach, Scope, Visible, decide};
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind, MAX_TEXT, Order};
use flagstone_core::names::{BusinessUnitName, RoleName, UserName, parse};
use flagstone_core::user::{check_full_name, check_preferences};
use flagstone_core::{Error as CoreError, Reason, Violations};
use flagstone_db::list::{self, Branch};
use flagstone_db::user::{self, UserRow};
use flagstone_db::{Connection, organization};
use prost_types::FieldMask;
use serde_json::json;
use uuid::Uuid;

use crate::account;
use crate::app::App;
use crate::convert::struct_to_json;
use crate::cx::{Admitted, Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::list::{List, NameKind, arguments};
use crate::rpc::unary;
use manage::{create_user, delete_user, reset_user_password, update_user};

/// The service.
pub struct Users(pub Arc<App>);

#[tonic::async_trait]
impl UserService for Users {
    unary! {
        get_me: pb::GetMeRequest => pb::User,
        update_me: pb::UpdateMeRequest => pb::User,
        set_active_business_unit: pb::SetActiveBusinessUnitRequest => pb::User,
        list_my_business_units: pb::ListMyBusinessUnitsRequest => pb::ListMyBusinessUnitsResponse,
        list_users: pb::ListUsersRequest => pb::ListUsersResponse,
        get_user: pb::GetUserRequest => pb::User,
        create_user: pb::CreateUserRequest => pb::CreateUserResponse,
        update_user: pb::UpdateUserRequest => pb::User,
        reset_user_password: pb::ResetUserPasswordRequest => pb::ResetUserPasswordResponse,
        delete_user: pb::DeleteUserRequest => pb::DeleteUserResponse,
        lookup_users: pb::LookupUsersRequest => pb::LookupUsersResponse,
        get_user_stats: pb::GetUserStatsRequest => pb::UserStats,
    }
}

/// What allows to know that one exists oneself.
const READABLE: &[&str] = &["user:profile:read"];

/// People that a look-up finds.
const LOOKUP_MAX: i64 = 5;

/// What allows to see a unit.
const UNIT_READABLE: [&str; 2] = ["business_unit:business_units:read", "platform:business_units:read"];

const LIST: List = List {
    fields: &[
        Field { name: "search", kind: FieldKind::TextSearch },
        Field { name: "email", kind: FieldKind::TextSearch },
        Field { name: "username", kind: FieldKind::TextSearch },
        Field { name: "full_name", kind: FieldKind::TextSearch },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "role", kind: FieldKind::Name },
        Field { name: "group", kind: FieldKind::Name },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("role", NameKind::Role), ("group", NameKind::Group)],
    orders: &[
        Order { name: "create_time", key: "create_time", descending: true },
        Order { name: "create_time", key: "create_time", descending: false },
        Order { name: "username", key: "username", descending: false },
        Order { name: "email", key: "email", descending: false },
    ],
};

async fn get_me(cx: Cx, _: pb::GetMeRequest) -> Result<pb::User> {
    let caller = cx.user()?.clone();
    let read = cx.read(Target::organization(&caller.name)).await?;
    let row = user::find(read.conn(), read.organization_id(), caller.id).await?;
    me(read.conn(), &read, row).await
}

async fn update_me(cx: Cx, req: pb::UpdateMeRequest) -> Result<pb::User> {
    let sent = req.user.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let caller = cx.user()?.name.clone();
    wrong.check(
        sent.name.is_empty() || sent.name == "users/me" || sent.name == caller.to_string(),
        "user.name",
        "This changes the caller: leave it empty, or write users/me.",
    );
    let set = [("full_name", !sent.full_name.is_empty()), ("preferences", sent.preferences.is_some())];
    let paths = mask(&set, req.update_mask.as_ref(), &mut wrong);
    let mut tx = cx.begin(&req, Target::organization(&caller)).await?;
    let (organization_id, user_id) = (tx.organization_id, tx.admitted()?.user.id);
    let before = user::lock(&mut tx, organization_id, user_id).await?;
    tx.check(&Facts {
        name: &caller.to_string(),
        tier: None,
        team_id: None,
        creator_id: Some(user_id),
        readable_by: READABLE,
    })
    .await?;
    Etag::check(&sent.etag, before.revision)?;
    let (mut full_name, mut preferences) = (before.full_name.clone(), before.preferences.clone());
    if paths.contains(&"full_name") {
        full_name = sent.full_name.trim().to_owned();
        check_full_name(&full_name, "user.full_name", &mut wrong);
    }
    if paths.contains(&"preferences") {
        preferences = sent.preferences.as_ref().map_or_else(|| json!({}), struct_to_json);
        check_preferences(&preferences, "user.preferences", &mut wrong);
    }
    wrong.finish()?;
    if full_name == before.full_name && preferences == before.preferences {
        let answer = me(&tx, tx.admitted()?, before).await?;
        return tx.commit(answer).await;
    }
    let after = user::update_profile(&mut tx, &before, &full_name, &preferences).await?;
    tx.record(account::object(&after)?, Some(&account::view(&before)), Some(&account::view(&after)));
    let answer = me(&tx, tx.admitted()?, after).await?;
    tx.commit(answer).await
}

/// The fields that a call changes: those of its mask, or without one those that are set. Any other is told.
fn mask(set: &[(&'static str, bool)], mask: Option<&FieldMask>, wrong: &mut Violations) -> Vec<&'static str> {
    let paths = mask.map_or(&[][..], |mask| mask.paths.as_slice());
    if paths.is_empty() {
        return set.iter().filter(|(_, is_set)| *is_set).map(|(path, _)| *path).collect();
    }
    let mut found = Vec::new();
    for path in paths {
        match set.iter().find(|(known, _)| known == path) {
            Some((known, _)) => found.push(*known),
            None => {
                let known: Vec<_> = set.iter().map(|(known, _)| *known).collect();
                let message = format!("`{path}` cannot be changed here. The paths are {}.", known.join(", "));
                wrong.add("update_mask", message.chars().take(500).collect::<String>());
            }
        }
    }
    found
}

async fn set_active_business_unit(cx: Cx, req: pb::SetActiveBusinessUnitRequest) -> Result<pb::User> {
    let chosen: Option<BusinessUnitName> = match req.business_unit.as_str() {
        "" => None,
        name => Some(parse(name, "business_unit")?),
    };
    let caller = cx.user()?.name.clone();
    let mut tx = cx.begin(&req, Target::organization(&caller)).await?;
    let (organization_id, user_id) = (tx.organization_id, tx.admitted()?.user.id);
    let before = user::lock(&mut tx, organization_id, user_id).await?;
    tx.check(&Facts { creator_id: Some(user_id), ..Facts::of(&caller.to_string(), READABLE) }).await?;
    let unit_id = match &chosen {
        None => None,
        Some(name) => {
            let memberships = user::memberships(&tx, organization_id, user_id).await?;
            let unit = tx.directory.unit(name).filter(|unit| match tx.admitted() {
                Ok(admitted) => reaches(admitted, &memberships, unit.id),
                Err(_) => false,
            });
            // Absent and out of reach answer alike.
            Some(unit.ok_or_else(|| CoreError::not_found(name))?.id)
        }
    };
    if unit_id == before.active_business_unit_id {
        let answer = me(&tx, tx.admitted()?, before).await?;
        return tx.commit(answer).await;
    }
    let after = user::set_active_unit(&mut tx, &before, unit_id).await?;
    let view = |row: &UserRow| {
        let unit = row.active_business_unit_id.and_then(|id| tx.directory.unit_by_id(id));
        json!({"active_business_unit": unit.map(|unit| unit.name.to_string()), "revision": row.revision})
    };
    let (was, is) = (view(&before), view(&after));
    let object = ObjectRef { object_type: "user", name: caller.to_string(), id: user_id, business_unit_id: None };
    tx.record(object, Some(&was), Some(&is));
    let answer = me(&tx, tx.admitted()?, after).await?;
    tx.commit(answer).await
}

async fn list_my_business_units(
    cx: Cx,
    req: pb::ListMyBusinessUnitsRequest,
) -> Result<pb::ListMyBusinessUnitsResponse> {
    // Reachable units are listed like all units.
    let call = super::business_unit::LIST.call(&cx, arguments!(req))?;
    let read = cx.read(Target::organization("users/me")).await?;
    let organization_id = read.organization_id();
    let row = user::find(read.conn(), organization_id, read.user.id).await?;
    let member_of = user::memberships(read.conn(), organization_id, read.user.id).await?;
    let reached = read.user.directory.units().iter().map(|unit| unit.id);
    let reached: Vec<Uuid> = reached.filter(|id| reaches(&read, &member_of, *id)).collect();
    let visible = Visible {
        others: Reach::Only(reached.clone()),
        own: Reach::Only(reached.clone()),
        unowned: Reach::Only(reached),
    };
    let (names, branches) = (call.names(&read).await?, Branch::of_unowned(&visible, None));
    let page = list::business_unit::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    let ids: Vec<Uuid> = page.rows.iter().map(|unit| unit.id).collect();
    let units = super::business_unit::to_proto(read.conn(), read.organization_id(), page.rows).await?;
    let business_units = units.into_iter().zip(ids).map(|(unit, id)| {
        let role = member_of.iter().find(|(member_of, _)| *member_of == id).map(|(_, role)| RoleName::stored(role));
        Ok(pb::MyBusinessUnit {
            business_unit: Some(unit),
            role: role.transpose()?.map(|role| role.to_string()).unwrap_or_default(),
            active: row.active_business_unit_id == Some(id),
        })
    });
    Ok(pb::ListMyBusinessUnitsResponse {
        business_units: business_units.collect::<Result<_>>()?,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

async fn list_users(cx: Cx, req: pb::ListUsersRequest) -> Result<pb::ListUsersResponse> {
    let call = LIST.call(&cx, arguments!(req))?;
    let read = cx.read(Target::organization("users")).await?;
    let names = call.names(&read).await?;
    let page = list::user::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListUsersResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        users: view::to_proto(read.conn(), read.organization_id(), &read.user.directory, page.rows).await?,
    })
}

async fn get_user(cx: Cx, req: pb::GetUserRequest) -> Result<pb::User> {
    let name: UserName = parse(&req.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let organization_id = read.organization_id();
    let found = if name.is_me() {
        read.user.person()?;
        Some(user::find(read.conn(), organization_id, read.user.id).await?)
    } else {
        user::by_username(read.conn(), organization_id, name.id().as_str()).await?
    };
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    view::one(read.conn(), organization_id, &read.user.directory, row).await
}

async fn lookup_users(cx: Cx, req: pb::LookupUsersRequest) -> Result<pb::LookupUsersResponse> {
    let mut wrong = Violations::new();
    let sought = req.query.trim();
    wrong.check(!sought.is_empty(), "query", "Give part of a name or address.");
    wrong.check(!sought.contains('\0'), "query", "Leave the character NUL out.");
    let too_long = sought.chars().count() > MAX_TEXT;
    wrong.check(!too_long, "query", format!("At most {MAX_TEXT} characters."));
    wrong.finish().map_err(|mut error| {
        if too_long {
            error.reason = Reason::SearchTooLong;
        }
        error
    })?;
    let read = cx.read(Target::organization("users")).await?;
    let organization_id = read.organization_id();
    let found = user::lookup(read.conn(), organization_id, read.user.id, sought, LOOKUP_MAX).await?;
    let organization = organization::find(read.conn(), organization_id).await?.slug;
    let summary = |row: UserRow| {
        Ok(pb::UserSummary {
            name: UserName::stored(&row.username)?.to_string(),
            display_name: row.full_name,
            email: row.email,
            organization: organization.clone(),
        })
    };
    Ok(pb::LookupUsersResponse { users: found.into_iter().map(summary).collect::<Result<_>>()? })
}

async fn get_user_stats(cx: Cx, _: pb::GetUserStatsRequest) -> Result<pb::UserStats> {
    let read = cx.read(Target::organization("users")).await?;
    let found = user::stats(read.conn(), read.organization_id()).await?;
    let number = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    let count = |row: user::RoleCount| {
        let role = RoleName::stored(&row.role)?.to_string();
        Ok(pb::RoleCount { role, display_name: row.display_name, users: number(row.users) })
    };
    Ok(pb::UserStats {
        total: number(found.active + found.inactive),
        active: number(found.active),
        inactive: number(found.inactive),
        groups: number(found.groups),
        roles: number(found.roles),
        role_distribution: found.distribution.into_iter().map(count).collect::<Result<_>>()?,
    })
}

/// Whether a person has something to do with a unit: is a member of it, or may read it.
fn reaches(admitted: &Admitted, memberships: &[(Uuid, String)], unit_id: Uuid) -> bool {
    let holds = |slug: &str| {
        Permission::parse(slug).is_ok_and(|permission| {
            decide(&admitted.user.grants, admitted.now, permission, Object::of(Scope::Unit(unit_id))).is_allow()
        })
    };
    memberships.iter().any(|(member_of, _)| *member_of == unit_id) || UNIT_READABLE.into_iter().any(holds)
}

/// The caller as people see themselves.
async fn me(conn: &Connection, admitted: &Admitted, row: UserRow) -> Result<pb::User> {
    let caller = &admitted.user;
    let member_of = user::memberships(conn, caller.organization_id, caller.id).await?;
    let active_unit = row
        .active_business_unit_id
        .filter(|id| reaches(admitted, &member_of, *id))
        .and_then(|id| caller.directory.unit_by_id(id));
    let preferences = view::preferences(&row);
    let person = view::one(conn, caller.organization_id, &caller.directory, row).await?;
    Ok(pb::User {
        active_business_unit: active_unit.map(|unit| unit.name.to_string()).unwrap_or_default(),
        preferences,
        ..person
    })
}

/// The person that a call is about, by name; `users/me` is nobody here, who manages accounts names them.
fn named(name: &str, field: &str) -> Result<UserName, CoreError> {
    let parsed: UserName = parse(name, field)?;
    if parsed.is_me() {
        return Err(CoreError::field(field, "Name the account: users/me is not taken here."));
    }
    Ok(parsed)
}

/// The etag of a call that has nothing else to compare, or that is left empty.
fn check_etag(sent: &str, row: &UserRow) -> Result<()> {
    Etag::check(sent, row.revision).map_err(Error::from)
}
