//! Plans of real Terraform, and properties of made-up ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::redact::MASK;

/// `variable "token" { sensitive = true }` with this value; see `server/core/tests/plans/main.tf`.
const PLANTED: [&str; 2] = ["planted-secret-value", "other-planted-secret"];

fn fixture(name: &str) -> Value {
    let text = match name {
        "create" => include_str!("../../tests/plans/create.json"),
        "create-again" => include_str!("../../tests/plans/create-again.json"),
        "update" => include_str!("../../tests/plans/update.json"),
        "moved" => include_str!("../../tests/plans/moved.json"),
        "destroy" => include_str!("../../tests/plans/destroy.json"),
        "no-change" => include_str!("../../tests/plans/no-change.json"),
        other => panic!("no plan called {other}"),
    };
    serde_json::from_str(text).unwrap()
}

const FIXTURES: [&str; 6] = ["create", "create-again", "update", "moved", "destroy", "no-change"];

fn read(name: &str) -> PlanChanges {
    normalise(&fixture(name), &[]).unwrap()
}

fn find<'a>(changes: &'a PlanChanges, address: &str) -> &'a ResourceChange {
    changes.resources.iter().find(|it| it.address == address).unwrap_or_else(|| panic!("{address} is not in the plan"))
}

fn attribute<'a>(change: &'a ResourceChange, path: &str) -> &'a AttributeChange {
    change.attributes.iter().find(|it| it.path == path).unwrap_or_else(|| panic!("{path} is not in {change:#?}"))
}

