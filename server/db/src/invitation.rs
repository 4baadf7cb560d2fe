//! Invitations: offers to join, each for one address.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{business_units, invitations, organizations, roles};

/// An invitation.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub struct InvitationRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub email: String,
    pub role_id: Uuid,
    pub business_unit_id: Option<Uuid>,
    pub state: String,
    pub expire_time: DateTime<Utc>,
    pub accept_time: Option<DateTime<Utc>>,
    /// Who accepted.
    pub user_id: Option<Uuid>,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// An invitation to make.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    /// In lower case.
    pub email: &'a str,
    pub role_id: Uuid,
    pub business_unit_id: Option<Uuid>,
    pub token_sha256: &'a [u8],
    pub lifetime: Duration,
    pub creator: &'a str,
}

/// What a token offers.
#[derive(Clone, Debug)]
pub struct Offer {
    pub invitation: InvitationRow,
    /// It is pending, its time is not over, and the organization is active.
    pub live: bool,
    /// Id of the organization, as people write it.
    pub organization: String,
    pub organization_display_name: String,
    pub role_display_name: String,
    pub business_unit_display_name: Option<String>,
}

/// Makes an invitation.
pub async fn insert(conn: &mut Connection, invitation: &NewInvitation<'_>) -> Result<InvitationRow, Error> {
    let lifetime = i32::try_from(invitation.lifetime.as_secs()).unwrap_or(i32::MAX).seconds();
    Ok(diesel::insert_into(invitations::table)
        .values((
            invitations::id.eq(invitation.id),
            invitations::organization_id.eq(invitation.organization_id),
            invitations::email.eq(invitation.email),
            invitations::role_id.eq(invitation.role_id),
            invitations::business_unit_id.eq(invitation.business_unit_id),
            invitations::token_sha256.eq(invitation.token_sha256),
            invitations::state.eq("PENDING"),
            invitations::expire_time.eq(now.into_sql::<Timestamptz>() + lifetime),
            invitations::creator.eq(invitation.creator),
        ))
        .returning(InvitationRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The unit of an invitation: `None` where there is no such invitation, `Some(None)` where it is of no unit.
pub async fn business_unit(
    mut conn: &Connection,
    organization_id: Uuid,
    id: Uuid,
) -> Result<Option<Option<Uuid>>, Error> {
    Ok(invitations::table
        .filter(invitations::organization_id.eq(organization_id))
        .filter(invitations::id.eq(id))
        .select(invitations::business_unit_id)
        .first(&mut conn)
        .await
        .optional()?)
}

/// An invitation, kept from changing until the transaction ends.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<InvitationRow>, Error> {
    Ok(invitations::table
        .filter(invitations::organization_id.eq(organization_id))
        .filter(invitations::id.eq(id))
        .select(InvitationRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// The pending invitation of an address and whether its time is over, kept from changing until the transaction ends.
pub async fn lock_pending(
    conn: &mut Connection,
    organization_id: Uuid,
    email: &str,
) -> Result<Option<(InvitationRow, bool)>, Error> {
    Ok(invitations::table
        .filter(invitations::organization_id.eq(organization_id))
        .filter(invitations::email.eq(email))
        .filter(invitations::state.eq("PENDING"))
        .select((InvitationRow::as_select(), invitations::expire_time.le(now.into_sql::<Timestamptz>())))
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// What a token offers, by its hash. Of any organization: the token is all that is known of the caller.
pub async fn offer(mut conn: &Connection, token_sha256: &[u8]) -> Result<Option<Offer>, Error> {
    let found: Option<(InvitationRow, bool, String, String, String, Option<String>)> = invitations::table
        .inner_join(organizations::table.on(organizations::id.eq(invitations::organization_id)))
        .inner_join(
            roles::table
                .on(roles::id.eq(invitations::role_id).and(roles::organization_id.eq(invitations::organization_id))),
        )
        .left_join(
            business_units::table.on(invitations::business_unit_id
                .eq(business_units::id.nullable())
                .and(business_units::organization_id.eq(invitations::organization_id))),
        )
        .filter(invitations::token_sha256.eq(token_sha256))
        .select((
            InvitationRow::as_select(),
            invitations::state
                .eq("PENDING")
                .and(invitations::expire_time.gt(now.into_sql::<Timestamptz>()))
                .and(organizations::active),
            organizations::slug,
            organizations::display_name,
            roles::display_name,
            business_units::display_name.nullable(),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.map(|(invitation, live, organization, organization_display_name, role_display_name, unit)| Offer {
        invitation,
        live,
        organization,
        organization_display_name,
        role_display_name,
        business_unit_display_name: unit,
    }))
}

/// Ends a pending invitation as `state` says.
pub async fn end(conn: &mut Connection, invitation: &InvitationRow, state: &str) -> Result<InvitationRow, Error> {
    Ok(diesel::update(invitations::table)
        .filter(invitations::organization_id.eq(invitation.organization_id))
        .filter(invitations::id.eq(invitation.id))
        .set((
            invitations::state.eq(state),
            invitations::revision.eq(invitations::revision + 1),
            invitations::update_time.eq(now),
        ))
        .returning(InvitationRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Notes who accepted. `None` where its time is over.
pub async fn accept(
    conn: &mut Connection,
    invitation: &InvitationRow,
    user_id: Uuid,
) -> Result<Option<InvitationRow>, Error> {
    Ok(diesel::update(invitations::table)
        .filter(invitations::organization_id.eq(invitation.organization_id))
        .filter(invitations::id.eq(invitation.id))
        .filter(invitations::state.eq("PENDING"))
        .filter(invitations::expire_time.gt(now.into_sql::<Timestamptz>()))
        .set((
            invitations::state.eq("ACCEPTED"),
            invitations::accept_time.eq(now.into_sql::<Timestamptz>().nullable()),
            invitations::user_id.eq(user_id),
            invitations::revision.eq(invitations::revision + 1),
            invitations::update_time.eq(now),
        ))
        .returning(InvitationRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Pending invitations whose time is over, as (organization, id), at most `limit`.
pub async fn overdue(mut conn: &Connection, limit: i64) -> Result<Vec<(Uuid, Uuid)>, Error> {
    Ok(invitations::table
        .filter(invitations::state.eq("PENDING"))
        .filter(invitations::expire_time.le(now.into_sql::<Timestamptz>()))
        .order(invitations::expire_time)
        .limit(limit)
        .select((invitations::organization_id, invitations::id))
        .load(&mut conn)
        .await?)
}
