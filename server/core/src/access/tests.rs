//! The evaluator against the rules of the permissions page, and its answers against each other.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::tier::Tier;

mod explain;

const UNITS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn seconds_later(seconds: i64) -> DateTime<Utc> {
    now() + chrono::TimeDelta::seconds(seconds)
}

fn permission(slug: &str) -> Permission {
    Permission::parse(slug).unwrap()
}

fn user() -> PrincipalFacts {
    PrincipalFacts {
        who: Who::new("users/ada", true, Some("ada@example.org"), &["groups/oncall".to_owned()], &[]),
        active: true,
        organization_active: true,
        is_user: true,
        token: None,
        self_service_environments: true,
    }
}

fn binding(role: &str, permissions: &[&str], scope: Scope) -> Binding {
    Binding {
        role: role.to_owned(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
        restriction: Restriction::None,
        scope,
        effect: Effect::Allow,
        condition: None,
        expire_time: None,
    }
}

fn shipped(id: &str, scope: Scope) -> Binding {
    let role = role_template(id).unwrap();
    let slugs: Vec<&str> = role.permissions().iter().map(Permission::slug).collect();
    Binding { restriction: role.restriction, ..binding(id, &slugs, scope) }
}

fn reason(decision: &Decision<'_>) -> Option<DenyReason> {
    match decision {
        Decision::Allow { .. } => None,
        Decision::Deny { reason, .. } => Some(*reason),
    }
}

/// Rule 1, every row with every value of the columns that are "any".
#[test]
fn the_truth_table_holds_in_every_row() {
    let asked = permission("business_unit:deployments:read");
    let other = permission("business_unit:jobs:read");
    let home = Scope::Unit(UNITS[0]);
    for bits in 0..64_u32 {
        let [active, organization_active, carries, for_unit, denied, allowed] =
            [0, 1, 2, 3, 4, 5].map(|bit| bits >> bit & 1 == 1);
        let token = TokenScope {
            permissions: [if carries { asked } else { other }].into_iter().collect(),
            units: Some(vec![UNITS[usize::from(!for_unit)]]),
        };
        let facts = PrincipalFacts { active, organization_active, token: Some(token), ..user() };
        let mut bindings = vec![binding("bystander", &[other.slug()], home)];
        if denied {
            bindings.push(Binding { effect: Effect::Deny, ..binding("denier", &[asked.slug()], home) });
        }
        if allowed {
            bindings.push(binding("giver", &[asked.slug()], home));
        }
        let expected = match (active && organization_active, carries && for_unit, denied, allowed) {
            (false, _, _, _) => Some(DenyReason::PrincipalInactive),
            (true, false, _, _) => Some(DenyReason::TokenScope),
            (true, true, true, _) => Some(DenyReason::DenyBinding),
            (true, true, false, true) => None,
            (true, true, false, false) => Some(DenyReason::NoGrant),
        };
        let grants = Grants::compile(facts, bindings);
        assert_eq!(reason(&decide(&grants, now(), asked, Object::of(home))), expected, "{bits:06b}");
    }
}

#[test]
fn a_decision_names_the_role() {
    let asked = permission("business_unit:jobs:read");
    let home = Scope::Unit(UNITS[0]);
    let mut bindings = vec![shipped("viewer", home)];
    let grants = Grants::compile(user(), bindings.clone());
    assert_eq!(decide(&grants, now(), asked, Object::of(home)), Decision::Allow { by: Some("viewer") });
    bindings.push(Binding { effect: Effect::Deny, ..binding("quarantine", &[asked.slug()], Scope::Organization) });
    let grants = Grants::compile(user(), bindings);
    let decision = decide(&grants, now(), asked, Object::of(home));
    assert!(matches!(decision, Decision::Deny { reason: DenyReason::DenyBinding, by: Some("quarantine"), .. }));
}

#[test]
fn platform_permissions_are_bound_at_the_organization_only() {
    let asked = permission("platform:audit:read");
    let in_unit = Grants::compile(user(), vec![binding("r", &[asked.slug()], Scope::Unit(UNITS[0]))]);
    assert!(!could_match(&in_unit, now(), &asked.into(), Scope::Organization));
    assert!(!could_match(&in_unit, now(), &asked.into(), Scope::Unit(UNITS[0])));
    let at_organization = Grants::compile(user(), vec![binding("r", &[asked.slug()], Scope::Organization)]);
    assert!(decide(&at_organization, now(), asked, Object::of(Scope::Organization)).is_allow());
}

#[test]
fn unit_permissions_hold_in_their_unit_or_everywhere() {
    let asked = permission("business_unit:jobs:read");
    let allows = |bound: Scope, object: Scope| {
        let grants = Grants::compile(user(), vec![binding("r", &[asked.slug()], bound)]);
        decide(&grants, now(), asked, Object::of(object)).is_allow()
    };
    let (a, b) = (Scope::Unit(UNITS[0]), Scope::Unit(UNITS[1]));
    assert!(allows(a, a) && !allows(a, b) && !allows(a, Scope::Organization));
    assert!(allows(Scope::Organization, a) && allows(Scope::Organization, Scope::Organization));
}

#[test]
fn expiry_ends_a_binding_at_its_time() {
    let asked = permission("business_unit:jobs:read");
    let home = Scope::Unit(UNITS[0]);
    for (end, effect, allowed) in
        [(0, Effect::Allow, false), (1, Effect::Allow, true), (0, Effect::Deny, true), (1, Effect::Deny, false)]
    {
        let timed =
            Binding { expire_time: Some(seconds_later(end)), effect, ..binding("timed", &[asked.slug()], home) };
        let mut bindings = vec![timed];
        if effect == Effect::Deny {
            bindings.push(binding("giver", &[asked.slug()], home));
        }
        let grants = Grants::compile(user(), bindings);
        assert_eq!(decide(&grants, now(), asked, Object::of(home)).is_allow(), allowed, "{effect} ending in {end} s");
    }
}

/// What a condition says of an object, decided through a binding of either effect.
fn condition(source: &str, at: Moment<'_>, slug: &str, object: Object<'_>) -> (bool, bool) {
    let conditional =
        |effect| Binding { condition: Some(source.to_owned()), effect, ..binding("picky", &[slug], object.scope) };
    let gives = Grants::compile(user(), vec![conditional(Effect::Allow)]);
    let takes = Grants::compile(user(), vec![conditional(Effect::Deny), binding("giver", &[slug], object.scope)]);
    let allows = |grants: &Grants| decide(grants, at, permission(slug), object).is_allow();
    (allows(&gives), !allows(&takes))
}

#[test]
fn a_binding_is_there_where_its_condition_holds() {
    let at = Moment { now: now(), ip: Some("10.1.2.3") };
    let details = Details {
        name: "businessUnits/a/deployments/web",
        tier: Some(Tier::Staging),
        business_unit: Some("businessUnits/a"),
        team: Some("teams/core"),
    };
    let object = Object { details: Some(details), ..Object::new_in(Scope::Unit(UNITS[0])) };
    let update = "business_unit:deployments:update:staging";
    for (source, expected) in [
        ("object.tier == 'STAGING' && object.team == 'teams/core' && object.business_unit == 'businessUnits/a'", true),
        ("object.type == 'deployments' && object.own && object.name.endsWith('/web')", true),
        ("object.tier == 'PRODUCTION'", false),
        ("principal.name == 'users/ada' && principal.kind == 'USER' && 'groups/oncall' in principal.groups", true),
        ("principal.email.endsWith('@example.com')", false),
        ("size(principal.teams) == 0", true),
        ("cidrContains('10.0.0.0/8', network.cidr) && network.ip == '10.1.2.3'", true),
        ("cidrContains('192.168.0.0/16', network.cidr)", false),
        ("time.now > '2027-01-15T07:59:59Z' && time.year == 2027 && time.weekday == 5 && time.hour == 8", true),
        ("time.hour >= 9", false),
    ] {
        assert_eq!(check_condition(source), Ok(()), "{source}");
        assert_eq!(condition(source, at, update, object), (expected, expected), "{source}");
    }
}

#[test]
fn a_condition_without_verdict_gives_nothing_and_takes_all() {
    let home = Object::of(Scope::Unit(UNITS[0]));
    for (source, slug) in [
        // Not an expression, not a verdict, not there, and more than a list knows.
        ("object.", "business_unit:jobs:cancel"),
        ("'yes'", "business_unit:jobs:cancel"),
        ("object.own", "business_unit:jobs:cancel"),
        ("network.ip != ''", "business_unit:jobs:cancel"),
        ("object.tier != 'PRODUCTION'", "business_unit:jobs:cancel"),
        ("object.name != ''", "business_unit:jobs:read"),
    ] {
        assert_eq!(condition(source, now().into(), slug, home), (false, true), "{source}");
    }
    let named = Details { name: "jobs/1", tier: None, business_unit: None, team: None };
    let object = Object { details: Some(named), ..home };
    assert_eq!(condition("object.name != ''", now().into(), "business_unit:jobs:read", object), (false, true));
    assert_eq!(condition("object.name != ''", now().into(), "business_unit:jobs:cancel", object), (true, true));
}

#[test]
fn a_condition_on_the_object_may_hold_before_the_object_is_known() {
    let cancel = permission("business_unit:jobs:cancel");
    let home = Scope::Unit(UNITS[0]);
    for (source, could) in
        [("object.tier == 'PRODUCTION'", true), ("time.hour > 25", false), ("network.ip == ''", false)]
    {
        let picky = Binding { condition: Some(source.to_owned()), ..binding("picky", &[cancel.slug()], home) };
        let grants = Grants::compile(user(), vec![picky.clone()]);
        assert_eq!(could_match(&grants, now(), &cancel.into(), home), could, "{source}");
        let denier = Binding { effect: Effect::Deny, ..picky };
        let grants = Grants::compile(user(), vec![denier, binding("giver", &[cancel.slug()], home)]);
        // `network.ip` is not known, so that the DENY stands whatever the object is.
        assert_eq!(could_match(&grants, now(), &cancel.into(), home), source != "network.ip == ''", "{source}");
    }
}

#[test]
fn a_switch_takes_provisioning_from_developers() {
    let slug = "business_unit:jobs:read";
    let facts = PrincipalFacts { self_service_environments: false, ..user() };
    for role in ["developer", "senior-engineer", "team-admin", "bu-owner"] {
        for permission in Permission::all().filter(|permission| permission.scope() == PermissionScope::BusinessUnit) {
            let info = permission.info();
            let provisions = (info.resource, info.action) == ("environments", "provision");
            let expected = provisions && matches!(role, "developer" | "senior-engineer");
            assert_eq!(facts.switched_off(role, permission), expected, "{role} {permission}");
            assert!(!user().switched_off(role, permission));
        }
    }
    let grants = Grants::compile(facts, vec![binding("developer", &[slug], Scope::Unit(UNITS[0]))]);
    assert!(decide(&grants, now(), permission(slug), Object::of(Scope::Unit(UNITS[0]))).is_allow());
}

#[test]
fn a_developer_changes_what_is_the_teams_or_without_a_team_and_own() {
    let home = Scope::Unit(UNITS[0]);
    let grants = Grants::compile(user(), vec![shipped("developer", home)]);
    let allows = |slug: &str, creator: Option<bool>, team: Option<bool>| {
        let object = Object { scope: home, creator_is_caller: creator, team_is_callers: team, details: None };
        decide(&grants, now(), permission(slug), object).is_allow()
    };
    let update = "business_unit:deployments:update:development";
    assert!(allows(update, Some(false), Some(true)));
    assert!(allows(update, Some(true), None));
    assert!(!allows(update, Some(false), None));
    assert!(!allows(update, Some(true), Some(false)), "another team's, although created by the caller");
    assert!(!allows(update, None, None), "nobody knows who created it");
    assert!(allows("business_unit:deployments:read", Some(false), Some(false)), "list and read are not restricted");
    assert!(!allows("business_unit:deployments:update:production", Some(true), Some(true)), "R047");
    assert!(decide(&grants, now(), permission("business_unit:requests:create"), Object::new_in(home)).is_allow());
}

#[test]
fn an_own_permission_lifts_the_team_restriction_for_own_objects_of_users() {
    // `user:jobs:cancel:own` is in the registry, so that OWN_TEAM does not keep users from cancelling their own jobs.
    let home = Scope::Unit(UNITS[0]);
    let asked = permission("business_unit:jobs:cancel");
    let restricted = Binding { restriction: Restriction::OwnTeam, ..binding("r", &[asked.slug()], home) };
    let own = Object { scope: home, creator_is_caller: Some(true), team_is_callers: Some(false), details: None };
    let foreign = Object { creator_is_caller: Some(false), ..own };
    let grants = Grants::compile(user(), vec![restricted.clone()]);
    assert!(decide(&grants, now(), asked, own).is_allow());
    assert!(!decide(&grants, now(), asked, foreign).is_allow());
    let machine = Grants::compile(PrincipalFacts { is_user: false, ..user() }, vec![restricted]);
    assert!(!decide(&machine, now(), asked, own).is_allow());
}

#[test]
fn the_user_scope_is_held_by_every_user_and_by_nothing_else() {
    let profile = permission("user:profile:read");
    let own_requests = permission("user:requests:read:own");
    let home = Scope::Unit(UNITS[0]);
    // A binding neither gives nor takes it.
    let bindings = || {
        vec![
            Binding {
                effect: Effect::Deny,
                ..binding("denier", &[profile.slug(), own_requests.slug()], Scope::Organization)
            },
            binding("giver", &[profile.slug(), own_requests.slug()], Scope::Organization),
        ]
    };
    let person = Grants::compile(user(), bindings());
    let own = Object { scope: home, creator_is_caller: Some(true), team_is_callers: None, details: None };
    assert_eq!(decide(&person, now(), profile, Object::of(Scope::Organization)), Decision::Allow { by: None });
    assert!(decide(&person, now(), own_requests, own).is_allow());
    assert!(!decide(&person, now(), own_requests, Object { creator_is_caller: Some(false), ..own }).is_allow());
    assert!(!decide(&person, now(), own_requests, Object::of(home)).is_allow());
    let machine = Grants::compile(PrincipalFacts { is_user: false, ..user() }, bindings());
    assert!(!decide(&machine, now(), profile, Object::of(Scope::Organization)).is_allow());
    assert!(!decide(&machine, now(), own_requests, own).is_allow());
}

#[test]
fn a_token_for_units_reaches_nothing_else() {
    let token = TokenScope { permissions: Permission::all().collect(), units: Some(vec![UNITS[0]]) };
    let facts = PrincipalFacts { token: Some(token), ..user() };
    let grants = Grants::compile(facts, vec![shipped("platform-admin", Scope::Organization)]);
    let ask = |slug: &str, scope| reason(&decide(&grants, now(), permission(slug), Object::new_in(scope)));
    assert_eq!(ask("business_unit:jobs:read", Scope::Unit(UNITS[0])), None);
    assert_eq!(ask("business_unit:jobs:read", Scope::Unit(UNITS[1])), Some(DenyReason::TokenScope));
    assert_eq!(ask("platform:audit:read", Scope::Organization), Some(DenyReason::TokenScope));
    assert_eq!(ask("user:profile:read", Scope::Organization), None);
    assert_eq!(
        visible(&grants, now(), &[permission("business_unit:jobs:list").into()]).others,
        Reach::Only(vec![UNITS[0]])
    );
}

#[test]
fn an_explanation_names_what_nearly_matched() {
    let asked = permission("business_unit:jobs:cancel");
    let (home, away) = (Scope::Unit(UNITS[0]), Scope::Unit(UNITS[1]));
    let grants = Grants::compile(
        user(),
        vec![
            Binding { expire_time: Some(now()), ..binding("past", &[asked.slug()], Scope::Organization) },
            Binding { restriction: Restriction::OwnTeam, ..binding("team", &[asked.slug()], home) },
            Binding { restriction: Restriction::Own, ..binding("own", &[asked.slug()], home) },
            binding("elsewhere", &[asked.slug()], away),
            binding("unrelated", &["business_unit:jobs:read"], home),
        ],
    );
    let object = Object { scope: home, creator_is_caller: Some(false), team_is_callers: Some(false), details: None };
    let Decision::Deny { nearly, .. } = decide(&grants, now(), asked, object) else { panic!("nothing matches") };
    let obstacles: Vec<(&str, Obstacle)> = nearly.iter().map(|miss| (miss.role, miss.obstacle)).collect();
    assert_eq!(
        obstacles,
        [
            ("past", Obstacle::Expired),
            ("team", Obstacle::OwnTeam),
            ("own", Obstacle::Own),
            ("elsewhere", Obstacle::OtherScope)
        ]
    );
}

#[test]
fn lists_see_all_units_but_the_denied_one_and_own_objects_everywhere() {
    let list = permission("business_unit:deployments:list");
    let grants = Grants::compile(
        user(),
        vec![
            shipped("viewer", Scope::Organization),
            Binding { effect: Effect::Deny, ..binding("quarantine", &[list.slug()], Scope::Unit(UNITS[1])) },
        ],
    );
    let visible = visible(&grants, now(), &[list.into(), permission("user:deployments:list:own").into()]);
    assert_eq!(
        visible,
        Visible {
            others: Reach::AllExcept(vec![UNITS[1]]),
            own: Reach::AllExcept(vec![]),
            unowned: Reach::AllExcept(vec![UNITS[1]]),
        }
    );
    let nobody = Grants::compile(user(), vec![]);
    assert!(super::visible(&nobody, now(), &[list.into()]).is_nothing());
}

#[test]
fn effective_permissions_say_what_is_for_the_own_team_only() {
    let home = Scope::Unit(UNITS[0]);
    let grants = Grants::compile(user(), vec![shipped("developer", home), shipped("viewer", Scope::Organization)]);
    let in_unit = effective(&grants, now(), home);
    let find = |slug: &str| in_unit.iter().find(|held| held.permission.slug() == slug);
    assert!(find("business_unit:deployments:create:development").unwrap().own_team_only);
    assert_eq!(find("business_unit:jobs:read").unwrap().roles, ["developer", "viewer"]);
    assert!(!find("business_unit:jobs:read").unwrap().own_team_only);
    assert!(find("business_unit:deployments:create:staging").is_none());
    assert!(find("user:profile:read").is_none(), "the user scope belongs to no unit");
    let at_organization = effective(&grants, now(), Scope::Organization);
    assert!(at_organization.iter().any(|held| held.permission.slug() == "user:profile:read" && held.roles.is_empty()));
}

/// The sets of section 4, as far as the registry goes. Changing a role is a decision: it shows here.
#[test]
fn the_shipped_roles_hold_what_the_table_says() {
    let table: String = role_templates()
        .iter()
        .map(|role| {
            let slugs: Vec<String> = role.permissions().iter().map(|it| format!("  {it}\n")).collect();
            format!("{} {} {} {}\n{}", role.key, role.id, role.scope, role.restriction, slugs.concat())
        })
        .collect();
    assert_eq!(table, include_str!("roles.txt"));
}

fn scopes() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Organization), prop::sample::select(UNITS.to_vec()).prop_map(Scope::Unit)]
}

