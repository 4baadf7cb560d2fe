//! Why somebody may or may not do something.

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{
    Effect, Explanation, Moment, Object, Obstacle, Permission, PermissionPattern, RoleFacts, Scope, Step, could_match,
    decide, explain, smallest_change,
};
use flagstone_core::names::{AuditEventName, Principal, parse};
use flagstone_db::audit::{self, AuditEventRow};
use flagstone_db::grants::{self, Holders, PrincipalRow};
use flagstone_db::role;
use serde_json::Value;
use uuid::Uuid;

use super::object::{self, Asked, Lookup, scope_words};
use super::who_can::{may, of_subject, permission_of, subjects};
use super::{judge, pattern, reason_to_proto, sentence};
use crate::convert::{timestamp, unit_name};
use crate::cx::{Cx, Facts, Read, Target};
use crate::error::{Error, Result};
use crate::principals::{Subject, through};

/// Who may ask about others.
const EXPLAIN: &str = "platform:access:explain";

/// Most people who are named for a step, and most who are asked whether they could take it.
const WHO_MAX: usize = 10;
const WHO_ASKED: i64 = 100;

pub(super) async fn explain_access(cx: Cx, message: pb::ExplainAccessRequest) -> Result<pb::ExplainAccessResponse> {
    match message.about {
        Some(pb::explain_access_request::About::Question(question)) => of_question(&cx, question).await,
        Some(pb::explain_access_request::About::Decision(id)) => of_decision(&cx, &id).await,
        None => Err(Error::field("about", "is missing. Send a `decision` or a `question`.")),
    }
}

async fn of_question(cx: &Cx, question: pb::AccessQuestion) -> Result<pb::ExplainAccessResponse> {
    let asked_for = pattern(&question.permission, "question.permission")?;
    object::syntax(&question.object, "question.object")?;
    let principal = match question.principal.as_str() {
        "" | "users/me" => None,
        text => Some(parse::<Principal>(text, "question.principal")?),
    };
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let subject = subject(cx, &read, principal).await?;
    answer(&read, &subject, &asked_for, &question.object).await
}

/// Whoever is asked about: the caller, or, to those who may ask about others, somebody else.
async fn subject(cx: &Cx, read: &Read, principal: Option<Principal>) -> Result<Subject> {
    let own = read.user.name.to_string();
    let name = principal.as_ref().map_or_else(|| own.clone(), ToString::to_string);
    let is_own = name == own;
    if !is_own {
        let needed = PermissionPattern::parse(EXPLAIN).map_err(Error::internal)?;
        cx.require(read, &needed, &Facts::of(&name, &["user:permissions:read"])).await?;
    }
    let (conn, organization_id) = (read.conn(), read.organization_id());
    let row = match name.split_once('/') {
        Some(("users", slug)) => grants::user(conn, organization_id, slug).await?,
        Some(("serviceAccounts", slug)) => grants::service_account(conn, organization_id, slug).await?,
        _ => None,
    };
    let row: PrincipalRow = row.ok_or_else(|| CoreError::not_found(&name))?;
    let mut subject = subjects(read, vec![row]).await?.pop().ok_or_else(|| Error::internal("a principal was lost"))?;
    if is_own {
        // What narrows the caller's credential narrows its answers.
        subject.facts.token = read.user.grants.token().cloned();
    }
    Ok(subject)
}

