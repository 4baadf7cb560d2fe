//! Guardrails on requests, with the policies that ship and with others.

use super::*;

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn subject<'a>(tags: &'a BTreeMap<String, String>, fields: &'a Value, tier: Tier) -> Subject<'a> {
    Subject {
        target: PolicyTarget::Request,
        tier: Some(tier),
        template: Some("aws-s3"),
        business_unit: Some("sandbox"),
        tags,
        tags_field: "request.tags",
        fields,
        fields_prefix: "request.create",
    }
}

fn policy(kind: PolicyKind, config: Value) -> Policy {
    Policy { kind, config, ..default_policies().remove(0) }
}

fn complete() -> BTreeMap<String, String> {
    tags(&[("team", "web"), ("owner", "ada"), ("purpose", "shop")])
}

#[test]
fn the_shipped_policies_are_sound() {
    for policy in default_policies() {
        let faults: Vec<_> = policy.check("policy").into_iter().filter(|it| it.field != "policy.message").collect();
        assert_eq!(faults, [], "{}", policy.id);
    }
}

#[test]
fn every_missing_tag_is_named_at_once() {
    let (given, fields) = (tags(&[("owner", " "), ("System-x", "1")]), json!({}));
    let results = evaluate(&default_policies(), &subject(&given, &fields, Tier::Production));
    let error = enforce(&results).unwrap_err();
    assert_eq!((error.kind, error.reason), (Kind::Invalid, Reason::PolicyViolation));
    let mut seen: Vec<(&str, &str)> = error.policies.iter().map(|it| (it.policy.as_str(), it.field.as_str())).collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("policies/production-cost-tag", "request.tags"),
            ("policies/required-tags", "request.tags[owner]"),
            ("policies/required-tags", "request.tags[purpose]"),
            ("policies/required-tags", "request.tags[team]"),
            ("policies/tag-format", "request.tags[System-x]"),
            ("policies/tag-format", "request.tags[owner]"),
        ]
    );
    assert_eq!(error.fields.len(), error.policies.len());
    assert!(error.policies.iter().all(|it| it.enforced && !it.fix.is_empty() && !it.message.ends_with(' ')));
}

#[test]
fn production_needs_a_cost_center_or_project_code_as_field_or_tag() {
    let none = json!({"cost_center": " "});
    let with = |tags: &BTreeMap<String, String>, fields: &Value, tier| {
        enforce(&evaluate(&default_policies(), &subject(tags, fields, tier))).is_ok()
    };
    let mut tagged = complete();
    assert!(!with(&tagged, &none, Tier::Production));
    assert!(with(&tagged, &none, Tier::Staging));
    assert!(with(&tagged, &json!({"project_code": "P1"}), Tier::Production));
    assert!(with(&tagged, &json!({"cost_center": "42"}), Tier::Production));
    tagged.insert("cost_center".to_owned(), "42".to_owned());
    assert!(with(&tagged, &none, Tier::Production));
}

#[test]
fn advice_is_told_and_does_not_block() {
    let advice = Policy { enforced: false, ..default_policies().remove(0) };
    let (given, fields) = (tags(&[]), json!({}));
    let results = evaluate(&[advice], &subject(&given, &fields, Tier::Development));
    assert_eq!(results[0].violations.len(), 3);
    assert!(results[0].violations.iter().all(|it| !it.enforced));
    assert!(enforce(&results).is_ok());
}

#[test]
fn a_policy_is_about_what_its_scope_selects() {
    let (given, fields) = (complete(), json!({}));
    let subject = subject(&given, &fields, Tier::Staging);
    let applies = |scope: PolicyScope| Policy { scope, ..default_policies().remove(0) }.applies_to(&subject);
    let own = |id: &str| vec![id.to_owned()];
    assert!(applies(PolicyScope::default()));
    assert!(applies(PolicyScope { tiers: vec![Tier::Staging], ..PolicyScope::default() }));
    assert!(!applies(PolicyScope { tiers: vec![Tier::Production], ..PolicyScope::default() }));
    assert!(applies(PolicyScope { templates: own("aws-s3"), ..PolicyScope::default() }));
    assert!(!applies(PolicyScope { templates: own("aws-vpc"), ..PolicyScope::default() }));
    assert!(!applies(PolicyScope { business_units: own("retail"), ..PolicyScope::default() }));
    assert!(!default_policies()[0].applies_to(&Subject { target: PolicyTarget::Plan, ..subject }));
}

