//! The list of people.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use uuid::Uuid;

use super::condition::{self, Comparison};
use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::users;
use crate::user::UserRow;

pages! {
    /// One page of people. They belong to the organization: the branch is always [`Branch::ALL`]. Deleted accounts are not
    /// among them.
    users => UserRow, orders {
        "create_time" => [create_time: DateTime<Utc>, id: Uuid],
        "username" => [username: String, id: Uuid],
        "email" => [email: String, id: Uuid],
    }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<users::BoxedQuery<'q, Pg>, Error> {
    let select = users::table
        .filter(users::organization_id.eq(query.organization_id))
        .filter(users::delete_time.is_null())
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, users::table> {
    match comparison.field {
        "search" => {
            let (address, username, name) =
                (comparison.text(users::email)?, comparison.text(users::username)?, comparison.text(users::full_name)?);
            Ok(if comparison.is_equal() {
                Box::new(address.or(username).or(name))
            } else {
                Box::new(address.and(username).and(name))
            })
        }
        "email" => comparison.text(users::email),
        "username" => comparison.text(users::username),
        "full_name" => comparison.text(users::full_name),
        "active" => comparison.bool(users::active),
        "role" => among(comparison, HOLDERS),
        "group" => among(comparison, MEMBERS),
        "create_time" => comparison.time(users::create_time),
        _ => comparison.unknown(),
    }
}

/// Who holds a role: bound directly, by a group, or as a member of a unit. A row that is named is of the organization of
/// the query, and so is whoever refers to it.
const HOLDERS: (&str, &str) = (
    "users.id IN (WITH named AS (SELECT ",
    "::uuid AS id)
       SELECT b.subject_id FROM role_bindings b, named
         WHERE b.organization_id = users.organization_id AND b.role_id = named.id AND b.subject_kind = 'USER'
           AND b.effect = 'ALLOW' AND (b.expire_time IS NULL OR b.expire_time > now())
       UNION ALL
       SELECT m.user_id FROM role_bindings b
         JOIN named ON b.role_id = named.id
         JOIN group_members m ON m.organization_id = b.organization_id AND m.group_id = b.subject_id
         WHERE b.organization_id = users.organization_id AND b.subject_kind = 'GROUP'
           AND b.effect = 'ALLOW' AND (b.expire_time IS NULL OR b.expire_time > now())
       UNION ALL
       SELECT m.user_id FROM business_unit_members m, named
         WHERE m.organization_id = users.organization_id AND m.role_id = named.id)",
);

/// Who is a member of a group.
const MEMBERS: (&str, &str) = (
    "users.id IN (SELECT m.user_id FROM group_members m WHERE m.organization_id = users.organization_id AND m.group_id = ",
    "::uuid)",
);

fn among<'a>(comparison: Comparison<'a>, (before, after): (&str, &str)) -> condition::Result<'a, users::table> {
    let equal = comparison.is_equal();
    let Some(id) = comparison.named()? else { return Ok(Box::new((!equal).into_sql::<Bool>())) };
    let among = sql::<Bool>(before).bind::<SqlUuid, _>(id).sql(after);
    Ok(if equal { Box::new(among) } else { Box::new(diesel::dsl::not(among)) })
}
