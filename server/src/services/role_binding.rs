//! Giving roles to people, groups and programs, and taking them away. Part of the service of roles.

use chrono::{DateTime, Utc};
use flagstone_api::pb;
use flagstone_core::access::{Effect, PermissionPattern, PermissionSet, RoleScope, Scope, check_condition};
use flagstone_core::error::Violations;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{RoleBindingName, RoleName, ScopeParent, Subject, parse, parse_scope};
use flagstone_core::role::{cannot_be_bound, permission_set};
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::list::{self, Branch};
use flagstone_db::role::RoleRow;
use flagstone_db::role_binding::{self, NewRoleBinding, RoleBindingRow};
use flagstone_db::{organization, role};
use serde_json::{Value, json};
use std::collections::HashMap;
use uuid::Uuid;

use crate::convert::{enum_number, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::guards::{grants_changed, may_grant};
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, NameKind, arguments};
use crate::subjects::{self, SubjectNames};
use crate::tx::Tx;

const LIST: List = List {
    fields: &[
        Field { name: "role", kind: FieldKind::Name },
        Field { name: "subject", kind: FieldKind::Name },
        Field { name: "effect", kind: FieldKind::Enum(Effect::WORDS) },
        Field { name: "expire_time", kind: FieldKind::Time },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[("role", NameKind::Role), ("subject", NameKind::Subject)],
    orders: BY_CREATION,
};

/// Whoever comes as far as to a binding may know that it is there.
fn facts(name: &str) -> Facts<'_> {
    let readable_by = &[
        "platform:role_bindings:list",
        "platform:role_bindings:create",
        "platform:role_bindings:delete",
        "business_unit:groups:read",
        "business_unit:groups:update",
    ];
    Facts::of(name, readable_by)
}

/// What a call asks for, read.
struct Wanted {
    role: RoleName,
    subject: Subject,
    effect: Effect,
    condition: Option<String>,
    expire_time: Option<DateTime<Utc>>,
}

fn read(sent: &pb::RoleBinding, wrong: &mut Violations) -> Option<Wanted> {
    let role = wrong.take(parse::<RoleName>(&sent.role, "role_binding.role"));
    let subject = wrong.take(parse::<Subject>(&sent.subject, "role_binding.subject"));
    let effect = match pb::RoleBindingEffect::try_from(sent.effect) {
        Ok(pb::RoleBindingEffect::Deny) => Effect::Deny,
        Ok(pb::RoleBindingEffect::Allow | pb::RoleBindingEffect::Unspecified) => Effect::Allow,
        Err(_) => {
            wrong.add("role_binding.effect", "Give ALLOW or DENY.");
            Effect::Allow
        }
    };
    let condition = Some(sent.condition.clone()).filter(|condition| !condition.is_empty());
    if let Some(condition) = &condition
        && let Err(problem) = check_condition(condition)
    {
        wrong.add("role_binding.condition", problem);
    }
    let expire_time = sent.expire_time.and_then(|time| {
        let read = u32::try_from(time.nanos).ok().and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos));
        let future = read.filter(|time| *time > Utc::now());
        wrong.check(future.is_some(), "role_binding.expire_time", "Give a time in the future, or leave it out.");
        future
    });
    Some(Wanted { role: role?, subject: subject?, effect, condition, expire_time })
}

