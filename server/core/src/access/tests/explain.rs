//! Explanations against the decisions that they explain.

use super::*;

fn roles() -> Vec<RoleFacts> {
    let facts = |role: &&RoleTemplate| RoleFacts {
        id: role.id.to_owned(),
        scope: role.scope,
        restriction: role.restriction,
        permissions: role.permissions().iter().map(|permission| permission.slug().to_owned()).collect(),
    };
    role_templates().iter().map(facts).collect()
}

/// Takes the steps: what an administrator would do who follows the explanation.
fn follow(facts: &mut PrincipalFacts, given: &[Binding], steps: &[Step], roles: &[RoleFacts]) -> Vec<Binding> {
    let mut after: Vec<Option<Binding>> = given.iter().cloned().map(Some).collect();
    for step in steps {
        match step {
            Step::Activate => (facts.active, facts.organization_active) = (true, true),
            Step::WidenToken => facts.token = None,
            Step::RemoveDeny(index) => after[*index] = None,
            Step::Extend(index) => after[*index] = Some(Binding { expire_time: None, ..given[*index].clone() }),
            Step::Bind(index, scope) => {
                let role = &roles[*index];
                let slugs: Vec<&str> = role.permissions.iter().map(String::as_str).collect();
                after.push(Some(Binding { restriction: role.restriction, ..binding(&role.id, &slugs, *scope) }));
            }
        }
    }
    after.into_iter().flatten().collect()
}

