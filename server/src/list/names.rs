//! Resource names in filters. Rows refer to each other by id, so a name is looked up before the query: all names of a
//! filter in one round trip.

use flagstone_core::Error as CoreError;
use flagstone_core::error::Violations;
use flagstone_core::filter::{Predicate, Value};
use flagstone_core::names::{
    BusinessUnitName, DeploymentName, EnvironmentName, RequestId, RequestName, ResourceName, RoleName, Segment,
    ServiceAccountName, Slug, Subject, TemplateName, UserName, parse,
};
use flagstone_db::list::{Names, names};
use futures::try_join;

use crate::cx::Read;
use crate::error::Result;

/// What a field's names name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    BusinessUnit,
    Environment,
    Template,
    Deployment,
    Request,
    User,
    Role,
    /// A group of the organization or of a unit.
    Group,
    /// Whom a role is given to: a user, a group or a service account.
    Subject,
    /// The code of a request. It is no name, but has a form to keep.
    RequestCode,
}

/// One name of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    BusinessUnit(BusinessUnitName),
    Environment(EnvironmentName),
    Template(TemplateName),
    Deployment(DeploymentName),
    Request(RequestName),
    User(UserName),
    Role(RoleName),
    Group(Option<BusinessUnitName>, Slug),
    ServiceAccount(ServiceAccountName),
}

/// The names in a filter. Each that breaks the form of its field is a violation of the filter.
pub(super) fn in_filter(
    filter: Option<&Predicate>,
    fields: &[(&str, NameKind)],
) -> Result<Vec<(String, Named)>, CoreError> {
    let (mut found, mut wrong) = (Vec::new(), Violations::new());
    if let Some(filter) = filter {
        collect(filter, fields, &mut found, &mut wrong);
    }
    wrong.finish().map(|()| found).map_err(|mut error| {
        error.reason = flagstone_core::Reason::FilterInvalid;
        error
    })
}

fn collect(
    predicate: &Predicate,
    fields: &[(&str, NameKind)],
    found: &mut Vec<(String, Named)>,
    wrong: &mut Violations,
) {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => {
            for part in parts {
                collect(part, fields, found, wrong);
            }
        }
        Predicate::Not(part) => collect(part, fields, found, wrong),
        Predicate::Cmp { field, value: Value::Text(text), .. } => {
            if let Some((_, kind)) = fields.iter().find(|(name, _)| name == field) {
                let named = wrong.take(read(*kind, text)).flatten();
                found.extend(named.map(|named| (text.clone(), named)));
            }
        }
        Predicate::Cmp { .. } => {}
    }
}

fn read(kind: NameKind, text: &str) -> Result<Option<Named>, CoreError> {
    fn name<T: ResourceName>(text: &str, named: fn(T) -> Named) -> Result<Option<Named>, CoreError> {
        parse(text, "filter").map(|name| Some(named(name)))
    }
    match kind {
        NameKind::BusinessUnit => name(text, Named::BusinessUnit),
        NameKind::Environment => name(text, Named::Environment),
        NameKind::Template => name(text, Named::Template),
        NameKind::Deployment => name(text, Named::Deployment),
        NameKind::Request => name(text, Named::Request),
        NameKind::User => name(text, Named::User),
        NameKind::Role => name(text, Named::Role),
        NameKind::Group => group(text).map(Some),
        NameKind::Subject => parse(text, "filter").map(|subject| Some(Named::of(subject))),
        NameKind::RequestCode => match RequestId::read(text) {
            Some(RequestId::Code(_)) => Ok(None),
            _ => Err(CoreError::field("filter", "A code is written like R-42.")),
        },
    }
}

impl Named {
    fn of(subject: Subject) -> Self {
        match subject {
            Subject::User(name) => Self::User(name),
            Subject::Group(name) => Self::Group(name.business_unit(), name.id().clone()),
            Subject::ServiceAccount(name) => Self::ServiceAccount(name),
        }
    }
}

fn group(text: &str) -> Result<Named, CoreError> {
    match text.strip_prefix("groups/") {
        Some(id) => Ok(Named::Group(None, Slug::parse(id, "filter")?)),
        None => {
            let shape = || {
                let message = "A group is written groups/{group} or businessUnits/{business_unit}/groups/{group}.";
                CoreError::field("filter", message)
            };
            let (unit, id) = text.split_once("/groups/").ok_or_else(shape)?;
            Ok(Named::Group(Some(parse(unit, "filter")?), Slug::parse(id, "filter")?))
        }
    }
}

