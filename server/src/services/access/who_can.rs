//! Everybody who may do something now.

use flagstone_api::pb;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{
    Details, Effect, Moment, Object, Permission, PermissionPattern, PermissionScope, Scope, explain,
};
use flagstone_core::page::{KeyPart, PageKey, PageToken, page_size, scope_hash};
use flagstone_core::tier::Tier;
use flagstone_db::grants::{self, Holders, PrincipalRow};
use flagstone_db::organization;
use uuid::Uuid;

use super::explain::binding_to_proto;
use super::object::{self, Asked, Lookup};
use super::{judge, pattern};
use crate::cx::{Cx, Read, Target};
use crate::error::{Error, Result};
use crate::principals::{self, Subject};

/// How many candidates are judged at once.
const BATCH: i64 = 200;

/// Where a page begins: after this name, among users (0) or service accounts (1).
#[derive(Clone, Debug)]
struct Place {
    kind: i64,
    after: String,
}

pub(super) async fn list_who_can(cx: Cx, message: pb::ListWhoCanRequest) -> Result<pb::ListWhoCanResponse> {
    let asked_for = pattern(&message.permission, "permission")?;
    object::syntax(&message.object, "object")?;
    if message.object.starts_with("businessUnits/-") {
        let text = "means every business unit; name one, or nothing for the organization.";
        return Err(Error::field("object", text));
    }
    let size = page_size(message.page_size)? as usize;
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let key = cx.app.vault.derive_key("page-token");
    let scope = scope_hash(read.organization_id(), &cx.method.path, &[&message.permission, &message.object]);
    let mut place = match message.page_token.as_str() {
        "" => Place { kind: 0, after: String::new() },
        token => match PageToken::open(&key, scope, token)?.values.as_slice() {
            [KeyPart::Int(kind), KeyPart::Text(after)] => Place { kind: *kind, after: after.clone() },
            _ => return Err(Error::internal("a page token of this list has a number and a name")),
        },
    };
    let asked = object::find(&read, &asked_for, &message.object, Lookup::Others).await?;
    if asked.is_hidden() {
        return Err(CoreError::not_found(&message.object).into());
    }
    let mut found = Vec::new();
    loop {
        let (rows, next) = candidates(&read, &asked_for, &asked, &place).await?;
        let last = rows.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        for subject in subjects(&read, rows).await? {
            let who = who(&read, &asked_for, &asked, &subject)?;
            if who.is_some() && found.len() == size {
                let key_of_last = PageKey { values: vec![KeyPart::Int(place.kind), KeyPart::Text(place.after)] };
                let next_page_token = PageToken::seal(&key, scope, &key_of_last)?;
                return Ok(pb::ListWhoCanResponse { principals: found, next_page_token });
            }
            place = Place { kind: place.kind, after: subject.row.slug.clone() };
            found.extend(who);
        }
        match (last, place.kind) {
            (true, 0) => place = Place { kind: 1, after: String::new() },
            (true, _) => return Ok(pb::ListWhoCanResponse { principals: found, next_page_token: String::new() }),
            (false, _) => place = next,
        }
    }
}

/// The next principals that could be among them, and where the ones after them begin.
async fn candidates(
    read: &Read,
    asked_for: &PermissionPattern,
    asked: &Asked,
    place: &Place,
) -> Result<(Vec<PrincipalRow>, Place)> {
    let permission = permission_of(asked_for, asked);
    let business_unit_id = match asked {
        Asked::Object(known) => known.unit.as_ref().map(|unit| unit.id),
        Asked::Place(scopes, _) => scopes.iter().find_map(|scope| match scope {
            Scope::Unit(id) => Some(*id),
            Scope::Organization => None,
        }),
        Asked::Hidden => None,
    };
    let holders = Holders {
        organization_id: read.organization_id(),
        permission: (permission.scope() != PermissionScope::User).then(|| permission.slug()),
        business_unit_id,
        limit: BATCH,
    };
    let rows = match place.kind {
        0 => grants::users_with(read.conn(), holders, &place.after).await?,
        _ => grants::service_accounts_with(read.conn(), holders, &place.after).await?,
    };
    let after = rows.last().map(|row| row.slug.clone()).unwrap_or_default();
    Ok((rows, Place { kind: place.kind, after }))
}

/// The permission that an object's tier makes of a pattern; the first of it for a place.
pub(super) fn permission_of(asked_for: &PermissionPattern, asked: &Asked) -> Permission {
    match asked {
        Asked::Object(known) => known.tier().map_or(asked_for.permissions()[0], |tier| asked_for.with_tier(tier)),
        Asked::Place(..) | Asked::Hidden => asked_for.permissions()[0],
    }
}

/// What these principals are given.
pub(super) async fn subjects(read: &Read, rows: Vec<PrincipalRow>) -> Result<Vec<Subject>> {
    let organization = organization::find(read.conn(), read.organization_id()).await?;
    principals::load(read.conn(), &read.user.directory, &organization, rows).await
}

/// Whether somebody may do this, asked from nowhere in particular.
pub(super) fn may(read: &Read, asked_for: &PermissionPattern, asked: &Asked, subject: &Subject) -> bool {
    let grants = subject.grants();
    let at = Moment { now: read.now, ip: None };
    judge(&grants, at, asked_for, asked, |ask| of_subject(read, asked, subject, |object| ask(object, tier_of(asked))))
        .is_ok()
}

pub(super) fn tier_of(asked: &Asked) -> Option<Tier> {
    match asked {
        Asked::Object(known) => known.tier(),
        Asked::Place(..) | Asked::Hidden => None,
    }
}

/// The object as the evaluator sees it for somebody else than the caller.
pub(super) fn of_subject<T>(read: &Read, asked: &Asked, subject: &Subject, ask: impl FnOnce(Object<'_>) -> T) -> T {
    let Asked::Object(known) = asked else {
        let scope = asked.scopes().and_then(|scopes| scopes.first().copied()).unwrap_or(Scope::Organization);
        return ask(Object::new_in(scope));
    };
    let unit = known.unit.as_ref().map(|unit| unit.name.to_string());
    ask(Object {
        scope: known.scope(),
        creator_is_caller: known.creator_id.map(|creator| creator == subject.row.id),
        team_is_callers: known.team_id.map(|team| subject.facts.who.is_in_team(team)),
        details: Some(Details {
            name: known.name(),
            tier: known.tier(),
            business_unit: unit.as_deref(),
            team: known.team_id.and_then(|id: Uuid| read.user.directory.team(id)),
        }),
    })
}

fn who(read: &Read, asked_for: &PermissionPattern, asked: &Asked, subject: &Subject) -> Result<Option<pb::WhoCan>> {
    if !may(read, asked_for, asked, subject) {
        return Ok(None);
    }
    let at = Moment { now: read.now, ip: None };
    let permission = permission_of(asked_for, asked);
    let explained =
        of_subject(read, asked, subject, |object| explain(&subject.facts, &subject.bindings, at, permission, object));
    let giving: Vec<usize> =
        explained.matched.into_iter().filter(|index| subject.bindings[*index].effect == Effect::Allow).collect();
    let conditional = !giving.is_empty() && giving.iter().all(|index| subject.bindings[*index].condition.is_some());
    let bindings =
        giving.into_iter().map(|index| binding_to_proto(read, subject, index, None)).collect::<Result<Vec<_>>>()?;
    Ok(Some(pb::WhoCan {
        principal: subject.name.clone(),
        display_name: subject.row.full_name.clone(),
        bindings,
        conditional,
    }))
}
