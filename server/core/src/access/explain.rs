//! Why an answer is what it is, and the smallest change that would turn it round (M03). The answer itself is the
//! evaluator's; here its bindings are looked at one by one.

use std::sync::LazyLock;

use super::condition::Moment;
use super::evaluate::{Decision, DenyReason, Object, Obstacle, covers, decide, obstacle};
use super::grants::{Binding, Effect, Grants, PrincipalFacts, Rule, Scope};
use super::permission::{Permission, PermissionScope};
use super::roles::{Restriction, RoleScope, RoleTemplate, role_templates};

/// Why somebody may or may not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why not; `None` where it is allowed.
    pub reason: Option<DenyReason>,
    /// Indices of the bindings that match, those that deny first.
    pub matched: Vec<usize>,
    /// Indices of the bindings that name the permission and do not match, and why.
    pub nearly: Vec<(usize, Obstacle)>,
}

/// Explains one decision over the bindings that it rests on.
pub fn explain<'m>(
    facts: &PrincipalFacts,
    bindings: &[Binding],
    at: impl Into<Moment<'m>>,
    permission: Permission,
    object: Object<'_>,
) -> Explanation {
    let at = at.into();
    let grants = Grants::compile(facts.clone(), bindings.to_vec());
    let reason = match decide(&grants, at, permission, object) {
        Decision::Allow { .. } => None,
        Decision::Deny { reason, .. } => Some(reason),
    };
    let (mut matched, mut nearly) = (Vec::new(), Vec::new());
    for (index, binding) in bindings.iter().enumerate() {
        match bearing(facts, binding, &at, permission, &object) {
            Bearing::Matches => matched.push(index),
            Bearing::Misses(obstacle) => nearly.push((index, obstacle)),
            Bearing::Unrelated => {}
        }
    }
    matched.sort_by_key(|index| bindings[*index].effect == Effect::Allow);
    Explanation { reason, matched, nearly }
}

/// How one binding bears on a question.
enum Bearing {
    Matches,
    Misses(Obstacle),
    /// It does not name the permission, or nothing that is bound can.
    Unrelated,
}

fn bearing(
    facts: &PrincipalFacts,
    binding: &Binding,
    at: &Moment<'_>,
    permission: Permission,
    object: &Object<'_>,
) -> Bearing {
    let names = binding.permissions.iter().any(|slug| slug == permission.slug());
    if !names || permission.scope() == PermissionScope::User {
        return Bearing::Unrelated;
    }
    if facts.switched_off(&binding.role, permission) {
        return Bearing::Misses(Obstacle::SwitchedOff);
    }
    let rule = Rule::of(facts, binding.clone());
    if !rule.names(permission) {
        // A platform permission in a unit.
        return Bearing::Misses(Obstacle::OtherScope);
    }
    // What nobody knows counts against the principal (rule 9).
    let unknown = binding.effect == Effect::Deny;
    let lifted = facts.is_user && permission.has_own_counterpart();
    let holds = rule.condition_holds(&facts.who, at, permission, object).unwrap_or(unknown);
    let covered = covers(rule.restriction, permission, object, lifted).unwrap_or(unknown);
    obstacle(binding.scope, &rule, at, object, holds, covered).map_or(Bearing::Matches, Bearing::Misses)
}

/// A role that could be given.
#[derive(Clone, Debug)]
pub struct RoleFacts {
    /// `developer`.
    pub id: String,
    pub scope: RoleScope,
    pub restriction: Restriction,
    /// Slugs, as stored.
    pub permissions: Vec<String>,
}

/// One step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The principal and its organization have to be active.
    Activate,
    /// The token has to carry the permission and reach the unit.
    WidenToken,
    /// The DENY binding of this index has to go.
    RemoveDeny(usize),
    /// The binding of this index has to end later.
    Extend(usize),
    /// The role of this index has to be bound.
    Bind(usize, Scope),
}

