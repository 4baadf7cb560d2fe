//! Role bindings: a role given to somebody.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not, now};
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{group_members, organizations, role_bindings, roles, users};

/// A role given to somebody.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = role_bindings)]
pub struct RoleBindingRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub role_id: Uuid,
    /// `USER`, `GROUP` or `SERVICE_ACCOUNT`.
    pub subject_kind: String,
    pub subject_id: Uuid,
    /// `None` for the whole organization.
    pub business_unit_id: Option<Uuid>,
    pub effect: String,
    pub condition: Option<String>,
    pub expire_time: Option<DateTime<Utc>>,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// A binding to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = role_bindings)]
pub struct NewRoleBinding<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub role_id: Uuid,
    pub subject_kind: &'a str,
    pub subject_id: Uuid,
    pub business_unit_id: Option<Uuid>,
    pub effect: &'a str,
    pub condition: Option<&'a str>,
    pub expire_time: Option<DateTime<Utc>>,
    pub creator: &'a str,
}

diesel::define_sql_function! {
    /// The elements of an array as one text.
    fn array_to_string(array: Array<Text>, delimiter: Text) -> Text;
}

/// Makes changes of an organization's grants wait for each other, until the end of the transaction.
pub async fn lock_grants(mut conn: &Connection, organization_id: Uuid) -> Result<(), Error> {
    let _: Uuid = organizations::table
        .find(organization_id)
        .select(organizations::id)
        .for_no_key_update()
        .first(&mut conn)
        .await?;
    Ok(())
}

/// Whether an active user still holds the built-in role of this id in the whole organization, and will go on doing so: by
/// a binding without condition and end, of the person or of a group, with no DENY of a platform permission against it.
pub async fn has_holder(mut conn: &Connection, organization_id: Uuid, role: &str) -> Result<bool, Error> {
    let groups = || {
        group_members::table
            .filter(group_members::organization_id.eq(organization_id))
            .filter(group_members::user_id.eq(users::id))
            .select(group_members::group_id)
    };
    let of_user = || {
        role_bindings::table
            .inner_join(
                roles::table.on(role_bindings::role_id.eq(roles::id).and(roles::organization_id.eq(organization_id))),
            )
            .filter(role_bindings::organization_id.eq(organization_id))
            .filter(role_bindings::business_unit_id.is_null())
            .filter(
                (role_bindings::subject_kind.eq("USER").and(role_bindings::subject_id.eq(users::id)))
                    .or(role_bindings::subject_kind.eq("GROUP").and(role_bindings::subject_id.eq_any(groups()))),
            )
    };
    let given = of_user()
        .filter(role_bindings::effect.eq("ALLOW"))
        .filter(role_bindings::condition.is_null())
        .filter(role_bindings::expire_time.is_null())
        .filter(roles::slug.eq(role))
        .filter(roles::builtin);
    let taken = of_user()
        .filter(role_bindings::effect.eq("DENY"))
        .filter(
            role_bindings::expire_time
                .is_null()
                .or(role_bindings::expire_time.gt(now.into_sql::<Timestamptz>().nullable())),
        )
        .filter(array_to_string(roles::permissions, " ").like("%platform:%"));
    let holders = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::active)
        .filter(exists(given))
        .filter(not(exists(taken)));
    Ok(diesel::select(exists(holders)).get_result(&mut conn).await?)
}

/// Stores a binding.
pub async fn insert(conn: &mut Connection, binding: &NewRoleBinding<'_>) -> Result<RoleBindingRow, Error> {
    Ok(diesel::insert_into(role_bindings::table)
        .values(binding)
        .returning(RoleBindingRow::as_returning())
        .get_result(conn)
        .await?)
}

/// A binding that says the same as one to store, and has not ended.
pub async fn same(mut conn: &Connection, binding: &NewRoleBinding<'_>) -> Result<Option<RoleBindingRow>, Error> {
    Ok(role_bindings::table
        .filter(role_bindings::organization_id.eq(binding.organization_id))
        .filter(role_bindings::subject_id.eq(binding.subject_id))
        .filter(role_bindings::role_id.eq(binding.role_id))
        .filter(role_bindings::business_unit_id.is_not_distinct_from(binding.business_unit_id))
        .filter(role_bindings::effect.eq(binding.effect))
        .filter(role_bindings::condition.is_not_distinct_from(binding.condition))
        .filter(role_bindings::expire_time.is_not_distinct_from(binding.expire_time))
        .select(RoleBindingRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks a binding in a scope, to delete it.
pub async fn lock(
    conn: &mut Connection,
    organization_id: Uuid,
    business_unit_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<RoleBindingRow>, Error> {
    Ok(role_bindings::table
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::business_unit_id.is_not_distinct_from(business_unit_id))
        .filter(role_bindings::id.eq(id))
        .select(RoleBindingRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Deletes a binding.
pub async fn delete(conn: &mut Connection, binding: &RoleBindingRow) -> Result<(), Error> {
    diesel::delete(role_bindings::table.find(binding.id))
        .filter(role_bindings::organization_id.eq(binding.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// What is bound to somebody, newest first, at most `limit`.
pub async fn of_subject(
    mut conn: &Connection,
    organization_id: Uuid,
    subject_kind: &str,
    subject_id: Uuid,
    limit: i64,
) -> Result<Vec<RoleBindingRow>, Error> {
    Ok(role_bindings::table
        .filter(role_bindings::organization_id.eq(organization_id))
        .filter(role_bindings::subject_kind.eq(subject_kind))
        .filter(role_bindings::subject_id.eq(subject_id))
        .order((role_bindings::create_time.desc(), role_bindings::id.desc()))
        .limit(limit)
        .select(RoleBindingRow::as_select())
        .load(&mut conn)
        .await?)
}
