//! Plans and outputs that are fit, and each way in which they are not.

use proptest::prelude::*;

use super::*;

fn plan() -> Value {
    json!({
        "format_version": "1.0",
        "resource_changes": [
            {"address": "file.a", "type": "file", "name": "a",
             "change": {"actions": ["create"], "before": null, "after": {"text": "x"}}},
            {"address": "file.b[\"k\"]", "type": "file", "name": "b", "index": "k",
             "change": {"actions": ["delete"], "before": {"text": "y"}, "after": null}},
        ],
        "output_changes": {
            "path": {"actions": ["create"], "before": null, "after": "/a", "after_unknown": false},
            "key": {"actions": ["create"], "before": null, "after_unknown": true, "after_sensitive": true},
        },
        "private": {"step": 1},
    })
}

fn state() -> BTreeSet<String> {
    BTreeSet::from(["file.b[\"k\"]".to_owned()])
}

fn read(plan: &Value) -> Result<Changes, EngineError> {
    Changes::read(plan.to_string().as_bytes(), Operation::Update, &state())
}

#[test]
fn a_fit_plan_is_read_and_what_is_private_stays_with_it() {
    let changes = read(&plan()).unwrap();
    assert!(changes.document().get("private").is_none());
    assert_eq!(changes.for_program(), plan());
    assert_eq!(changes.destroys(), 1);
    assert_eq!(changes.doings().map(|doing| doing.address).collect::<Vec<_>>(), ["file.a", "file.b[\"k\"]"]);
    let empty = json!({"format_version": "1.2", "resource_changes": [], "output_changes": {}});
    assert!(Changes::read(empty.to_string().as_bytes(), Operation::Destroy, &BTreeSet::new()).is_ok());
}

#[test]
fn what_is_not_fit_is_refused_with_its_place() {
    let cases: [(&str, Value, &str); 21] = [
        ("/format_version", json!("2.0"), "not 1.x"),
        ("/format_version", json!(1), "line 1"),
        ("/resource_changes", json!({}), "line 1"),
        ("/surplus", json!(1), "unknown field `surplus`"),
        ("/resource_changes/0/surplus", json!(1), "unknown field `surplus`"),
        ("/resource_changes/0/change/surplus", json!(1), "unknown field `surplus`"),
        ("/resource_changes/0/address", json!("file.z"), "to be called file.a"),
        ("/resource_changes/0/name", json!("a b"), "letters, digits"),
        ("/resource_changes/0/type", json!(""), "letters, digits"),
        ("/resource_changes/0/mode", json!("data"), "mode"),
        ("/resource_changes/0/index", json!([1]), "index"),
        ("/resource_changes/0/change/actions", json!(["explode"]), "not known"),
        ("/resource_changes/0/change/actions", json!(["update"]), "no object as `before`"),
        ("/resource_changes/0/change/after", json!("text"), "no object as `after`"),
        ("/resource_changes/1/change/after", json!({}), "that its actions exclude"),
        ("/resource_changes/1/address", json!("file.b[0]"), "to be called"),
        ("/output_changes/path/actions", json!([]), "not known"),
        ("/output_changes/path/after_unknown", json!("no"), "neither true nor false"),
        ("/output_changes/path/surplus", json!("no"), "unknown field"),
        ("/output_changes/9", json!({"actions": ["create"]}), "letters, digits"),
        ("/output_changes/path/actions", json!(["delete"]), "has an `after`"),
    ];
    for (pointer, value, part) in cases {
        let mut plan = plan();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match plan.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.insert(key.to_owned(), value)),
            _ => unreachable!("{pointer}"),
        }
        let error = read(&plan).unwrap_err();
        assert!(error.message.contains(part), "{pointer}: {error}");
    }
    let mut twice = plan();
    let first = twice["resource_changes"][0].clone();
    twice["resource_changes"].as_array_mut().unwrap().push(first);
    assert!(read(&twice).unwrap_err().message.contains("twice"));
    assert!(Changes::read(b"{", Operation::Update, &state()).unwrap_err().message.contains("no JSON"));
    let large = vec![b' '; MAX_PLAN + 1];
    assert!(Changes::read(&large, Operation::Update, &state()).unwrap_err().message.contains("at most"));
}

#[test]
fn a_plan_fits_the_state_and_the_operation() {
    let against = |state: &[&str], operation| {
        let state = state.iter().map(|address| (*address).to_owned()).collect();
        Changes::read(plan().to_string().as_bytes(), operation, &state).unwrap_err().message
    };
    assert!(against(&[], Operation::Update).contains("the state does not hold it"));
    assert!(against(&["file.a", "file.b[\"k\"]"], Operation::Update).contains("the state holds it"));
    assert!(against(&["file.b[\"k\"]"], Operation::Destroy).contains("is not deleted"));
    let nothing = json!({"format_version": "1.0", "resource_changes": [], "output_changes": {}}).to_string();
    let error = Changes::read(nothing.as_bytes(), Operation::Destroy, &state()).unwrap_err();
    assert!(error.message.contains("would be left"), "{error}");
}

#[test]
fn what_was_done_is_held_against_the_plan() {
    let changes = read(&plan()).unwrap();
    let set = |addresses: &[&str]| addresses.iter().map(|address| (*address).to_owned()).collect::<BTreeSet<_>>();
    assert!(changes.check_done(&state(), &set(&["file.a"])).is_ok());
    let fault = |after: &[&str]| changes.check_done(&state(), &set(after)).unwrap_err().message;
    assert!(fault(&[]).contains("file.a is not in its new state"));
    assert!(fault(&["file.a", "file.b[\"k\"]"]).contains("without being planned"));
    assert!(fault(&["file.c", "file.d"]).contains("and 2 more"));
}

#[test]
fn outputs_are_held_against_the_plan() {
    let changes = read(&plan()).unwrap();
    let check = |outputs: Value| changes.check_outputs(read_outputs(outputs.to_string().as_bytes()).unwrap());
    let good = check(json!({"path": {"value": "/a"}, "key": {"value": "k"}})).unwrap();
    assert!(good["key"].sensitive && !good["path"].sensitive, "planned as sensitive stays sensitive");
    let fault = |outputs: Value| check(outputs).unwrap_err().message;
    assert!(fault(json!({"path": {"value": "/a"}})).contains("did not write it"));
    assert!(fault(json!({"path": {"value": "/b"}, "key": {"value": 1}})).contains("another value"));
    assert!(fault(json!({"path": {"value": "/a"}, "key": {"value": 1}, "c": {"value": 1}})).contains("no change"));
    for bad in ["[]", "{\"a\": 1}", "{\"a\": {}}", "{\"a b\": {\"value\": 1}}", "{\"a\": {\"value\": 1, \"b\": 2}}"] {
        assert!(read_outputs(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..40), at in 0..400_usize) {
        let mut bytes = plan().to_string().into_bytes();
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise);
        let _ = Changes::read(&bytes, Operation::Update, &state());
        let _ = read_outputs(&bytes);
    }
}
