//! People as others see them, a page in a handful of queries.

use std::collections::HashMap;

use flagstone_api::pb;
use flagstone_core::etag::Etag;
use flagstone_core::names::{OrganizationName, RoleName, UserName};
use flagstone_db::user::{self, UserRow};
use flagstone_db::{Connection, organization};
use futures::try_join;
use uuid::Uuid;

use crate::convert::{json_to_struct, timestamp};
use crate::directory::Directory;
use crate::error::Result;

/// People in the same order. What only they themselves see is left out.
pub(super) async fn to_proto(
    conn: &Connection,
    organization_id: Uuid,
    directory: &Directory,
    rows: Vec<UserRow>,
) -> Result<Vec<pb::User>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (organization, memberships, grants, groups, teams) = try_join!(
        organization::find(conn, organization_id),
        user::memberships_of(conn, organization_id, &ids),
        user::grants_of(conn, organization_id, &ids),
        user::groups_of(conn, organization_id, &ids),
        user::teams_of(conn, organization_id, &ids),
    )?;
    let organization = OrganizationName::stored(&organization.slug)?.id().to_string();
    // A unit younger than the directory is missing for at most a second.
    let unit_name = |id: Uuid| directory.unit_by_id(id).map(|unit| unit.name.to_string());
    let group_name = |slug: &str, unit: Option<Uuid>| match unit {
        None => Some(format!("groups/{slug}")),
        Some(unit) => unit_name(unit).map(|unit| format!("{unit}/groups/{slug}")),
    };
    let mut people: HashMap<Uuid, pb::User> = ids.iter().map(|id| (*id, pb::User::default())).collect();
    for found in memberships {
        if let (Some(person), Some(business_unit)) = (people.get_mut(&found.user_id), unit_name(found.business_unit_id))
        {
            let role = RoleName::stored(found.role)?.to_string();
            person.memberships.push(pb::Membership { business_unit, role });
        }
    }
    for found in grants {
        let Some(person) = people.get_mut(&found.user_id) else { continue };
        let role = RoleName::stored(found.role)?.to_string();
        let scope = match found.business_unit_id {
            None => String::new(),
            Some(unit) => match unit_name(unit) {
                Some(unit) => unit,
                None => continue,
            },
        };
        let direct = scope.is_empty() && found.group.is_none() && !found.deny;
        if direct && !person.organization_roles.contains(&role) {
            person.organization_roles.push(role.clone());
        }
        person.grants.push(pb::UserGrant {
            role,
            scope,
            group: found.group.and_then(|(slug, unit)| group_name(&slug, unit)).unwrap_or_default(),
            deny: found.deny,
            expire_time: found.expire_time.map(timestamp),
        });
    }
    for found in groups {
        if let (Some(person), Some(name)) =
            (people.get_mut(&found.user_id), group_name(&found.group, found.business_unit_id))
        {
            person.groups.push(name);
        }
    }
    for found in teams {
        if let Some(person) = people.get_mut(&found.user_id) {
            person.teams.push(format!("teams/{}", found.team));
        }
    }
    rows.into_iter()
        .map(|row| {
            let mut person = people.remove(&row.id).unwrap_or_default();
            person.memberships.sort_by(|a, b| a.business_unit.cmp(&b.business_unit));
            Ok(pb::User {
                name: UserName::stored(&row.username)?.to_string(),
                username: row.username,
                email: row.email,
                full_name: row.full_name,
                active: row.active,
                organization: organization.clone(),
                password_change_required: row.must_change_password,
                create_time: Some(timestamp(row.create_time)),
                update_time: Some(timestamp(row.update_time)),
                creator: row.creator,
                etag: Etag::of(row.revision),
                ..person
            })
        })
        .collect()
}

/// One person.
pub(super) async fn one(
    conn: &Connection,
    organization_id: Uuid,
    directory: &Directory,
    row: UserRow,
) -> Result<pb::User> {
    Ok(to_proto(conn, organization_id, directory, vec![row]).await?.pop().unwrap_or_default())
}

/// What a person's clients keep, as the person sees it.
pub(super) fn preferences(row: &UserRow) -> Option<prost_types::Struct> {
    Some(json_to_struct(&row.preferences))
}
