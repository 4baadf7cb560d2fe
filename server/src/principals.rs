//! From the rows of what principals are given to what the evaluator works on: of a caller, and of anybody whose rights are
//! explained.

use std::collections::HashMap;

use flagstone_core::access::{Binding, Effect, Grants, PrincipalFacts, Restriction, Scope, Who};
use flagstone_core::names::{ServiceAccountName, UserName};
use flagstone_db::Connection;
use flagstone_db::grants::{self, Given, GrantRow, PrincipalRow, Through};
use flagstone_db::organization::OrganizationRow;
use serde_json::Value;
use uuid::Uuid;

use crate::convert::unit_name;
use crate::directory::Directory;
use crate::error::{Error, Result};

/// Somebody whose rights are looked at.
#[derive(Debug)]
pub struct Subject {
    pub row: PrincipalRow,
    /// `users/{user}` or `serviceAccounts/{service_account}`.
    pub name: String,
    pub facts: PrincipalFacts,
    pub bindings: Vec<Binding>,
    /// Where the bindings come from, in their order.
    pub given: Vec<GrantRow>,
}

impl Subject {
    /// The grants as the evaluator takes them.
    pub fn grants(&self) -> Grants {
        Grants::compile(self.facts.clone(), self.bindings.clone())
    }
}

/// Loads what these principals are given, in their order.
pub async fn load(
    conn: &Connection,
    directory: &Directory,
    organization: &OrganizationRow,
    rows: Vec<PrincipalRow>,
) -> Result<Vec<Subject>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let Given { grants, groups, teams } = grants::of(conn, directory.organization_id, &ids).await?;
    let mut given: HashMap<Uuid, Given> = HashMap::new();
    for row in grants {
        given.entry(row.principal_id).or_default().grants.push(row);
    }
    for row in groups {
        given.entry(row.principal_id).or_default().groups.push(row);
    }
    for row in teams {
        given.entry(row.principal_id).or_default().teams.push(row);
    }
    rows.into_iter()
        .map(|row| {
            let given = given.remove(&row.id).unwrap_or_default();
            let name = if row.is_user {
                UserName::stored(&row.slug)?.to_string()
            } else {
                ServiceAccountName::stored(&row.slug)?.to_string()
            };
            let facts = PrincipalFacts {
                who: who(directory, &name, row.email.as_deref(), &given)?,
                active: row.active,
                organization_active: organization.active,
                is_user: row.is_user,
                token: None,
                self_service_environments: self_service_environments(&organization.settings),
            };
            let bindings = given.grants.iter().map(binding).collect::<Result<Vec<_>>>()?;
            Ok(Subject { row, name, facts, bindings, given: given.grants })
        })
        .collect()
}

/// Who a principal is, as conditions see it. Only users have an address.
pub fn who(directory: &Directory, name: &str, email: Option<&str>, given: &Given) -> Result<Who> {
    // A group of a unit that is newer than the directory is left out until the directory is read again, at once.
    let known =
        given.groups.iter().filter(|group| group.business_unit_id.is_none_or(|id| directory.unit_by_id(id).is_some()));
    let groups =
        known.map(|group| group_name(directory, &group.slug, group.business_unit_id)).collect::<Result<Vec<_>>>()?;
    let teams: Vec<(Uuid, String)> = given.teams.iter().map(|team| (team.id, team_name(&team.slug))).collect();
    Ok(Who::new(name, email.is_some(), email, &groups, &teams))
}

/// A role that is given, as the evaluator takes it.
pub fn binding(row: &GrantRow) -> Result<Binding> {
    Ok(Binding {
        role: row.role.clone(),
        permissions: row.permissions.clone(),
        restriction: row.restriction.parse::<Restriction>().map_err(Error::internal)?,
        scope: row.business_unit_id.map_or(Scope::Organization, Scope::Unit),
        effect: row.effect.parse::<Effect>().map_err(Error::internal)?,
        condition: row.condition.clone(),
        expire_time: row.expire_time,
    })
}

/// Through what a role reaches a principal, by name.
pub fn through(directory: &Directory, principal: &str, row: &GrantRow) -> Result<String> {
    Ok(match (&row.through, row.business_unit_id) {
        (Through::Itself, _) | (Through::Membership, None) => principal.to_owned(),
        (Through::Group { slug, business_unit_id }, _) => group_name(directory, slug, *business_unit_id)?,
        (Through::Membership, Some(unit)) => unit_name(directory, unit)?.to_string(),
    })
}

fn group_name(directory: &Directory, slug: &str, business_unit_id: Option<Uuid>) -> Result<String> {
    Ok(match business_unit_id {
        Some(unit) => format!("{}/groups/{slug}", unit_name(directory, unit)?),
        None => format!("groups/{slug}"),
    })
}

/// The name of a team.
pub fn team_name(slug: &str) -> String {
    format!("teams/{slug}")
}

/// The switch of the organization that lets developers make environments: on, unless it is set to false.
pub fn self_service_environments(settings: &Value) -> bool {
    settings.get("self_service_environments").and_then(Value::as_bool).unwrap_or(true)
}
