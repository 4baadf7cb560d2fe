//! The permissions page in Cedar's words, written from its rules and not from our evaluator.
//!
//! Each binding is a policy of its own. Groups, units and roles are what Cedar's hierarchy is for: a principal is *in* its
//! groups and teams, an object *in* its unit and that in the organization, an action *in* the roles that hold it and in what
//! its slug says of it. For example, a role with OWN that is bound to a group in a unit until a time:
//!
//! ```text
//! permit (principal in Group::"2", action in Action::"roles/0", resource in Unit::"1")
//! when { context.now < 1800000001 }
//! when { resource has creator && resource.creator == principal }
//! unless { action in Action::"scopes/user" }
//! unless { action in Action::"scopes/platform" };
//! ```

use std::collections::{HashMap, HashSet};
use std::error::Error;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression,
};
use flagstone_core::access::{DenyReason, Effect, Permission, Restriction};

use crate::case::{Case, Given, Holder, NOW, Question, Verdict};

/// Why Cedar could not be asked.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What holds whatever is bound, with the id that tells which row of rule 1 it is.
const STANDING: [(&str, &str); 3] = [
    // Rule 1, its first row.
    ("inactive", "forbid (principal, action, resource) unless { principal.active && principal.organization_active };"),
    // Rule 14. A token for units still reaches what its holder does to itself.
    (
        "token",
        "forbid (principal, action, resource) when { context has token } unless {
             context.token.permissions.contains(action) && (
                 !(context.token has units)
                 || (action in Action::\"scopes/user\" && !(action in Action::\"qualifiers/own\"))
                 || resource in context.token.units
             )
         };",
    ),
    // Rule 10, and `own` of rule 7.
    (
        "user-scope",
        "permit (principal is User, action in Action::\"scopes/user\", resource)
         unless { action in Action::\"qualifiers/own\" && !(resource has creator && resource.creator == principal) };",
    ),
];

/// Rule 7: whether the caller's own objects escape OWN_TEAM.
const LIFTED: &str = "principal is User && action in Action::\"own_counterpart\"";

/// The policies of a case, each with its id. A binding's begins with the word for its effect.
pub fn policies(case: &Case) -> Vec<(String, String)> {
    let standing = STANDING.map(|(id, text)| (id.to_owned(), text.to_owned()));
    let bound =
        case.bindings.iter().enumerate().map(|(index, given)| (format!("binding-{index}"), policy(case, given)));
    standing.into_iter().chain(bound).collect()
}

fn policy(case: &Case, given: &Given) -> String {
    let effect = match given.effect {
        Effect::Allow => "permit",
        Effect::Deny => "forbid",
    };
    let principal = match given.holder {
        Holder::Principal => format!("principal == {}::\"caller\"", principal_type(case)),
        Holder::Stranger => "principal == User::\"stranger\"".to_owned(),
        Holder::Group(group) => format!("principal in Group::\"{group}\""),
    };
    let place = given.unit.map_or_else(|| "Organization::\"acme\"".to_owned(), |unit| format!("Unit::\"{unit}\""));
    let mut text = format!("{effect} ({principal}, action in Action::\"roles/{}\", resource in {place})\n", given.role);
    if let Some(end) = given.expires {
        text += &format!("when {{ context.now < {end} }}\n");
    }
    // In Cedar a policy that asks for an attribute that is not there does not apply, whatever its effect. Here a DENY does.
    let own = match given.effect {
        Effect::Allow => "(resource has creator && resource.creator == principal)",
        Effect::Deny => "(!(resource has creator) || resource.creator == principal)",
    };
    // Rule 8.
    match case.roles[given.role].restriction {
        Restriction::None => {}
        Restriction::Own => text += &format!("when {{ {own} }}\n"),
        Restriction::OwnTeam => {
            text += &format!(
                "when {{\n    action in [Action::\"actions/list\", Action::\"actions/read\"]\n    \
                 || (resource has team && principal in resource.team)\n    \
                 || ((!(resource has team) || ({LIFTED})) && {own})\n}}\n"
            );
        }
    }
    // Rule 10, and rule 3 for a binding in a unit.
    text += "unless { action in Action::\"scopes/user\" }";
    if given.unit.is_some() {
        text += "\nunless { action in Action::\"scopes/platform\" }";
    }
    text + ";"
}

/// Reads policies as [`policies`] writes them.
pub fn parse(texts: &[(String, String)]) -> Result<PolicySet, Failure> {
    let mut set = PolicySet::new();
    for (id, text) in texts {
        set.add(Policy::parse(Some(PolicyId::new(id)), text)?)?;
    }
    Ok(set)
}

/// What Cedar answers. It is given only those entities that the question is about: others cannot matter to it.
pub fn ask(case: &Case, policies: &PolicySet, question: &Question) -> Result<Verdict, Failure> {
    let principal = uid(principal_type(case), "caller")?;
    let action = uid("Action", question.permission.slug())?;
    let object = uid("Object", "it")?;
    let entities = [
        of_principal(case, principal.clone())?,
        of_action(case, question.permission, action.clone())?,
        of_object(question, object.clone(), &principal)?,
    ];
    let unit = question.unit.map(|unit| {
        Entity::new(unit_uid(unit)?, HashMap::new(), HashSet::from([organization()?])).map_err(Failure::from)
    });
    let unit = unit.transpose()?;
    let entities = Entities::from_entities(entities.into_iter().chain(unit), None)?;
    let request = Request::new(principal, action, object, context(case)?, None)?;
    let response = Authorizer::new().is_authorized(&request, policies, &entities);
    if let Some(error) = response.diagnostics().errors().next() {
        return Err(error.to_string().into());
    }
    if response.decision() == Decision::Allow {
        return Ok(None);
    }
    let reasons: HashSet<String> = response.diagnostics().reason().map(ToString::to_string).collect();
    // Cedar names every policy that forbids; rule 1 names the first of its rows.
    Ok(Some(if reasons.contains("inactive") {
        DenyReason::PrincipalInactive
    } else if reasons.contains("token") {
        DenyReason::TokenScope
    } else if reasons.is_empty() {
        DenyReason::NoGrant
    } else {
        DenyReason::DenyBinding
    }))
}

fn of_principal(case: &Case, uid_of: EntityUid) -> Result<Entity, Failure> {
    let attributes = HashMap::from([
        ("active".to_owned(), RestrictedExpression::new_bool(case.active)),
        ("organization_active".to_owned(), RestrictedExpression::new_bool(case.organization_active)),
    ]);
    let mut parents = HashSet::from([uid("Team", "callers")?]);
    for group in &case.groups {
        parents.insert(uid("Group", &group.to_string())?);
    }
    Ok(Entity::new(uid_of, attributes, parents)?)
}

/// An action is in the roles that hold it and in what its slug says.
fn of_action(case: &Case, permission: Permission, uid_of: EntityUid) -> Result<Entity, Failure> {
    let segments: Vec<&str> = permission.slug().split(':').collect();
    let [scope, resource, action, ..] = segments[..] else {
        return Err(format!("`{permission}` is no permission").into());
    };
    let mut parents =
        HashSet::from([uid("Action", &format!("scopes/{scope}"))?, uid("Action", &format!("actions/{action}"))?]);
    if segments.get(3) == Some(&"own") {
        parents.insert(uid("Action", "qualifiers/own")?);
    }
    let counterpart = format!("user:{resource}:{action}:own");
    if Permission::all().any(|other| other.slug() == counterpart) {
        parents.insert(uid("Action", "own_counterpart")?);
    }
    for (index, role) in case.roles.iter().enumerate() {
        if role.permissions.contains(&permission) {
            parents.insert(uid("Action", &format!("roles/{index}"))?);
        }
    }
    Ok(Entity::new(uid_of, HashMap::new(), parents)?)
}

fn of_object(question: &Question, uid_of: EntityUid, principal: &EntityUid) -> Result<Entity, Failure> {
    let mut attributes = HashMap::new();
    if let Some(created) = question.created {
        let creator = if created { principal.clone() } else { uid("User", "stranger")? };
        attributes.insert("creator".to_owned(), RestrictedExpression::new_entity_uid(creator));
    }
    if let Some(teams) = question.teams {
        let team = uid("Team", if teams { "callers" } else { "others" })?;
        attributes.insert("team".to_owned(), RestrictedExpression::new_entity_uid(team));
    }
    let place = question.unit.map_or_else(organization, unit_uid)?;
    Ok(Entity::new(uid_of, attributes, HashSet::from([place]))?)
}

fn context(case: &Case) -> Result<Context, Failure> {
    let mut pairs = vec![("now".to_owned(), RestrictedExpression::new_long(NOW))];
    if let Some(token) = &case.token {
        let permissions = token
            .permissions
            .iter()
            .map(|permission| uid("Action", permission.slug()).map(RestrictedExpression::new_entity_uid))
            .collect::<Result<Vec<_>, _>>()?;
        let mut fields = vec![("permissions".to_owned(), RestrictedExpression::new_set(permissions))];
        if let Some(units) = &token.units {
            let units = units
                .iter()
                .map(|unit| unit_uid(*unit).map(RestrictedExpression::new_entity_uid))
                .collect::<Result<Vec<_>, _>>()?;
            fields.push(("units".to_owned(), RestrictedExpression::new_set(units)));
        }
        pairs.push(("token".to_owned(), RestrictedExpression::new_record(fields)?));
    }
    Ok(Context::from_pairs(pairs)?)
}

/// The name of an entity.
pub fn uid(kind: &str, id: &str) -> Result<EntityUid, Failure> {
    let kind: EntityTypeName = kind.parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn organization() -> Result<EntityUid, Failure> {
    uid("Organization", "acme")
}

fn unit_uid(unit: u8) -> Result<EntityUid, Failure> {
    uid("Unit", &unit.to_string())
}

const fn principal_type(case: &Case) -> &'static str {
    if case.is_user { "User" } else { "ServiceAccount" }
}