/// The smallest change that turns a denial round: all steps together. Empty where it is allowed, and where nothing would
/// do: what belongs to somebody else cannot become one's own, and no role may hold the permission.
///
/// Of what could be given, the smallest is what reaches least: one unit before the organization, then few permissions
/// before many, then a restricted role before one that is not. A binding that ended is preferred to a new one that
/// reaches as much.
pub fn smallest_change<'m>(
    facts: &PrincipalFacts,
    bindings: &[Binding],
    roles: &[RoleFacts],
    at: impl Into<Moment<'m>>,
    permission: Permission,
    object: Object<'_>,
) -> Vec<Step> {
    let at = at.into();
    let mut steps = Vec::new();
    if !(facts.active && facts.organization_active) {
        steps.push(Step::Activate);
    }
    // Asked of somebody active without a token, what is left is a matter of bindings.
    let bare = PrincipalFacts { active: true, organization_active: true, token: None, ..facts.clone() };
    let whole = PrincipalFacts { token: facts.token.clone(), ..bare.clone() };
    let narrowed = Grants::compile(whole, Vec::new());
    if matches!(decide(&narrowed, at, permission, object), Decision::Deny { reason: DenyReason::TokenScope, .. }) {
        steps.push(Step::WidenToken);
    }
    let explained = explain(&bare, bindings, at, permission, object);
    if explained.reason.is_none() {
        return steps;
    }
    if permission.scope() == PermissionScope::User {
        return Vec::new();
    }
    let effect_of = |index: &usize| bindings[*index].effect;
    steps.extend(
        explained.matched.iter().filter(|index| effect_of(index) == Effect::Deny).map(|i| Step::RemoveDeny(*i)),
    );
    if explained.matched.iter().any(|index| effect_of(index) == Effect::Allow) {
        return steps;
    }
    let matches = |binding: &Binding| matches!(bearing(&bare, binding, &at, permission, &object), Bearing::Matches);
    let reach = |binding: &Binding| {
        let everywhere = binding.scope == Scope::Organization;
        (everywhere, binding.permissions.len(), binding.restriction == Restriction::None)
    };
    let expired = explained
        .nearly
        .iter()
        .filter(|(index, obstacle)| *obstacle == Obstacle::Expired && effect_of(index) == Effect::Allow);
    let extended = expired.filter_map(|(index, _)| {
        let binding = Binding { expire_time: None, ..bindings[*index].clone() };
        matches(&binding).then(|| (reach(&binding), false, String::new(), Step::Extend(*index)))
    });
    let bound = roles.iter().enumerate().filter_map(|(index, role)| {
        let scope = match role.scope {
            RoleScope::BusinessUnit => object.scope,
            RoleScope::Platform | RoleScope::Installation => Scope::Organization,
        };
        if role.scope == RoleScope::BusinessUnit && scope == Scope::Organization {
            return None;
        }
        let binding = Binding {
            role: role.id.clone(),
            permissions: role.permissions.clone(),
            restriction: role.restriction,
            scope,
            effect: Effect::Allow,
            condition: None,
            expire_time: None,
        };
        matches(&binding).then(|| (reach(&binding), true, role.id.clone(), Step::Bind(index, scope)))
    });
    match extended.chain(bound).min_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2))) {
        Some((_, _, _, step)) => {
            steps.push(step);
            steps
        }
        None => Vec::new(),
    }
}

/// A role that ships, and where it would have to be bound.
pub type Template = (&'static RoleTemplate, Scope);

/// The least privileged role that ships and would let somebody of whom nothing else is known do this to the object.
pub fn least_role(is_user: bool, permission: Permission, object: Object<'_>) -> Option<Template> {
    static SHIPPED: LazyLock<Vec<RoleFacts>> = LazyLock::new(|| {
        let facts = |role: &&RoleTemplate| RoleFacts {
            id: role.id.to_owned(),
            scope: role.scope,
            restriction: role.restriction,
            permissions: role.permissions().iter().map(|permission| permission.slug().to_owned()).collect(),
        };
        role_templates().iter().map(facts).collect()
    });
    let nobody = PrincipalFacts {
        who: super::grants::Who::default(),
        active: true,
        organization_active: true,
        is_user,
        token: None,
        self_service_environments: true,
    };
    let epoch = chrono::DateTime::UNIX_EPOCH;
    match smallest_change(&nobody, &[], &SHIPPED, epoch, permission, object).as_slice() {
        [Step::Bind(index, scope)] => Some((role_templates()[*index], *scope)),
        _ => None,
    }
}
