//! What a question is about: a place, or an object with what decisions depend on. An object that the caller may not see is
//! as absent as one that does not exist (rule 16).

use flagstone_core::Error as CoreError;
use flagstone_core::access::{Object, PermissionPattern, Scope, could_match};
use flagstone_core::names::{
    ApprovalName, BusinessUnitName, DeploymentName, EnvironmentName, JobName, RequestName, ResourceName,
};
use flagstone_core::tier::Tier;
use flagstone_db::{approval, deployment, environment, job, request};
use uuid::Uuid;

use crate::cx::{Facts, Read};
use crate::directory::Unit;
use crate::error::{Error, Result};
use crate::services::{approval as approvals, deployment as deployments, job as jobs, request_view};

/// Longest text that is taken for a name.
const NAME_MAX: usize = 500;

/// What a question is about.
pub(super) enum Asked {
    /// Anything in any of these scopes, as it is called.
    Place(Vec<Scope>, String),
    /// One object.
    Object(Known),
    /// Absent, or not for the caller to see.
    Hidden,
}

/// For whom an object is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// The caller, who learns nothing of a scope where the answer is no.
    Own,
    /// Somebody else, by whoever may explain that: what the caller may do there does not matter.
    Others,
}

/// An object that the caller may see, or may do this to.
pub(super) struct Known {
    pub(super) unit: Option<Unit>,
    name: String,
    tier: Option<Tier>,
    pub(super) creator_id: Option<Uuid>,
    pub(super) team_id: Option<Uuid>,
    readable_by: &'static [&'static str],
}

impl Known {
    fn new(unit: Option<Unit>, facts: &Facts<'_>) -> Self {
        let Facts { name, tier, creator_id, team_id, readable_by } = *facts;
        Self { unit, name: name.to_owned(), tier, creator_id, team_id, readable_by }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            tier: self.tier,
            creator_id: self.creator_id,
            team_id: self.team_id,
            ..Facts::of(&self.name, self.readable_by)
        }
    }

    pub(super) const fn tier(&self) -> Option<Tier> {
        self.tier
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn scope(&self) -> Scope {
        self.unit.as_ref().map_or(Scope::Organization, |unit| Scope::Unit(unit.id))
    }
}

impl Asked {
    pub(super) const fn is_hidden(&self) -> bool {
        matches!(self, Self::Hidden)
    }

    /// The scopes of a place.
    pub(super) fn scopes(&self) -> Option<&[Scope]> {
        match self {
            Self::Place(scopes, _) => Some(scopes),
            Self::Object(_) | Self::Hidden => None,
        }
    }

