//! What uses a role: told with the role, and in the way of its deletion.

use flagstone_api::pb;
use flagstone_core::names::{ApprovalPolicyName, RoleBindingName, RoleName, UserName};
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::Connection;
use flagstone_db::role::RoleRow;
use flagstone_db::role::uses::{self, Uses};
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::Result;
use crate::subjects::SubjectNames;
use crate::tx::Tx;

/// How many uses are told in full.
const FIRST: i64 = 50;

/// How many an error names: it travels in headers.
const TOLD: usize = 20;

/// What uses a role, as people see it.
pub(super) async fn of(conn: &Connection, directory: &Directory, role: &RoleRow) -> Result<pb::RoleUses> {
    let found = uses::of(conn, role, FIRST).await?;
    let names = SubjectNames::of(conn, role.organization_id, directory, &found.bindings.1).await?;
    to_proto(&found, &names, directory)
}

/// Fails with `IN_USE` while something uses a role.
pub(super) async fn refuse(tx: &Tx, name: &RoleName, role: &RoleRow) -> Result<()> {
    let found = uses::of(tx, role, FIRST).await?;
    if found.is_none() {
        return Ok(());
    }
    let subjects = SubjectNames::of(tx, role.organization_id, &tx.directory, &found.bindings.1).await?;
    let shown = to_proto(&found, &subjects, &tx.directory)?;
    let first: Vec<&str> = shown.first.iter().map(|one| one.name.as_str()).take(TOLD).collect();
    let message = format!(
        "{name} is in use: assigned {} times, the role of {} members, offered by {} invitations, named by {} approval \
         policies. Take it away there first.",
        shown.role_bindings, shown.members, shown.invitations, shown.approval_policies
    );
    Err(CoreError::precondition(Reason::InUse, message)
        .with("name", name)
        .with("role_bindings", &shown.role_bindings)
        .with("members", &shown.members)
        .with("invitations", &shown.invitations)
        .with("approval_policies", &shown.approval_policies)
        .with("uses", &first.join(", "))
        .into())
}

fn to_proto(uses: &Uses, subjects: &SubjectNames, directory: &Directory) -> Result<pb::RoleUses> {
    // A unit younger than the directory is missing for at most a second.
    let unit = |id: Option<Uuid>| id.and_then(|id| directory.unit_by_id(id)).map(|unit| &unit.name);
    let scope = |id: Option<Uuid>| unit(id).map(ToString::to_string).unwrap_or_default();
    let mut first = Vec::new();
    for row in &uses.bindings.1 {
        first.push(pb::RoleUse {
            name: RoleBindingName::new(unit(row.business_unit_id), row.id).to_string(),
            subject: subjects.get(row).map(|(name, _)| name.to_string()).unwrap_or_default(),
            scope: scope(row.business_unit_id),
        });
    }
    for (unit, username) in &uses.members.1 {
        let scope = scope(Some(*unit));
        let user = UserName::stored(username)?;
        first.push(pb::RoleUse { name: format!("{scope}/members/{username}"), subject: user.to_string(), scope });
    }
    for (id, email, unit) in &uses.invitations.1 {
        first.push(pb::RoleUse { name: format!("invitations/{id}"), subject: email.clone(), scope: scope(*unit) });
    }
    for slug in &uses.approval_policies.1 {
        let name = ApprovalPolicyName::stored(slug)?.to_string();
        first.push(pb::RoleUse { name, ..pb::RoleUse::default() });
    }
    first.truncate(usize::try_from(FIRST).unwrap_or(usize::MAX));
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(pb::RoleUses {
        role_bindings: count(uses.bindings.0),
        members: count(uses.members.0),
        invitations: count(uses.invitations.0),
        approval_policies: count(uses.approval_policies.0),
        first,
    })
}