/// Some hold, some do not, some depend on the object, some give no verdict.
const CONDITIONS: [&str; 9] = [
    "true",
    "time.hour == 9",
    "object.own",
    "!object.own",
    "object.type == 'deployments'",
    "object.tier == 'PRODUCTION'",
    "has(object.team)",
    "principal.absent == 1",
    "network.ip == '10.0.0.1' || 'groups/oncall' in principal.groups",
];

fn bindings() -> impl Strategy<Value = Binding> {
    let all: Vec<&str> = Permission::all().map(Permission::slug).collect();
    (
        prop::sample::subsequence(all, 0..12),
        scopes(),
        prop::sample::select(Restriction::ALL.to_vec()),
        prop::bool::weighted(0.3),
        prop::option::weighted(0.15, prop::sample::select(CONDITIONS.to_vec())),
        prop::option::weighted(0.3, -1_i64..=1),
        "[a-c]",
    )
        .prop_map(|(slugs, scope, restriction, deny, condition, expiry, role)| Binding {
            restriction,
            effect: if deny { Effect::Deny } else { Effect::Allow },
            condition: condition.map(ToOwned::to_owned),
            expire_time: expiry.map(seconds_later),
            ..binding(&role, &slugs, scope)
        })
}

fn principals() -> impl Strategy<Value = PrincipalFacts> {
    let all: Vec<Permission> = Permission::all().collect();
    let token =
        (prop::sample::subsequence(all, 20..=43), prop::option::of(prop::sample::subsequence(UNITS.to_vec(), 0..3)))
            .prop_map(|(permissions, units)| TokenScope { permissions: permissions.into_iter().collect(), units });
    (prop::bool::weighted(0.95), any::<bool>(), prop::option::weighted(0.3, token))
        .prop_map(|(active, is_user, token)| PrincipalFacts { active, is_user, token, ..user() })
}

