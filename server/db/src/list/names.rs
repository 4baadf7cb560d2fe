//! Row ids of the resource names in a filter, a whole kind in one look-up. What is not found is left out.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use flagstone_core::names::RequestId;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{deployments, environments, groups, requests, roles, service_accounts, templates, users};

/// People by username.
pub async fn users(
    mut conn: &Connection,
    organization_id: Uuid,
    usernames: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    if usernames.is_empty() {
        return Ok(Vec::new());
    }
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::username.eq_any(usernames))
        .select((users::username, users::id))
        .load(&mut conn)
        .await?)
}

/// Roles by id.
pub async fn roles(
    mut conn: &Connection,
    organization_id: Uuid,
    slugs: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(roles::table
        .filter(roles::organization_id.eq(organization_id))
        .filter(roles::slug.eq_any(slugs))
        .select((roles::slug, roles::id))
        .load(&mut conn)
        .await?)
}

/// Groups by unit and id; without a unit where they are of the organization. Each is answered as `(unit, id, row id)`; the
/// answer may hold ones that were not asked for, which combine the unit of one with the id of another.
pub async fn groups(
    mut conn: &Connection,
    organization_id: Uuid,
    wanted: &[(Option<Uuid>, String)],
) -> Result<Vec<(Option<Uuid>, String, Uuid)>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let units = wanted.iter().filter_map(|(unit, _)| *unit);
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::business_unit_id.is_null().or(groups::business_unit_id.eq_any(units)))
        .filter(groups::slug.eq_any(wanted.iter().map(|(_, slug)| slug)))
        .select((groups::business_unit_id, groups::slug, groups::id))
        .load(&mut conn)
        .await?)
}

/// Service accounts by id.
pub async fn service_accounts(
    mut conn: &Connection,
    organization_id: Uuid,
    slugs: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(service_accounts::table
        .filter(service_accounts::organization_id.eq(organization_id))
        .filter(service_accounts::slug.eq_any(slugs))
        .select((service_accounts::slug, service_accounts::id))
        .load(&mut conn)
        .await?)
}

/// Templates by id.
pub async fn templates(
    mut conn: &Connection,
    organization_id: Uuid,
    slugs: &[String],
) -> Result<Vec<(String, Uuid)>, Error> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(templates::table
        .filter(templates::organization_id.eq(organization_id))
        .filter(templates::slug.eq_any(slugs))
        .select((templates::slug, templates::id))
        .load(&mut conn)
        .await?)
}

/// Environments by unit and id. Each is answered as `(unit, id, row id)`; the answer may hold ones that were not asked
/// for, which combine the unit of one with the id of another.
pub async fn environments(
    mut conn: &Connection,
    organization_id: Uuid,
    wanted: &[(Uuid, String)],
) -> Result<Vec<(Uuid, String, Uuid)>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    Ok(environments::table
        .filter(environments::organization_id.eq(organization_id))
        .filter(environments::business_unit_id.eq_any(wanted.iter().map(|(unit, _)| *unit)))
        .filter(environments::slug.eq_any(wanted.iter().map(|(_, slug)| slug)))
        .select((environments::business_unit_id, environments::slug, environments::id))
        .load(&mut conn)
        .await?)
}

/// Deployments by unit and id, answered like [`environments`]. Not found is what gave its id up before anything was made.
pub async fn deployments(
    mut conn: &Connection,
    organization_id: Uuid,
    wanted: &[(Uuid, String)],
) -> Result<Vec<(Uuid, String, Uuid)>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::business_unit_id.eq_any(wanted.iter().map(|(unit, _)| *unit)))
        .filter(deployments::slug.eq_any(wanted.iter().map(|(_, slug)| slug)))
        // In the words of the index that knows ids.
        .filter(deployments::provisioned.or(deployments::state.ne("DELETED")))
        .select((deployments::business_unit_id, deployments::slug, deployments::id))
        .load(&mut conn)
        .await?)
}

/// Requests by id or code, with their units: `(unit, row id, number)`.
pub async fn requests(
    mut conn: &Connection,
    organization_id: Uuid,
    wanted: &[RequestId],
) -> Result<Vec<(Uuid, Uuid, i64)>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    for request in wanted {
        match request {
            RequestId::Uuid(id) => ids.push(*id),
            RequestId::Code(number) => numbers.push(*number),
        }
    }
    Ok(requests::table
        .filter(requests::organization_id.eq(organization_id))
        .filter(requests::id.eq_any(ids).or(requests::number.eq_any(numbers)))
        .select((requests::business_unit_id, requests::id, requests::number))
        .load(&mut conn)
        .await?)
}