async fn of_decision(cx: &Cx, text: &str) -> Result<pb::ExplainAccessResponse> {
    let id = match Uuid::parse_str(text) {
        Ok(id) => id,
        Err(_) => *parse::<AuditEventName>(text, "decision")?.id(),
    };
    let absent = || CoreError::not_found(&format!("The decision {id}"));
    let read = cx.read(Target::organization(&cx.user()?.name)).await?;
    let row = audit::find(read.conn(), read.organization_id(), id).await?.filter(|row| row.outcome == "DENIED");
    let row = row.ok_or_else(absent)?;
    let own = row.principal == read.user.name.to_string();
    let others = Permission::parse(EXPLAIN).map_err(Error::internal)?;
    if !own && !decide(&read.user.grants, read.moment(), others, Object::of(Scope::Organization)).is_allow() {
        return Err(absent().into());
    }
    let text_of = |key: &str| row.details.get(key).and_then(Value::as_str).unwrap_or_default();
    let changed = row.details.get("epoch").and_then(Value::as_i64) != Some(read.user.directory.epoch);
    let decided = |answer: pb::ExplainAccessResponse| pb::ExplainAccessResponse {
        decision_time: Some(timestamp(row.time)),
        changed,
        ..answer
    };
    let rule = text_of("rule");
    if !rule.is_empty() {
        return Ok(decided(by_rule(&row, rule)));
    }
    let principal: Principal = parse(&row.principal, "principal").map_err(Error::internal)?;
    let asked_for = PermissionPattern::parse(text_of("permission")).map_err(|_| absent())?;
    let subject = subject(cx, &read, Some(principal)).await?;
    // A call that was denied by its scope looked no object up: no more is explained than was decided.
    let looked_up = row.details.get("facts").is_some_and(|facts| !facts.is_null());
    let scope = scope_of(text_of("scope"));
    let about = if looked_up { row.object.as_str() } else { scope };
    let answered = answer(&read, &subject, &asked_for, about).await?;
    // What was to be made is not there, or what was there is gone: the scope is what is left to explain.
    if looked_up && answered.reason() == pb::AccessReason::ObjectNotFound {
        return Ok(decided(answer(&read, &subject, &asked_for, scope).await?));
    }
    Ok(decided(answered))
}

/// The scope of a denial as an object of a question.
fn scope_of(scope: &str) -> &str {
    if scope.starts_with("businessUnits/") { scope } else { "" }
}

fn by_rule(row: &AuditEventRow, rule: &str) -> pb::ExplainAccessResponse {
    pb::ExplainAccessResponse {
        question: Some(pb::AccessQuestion {
            principal: row.principal.clone(),
            permission: String::new(),
            object: row.object.clone(),
        }),
        reason: pb::AccessReason::Rule.into(),
        message: rule.to_owned(),
        ..Default::default()
    }
}

async fn answer(
    read: &Read,
    subject: &Subject,
    asked_for: &PermissionPattern,
    name: &str,
) -> Result<pb::ExplainAccessResponse> {
    let is_own = subject.name == read.user.name.to_string();
    let asked = object::find(read, asked_for, name, if is_own { Lookup::Own } else { Lookup::Others }).await?;
    let at = Moment { now: read.now, ip: if is_own { read.moment().ip } else { None } };
    let grants = subject.grants();
    let permission = match asked.scopes() {
        // Of a place the tier that is allowed there, if one is.
        Some(scopes) => asked_for
            .permissions()
            .iter()
            .copied()
            .find(|permission| scopes.iter().any(|scope| could_match(&grants, at, &(*permission).into(), *scope)))
            .unwrap_or(asked_for.permissions()[0]),
        None => permission_of(asked_for, &asked),
    };
    let question = pb::AccessQuestion {
        principal: subject.name.clone(),
        permission: permission.to_string(),
        object: name.to_owned(),
    };
    if asked.is_hidden() {
        return Ok(pb::ExplainAccessResponse {
            question: Some(question),
            reason: pb::AccessReason::ObjectNotFound.into(),
            message: format!("{name} was not found, or you may not see it."),
            ..Default::default()
        });
    }
    let tier = super::who_can::tier_of(&asked);
    let verdict =
        judge(&grants, at, asked_for, &asked, |ask| of_subject(read, &asked, subject, |object| ask(object, tier)));
    // What is missing of several tiers is told by the first.
    let permission = verdict.as_ref().err().map_or(permission, |(_, missing)| *missing);
    let explained =
        of_subject(read, &asked, subject, |object| explain(&subject.facts, &subject.bindings, at, permission, object));
    let place = asked.place(read);
    let matched = explained.matched.iter().map(|index| binding_to_proto(read, subject, *index, None));
    let nearly =
        explained.nearly.iter().map(|(index, obstacle)| binding_to_proto(read, subject, *index, Some(*obstacle)));
    let mut response = pb::ExplainAccessResponse {
        question: Some(pb::AccessQuestion { permission: permission.to_string(), ..question }),
        allowed: verdict.is_ok(),
        matched: matched.collect::<Result<_>>()?,
        nearly_matched: nearly.collect::<Result<_>>()?,
        ..Default::default()
    };
    match verdict {
        Ok(()) => response.message = allowed(subject, permission, &place, &explained),
        Err((reason, _)) => {
            response.reason = reason_to_proto(reason).into();
            response.message = sentence(reason, permission, &place);
            response.smallest_change = steps(read, subject, &asked, at, permission).await?;
        }
    }
    Ok(response)
}

