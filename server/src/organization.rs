//! Organizations, for whoever asks what one has decided.

use flagstone_core::names::OrganizationName;
use flagstone_core::organization::Settings;
use flagstone_db::Connection;
use flagstone_db::organization::{self, OrganizationRow};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ledger::ObjectRef;

/// The settings that hold in an organization.
pub async fn settings(conn: &Connection, organization_id: Uuid) -> Result<Settings> {
    settings_of(&organization::find(conn, organization_id).await?)
}

/// The settings in an organization's row.
pub fn settings_of(row: &OrganizationRow) -> Result<Settings> {
    serde_json::from_value(row.settings.clone()).map_err(Error::internal)
}

/// An organization in its own ledger: all of its people may know that it changed.
pub fn own_ref(row: &OrganizationRow) -> Result<ObjectRef> {
    let name = OrganizationName::stored(&row.slug)?.to_string();
    Ok(ObjectRef { object_type: "organization", name, id: row.id, business_unit_id: None })
}