/// The rows that names mean. A name of something that does not exist is left out, and matches nothing; whether the
/// caller may see what exists is not asked here, since the list shows only what the caller may see.
pub(super) async fn resolve(wanted: &[(String, Named)], read: &Read) -> Result<Names> {
    let mut found = Names::default();
    if wanted.is_empty() {
        return Ok(found);
    }
    let (mut usernames, mut templates, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    let (mut environments, mut deployments) = (Vec::new(), Vec::new());
    let (mut roles, mut groups, mut service_accounts) = (Vec::new(), Vec::new(), Vec::new());
    let directory = &read.user.directory;
    let unit_id = |name: &BusinessUnitName| directory.past_unit(name).map(|unit| unit.id);
    for (text, named) in wanted {
        match named {
            Named::BusinessUnit(name) => {
                if let Some(id) = unit_id(name) {
                    found.add(text, id);
                }
            }
            Named::User(name) if name.is_me() => found.add(text, read.user.id),
            Named::User(name) => usernames.push(name.id().to_string()),
            Named::Template(name) => templates.push(name.id().to_string()),
            Named::Role(name) => roles.push(name.id().to_string()),
            Named::ServiceAccount(name) => service_accounts.push(name.id().to_string()),
            Named::Group(None, id) => groups.push((None, id.to_string())),
            Named::Group(Some(unit), id) => {
                groups.extend(unit_id(unit).map(|unit| (Some(unit), id.to_string())));
            }
            Named::Request(name) => requests.push(*name.id()),
            Named::Environment(name) => {
                environments.extend(unit_id(&name.business_unit()).map(|unit| (unit, name.id().to_string())));
            }
            Named::Deployment(name) => {
                deployments.extend(unit_id(&name.business_unit()).map(|unit| (unit, name.id().to_string())));
            }
        }
    }
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let (usernames, templates, requests, environments, deployments, roles, groups, service_accounts) = try_join!(
        names::users(conn, organization_id, &usernames),
        names::templates(conn, organization_id, &templates),
        names::requests(conn, organization_id, &requests),
        names::environments(conn, organization_id, &environments),
        names::deployments(conn, organization_id, &deployments),
        names::roles(conn, organization_id, &roles),
        names::groups(conn, organization_id, &groups),
        names::service_accounts(conn, organization_id, &service_accounts),
    )?;
    for (username, id) in usernames {
        found.add(format!("users/{username}"), id);
    }
    for (slug, id) in templates {
        found.add(format!("templates/{slug}"), id);
    }
    for (slug, id) in roles {
        found.add(format!("roles/{slug}"), id);
    }
    for (slug, id) in service_accounts {
        found.add(format!("serviceAccounts/{slug}"), id);
    }
    let unit_name = |id| directory.unit_by_id(id).map(|unit| unit.name.to_string());
    for (unit, id, number) in requests {
        if let Some(unit) = unit_name(unit) {
            found.add(format!("{unit}/requests/{id}"), id);
            found.add(format!("{unit}/requests/R-{number}"), id);
        }
    }
    for (unit, slug, id) in groups {
        match unit {
            None => found.add(format!("groups/{slug}"), id),
            Some(unit) => {
                if let Some(unit) = unit_name(unit) {
                    found.add(format!("{unit}/groups/{slug}"), id);
                }
            }
        }
    }
    for (unit, slug, id) in environments {
        if let Some(unit) = unit_name(unit) {
            found.add(format!("{unit}/environments/{slug}"), id);
        }
    }
    for (unit, slug, id) in deployments {
        if let Some(unit) = unit_name(unit) {
            found.add(format!("{unit}/deployments/{slug}"), id);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use flagstone_core::Reason;
    use flagstone_core::filter::{Field, FieldKind, Filter};

    use super::*;

    const FIELDS: [Field; 3] = [
        Field { name: "owner", kind: FieldKind::Name },
        Field { name: "code", kind: FieldKind::Text },
        Field { name: "title", kind: FieldKind::TextSearch },
    ];
    const NAMES: [(&str, NameKind); 2] = [("owner", NameKind::User), ("code", NameKind::RequestCode)];

    #[test]
    fn names_are_found_wherever_they_stand() {
        let filter =
            Filter::parse(r#"NOT owner = "users/ada" AND (title = "users/eve" OR owner != "users/bob")"#, &FIELDS);
        let found = in_filter(filter.unwrap().as_ref(), &NAMES).unwrap();
        let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["users/ada", "users/bob"]);
        assert_eq!(in_filter(None, &NAMES).unwrap(), []);
    }

    #[test]
    fn every_name_of_another_form_is_told() {
        let filter =
            Filter::parse(r#"owner = "ada" OR owner = "templates/x" OR code = "42" OR code = "R-42""#, &FIELDS);
        let error = in_filter(filter.unwrap().as_ref(), &NAMES).unwrap_err();
        assert_eq!(error.reason, Reason::FilterInvalid);
        assert_eq!(error.fields.len(), 3, "{error}");
    }
}