pub(super) async fn create_role_binding(cx: Cx, message: pb::CreateRoleBindingRequest) -> Result<pb::RoleBinding> {
    let mut wrong = Violations::new();
    let unit = parse_scope(&message.parent, "parent")?;
    let wanted = read(&message.role_binding.clone().unwrap_or_default(), &mut wrong);
    let collection = unit.as_ref().map_or("roleBindings".to_owned(), |unit| format!("{unit}/roleBindings"));
    let mut tx = cx.begin(&message, Target::scoped(&collection, unit.clone())).await?;
    let organization_id = tx.organization_id;
    tx.check(&facts(&collection)).await?;
    let Some(wanted) = wanted else {
        wrong.finish()?;
        return Err(Error::internal("a binding was refused without a reason"));
    };
    let subject_unit = match &wanted.subject {
        Subject::Group(group) => group.business_unit(),
        Subject::User(_) | Subject::ServiceAccount(_) => None,
    };
    // Who manages the groups of a unit gives roles to these; anything else is for who gives roles everywhere.
    if subject_unit.is_none() || subject_unit != unit {
        require(&tx, "platform:role_bindings:create", &collection).await?;
    }
    if subject_unit.is_some() && subject_unit != unit {
        let message = "A group of a business unit has roles in that unit only: name the unit as the parent.";
        wrong.add("role_binding.subject", message);
    }
    let role = role::hold(&mut tx, organization_id, wanted.role.id().as_str()).await?;
    match &role {
        None => wrong.add("role_binding.role", format!("{} was not found.", wanted.role)),
        Some(role) => {
            let scope = role.scope.parse::<RoleScope>().map_err(Error::internal)?;
            let in_default = scope == RoleScope::Installation
                && organization::default(&tx).await?.is_some_and(|default| default.id == organization_id);
            if let Some(problem) = cannot_be_bound(scope, unit.as_ref(), in_default) {
                wrong.add("role_binding.role", problem);
            }
        }
    }
    let subject = subjects::hold(&mut tx, &wanted.subject).await?;
    if subject.is_none() {
        wrong.add("role_binding.subject", format!("{} was not found.", wanted.subject));
    }
    wrong.finish()?;
    let (Some(role), Some(subject)) = (role, subject) else {
        return Err(Error::internal("a binding was refused without a reason"));
    };
    let unit_id = tx.admitted()?.unit.as_ref().map(|unit| unit.id);
    may_grant(&tx, &permission_set(&role.permissions), scope_of(unit_id)).await?;

    let creator = tx.principal.clone();
    let new = NewRoleBinding {
        id: Uuid::now_v7(),
        organization_id,
        role_id: role.id,
        subject_kind: subject.kind,
        subject_id: subject.id,
        business_unit_id: unit_id,
        effect: wanted.effect.as_str(),
        condition: wanted.condition.as_deref(),
        expire_time: wanted.expire_time,
        creator: &creator,
    };
    if let Some(known) = role_binding::same(&tx, &new).await? {
        let name = RoleBindingName::new(unit.as_ref(), known.id);
        let message = format!("{name} gives {} to {} there already.", wanted.role, wanted.subject);
        return Err(CoreError::new(Kind::AlreadyExists, Reason::AlreadyExists, message).with("name", &name).into());
    }
    let row = role_binding::insert(&mut tx, &new).await?;
    let answer = show(&tx, &row, &role).await?;
    tx.about(answer.name.clone());
    tx.record(object(&answer, &row), None, Some(&to_json(&answer)));
    grants_changed(&mut tx).await?;
    tx.commit(answer).await
}

pub(super) async fn delete_role_binding(
    cx: Cx,
    message: pb::DeleteRoleBindingRequest,
) -> Result<pb::DeleteRoleBindingResponse> {
    let name: RoleBindingName = parse(&message.name, "name")?;
    let mut tx = cx.begin(&message, Target::scoped(&name, name.business_unit())).await?;
    let organization_id = tx.organization_id;
    let unit_id = tx.admitted()?.unit.as_ref().map(|unit| unit.id);
    let found = role_binding::lock(&mut tx, organization_id, unit_id, *name.id()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(&name))?;
    tx.check(&facts(&message.name)).await?;
    let role = role::by_ids(&tx, organization_id, &[row.role_id]).await?.pop();
    let role = role.ok_or_else(|| Error::internal("a binding has no role"))?;
    let shown = show(&tx, &row, &role).await?;
    if !is_of_units_group(&shown, unit_id.is_some()) {
        require(&tx, "platform:role_bindings:delete", &message.name).await?;
    }
    // To lift a denial is to give. And only an operator makes or unmakes one.
    if row.effect == Effect::Deny.as_str() || role.scope == RoleScope::Installation.as_str() {
        may_grant(&tx, &permission_set(&role.permissions), scope_of(unit_id)).await?;
    }
    role_binding::delete(&mut tx, &row).await?;
    tx.record(object(&shown, &row), Some(&to_json(&shown)), None);
    grants_changed(&mut tx).await?;
    tx.commit(pb::DeleteRoleBindingResponse::default()).await
}

pub(super) async fn list_role_bindings(
    cx: Cx,
    message: pb::ListRoleBindingsRequest,
) -> Result<pb::ListRoleBindingsResponse> {
    let (parent, call) = LIST.call_in::<ScopeParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::scoped_list(&parent, "roleBindings")).await?;
    let names = call.names(&read).await?;
    let branches = branches(&read, &parent);
    let page = list::role_binding::list(read.conn(), &call.query(&read, &names, None, &branches)).await?;
    let organization_id = read.organization_id();
    let directory = &read.user.directory;
    let subjects = SubjectNames::of(read.conn(), organization_id, directory, &page.rows).await?;
    let role_ids: Vec<Uuid> = page.rows.iter().map(|row| row.role_id).collect();
    let roles = role::by_ids(read.conn(), organization_id, &role_ids).await?;
    let roles: HashMap<Uuid, RoleRow> = roles.into_iter().map(|role| (role.id, role)).collect();
    let mut role_bindings = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        // What went away while one looked is not shown.
        if let (Some(role), Some((subject, display_name))) = (roles.get(&row.role_id), subjects.get(row)) {
            role_bindings.extend(to_proto(row, role, subject, display_name, directory)?);
        }
    }
    Ok(pb::ListRoleBindingsResponse {
        role_bindings,
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
    })
}