fn allowed(subject: &Subject, permission: Permission, place: &str, explained: &Explanation) -> String {
    match explained.matched.iter().find(|index| subject.bindings[**index].effect == Effect::Allow) {
        Some(index) => {
            format!("The role {} gives {permission} in {place}.", subject.bindings[*index].role)
        }
        None if explained.reason.is_none() => format!("Every active user holds {permission}."),
        None => format!("{permission} may hold in {place}, depending on the object: a binding has a condition."),
    }
}

/// The smallest change that turns the answer round, with who may make it.
async fn steps(
    read: &Read,
    subject: &Subject,
    asked: &Asked,
    at: Moment<'_>,
    permission: Permission,
) -> Result<Vec<pb::AccessStep>> {
    let rows = role::all(read.conn(), read.organization_id()).await?;
    let roles = rows
        .iter()
        .map(|row| {
            Ok(RoleFacts {
                id: row.slug.clone(),
                scope: row.scope.parse().map_err(Error::internal)?,
                restriction: row.restriction.parse().map_err(Error::internal)?,
                permissions: row.permissions.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let steps = of_subject(read, asked, subject, |object| {
        smallest_change(&subject.facts, &subject.bindings, &roles, at, permission, object)
    });
    let mut told = Vec::new();
    for step in steps {
        told.push(match step {
            Step::Activate => pb::AccessStep {
                kind: pb::AccessStepKind::Activate.into(),
                message: format!("Activate {} or its organization.", subject.name),
                who: holders(read, subject, "platform:users:update", Scope::Organization, &[]).await?,
                ..Default::default()
            },
            Step::WidenToken => pb::AccessStep {
                kind: pb::AccessStepKind::WidenToken.into(),
                message: "Use a token that carries the permission and reaches the business unit, or sign in."
                    .to_owned(),
                who: vec![subject.name.clone()],
                ..Default::default()
            },
            Step::RemoveDeny(index) => {
                let binding = binding_to_proto(read, subject, index, None)?;
                let place = scope_words(read, subject.bindings[index].scope);
                pb::AccessStep {
                    kind: pb::AccessStepKind::RemoveDeny.into(),
                    message: format!(
                        "Remove the DENY of {} in {place}, which comes through {}.",
                        binding.role, binding.through
                    ),
                    binding: Some(binding),
                    who: holders(read, subject, "platform:role_bindings:delete", Scope::Organization, &[]).await?,
                    ..Default::default()
                }
            }
            Step::Extend(index) => {
                let binding = binding_to_proto(read, subject, index, None)?;
                let needed = subject.bindings[index].permissions.as_slice();
                let scope = subject.bindings[index].scope;
                pb::AccessStep {
                    kind: pb::AccessStepKind::ExtendBinding.into(),
                    message: format!("Give {} again in {}: it has ended.", binding.role, scope_words(read, scope)),
                    binding: Some(binding),
                    who: holders(read, subject, "platform:role_bindings:create", scope, needed).await?,
                    ..Default::default()
                }
            }
            Step::Bind(index, scope) => {
                let role = &rows[index];
                // A unit that is not there is spoken of like one that the caller may not see.
                let place = match scope {
                    Scope::Unit(id) if read.user.directory.unit_by_id(id).is_none() => asked.place(read),
                    scope => scope_words(read, scope),
                };
                pb::AccessStep {
                    kind: pb::AccessStepKind::BindRole.into(),
                    role: format!("roles/{}", role.slug),
                    scope: if scope == Scope::Organization { String::new() } else { place.clone() },
                    message: format!("Give {} the role {} in {place}.", subject.name, role.display_name),
                    who: holders(read, subject, "platform:role_bindings:create", scope, &role.permissions).await?,
                    ..Default::default()
                }
            }
        });
    }
    Ok(told)
}

/// Who may take a step: users other than the one it is about, who hold this permission and all that they would give
/// (rule 11).
async fn holders(read: &Read, subject: &Subject, slug: &str, scope: Scope, given: &[String]) -> Result<Vec<String>> {
    let Ok(permission) = Permission::parse(slug) else { return Ok(Vec::new()) };
    let holders = Holders {
        organization_id: read.organization_id(),
        permission: Some(slug),
        business_unit_id: None,
        limit: WHO_ASKED,
    };
    let rows = grants::users_with(read.conn(), holders, "").await?;
    let given: Vec<Permission> = given.iter().filter_map(|slug| Permission::parse(slug).ok()).collect();
    let asked = Asked::Place(vec![Scope::Organization], String::new());
    let at = Moment { now: read.now, ip: None };
    let able = subjects(read, rows).await?.into_iter().filter(|other| {
        let grants = other.grants();
        other.name != subject.name
            && may(read, &permission.into(), &asked, other)
            && given.iter().all(|permission| could_match(&grants, at, &(*permission).into(), scope))
    });
    Ok(able.take(WHO_MAX).map(|other| other.name).collect())
}

fn scope_name(read: &Read, scope: Scope) -> Result<String> {
    Ok(match scope {
        Scope::Organization => String::new(),
        Scope::Unit(id) => unit_name(&read.user.directory, id)?.to_string(),
    })
}

/// A binding as it bears on a question: matching, or kept from it by an obstacle.
pub(super) fn binding_to_proto(
    read: &Read,
    subject: &Subject,
    index: usize,
    obstacle: Option<Obstacle>,
) -> Result<pb::BindingExplanation> {
    let (binding, row) = (&subject.bindings[index], &subject.given[index]);
    let effect = match binding.effect {
        Effect::Allow => pb::AccessEffect::Allow,
        Effect::Deny => pb::AccessEffect::Deny,
    };
    let through = through(&read.user.directory, &subject.name, row)?;
    let verb = if binding.effect == Effect::Allow { "Gives" } else { "Denies" };
    let place = scope_words(read, binding.scope);
    let message = match obstacle {
        None => format!("{verb} it in {place}, through {through}."),
        Some(obstacle) => obstacle_in_words(obstacle, &place, binding.expire_time),
    };
    Ok(pb::BindingExplanation {
        binding: row.binding_id.map(|id| format!("roleBindings/{id}")).unwrap_or_default(),
        role: format!("roles/{}", binding.role),
        scope: scope_name(read, binding.scope)?,
        effect: effect.into(),
        through,
        condition: binding.condition.clone().unwrap_or_default(),
        expire_time: binding.expire_time.map(timestamp),
        obstacle: obstacle.map_or(pb::AccessObstacle::Unspecified, obstacle_to_proto).into(),
        message,
    })
}

fn obstacle_to_proto(obstacle: Obstacle) -> pb::AccessObstacle {
    match obstacle {
        Obstacle::OtherScope => pb::AccessObstacle::OtherScope,
        Obstacle::Expired => pb::AccessObstacle::Expired,
        Obstacle::Condition => pb::AccessObstacle::Condition,
        Obstacle::OwnTeam => pb::AccessObstacle::OwnTeam,
        Obstacle::Own => pb::AccessObstacle::Own,
        Obstacle::SwitchedOff => pb::AccessObstacle::SwitchedOff,
    }
}

fn obstacle_in_words(obstacle: Obstacle, place: &str, expire_time: Option<DateTime<Utc>>) -> String {
    match obstacle {
        Obstacle::OtherScope => format!("It holds in {place} only."),
        Obstacle::Expired => match expire_time {
            Some(time) => format!("It ended at {}.", time.format("%Y-%m-%d %H:%M UTC")),
            None => "It has ended.".to_owned(),
        },
        Obstacle::Condition => "Its condition does not hold here, or gives no verdict.".to_owned(),
        Obstacle::OwnTeam => {
            "Its role covers only what belongs to a team of the principal, or to no team and was created by the principal."
                .to_owned()
        }
        Obstacle::Own => "Its role covers only what the principal created.".to_owned(),
        Obstacle::SwitchedOff => "A setting of the organization takes the permission out of its role.".to_owned(),
    }
}
