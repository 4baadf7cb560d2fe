//! Making business units and giving people a place in them, for whoever does it: a call, or the first start.

use flagstone_core::environment::EnvironmentState;
use flagstone_core::names::{BusinessUnitMemberName, BusinessUnitName, EnvironmentName, RoleName, UserName};
use flagstone_core::tier::Tier;
use flagstone_db::business_unit::{self, BusinessUnitRow, NewBusinessUnit};
use flagstone_db::business_unit_member::{self, BusinessUnitMemberRow};
use flagstone_db::environment::{self, NewEnvironment};
use flagstone_db::role::RoleRow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Result;
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// Makes a unit with one environment of each tier in a region, so that something can be ordered in it.
pub async fn open(tx: &mut Tx, unit: &NewBusinessUnit<'_>, region: &str) -> Result<BusinessUnitRow> {
    let name = BusinessUnitName::stored(unit.slug)?;
    let row = business_unit::insert(tx, unit).await.map_err(|error| error.about(&name))?;
    tx.record(unit_ref(&row)?, None, Some(&json!({"code": unit.code, "active": true})));
    for tier in Tier::ALL {
        let slug = tier.permission_segment();
        let environment = NewEnvironment {
            id: Uuid::now_v7(),
            organization_id: unit.organization_id,
            business_unit_id: unit.id,
            slug,
            display_name: tier.display_name(),
            tier: tier.as_str(),
            rank: tier.rank(),
            region,
            state: EnvironmentState::Ready.as_str(),
            creator: unit.creator,
        };
        environment::insert(tx, &environment).await?;
        let object = ObjectRef {
            object_type: "environment",
            name: EnvironmentName::stored(unit.slug, slug)?.to_string(),
            id: environment.id,
            business_unit_id: Some(unit.id),
        };
        tx.record(object, None, Some(&json!({"tier": environment.tier, "region": region})));
    }
    Ok(row)
}

/// A unit in the ledger.
pub fn unit_ref(unit: &BusinessUnitRow) -> Result<ObjectRef> {
    Ok(ObjectRef {
        object_type: "business_unit",
        name: BusinessUnitName::stored(&unit.slug)?.to_string(),
        id: unit.id,
        business_unit_id: Some(unit.id),
    })
}

/// A membership in the ledger. It has no id of its own: it gets that of the pair.
pub fn member_ref(unit_id: Uuid, member: &BusinessUnitMemberName, user_id: Uuid) -> ObjectRef {
    ObjectRef {
        object_type: "business_unit_member",
        name: member.to_string(),
        id: Uuid::from_u128(unit_id.as_u128() ^ user_id.as_u128()),
        business_unit_id: Some(unit_id),
    }
}

/// A membership as the ledger tells it.
pub fn member_json(role: &str) -> Result<Value> {
    Ok(json!({"role": RoleName::stored(role)?.to_string()}))
}

/// Gives a user a role in a unit: as a new member, or in place of the role that the member had. The caller has judged whether
/// the role may be given.
pub async fn set_member(
    tx: &mut Tx,
    unit: &BusinessUnitRow,
    (user_id, username): (Uuid, &str),
    role: &RoleRow,
) -> Result<BusinessUnitMemberRow> {
    let organization_id = tx.organization_id;
    let name = BusinessUnitMemberName::stored(&unit.slug, UserName::stored(username)?.id())?;
    let object = member_ref(unit.id, &name, user_id);
    let after = member_json(&role.slug)?;
    let known = business_unit_member::lock(tx, organization_id, unit.id, user_id).await?;
    let Some(before) = known else {
        let creator = tx.principal.clone();
        let row = business_unit_member::insert(tx, organization_id, unit.id, user_id, role.id, &creator)
            .await
            .map_err(|error| error.about(&name))?;
        tx.record(object, None, Some(&after));
        return Ok(row);
    };
    if before.role_id == role.id {
        return Ok(before);
    }
    let was = role_slug(tx, before.role_id).await?;
    let row = business_unit_member::set_role(tx, &before, role.id).await?;
    tx.record(object, Some(&member_json(&was)?), Some(&after));
    Ok(row)
}

/// The id of a role that a row refers to.
pub async fn role_slug(tx: &Tx, role_id: Uuid) -> Result<String> {
    let found = business_unit_member::roles(tx, tx.organization_id, &[role_id]).await?;
    let slug = found.into_iter().next().map(|(_, slug)| slug);
    slug.ok_or_else(|| {
        crate::error::Error::internal(format!("a membership has the role {role_id}, which is not there"))
    })
}