/// What a list of things of the organization and of units may show.
pub(super) fn branches(read: &crate::cx::Read, parent: &ScopeParent) -> Vec<Branch> {
    match parent {
        ScopeParent::Organization => vec![Branch::OUTSIDE],
        ScopeParent::Any | ScopeParent::One(_) => {
            Branch::of_unowned(&read.visible, read.unit.as_ref().map(|unit| unit.id))
        }
    }
}

/// Judges a permission that depends on who gets or loses the role.
async fn require(tx: &Tx, permission: &str, name: &str) -> Result<()> {
    let pattern = PermissionPattern::parse(permission).map_err(Error::internal)?;
    tx.require(&pattern, &facts(name)).await
}

fn is_of_units_group(binding: &pb::RoleBinding, in_unit: bool) -> bool {
    in_unit && binding.subject.starts_with("businessUnits/")
}

/// Where a binding holds, for a decision.
pub(super) fn scope_of(unit_id: Option<Uuid>) -> Scope {
    unit_id.map_or(Scope::Organization, Scope::Unit)
}

/// What bindings give, or deny, in each scope in which they do.
pub(super) fn permissions_by_scope(
    bindings: &[RoleBindingRow],
    roles: &[RoleRow],
    effect: Effect,
) -> Vec<(Scope, PermissionSet)> {
    let mut scopes: Vec<(Scope, PermissionSet)> = Vec::new();
    for binding in bindings.iter().filter(|binding| binding.effect == effect.as_str()) {
        let role = roles.iter().find(|role| role.id == binding.role_id);
        let given = role.map(|role| permission_set(&role.permissions)).unwrap_or_default();
        let scope = scope_of(binding.business_unit_id);
        match scopes.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, set)) => set.extend_from(&given),
            None => scopes.push((scope, given)),
        }
    }
    scopes
}

fn object(shown: &pb::RoleBinding, row: &RoleBindingRow) -> ObjectRef {
    ObjectRef {
        object_type: "role_binding",
        name: shown.name.clone(),
        id: row.id,
        business_unit_id: row.business_unit_id,
    }
}

/// A binding as the ledger tells it.
fn to_json(shown: &pb::RoleBinding) -> Value {
    json!({
        "role": shown.role,
        "subject": shown.subject,
        "effect": shown.effect().as_str_name().trim_start_matches("ROLE_BINDING_EFFECT_"),
        "condition": Some(&shown.condition).filter(|condition| !condition.is_empty()),
        "expire_time": shown.expire_time.as_ref().map(ToString::to_string),
    })
}

/// One binding as people see it.
async fn show(tx: &Tx, row: &RoleBindingRow, role: &RoleRow) -> Result<pb::RoleBinding> {
    let subjects = SubjectNames::of(tx, row.organization_id, &tx.directory, std::slice::from_ref(row)).await?;
    let (subject, display_name) = subjects.get(row).ok_or_else(|| Error::internal("a binding has no subject"))?;
    to_proto(row, role, subject, display_name, &tx.directory)?
        .ok_or_else(|| Error::internal("a binding's unit is gone"))
}

/// A binding as people see it; `None` where its unit is younger than the directory, which is so for at most a second.
fn to_proto(
    row: &RoleBindingRow,
    role: &RoleRow,
    subject: &Subject,
    subject_display_name: &str,
    directory: &Directory,
) -> Result<Option<pb::RoleBinding>> {
    let unit = match row.business_unit_id.map(|id| directory.unit_by_id(id)) {
        None => None,
        Some(Some(unit)) => Some(&unit.name),
        Some(None) => return Ok(None),
    };
    Ok(Some(pb::RoleBinding {
        name: RoleBindingName::new(unit, row.id).to_string(),
        role: RoleName::stored(&role.slug)?.to_string(),
        subject: subject.to_string(),
        subject_display_name: subject_display_name.to_owned(),
        effect: enum_number(pb::RoleBindingEffect::from_str_name, "ROLE_BINDING_EFFECT_", &row.effect),
        condition: row.condition.clone().unwrap_or_default(),
        expire_time: row.expire_time.map(timestamp),
        role_display_name: role.display_name.clone(),
        create_time: Some(timestamp(row.create_time)),
        creator: row.creator.clone(),
        effects: None,
    }))
}