fn questions() -> impl Strategy<Value = (PrincipalFacts, Vec<Binding>, Permission, Object<'static>)> {
    let all: Vec<Permission> = Permission::all().collect();
    (principals(), prop::collection::vec(bindings(), 0..8), prop::sample::select(all), prop::sample::select(objects()))
        .prop_map(|(facts, mut given, asked, object)| {
            // Random sets of slugs seldom meet the question: half of the bindings are made to.
            for binding in given.iter_mut().step_by(2) {
                binding.permissions.push(asked.slug().to_owned());
            }
            (facts, given, asked, object)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn an_explanation_says_what_is_decided_and_its_change_turns_that_round(
        (facts, given, asked, object) in questions(),
    ) {
        let decided = Grants::compile(facts.clone(), given.clone());
        let told = explain(&facts, &given, now(), asked, object);
        let decision = decide(&decided, now(), asked, object);
        prop_assert_eq!(told.reason, reason(&decision));

        let effect = |index: &usize| given[*index].effect;
        let of = |wanted: Effect| told.matched.iter().filter(move |index| effect(index) == wanted).copied();
        if facts.active && facts.token.is_none() && asked.scope() != PermissionScope::User {
            // Rule 1, read off the bindings that are cited.
            let expected = match (of(Effect::Deny).next(), of(Effect::Allow).next()) {
                (Some(_), _) => Some(DenyReason::DenyBinding),
                (None, Some(_)) => None,
                (None, None) => Some(DenyReason::NoGrant),
            };
            prop_assert_eq!(told.reason, expected);
        }
        if told.reason.is_none() && asked.scope() != PermissionScope::User {
            // The cited bindings carry the answer: without them it is another, with one of them alone it is the same.
            let without: Vec<Binding> = given
                .iter()
                .enumerate()
                .filter(|(index, _)| !told.matched.contains(index))
                .map(|(_, binding)| binding.clone())
                .collect();
            prop_assert!(!decide(&Grants::compile(facts.clone(), without), now(), asked, object).is_allow());
            for index in of(Effect::Allow) {
                let alone = Grants::compile(facts.clone(), vec![given[index].clone()]);
                prop_assert!(decide(&alone, now(), asked, object).is_allow());
            }
        }

        let roles = roles();
        let steps = smallest_change(&facts, &given, &roles, now(), asked, object);
        let turned = |steps: &[Step]| {
            let mut facts = facts.clone();
            let after = follow(&mut facts, &given, steps, &roles);
            decide(&Grants::compile(facts, after), now(), asked, object).is_allow()
        };
        if told.reason.is_none() {
            prop_assert!(steps.is_empty());
        } else if steps.is_empty() {
            // Nothing that ships would do, alone and after everything else is cleared.
            for (index, _) in roles.iter().enumerate() {
                for scope in [Scope::Organization, object.scope] {
                    if roles[index].scope == RoleScope::BusinessUnit && scope == Scope::Organization {
                        continue;
                    }
                    let mut all: Vec<Step> = vec![Step::Activate, Step::WidenToken, Step::Bind(index, scope)];
                    let denying = |index: &usize| given[*index].effect == Effect::Deny;
                    all.extend((0..given.len()).filter(denying).map(Step::RemoveDeny));
                    prop_assert!(!turned(&all), "{asked} {object:?}: {} would do", roles[index].id);
                }
            }
        } else {
            prop_assert!(turned(&steps), "{asked} {object:?} {steps:?}");
            // And no step too many.
            for skipped in 0..steps.len() {
                let fewer: Vec<Step> =
                    steps.iter().enumerate().filter(|(index, _)| *index != skipped).map(|(_, step)| *step).collect();
                prop_assert!(!turned(&fewer), "{asked} {object:?} {steps:?} without {skipped}");
            }
        }
    }
}

#[test]
fn the_smallest_change_reaches_no_further_than_it_must() {
    let roles = roles();
    let home = Scope::Unit(UNITS[0]);
    let change = |given: &[Binding], slug: &str, object: Object<'_>| {
        smallest_change(&user(), given, &roles, now(), permission(slug), object)
    };
    let id = |step: &Step| match step {
        Step::Bind(index, scope) => (roles[*index].id.clone(), *scope),
        other => panic!("{other:?}"),
    };
    let read = change(&[], "business_unit:jobs:read", Object::of(home));
    assert_eq!(read.iter().map(id).collect::<Vec<_>>(), [("viewer".to_owned(), home)]);
    let create = change(&[], "business_unit:deployments:create:development", Object::new_in(home));
    assert_eq!(create.iter().map(id).collect::<Vec<_>>(), [("developer".to_owned(), home)]);
    // A developer's restriction would not let in to what others made.
    let foreign = Object { creator_is_caller: Some(false), ..Object::of(home) };
    let update = change(&[], "business_unit:deployments:update:production", foreign);
    assert_eq!(update.iter().map(id).collect::<Vec<_>>(), [("bu-owner".to_owned(), home)]);
    let audit = change(&[], "platform:audit:read", Object::of(Scope::Organization));
    assert_eq!(audit.iter().map(id).collect::<Vec<_>>(), [("security-auditor".to_owned(), Scope::Organization)]);
    // What ended is taken up again; a DENY goes first.
    let ended = Binding { expire_time: Some(now()), ..shipped("viewer", home) };
    assert_eq!(change(std::slice::from_ref(&ended), "business_unit:jobs:read", Object::of(home)), [Step::Extend(0)]);
    let denier = Binding { effect: Effect::Deny, ..binding("quarantine", &["business_unit:jobs:read"], home) };
    let given = [ended, denier];
    assert_eq!(change(&given, "business_unit:jobs:read", Object::of(home)), [Step::RemoveDeny(1), Step::Extend(0)]);
    // Nobody can be given what is somebody else's own.
    assert_eq!(change(&[], "user:requests:read:own", foreign), []);
}

#[test]
fn a_hint_names_a_role_that_ships() {
    let home = Scope::Unit(UNITS[0]);
    let hint = |slug: &str, object| least_role(true, permission(slug), object).map(|(role, scope)| (role.id, scope));
    assert_eq!(hint("business_unit:jobs:read", Object::of(home)), Some(("viewer", home)));
    assert_eq!(
        hint("platform:approval_policies:manage", Object::of(Scope::Organization)),
        Some(("platform-admin", Scope::Organization))
    );
    assert_eq!(hint("user:requests:read:own", Object::of(home)), None);
}
