//! Deployments.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::deployments;

/// A deployment.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = deployments)]
pub struct DeploymentRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub state: String,
    pub provisioned: bool,
    pub environment_id: Uuid,
    pub tier: String,
    pub template_id: Uuid,
    pub template_version_id: Uuid,
    pub provider: String,
    pub region: String,
    pub owner_id: Uuid,
    pub owner: String,
    /// The team that owns it; `None` where it is its owner's.
    pub team_id: Option<Uuid>,
    pub inputs: Value,
    pub inputs_ciphertext: Vec<u8>,
    pub outputs: Value,
    pub outputs_ciphertext: Option<Vec<u8>>,
    pub tags: Value,
    pub cost_center: String,
    pub project_code: String,
    pub current_revision: i32,
    pub last_revision: i32,
    pub last_request_id: Option<Uuid>,
    pub resource_count: i32,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// The team of a deployment; `None` where it has none or does not exist.
pub async fn team(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<Uuid>, Error> {
    let found: Option<Option<Uuid>> = deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::id.eq(id))
        .select(deployments::team_id)
        .first(&mut conn)
        .await
        .optional()?;
    Ok(found.flatten())
}

/// A deployment to reserve.
#[derive(Debug, Insertable)]
#[diesel(table_name = deployments)]
pub struct NewDeployment<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub business_unit_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub state: &'a str,
    pub environment_id: Uuid,
    pub tier: &'a str,
    pub template_id: Uuid,
    pub template_version_id: Uuid,
    pub provider: &'a str,
    pub region: &'a str,
    pub owner_id: Uuid,
    pub owner: &'a str,
    pub inputs: &'a Value,
    pub inputs_ciphertext: &'a [u8],
    pub tags: &'a Value,
    pub cost_center: &'a str,
    pub project_code: &'a str,
    pub last_request_id: Uuid,
    pub creator: &'a str,
}

/// What changes of a deployment; `None` leaves a column as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = deployments)]
pub struct DeploymentChange {
    pub display_name: Option<String>,
    pub state: Option<String>,
    pub provisioned: Option<bool>,
    pub environment_id: Option<Uuid>,
    pub tier: Option<String>,
    pub template_id: Option<Uuid>,
    pub template_version_id: Option<Uuid>,
    pub provider: Option<String>,
    pub region: Option<String>,
    pub inputs: Option<Value>,
    pub inputs_ciphertext: Option<Vec<u8>>,
    pub outputs: Option<Value>,
    pub outputs_ciphertext: Option<Option<Vec<u8>>>,
    pub tags: Option<Value>,
    pub cost_center: Option<String>,
    pub project_code: Option<String>,
    pub current_revision: Option<i32>,
    pub last_revision: Option<i32>,
    pub last_request_id: Option<Option<Uuid>>,
    pub resource_count: Option<i32>,
}

/// Reserves a deployment. An id that is taken violates `deployments_slug_key`.
pub async fn insert(conn: &mut Connection, deployment: &NewDeployment<'_>) -> Result<DeploymentRow, Error> {
    Ok(diesel::insert_into(deployments::table)
        .values(deployment)
        .returning(DeploymentRow::as_returning())
        .get_result(conn)
        .await?)
}

/// The deployment of an id, in a unit: the one that holds the id, or else the newest of those that gave it up before
/// they left PENDING.
pub async fn find(
    mut conn: &Connection,
    organization_id: Uuid,
    business_unit_id: Uuid,
    slug: &str,
) -> Result<Option<DeploymentRow>, Error> {
    let of_id = || {
        deployments::table
            .filter(deployments::organization_id.eq(organization_id))
            .filter(deployments::business_unit_id.eq(business_unit_id))
            .filter(deployments::slug.eq(slug))
            .select(DeploymentRow::as_select())
    };
    // In the words of the unique index, which is partial: it is used only where the query says the same.
    let holder = of_id()
        .filter(deployments::provisioned.or(deployments::state.ne("DELETED")))
        .first(&mut conn)
        .await
        .optional()?;
    if holder.is_some() {
        return Ok(holder);
    }
    Ok(of_id().order((deployments::create_time.desc(), deployments::id.desc())).first(&mut conn).await.optional()?)
}

/// The deployment of a row id.
pub async fn get(mut conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Option<DeploymentRow>, Error> {
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::id.eq(id))
        .select(DeploymentRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Teams of those of these deployments that have one, by their row ids, in no order.
pub async fn teams(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::id.eq_any(ids))
        .select((deployments::id, deployments::team_id.assume_not_null()))
        .filter(deployments::team_id.is_not_null())
        .load(&mut conn)
        .await?)
}

/// Ids of deployments by their row ids, in no order.
pub async fn slugs(mut conn: &Connection, organization_id: Uuid, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::id.eq_any(ids))
        .select((deployments::id, deployments::slug))
        .load(&mut conn)
        .await?)
}

/// Locks a deployment for a transition; its request is locked before it.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, id: Uuid) -> Result<Option<DeploymentRow>, Error> {
    Ok(deployments::table
        .filter(deployments::organization_id.eq(organization_id))
        .filter(deployments::id.eq(id))
        .select(DeploymentRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Changes a locked deployment. The row's revision rises, and with it its etag.
pub async fn update(
    conn: &mut Connection,
    deployment: &DeploymentRow,
    change: &DeploymentChange,
) -> Result<DeploymentRow, Error> {
    Ok(diesel::update(deployments::table.find(deployment.id))
        .filter(deployments::organization_id.eq(deployment.organization_id))
        .set((change, deployments::revision.eq(deployments::revision + 1), deployments::update_time.eq(now)))
        .returning(DeploymentRow::as_returning())
        .get_result(conn)
        .await?)
}
