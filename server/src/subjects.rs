//! Whom roles are given to: people, groups and programs, from their names to their rows and back.

use std::collections::HashMap;

use flagstone_core::names::{GroupName, ServiceAccountName, Subject, UserName};
use flagstone_db::role_binding::RoleBindingRow;
use flagstone_db::subject::{self, PersonRow};
use flagstone_db::{Connection, group};
use futures::try_join;
use uuid::Uuid;

use crate::directory::Directory;
use crate::error::Result;
use crate::tx::Tx;

/// Somebody a role is given to.
#[derive(Clone, Debug)]
pub struct Held {
    /// `USER`, `GROUP` or `SERVICE_ACCOUNT`, as stored.
    pub kind: &'static str,
    pub id: Uuid,
}

/// The person of a name in a call; `users/me` is the caller. `None` where there is nobody, or nobody any more. The account
/// stays as it is until the transaction ends.
pub async fn hold_person(tx: &mut Tx, name: &UserName) -> Result<Option<PersonRow>> {
    let organization_id = tx.organization_id;
    let name = if name.is_me() { tx.admitted()?.user.person()?.clone() } else { name.clone() };
    Ok(subject::hold_person(tx, organization_id, name.id().as_str()).await?)
}

/// The row of a subject in a call, which stays as it is until the transaction ends. `None` where there is none.
pub async fn hold(tx: &mut Tx, subject: &Subject) -> Result<Option<Held>> {
    let organization_id = tx.organization_id;
    Ok(match subject {
        Subject::User(name) => hold_person(tx, name).await?.map(|person| Held { kind: "USER", id: person.id }),
        Subject::Group(name) => {
            let unit_id = match name.business_unit() {
                None => None,
                Some(unit) => match tx.directory.unit(&unit) {
                    Some(unit) => Some(unit.id),
                    None => return Ok(None),
                },
            };
            let found = group::lock(tx, organization_id, unit_id, name.id().as_str()).await?;
            found.map(|group| Held { kind: "GROUP", id: group.id })
        }
        Subject::ServiceAccount(name) => {
            let found = subject::hold_service_account(tx, organization_id, name.id().as_str()).await?;
            found.map(|id| Held { kind: "SERVICE_ACCOUNT", id })
        }
    })
}

/// Names of subjects by their row ids.
#[derive(Debug, Default)]
pub struct SubjectNames(HashMap<Uuid, (Subject, String)>);

impl SubjectNames {
    /// The subjects of bindings, each kind in one look-up.
    pub async fn of(
        conn: &Connection,
        organization_id: Uuid,
        directory: &Directory,
        bindings: &[RoleBindingRow],
    ) -> Result<Self> {
        let ids = |kind: &str| -> Vec<Uuid> {
            bindings.iter().filter(|row| row.subject_kind == kind).map(|row| row.subject_id).collect()
        };
        let (people, groups, accounts) = (ids("USER"), ids("GROUP"), ids("SERVICE_ACCOUNT"));
        let (people, groups, accounts) = try_join!(
            subject::people(conn, organization_id, &people),
            subject::groups(conn, organization_id, &groups),
            subject::service_accounts(conn, organization_id, &accounts),
        )?;
        let mut names = HashMap::new();
        for person in people {
            names.insert(person.id, (Subject::User(UserName::stored(person.username)?), person.full_name));
        }
        for (id, unit, slug, display_name) in groups {
            // A unit younger than the directory is missing for at most a second.
            let Some(unit) = unit.map(|unit| directory.unit_by_id(unit)).map_or(Some(None), |unit| unit.map(Some))
            else {
                continue;
            };
            let name = GroupName::stored(unit.map(|unit| &unit.name), slug)?;
            names.insert(id, (Subject::Group(name), display_name));
        }
        for (id, slug) in accounts {
            names.insert(id, (Subject::ServiceAccount(ServiceAccountName::stored(&slug)?), slug));
        }
        Ok(Self(names))
    }

    /// Name and display name of a binding's subject; `None` for one that went away while one looked.
    pub fn get(&self, binding: &RoleBindingRow) -> Option<&(Subject, String)> {
        self.0.get(&binding.subject_id)
    }
}