#[test]
fn values_outside_of_the_list_are_refused() {
    let rule = policy(PolicyKind::AllowedValues, json!({"field": "inputs.region", "values": ["eu-west-1", 3]}));
    let given = tags(&[]);
    let fields_of = |fields: Value| {
        let results = evaluate(std::slice::from_ref(&rule), &subject(&given, &fields, Tier::Development));
        results[0].violations.iter().map(|it| it.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fields_of(json!({"inputs": {"region": "us-east-1"}})), ["request.create.inputs.region"]);
    for fine in [
        json!({"inputs": {"region": "eu-west-1"}}),
        json!({"inputs": {"region": 3}}),
        json!({"inputs": {}}),
        json!(null),
    ] {
        assert_eq!(fields_of(fine.clone()), [""; 0], "{fine}");
    }
}

#[test]
fn restricted_keys_are_found_at_any_depth() {
    let rule = policy(PolicyKind::RestrictedKeys, json!({"keys": ["password", "token"]}));
    let fields = json!({"Password": 1, "x": {"token": {}}, "l": [{"db_PASSWORD": ""}], "tokens": 1, "mytoken": 1, "password_hint": 1});
    let given = tags(&[]);
    let results = evaluate(&[rule], &subject(&given, &fields, Tier::Development));
    let mut found: Vec<&str> = results[0].violations.iter().map(|it| it.field.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["request.create.Password", "request.create.l[0].db_PASSWORD", "request.create.x.token"]);
}

#[test]
fn a_config_is_checked_and_a_broken_one_blocks() {
    for (kind, config) in [
        (PolicyKind::RequiredTags, json!({})),
        (PolicyKind::RequiredTags, json!({"tags": ["Bad Key"]})),
        (PolicyKind::RequiredTags, json!({"any_of": [[]]})),
        (PolicyKind::RequiredTags, json!({"tag": ["typo"]})),
        (PolicyKind::TagFormat, json!({"x": 1})),
        (PolicyKind::AllowedValues, json!({"field": "", "values": [1]})),
        (PolicyKind::AllowedValues, json!({"field": "a", "values": []})),
        (PolicyKind::RestrictedKeys, json!({"keys": [" "]})),
        (PolicyKind::RestrictedKeys, json!(7)),
    ] {
        let broken = policy(kind, config.clone());
        assert!(broken.check("policy").iter().all(|it| it.field.starts_with("policy.config")), "{config}");
        assert!(!broken.check("policy").is_empty(), "{config}");
        let (given, fields) = (complete(), json!({}));
        assert!(enforce(&evaluate(&[broken], &subject(&given, &fields, Tier::Development))).is_err(), "{config}");
    }
    let both = policy(PolicyKind::AllowedValues, json!({"field": "", "values": []}));
    assert_eq!(both.check("policy").len(), 2);
}

#[test]
fn the_class_decides_the_kind_of_error() {
    let of = |class| Policy { class, id: format!("of-{class}"), ..default_policies().remove(0) };
    let (given, fields) = (tags(&[]), json!({}));
    let kind =
        |policies: &[Policy]| enforce(&evaluate(policies, &subject(&given, &fields, Tier::Staging))).unwrap_err().kind;
    assert_eq!(kind(&[of(ViolationClass::State)]), Kind::Precondition);
    assert_eq!(kind(&[of(ViolationClass::Quota)]), Kind::Exhausted);
    assert_eq!(kind(&[of(ViolationClass::Quota), of(ViolationClass::State), of(ViolationClass::Input)]), Kind::Invalid);
}