    /// Asks something of the object as the evaluator sees it for the caller; of a place, of something new there.
    pub(super) fn with_object<T>(&self, read: &Read, ask: impl FnOnce(Object<'_>, Option<Tier>) -> T) -> T {
        match self {
            Self::Object(known) => {
                read.with_object_in(known.unit.as_ref(), &known.facts(), |object| ask(object, known.tier))
            }
            Self::Place(scopes, _) => ask(Object::new_in(scopes.first().copied().unwrap_or(Scope::Organization)), None),
            Self::Hidden => ask(Object::of(Scope::Organization), None),
        }
    }

    /// Where it is, in words.
    pub(super) fn place(&self, read: &Read) -> String {
        let scope = match self {
            Self::Place(_, words) => return words.clone(),
            Self::Object(known) => known.scope(),
            Self::Hidden => Scope::Organization,
        };
        scope_words(read, scope)
    }
}

/// A scope in words.
pub(super) fn scope_words(read: &Read, scope: Scope) -> String {
    let unit = match scope {
        Scope::Organization => None,
        Scope::Unit(id) => read.user.directory.unit_by_id(id),
    };
    unit.map_or_else(|| "the organization".to_owned(), |unit| unit.name.to_string())
}

/// Whether a text can be the name of an object or a place at all.
pub(super) fn syntax(text: &str, field: &str) -> Result<(), CoreError> {
    let fits = text.len() <= NAME_MAX
        && !text.chars().any(char::is_control)
        && (text.is_empty() || text.split('/').all(|segment| !segment.is_empty()));
    if fits {
        return Ok(());
    }
    Err(CoreError::field(
        field,
        format!(
            "is not the name of an object. Send one such as `businessUnits/payments/requests`, of at most {NAME_MAX} characters, or nothing for the organization."
        ),
    ))
}

/// What the name of a question means to the caller. `pattern` is what is asked: whoever may do that to an object may know
/// that it exists.
pub(super) async fn find(read: &Read, pattern: &PermissionPattern, name: &str, lookup: Lookup) -> Result<Asked> {
    let directory = &read.user.directory;
    let segments: Vec<&str> = name.split('/').collect();
    match segments.as_slice() {
        ["businessUnits", "-"] | ["businessUnits", "-", _] => {
            let units = directory.units().iter().map(|unit| Scope::Unit(unit.id));
            Ok(Asked::Place(units.collect(), "any business unit".to_owned()))
        }
        ["businessUnits", id, rest @ ..] => {
            let unit = format!("businessUnits/{id}").parse::<BusinessUnitName>().ok();
            let unit = unit.and_then(|unit| directory.unit(&unit).cloned());
            // A unit that does not exist is judged like one in which nothing is bound.
            let scope = Scope::Unit(unit.as_ref().map_or(Uuid::nil(), |unit| unit.id));
            let place = || Asked::Place(vec![scope], format!("businessUnits/{id}"));
            if lookup == Lookup::Own && !could_match(&read.user.grants, read.moment(), pattern, scope) {
                return Ok(place());
            }
            let Some(unit) = unit else { return Ok(Asked::Hidden) };
            // The last segment of an odd number names a collection: that of its parent.
            let object = if rest.len() % 2 == 1 { &rest[..rest.len() - 1] } else { rest };
            if object.is_empty() {
                return Ok(place());
            }
            match in_unit(read, &unit, &format!("businessUnits/{id}/{}", object.join("/"))).await? {
                Found::Object(known) => Ok(seen(read, pattern, *known)),
                Found::Nothing => Ok(Asked::Hidden),
                Found::NoFacts => Ok(place()),
            }
        }
        ["jobs", ..] => of_job(read, pattern, name).await,
        ["approvals", ..] => of_approval(read, pattern, name).await,
        ["users", id, ..] => {
            let own = *id == "me" || name == read.user.name.to_string();
            let creator_id = Some(if own { read.user.id } else { Uuid::nil() });
            Ok(Asked::Object(Known::new(None, &Facts { creator_id, ..Facts::of(name, &[]) })))
        }
        _ => Ok(Asked::Place(vec![Scope::Organization], "the organization".to_owned())),
    }
}

/// The object, unless the caller may neither do this to it nor know of it.
fn seen(read: &Read, pattern: &PermissionPattern, known: Known) -> Asked {
    let facts = known.facts();
    let may = |pattern: &PermissionPattern| {
        read.with_object_in(known.unit.as_ref(), &facts, |object| read.holds(pattern, known.tier, object))
    };
    let may_read = facts.readable_by.iter().filter_map(|slug| PermissionPattern::parse(slug).ok()).any(|it| may(&it));
    if may_read || may(pattern) { Asked::Object(known) } else { Asked::Hidden }
}

enum Found {
    Object(Box<Known>),
    Nothing,
    /// A name of a kind whose objects decisions do not tell apart.
    NoFacts,
}

async fn in_unit(read: &Read, unit: &Unit, name: &str) -> Result<Found> {
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let object = |facts: Facts<'_>| Found::Object(Box::new(Known::new(Some(unit.clone()), &facts)));
    let parts: Vec<&str> = name.split('/').collect();
    Ok(match parts.as_slice() {
        [_, _, "deployments", ..] => {
            // Revisions and the workspace are their deployment's.
            let Some(parsed) = named::<DeploymentName>(&parts[..4]) else { return Ok(Found::Nothing) };
            match deployment::find(conn, organization_id, unit.id, parsed.id().as_str()).await? {
                Some(row) => object(deployments::facts(name, &row)?),
                None => Found::Nothing,
            }
        }
        [_, _, "requests", ..] => {
            let Some(parsed) = named::<RequestName>(&parts[..4]) else { return Ok(Found::Nothing) };
            match request::find(conn, organization_id, unit.id, parsed.id()).await? {
                Some(row) => {
                    let team_id = team_of(read, row.deployment_id).await?;
                    object(request_view::facts(name, &row, team_id)?)
                }
                None => Found::Nothing,
            }
        }
        [_, _, "environments", ..] => {
            let Some(parsed) = named::<EnvironmentName>(&parts[..4]) else { return Ok(Found::Nothing) };
            match environment::find(conn, organization_id, unit.id, parsed.id().as_str()).await? {
                Some(row) => {
                    let tier: Tier = row.tier.parse().map_err(Error::internal)?;
                    object(Facts { tier: Some(tier), ..Facts::of(name, &["business_unit:environments:read"]) })
                }
                None => Found::Nothing,
            }
        }
        _ => Found::NoFacts,
    })
}

/// The team of a deployment, for whoever is asked about: not only for the caller.
async fn team_of(read: &Read, deployment_id: Option<Uuid>) -> Result<Option<Uuid>> {
    match deployment_id {
        Some(id) => Ok(deployment::team(read.conn(), read.organization_id(), id).await?),
        None => Ok(None),
    }
}

async fn of_job(read: &Read, pattern: &PermissionPattern, name: &str) -> Result<Asked> {
    let Ok(parsed) = name.parse::<JobName>() else { return Ok(Asked::Hidden) };
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let (unit, requested) = futures::try_join!(
        job::business_unit(conn, organization_id, *parsed.id()),
        job::requested(conn, organization_id, *parsed.id()),
    )?;
    let unit = unit.and_then(|id| read.user.directory.unit_by_id(id).cloned());
    Ok(match unit {
        Some(unit) => seen(read, pattern, Known::new(Some(unit), &jobs::facts(name, requested.as_ref())?)),
        None => Asked::Hidden,
    })
}

async fn of_approval(read: &Read, pattern: &PermissionPattern, name: &str) -> Result<Asked> {
    let Ok(parsed) = name.parse::<ApprovalName>() else { return Ok(Asked::Hidden) };
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let Some(row) = approval::get(conn, organization_id, *parsed.id()).await? else { return Ok(Asked::Hidden) };
    let request = request::of_ids(conn, organization_id, &[row.request_id]).await?.pop();
    let team_id = team_of(read, request.and_then(|request| request.deployment_id)).await?;
    let unit = read.user.directory.unit_by_id(row.business_unit_id).cloned();
    Ok(seen(read, pattern, Known::new(unit, &approvals::facts(name, &row, team_id)?)))
}

fn named<N: ResourceName>(parts: &[&str]) -> Option<N> {
    parts.join("/").parse().ok()
}