fn texts(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn a_create_shows_what_will_be_and_what_nobody_knows_yet() {
    let plan = read("create");
    assert_eq!(plan.summary, Summary { add: 3, change: 0, destroy: 0, replace: 0 });
    let file = find(&plan, r#"terraform_data.files["a"]"#);
    assert_eq!((file.action, file.kind.as_str(), file.name.as_str()), (Action::Create, "terraform_data", "files"));
    assert_eq!(attribute(file, "input.text").after, Some(json!("hello")));
    assert!(attribute(file, "id").unknown && attribute(file, "id").after.is_none());
    let secret = attribute(file, "input.nested.list[2]");
    assert_eq!((secret.after.clone(), secret.after_sensitive), (Some(json!(MASK)), true));
    assert!(file.attributes.iter().all(|it| it.before.is_none()));
    let read = find(&plan, "data.terraform_remote_state.x[0]");
    assert_eq!(read.action, Action::Read);
    assert_eq!(read.reason.as_deref(), Some("What it reads depends on values that only the apply will tell."));
    let outputs: Vec<_> =
        plan.outputs.iter().map(|it| (it.name.as_str(), it.after.clone(), it.sensitive, it.unknown)).collect();
    assert_eq!(outputs, [("greeting", None, false, true), ("token", Some(json!(MASK)), true, false)]);
}

#[test]
fn an_update_shows_both_sides_and_a_replacement_its_reason() {
    let plan = read("update");
    assert_eq!(plan.summary, Summary { add: 0, change: 2, destroy: 0, replace: 1 });
    assert!(!plan.summary.destroys_nothing());
    let file = find(&plan, r#"terraform_data.files["b"]"#);
    let text = attribute(file, "input.text");
    assert_eq!((text.before.clone(), text.after.clone()), (Some(json!("hello")), Some(json!("bye"))));
    assert!(!file.attributes.iter().any(|it| it.path == "input.name"), "what stays is not listed");
    let fixed = find(&plan, "terraform_data.fixed");
    assert_eq!((fixed.action, fixed.replace_paths.as_slice()), (Action::Replace, &["triggers_replace".to_owned()][..]));
    assert_eq!(fixed.reason.as_deref(), Some("Cannot change in place: triggers_replace."));
    assert!(
        attribute(fixed, "triggers_replace[0]").forces_replacement && !attribute(fixed, "input").forces_replacement
    );
}

#[test]
fn a_destroy_lists_what_goes() {
    let plan = read("destroy");
    assert_eq!((plan.summary.destroy, plan.resources.len()), (3, 3));
    assert!(
        plan.resources.iter().all(|it| it.action == Action::Destroy && it.attributes.iter().all(|a| a.after.is_none()))
    );
    assert!(plan.outputs.iter().all(|it| it.action == Action::Destroy));
}

#[test]
fn a_move_is_a_change_of_address_only() {
    let plan = read("moved");
    let moved = find(&plan, "terraform_data.renamed");
    assert_eq!((moved.action, moved.moved_from.as_deref()), (Action::Move, Some("terraform_data.fixed")));
    assert_eq!(plan.summary, Summary::default());
    assert!(!plan.is_empty());
}

/// `terraform_data` never drifts, so the drift is written into a real plan by hand.
fn drifted() -> Value {
    let mut document = fixture("update");
    let mut entry = document["resource_changes"][0].clone();
    entry["change"]["after"]["input"]["text"] = json!("changed by hand");
    document["resource_drift"] = json!([entry]);
    document
}

#[test]
fn drift_is_shown_apart() {
    let plan = normalise(&drifted(), &[]).unwrap();
    assert_eq!(attribute(&plan.drift[0], "input.text").after, Some(json!("changed by hand")));
    assert_eq!(PlanChanges { drift: vec![], ..plan }, read("update"));
}

#[test]
fn checks_that_fail_are_told() {
    let expected = FailedCheck {
        address: "check.greeting".to_owned(),
        status: "fail".to_owned(),
        problems: vec!["The greeting is bye.".to_owned()],
    };
    assert_eq!(read("update").failed_checks, [expected]);
    assert_eq!(read("create").failed_checks, []);
}

#[test]
fn a_plan_without_changes_is_empty() {
    let plan = read("no-change");
    assert!(plan.is_empty(), "{plan:#?}");
}

#[test]
fn no_fixture_shows_a_planted_secret() {
    for name in FIXTURES {
        let document = fixture(name);
        assert!(PLANTED.iter().any(|secret| texts(&document).contains(secret)), "{name} has no secret to hide");
        let shown = texts(&normalise(&document, &[]).unwrap());
        for secret in PLANTED {
            assert!(!shown.contains(secret), "{name} shows {secret}");
        }
    }
}

/// The provider copies `input` to `output` and loses the mark on the way; found with Terraform 1.11.
#[test]
fn a_secret_is_masked_where_the_provider_lost_its_mark() {
    let plan = read("destroy");
    let secret = attribute(find(&plan, r#"terraform_data.files["a"]"#), "output.nested.secret");
    assert_eq!((secret.before.clone(), secret.before_sensitive), (Some(json!(MASK)), true));
}

#[test]
fn a_secret_that_only_the_platform_knows_is_masked() {
    let known = ["hello".to_owned()];
    let shown = texts(&normalise(&fixture("create"), &known).unwrap());
    assert!(!shown.contains("hello"));
}

#[test]
fn planning_twice_gives_the_same_digest() {
    assert_ne!(fixture("create"), fixture("create-again"), "the fixtures are of two runs");
    assert_eq!(changes_digest(&fixture("create")).unwrap(), changes_digest(&fixture("create-again")).unwrap());
    let mut digests: Vec<_> = FIXTURES.iter().map(|name| changes_digest(&fixture(name)).unwrap()).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), FIXTURES.len() - 1);
}

#[test]
fn what_the_apply_does_not_do_is_not_in_the_digest() {
    let mut document = drifted();
    let digest = changes_digest(&document).unwrap();
    document["timestamp"] = json!("2030-01-01T00:00:00Z");
    document["terraform_version"] = json!("1.99.0");
    document["resource_drift"] = json!([]);
    document["checks"] = json!([]);
    document["prior_state"] = json!({});
    assert_eq!(changes_digest(&document).unwrap(), digest);
}

#[test]
fn the_plan_digest_binds_every_part() {
    let inputs = json!({"a": 1, "b": [true]});
    let policies = [("a".to_owned(), 1), ("b".to_owned(), 2)];
    let parts = DigestParts {
        changes_digest: [7; 32],
        inputs: &inputs,
        template_sha256: "t",
        provider_lock_hash: "p",
        state_lineage: "s",
        policies: &policies,
    };
    let digest = plan_digest(&parts);
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let turned = [policies[1].clone(), policies[0].clone()];
    assert_eq!(plan_digest(&DigestParts { policies: &turned, ..parts }), digest);
    let (other_inputs, other_policies) = (json!({"a": 2, "b": [true]}), [("a".to_owned(), 1), ("b".to_owned(), 3)]);
    for other in [
        DigestParts { changes_digest: [8; 32], ..parts },
        DigestParts { inputs: &other_inputs, ..parts },
        DigestParts { template_sha256: "x", ..parts },
        DigestParts { provider_lock_hash: "x", ..parts },
        DigestParts { state_lineage: "x", ..parts },
        DigestParts { policies: &other_policies, ..parts },
        DigestParts { policies: &policies[..1], ..parts },
        // Neighbours do not run into each other.
        DigestParts { template_sha256: "tp", provider_lock_hash: "", ..parts },
    ] {
        assert_ne!(plan_digest(&other), digest, "{other:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for document in [
        json!({}),
        json!({"format_version": "2.0"}),
        json!({"format_version": "1.2", "resource_changes": [{"change": {"actions": ["create"]}}]}),
        json!({"format_version": "1.2", "resource_changes": [{"address": "a.b", "change": {"actions": ["paint"]}}]}),
        json!({"format_version": "1.2", "resource_changes": [{"address": "a.b"}]}),
        json!({"format_version": "1.2", "output_changes": {"o": {"actions": ["delete", "create"]}}}),
    ] {
        assert!(normalise(&document, &[]).is_err(), "{document}");
    }
    assert!(changes_digest(&json!({"format_version": "2.0"})).is_err());
}

fn change(before: Value, after: Value, before_sensitive: Value, after_sensitive: Value) -> Value {
    json!({
        "format_version": "1.2",
        "resource_changes": [{
            "address": "x.y", "mode": "managed", "type": "x", "name": "y", "provider_name": "p",
            "change": {
                "actions": ["update"], "before": before, "after": after, "after_unknown": {},
                "before_sensitive": before_sensitive, "after_sensitive": after_sensitive,
            },
        }],
    })
}

fn only_attributes(document: &Value) -> Vec<AttributeChange> {
    normalise(document, &[]).unwrap().resources.remove(0).attributes
}

#[test]
fn every_shape_of_marks_hides_what_it_marks() {
    let secret = json!({"a": ["planted-secret-value", 1], "b": "planted-secret-value"});
    for marks in
        [json!(true), json!({"v": true}), json!({"v": {"a": true, "b": true}}), json!({"v": {"a": [true], "b": true}})]
    {
        let document = change(json!({"v": null}), json!({"v": secret}), json!(false), marks.clone());
        assert!(!texts(&only_attributes(&document)).contains("planted"), "{marks}");
    }
    // A mark of another shape than the value: better too much.
    let document =
        change(json!({"v": "x"}), json!({"v": [12]}), json!({"v": {"deep": true}}), json!({"v": {"deep": true}}));
    let shown = only_attributes(&document);
    assert_eq!((shown[0].before.clone(), shown[0].after.clone()), (Some(json!(MASK)), Some(json!(MASK))));
}

#[test]
fn becoming_secret_hides_the_value_that_was_open() {
    let document = change(json!({"v": "abcdefgh"}), json!({"v": "abcdefgh"}), json!({}), json!({"v": true}));
    let shown = only_attributes(&document);
    assert_eq!(shown.len(), 1);
    assert!(!texts(&shown).contains("abcdefgh"));
}

#[test]
fn lists_and_empty_things_are_compared_part_by_part() {
    let before = json!({"l": [1, 2, 3], "gone": {}, "same": [1], "kind": "text", "n": null});
    let after = json!({"l": [1, 9], "new": [], "same": [1], "kind": {"a": 1}, "odd key": {"x.y": 1}});
    let shown = only_attributes(&change(before, after, json!({}), json!({})));
    let seen: Vec<_> = shown.iter().map(|it| (it.path.as_str(), it.before.clone(), it.after.clone())).collect();
    assert_eq!(
        seen,
        [
            (r#"["odd key"]["x.y"]"#, None, Some(json!(1))),
            ("gone", Some(json!({})), None),
            ("kind", Some(json!("text")), Some(json!({"a": 1}))),
            ("l[1]", Some(json!(2)), Some(json!(9))),
            ("l[2]", Some(json!(3)), None),
            ("new", None, Some(json!([]))),
        ]
    );
}

#[test]
fn a_difference_names_place_and_both_values() {
    let (approved, current) = (read("create"), read("update"));
    let (inputs, new_inputs) =
        (json!({"greeting": "hello", "token": "one"}), json!({"greeting": "bye", "token": "two"}));
    let (shown, new_shown) = (json!({"greeting": "hello", "token": MASK}), json!({"greeting": "bye", "token": MASK}));
    let (policies, new_policies) = ([("tags".to_owned(), 1)], [("tags".to_owned(), 2)]);
    let view = PlanView {
        changes: &approved,
        inputs: &inputs,
        shown_inputs: &shown,
        template_version: "templates/t/versions/1.0.0",
        template_sha256: "aa",
        provider_lock_hash: "l",
        state_lineage: "s",
        policies: &policies,
    };
    assert_eq!(diff(&view, &view), []);
    let new = PlanView {
        changes: &current,
        inputs: &new_inputs,
        shown_inputs: &new_shown,
        template_version: "templates/t/versions/1.0.1",
        template_sha256: "bb",
        policies: &new_policies,
        ..view
    };
    let found = diff(&view, &new);
    let at = |place: &str| found.iter().find(|it| it.place() == place).unwrap_or_else(|| panic!("{place}: {found:#?}"));
    assert_eq!(
        (at("inputs.greeting").approved.clone(), at("inputs.greeting").current.clone()),
        (Some("hello".into()), Some("bye".into()))
    );
    assert!(at("inputs.token").hidden);
    assert_eq!(at("policies.tags").current, Some(json!(2)));
    assert_eq!(at("template").approved, Some("templates/t/versions/1.0.0".into()));
    assert_eq!(at("terraform_data.fixed.action").current, Some("REPLACE".into()));
    assert_eq!(at("terraform_data.fixed.input").approved, Some("hello".into()));
    assert_eq!(at("outputs.token").current, Some(MASK.into()));
    assert!(!texts(&found).contains("planted"));
}

/// A plan of which only the changes matter.
fn view(changes: &PlanChanges) -> PlanView<'_> {
    PlanView {
        changes,
        inputs: &Value::Null,
        shown_inputs: &Value::Null,
        template_version: "",
        template_sha256: "",
        provider_lock_hash: "",
        state_lineage: "",
        policies: &[],
    }
}

#[test]
fn inputs_that_differ_in_spelling_only_are_the_same() {
    let plan = read("create");
    let (whole, double) = (json!({"n": 1}), json!({"n": 1.0}));
    let [one, other] = [&whole, &double].map(|inputs| PlanView { inputs, shown_inputs: inputs, ..view(&plan) });
    assert_eq!(diff(&one, &other), []);
}

#[test]
fn a_changed_secret_is_a_difference_that_shows_nothing() {
    let plan =
        |secret: &str| normalise(&change(json!({}), json!({"v": secret}), json!({}), json!({"v": true})), &[]).unwrap();
    let (approved, current) = (plan("planted-secret-value"), plan("other-planted-secret"));
    let found = diff(&view(&approved), &view(&current));
    assert_eq!(found.len(), 1);
    assert!(found[0].hidden && found[0].place() == "x.y");
}

/// Values with a planted secret somewhere in them.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,8}".prop_map(Value::from),
        Just(Value::from("planted-secret-value")),
        Just(Value::from("dsn://user:planted-secret-value@host")),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c]|x\\.y", inner, 0..5)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn objects() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", values(), 1..6).prop_map(|it| Value::Object(it.into_iter().collect()))
}

/// The same value with the keys of every object in the opposite order of insertion.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(turned).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().rev().map(|(key, it)| (key.clone(), turned(it))).collect())
        }
        scalar => scalar.clone(),
    }
}

