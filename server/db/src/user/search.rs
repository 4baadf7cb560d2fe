//! Finding people by a few letters, and counting them.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::UserRow;
use crate::Connection;
use crate::error::Error;
use crate::schema::{groups, roles, users};

/// Of the pairs of letters of the query, this share must be in a person's names, in percent. A letter too few or too many
/// in a word of five leaves as many. The domain of the address does not count: it is that of many.
const ENOUGH: i64 = 60;

/// Fewer pairs forgive nothing: any one of them is in many names.
const FORGIVING: i64 = 3;

/// A person that a text fits.
#[derive(QueryableByName)]
struct Hit {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The active people that a text fits best, at most `limit`, without `except`. A word that begins with it goes first,
/// then what contains it, then what shares most of its pairs of letters. No extension of the database is needed.
pub async fn lookup(
    mut conn: &Connection,
    organization_id: Uuid,
    except: Uuid,
    text: &str,
    limit: i64,
) -> Result<Vec<UserRow>, Error> {
    let text = text.trim().to_lowercase();
    let letters: Vec<char> = text.chars().collect();
    let mut pairs: Vec<String> = letters.windows(2).map(|pair| pair.iter().collect()).collect();
    pairs.sort_unstable();
    pairs.dedup();
    if pairs.is_empty() {
        pairs.push(text.clone());
    }
    let hits: Vec<Hit> = diesel::sql_query(
        "SELECT id FROM (
           SELECT u.id, u.username,
             (strpos(words, ' ' || $3) > 0) AS begins, (strpos(words, $3) > 0) AS contains,
             (SELECT count(*) FROM unnest($4) AS pair WHERE strpos(names, pair) > 0) AS shared
           FROM users u,
             lateral (SELECT ' ' || lower(u.full_name) || ' ' || u.username || ' ' || split_part(u.email, '@', 1) AS names) AS n,
             lateral (SELECT ' ' || lower(u.full_name) || ' ' || u.username || ' ' || u.email AS words) AS w
           WHERE u.organization_id = $1 AND u.active AND u.delete_time IS NULL AND u.id <> $2
         ) AS found
         WHERE contains OR (cardinality($4) >= $7 AND shared * 100 >= cardinality($4) * $5)
         ORDER BY begins DESC, contains DESC, shared DESC, username
         LIMIT $6",
    )
    .bind::<SqlUuid, _>(organization_id)
    .bind::<SqlUuid, _>(except)
    .bind::<Text, _>(&text)
    .bind::<Array<Text>, _>(&pairs)
    .bind::<BigInt, _>(ENOUGH)
    .bind::<BigInt, _>(limit)
    .bind::<BigInt, _>(FORGIVING)
    .load(&mut conn)
    .await?;
    let ids: Vec<Uuid> = hits.iter().map(|hit| hit.id).collect();
    let mut rows: Vec<UserRow> = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq_any(&ids))
        .select(UserRow::as_select())
        .load(&mut conn)
        .await?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows)
}

/// The people of an organization in numbers.
#[derive(Clone, Debug)]
pub struct Stats {
    pub active: i64,
    pub inactive: i64,
    pub groups: i64,
    pub roles: i64,
    /// Most first.
    pub distribution: Vec<RoleCount>,
}

/// How many people hold a role.
#[derive(Clone, Debug, QueryableByName)]
pub struct RoleCount {
    /// Id of the role.
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = BigInt)]
    pub users: i64,
}

/// Counts people, groups and roles.
pub async fn stats(mut conn: &Connection, organization_id: Uuid) -> Result<Stats, Error> {
    let people = users::table.filter(users::organization_id.eq(organization_id)).filter(users::delete_time.is_null());
    let active = people.filter(users::active).count().get_result(&mut conn).await?;
    let inactive = people.filter(users::active.eq(false)).count().get_result(&mut conn).await?;
    let groups = groups::table.filter(groups::organization_id.eq(organization_id)).count();
    let groups = groups.get_result(&mut conn).await?;
    let roles = roles::table.filter(roles::organization_id.eq(organization_id)).count();
    let roles = roles.get_result(&mut conn).await?;
    let distribution = diesel::sql_query(
        "SELECT r.slug AS role, r.display_name, count(DISTINCT held.user_id) AS users
         FROM (
           SELECT role_id, subject_id AS user_id FROM role_bindings
             WHERE organization_id = $1 AND subject_kind = 'USER' AND effect = 'ALLOW'
               AND (expire_time IS NULL OR expire_time > now())
           UNION ALL
           SELECT b.role_id, m.user_id FROM role_bindings b
             JOIN group_members m ON m.organization_id = $1 AND m.group_id = b.subject_id
             WHERE b.organization_id = $1 AND b.subject_kind = 'GROUP' AND b.effect = 'ALLOW'
               AND (b.expire_time IS NULL OR b.expire_time > now())
           UNION ALL
           SELECT role_id, user_id FROM business_unit_members WHERE organization_id = $1
         ) AS held
         JOIN users u ON u.organization_id = $1 AND u.id = held.user_id AND u.delete_time IS NULL
         JOIN roles r ON r.organization_id = $1 AND r.id = held.role_id
         GROUP BY r.slug, r.display_name
         ORDER BY users DESC, role",
    )
    .bind::<SqlUuid, _>(organization_id)
    .load(&mut conn)
    .await?;
    Ok(Stats { active, inactive, groups, roles, distribution })
}