fn facts() -> [(Option<bool>, Option<bool>); 9] {
    let values = [None, Some(false), Some(true)];
    std::array::from_fn(|index| (values[index / 3], values[index % 3]))
}

fn details(scope: Scope, team: Option<bool>) -> Option<Details<'static>> {
    let business_unit = (scope != Scope::Organization).then_some("businessUnits/a");
    let tier = team.map(|own| if own { Tier::Production } else { Tier::Staging });
    team.map(|_| Details { name: "things/one", tier, business_unit, team: Some("teams/core") })
}

/// Every object there is, as far as decisions can tell: two units that grants may name, one that none does, and none.
fn objects() -> Vec<Object<'static>> {
    let scopes = [Scope::Organization, Scope::Unit(UNITS[0]), Scope::Unit(UNITS[1]), Scope::Unit(Uuid::from_u128(99))];
    let with_facts = |scope| {
        facts().map(|(creator_is_caller, team_is_callers)| Object {
            scope,
            creator_is_caller,
            team_is_callers,
            details: details(scope, team_is_callers),
        })
    };
    scopes.into_iter().flat_map(with_facts).collect()
}

proptest! {
    #[test]
    fn asking_before_the_look_up_never_refuses_what_is_allowed_after(
        facts in principals(), given in prop::collection::vec(bindings(), 0..6),
    ) {
        let grants = Grants::compile(facts, given);
        for asked in Permission::all() {
            for object in objects() {
                if decide(&grants, now(), asked, object).is_allow() {
                    prop_assert!(could_match(&grants, now(), &asked.into(), object.scope), "{asked} {object:?}");
                }
            }
        }
    }

    #[test]
    fn lists_show_exactly_what_reading_one_by_one_allows(
        facts in principals(), given in prop::collection::vec(bindings(), 0..6),
    ) {
        let grants = Grants::compile(facts, given);
        for asked in Permission::all().filter(|asked| asked.is_list_or_read()) {
            let visible = visible(&grants, now(), &[asked.into()]);
            for object in objects() {
                prop_assert_eq!(
                    visible.shows(object.scope, object.creator_is_caller),
                    decide(&grants, now(), asked, object).is_allow(),
                    "{} {:?} {:?}", asked, object, visible
                );
            }
        }
    }

    #[test]
    fn lists_never_show_what_is_refused(facts in principals(), given in prop::collection::vec(bindings(), 0..6)) {
        let grants = Grants::compile(facts, given);
        for asked in Permission::all().filter(|asked| !asked.is_list_or_read()) {
            let visible = visible(&grants, now(), &[asked.into()]);
            for object in objects() {
                if visible.shows(object.scope, object.creator_is_caller) {
                    prop_assert!(decide(&grants, now(), asked, object).is_allow(), "{asked} {object:?}");
                }
            }
        }
    }

    #[test]
    fn effective_permissions_are_those_that_decisions_allow(
        facts in principals(), given in prop::collection::vec(bindings(), 0..6),
    ) {
        let grants = Grants::compile(facts, given);
        for scope in [Scope::Organization, Scope::Unit(UNITS[0]), Scope::Unit(Uuid::from_u128(99))] {
            let held = effective(&grants, now(), scope);
            prop_assert!(held.windows(2).all(|pair| pair[0].permission < pair[1].permission));
            for asked in Permission::all() {
                let in_list = held.iter().find(|held| held.permission == asked);
                if scope != Scope::Organization && asked.scope() != PermissionScope::BusinessUnit {
                    prop_assert!(in_list.is_none());
                    continue;
                }
                let allows: Vec<bool> = objects()
                    .into_iter()
                    .filter(|object| object.scope == scope && object.creator_is_caller.is_some())
                    .map(|object| decide(&grants, now(), asked, object).is_allow())
                    .collect();
                // A condition on the object may hold for an object that is none of these.
                    let conditional = in_list.is_some_and(|held| held.conditional);
                    prop_assert!(conditional || in_list.is_some() == allows.iter().any(|allowed| *allowed), "{}", asked);
                    prop_assert!(in_list.is_some() || !allows.iter().any(|allowed| *allowed), "{}", asked);
                if let Some(held) = in_list {
                    if allows.iter().all(|allowed| *allowed) {
                        prop_assert!(!held.own_team_only);
                    }
                    prop_assert_eq!(held.roles.is_empty(), asked.scope() == PermissionScope::User);
                }
            }
        }
    }

    #[test]
    fn another_denial_never_allows_more(
        facts in principals(), given in prop::collection::vec(bindings(), 0..5), more in bindings(),
    ) {
        let before = Grants::compile(facts.clone(), given.clone());
        let after = Grants::compile(facts, given.into_iter().chain([Binding { effect: Effect::Deny, ..more }]).collect());
        for asked in Permission::all() {
            for object in objects() {
                prop_assert!(
                    decide(&before, now(), asked, object).is_allow() || !decide(&after, now(), asked, object).is_allow()
                );
            }
        }
    }

    #[test]
    fn the_order_of_bindings_does_not_matter(
        facts in principals(), given in prop::collection::vec(bindings(), 0..6),
    ) {
        let forwards = Grants::compile(facts.clone(), given.clone());
        let backwards = Grants::compile(facts, given.into_iter().rev().collect());
        for asked in Permission::all() {
            for object in objects() {
                prop_assert_eq!(
                    reason(&decide(&forwards, now(), asked, object)),
                    reason(&decide(&backwards, now(), asked, object))
                );
            }
        }
    }
}

#[test]
fn each_tier_is_a_permission_of_its_own() {
    let pattern = PermissionPattern::parse("business_unit:approvals:decide:<tier>").unwrap();
    let grants =
        Grants::compile(user(), vec![binding("r", &["business_unit:approvals:decide:staging"], Scope::Organization)]);
    assert!(could_match(&grants, now(), &pattern, Scope::Unit(UNITS[0])));
    for tier in Tier::ALL {
        let decision = decide(&grants, now(), pattern.with_tier(tier), Object::of(Scope::Unit(UNITS[0])));
        assert_eq!(decision.is_allow(), tier == Tier::Staging);
    }
}