/// Every place of a scalar below a value, as JSON pointers.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, it)| places(it, format!("{at}/{index}"), found));
        }
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, it)| places(it, format!("{at}/{key}"), found));
        }
        _ => found.push(at),
    }
}

fn sensitive_document(before: &Value, after: &Value) -> Value {
    let mut document = change(before.clone(), after.clone(), json!({}), json!({}));
    // The secret is marked in one place; everywhere else it turns up unmarked.
    document["output_changes"] = json!({"token": {
        "actions": ["create"], "before": null, "after": "planted-secret-value", "after_unknown": false,
        "before_sensitive": true, "after_sensitive": true,
    }});
    document
}

proptest! {
    #[test]
    fn a_planted_secret_is_never_shown(before in objects(), after in objects()) {
        let shown = texts(&normalise(&sensitive_document(&before, &after), &[]).unwrap());
        prop_assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn order_does_not_matter(before in objects(), after in objects(), first in "[a-z]{1,4}", second in "[a-z]{1,4}") {
        let mut document = sensitive_document(&before, &after);
        let entry = document["resource_changes"][0].clone();
        document["resource_changes"] = [first, second].iter().map(|name| {
            let mut entry = entry.clone();
            entry["address"] = json!(format!("x.{name}"));
            entry
        }).collect();
        let mut other = turned(&document);
        other["resource_changes"].as_array_mut().unwrap().reverse();
        prop_assert_eq!(changes_digest(&document).unwrap(), changes_digest(&other).unwrap());
        // Two resources never have one address, so the order of the list is that of the addresses.
        if document["resource_changes"][0]["address"] != document["resource_changes"][1]["address"] {
            prop_assert_eq!(normalise(&document, &[]).unwrap(), normalise(&other, &[]).unwrap());
        }
    }

    #[test]
    fn any_changed_attribute_changes_the_digest(
        before in objects(), after in objects(), pick in any::<prop::sample::Index>(), secret in any::<bool>(),
    ) {
        let marks = json!(secret);
        let document = change(before.clone(), after.clone(), marks.clone(), marks.clone());
        let mut found = Vec::new();
        places(&after, String::new(), &mut found);
        let mut changed = after.clone();
        if let Some(place) = changed.pointer_mut(pick.get(&found).as_str()) {
            *place = json!([place.clone(), "changed"]);
        }
        let other = change(before, changed, marks.clone(), marks);
        prop_assert_ne!(changes_digest(&document).unwrap(), changes_digest(&other).unwrap());
        let (approved, current) = (normalise(&document, &[]).unwrap(), normalise(&other, &[]).unwrap());
        prop_assert!(!diff(&view(&approved), &view(&current)).is_empty());
        prop_assert!(diff(&view(&approved), &view(&approved)).is_empty());
    }

    #[test]
    fn what_is_stored_reads_back(before in objects(), after in objects()) {
        let plan = normalise(&sensitive_document(&before, &after), &[]).unwrap();
        prop_assert_eq!(serde_json::from_value::<PlanChanges>(serde_json::to_value(&plan).unwrap()).unwrap(), plan);
    }
}
