//! Schemas, defaults, violations and secrets of inputs.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::redact::MASK;

fn bucket() -> InputSchema {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["bucket_name", "owner"],
        "properties": {
            "bucket_name": {
                "title": "Bucket name", "description": "Used exactly as given.",
                "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
            },
            "owner": {"type": "string", "minLength": 1},
            "storage": {"title": "Storage class", "enum": ["STANDARD", "GLACIER"], "default": "STANDARD"},
            "lifecycle_rules": {
                "type": "array", "maxItems": 2, "default": [],
                "items": {"$ref": "#/$defs/rule"},
            },
            "website": {
                "type": "object", "additionalProperties": false,
                "properties": {"index": {"type": "string", "default": "index.html"}},
            },
            "password": {"type": "string", "x-flagstone-secret": true},
        },
        "$defs": {"rule": {
            "type": "object", "required": ["days"],
            "properties": {"days": {"title": "Days", "type": "integer", "minimum": 1}, "enabled": {"type": "boolean", "default": true}},
        }},
    });
    InputSchema::compile(&schema, "inputs").unwrap()
}

fn told(schema: &InputSchema, inputs: &Value) -> Vec<(String, String)> {
    schema.validate(inputs, "request.create.inputs").into_iter().map(|it| (it.field, it.message)).collect()
}

#[test]
fn every_violation_is_told_with_its_place_and_what_is_expected() {
    let inputs = json!({
        "bucket_name": "X_bad NAME", "storage": "TAPE", "colour": 1,
        "lifecycle_rules": [{"days": 0}, {"days": "soon"}, {}],
    });
    let found = told(&bucket(), &inputs);
    let found: Vec<(&str, &str)> = found.iter().map(|(field, message)| (field.as_str(), message.as_str())).collect();
    assert_eq!(
        found,
        [
            (
                "request.create.inputs.bucket_name",
                "Must match the pattern `^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`. Bucket name: Used exactly as given."
            ),
            (
                "request.create.inputs.colour",
                "There is no such input. Known here: bucket_name, lifecycle_rules, owner, password, storage, website."
            ),
            ("request.create.inputs.lifecycle_rules", "At most 2 items."),
            ("request.create.inputs.lifecycle_rules[0].days", "At least 1. (Days)"),
            ("request.create.inputs.lifecycle_rules[1].days", "Give a whole number. (Days)"),
            ("request.create.inputs.lifecycle_rules[2].days", "This is required. (Days)"),
            ("request.create.inputs.owner", "This is required."),
            ("request.create.inputs.storage", "Choose one of `STANDARD`, `GLACIER`. (Storage class)"),
        ]
    );
    assert_eq!(told(&bucket(), &json!([])), [("request.create.inputs".to_owned(), "Give an object.".to_owned())]);
}

#[test]
fn messages_never_repeat_what_was_sent() {
    let secret = "hunter2-hunter2";
    for schema in [
        json!({"minLength": 99}),
        json!({"pattern": "^$"}),
        json!({"enum": ["a"]}),
        json!({"const": "a"}),
        json!({"type": "array"}),
        json!({"not": {"type": "string"}}),
        json!({"format": "ipv4"}),
        json!({"anyOf": [{"type": "null"}]}),
        json!(false),
        json!({"oneOf": [{"type": "string"}, {"type": "string"}]}),
        json!({"oneOf": [{"type": "null"}]}),
        json!({"maxLength": 1}),
    ] {
        let schema = json!({"type": "object", "properties": {"v": schema}});
        let compiled = InputSchema::compile(&schema, "inputs").unwrap();
        let violations = compiled.validate(&json!({"v": secret}), "inputs");
        assert!(!violations.is_empty() && violations.iter().all(|it| !it.message.contains(secret)), "{violations:?}");
    }
}

#[test]
fn defaults_fill_what_was_left_out_at_every_depth_that_was_given() {
    let mut inputs =
        json!({"bucket_name": "b-1", "lifecycle_rules": [{"days": 3}, {"days": 4, "enabled": false}], "website": {}});
    bucket().apply_defaults(&mut inputs).unwrap();
    assert_eq!(
        inputs,
        json!({
            "bucket_name": "b-1",
            "storage": "STANDARD",
            "lifecycle_rules": [{"days": 3, "enabled": true}, {"days": 4, "enabled": false}],
            "website": {"index": "index.html"},
        })
    );
    let mut untouched = json!({"storage": null, "lifecycle_rules": []});
    bucket().apply_defaults(&mut untouched).unwrap();
    assert_eq!(
        untouched,
        json!({"storage": null, "lifecycle_rules": []}),
        "an explicit null is a value, and no object appears"
    );
}

#[test]
fn accepted_inputs_are_complete() {
    let accepted = bucket().accept(&json!({"bucket_name": "abc", "owner": "ada"}), "inputs").unwrap();
    assert_eq!(accepted["storage"], "STANDARD");
    assert_eq!(bucket().accept(&json!({}), "inputs").unwrap_err().fields.len(), 2);
}

#[test]
fn schemas_that_reach_out_or_make_no_sense_are_refused() {
    for (schema, field) in [
        (json!({"type": "array"}), "inputs.type"),
        (json!(true), "inputs.type"),
        (json!({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}), "inputs.$schema"),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/s.json"}}}),
            "inputs.properties.a.$ref",
        ),
        (json!({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}), "inputs.properties.a.$ref"),
        (json!({"type": "object", "$id": "https://example.com/s.json"}), "inputs.$id"),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
            "inputs.properties.a.pattern",
        ),
        (json!({"type": "object", "properties": {"a": {"type": "colour"}}}), "inputs.properties.a.type"),
        (json!({"type": "object", "properties": {"a": {"type": "string", "default": 1}}}), "inputs.properties.a"),
    ] {
        let error = InputSchema::compile(&schema, "inputs").unwrap_err();
        assert_eq!(error.fields[0].field, field, "{schema}: {error}");
    }
    assert!(
        InputSchema::compile(&json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}), "inputs")
            .is_err()
    );
    // A property may be called like a keyword.
    let odd = json!({"type": "object", "properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}});
    assert!(InputSchema::compile(&odd, "inputs").is_ok());
}

#[test]
fn several_faults_of_a_schema_are_told_at_once() {
    let schema = json!({"$schema": "x", "$id": "y", "properties": {"a": {"$ref": "z.json"}}});
    assert_eq!(InputSchema::compile(&schema, "inputs").unwrap_err().fields.len(), 4);
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!([value]))
}

#[test]
fn size_and_depth_are_bounded() {
    let large = json!({"a": "x".repeat(MAX_BYTES)});
    let error = check_inputs_size(&large, "request.create.inputs").unwrap_err();
    assert_eq!((error.kind, error.reason), (Kind::Invalid, Reason::PayloadTooLarge));
    assert_eq!(error.metadata["limit"], MAX_BYTES.to_string());
    assert_eq!(error.fields[0].field, "request.create.inputs");
    assert!(check_inputs_size(&nested(MAX_DEPTH), "inputs").is_ok());
    assert!(check_inputs_size(&nested(MAX_DEPTH + 1), "inputs").is_err());
    let schema = json!({"type": "object", "description": "x".repeat(MAX_BYTES)});
    assert_eq!(InputSchema::compile(&schema, "inputs").unwrap_err().reason, Reason::PayloadTooLarge);
}

#[test]
fn a_schema_that_contains_itself_ends() {
    let tree = |branch: Value| {
        json!({
            "type": "object",
            "properties": {"root": branch.clone()},
            "$defs": {"node": {"type": "object", "properties": {"left": branch.clone(), "right": branch, "token": {"writeOnly": true}}}},
        })
    };
    // Two members each, 32 levels deep: the budget ends it, not the memory.
    let endless = tree(json!({"$ref": "#/$defs/node", "default": {}}));
    assert_eq!(InputSchema::compile(&endless, "inputs").unwrap_err().reason, Reason::PayloadTooLarge);
    let schema = InputSchema::compile(&tree(json!({"$ref": "#/$defs/node"})), "inputs").unwrap();
    assert!(schema.secret_paths().contains(&"root.left.right.token".to_owned()));
    let masked = schema.mask_secrets(&json!({"root": {"left": {"token": "t"}}}));
    assert_eq!(masked, json!({"root": {"left": {"token": MASK}}}));
}

#[test]
fn secrets_are_found_wherever_the_schema_hides_them() {
    let schema = InputSchema::compile(
        &json!({
            "type": "object",
            "properties": {
                "password": {"type": "string", "x-flagstone-secret": true},
                "users": {"type": "array", "items": {"type": "object", "properties": {"pin": {"type": "integer", "format": "password"}, "name": {}}}},
                "env": {"type": "object", "properties": {"PATH": {}}, "additionalProperties": {"type": "string", "writeOnly": true}},
                "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"key": {"$ref": "#/$defs/secret"}}}]},
                "open": {"type": "string", "x-flagstone-secret": false},
            },
            "if": {"required": ["mode"]},
            "then": {"properties": {"mode": {"writeOnly": true}}},
            "$defs": {"secret": {"type": "string", "writeOnly": true}},
        }),
        "inputs",
    )
    .unwrap();
    assert_eq!(schema.secret_paths(), ["either.key", "env.*", "mode", "password", "users[].pin"]);
    let inputs = json!({
        "password": "p-1", "users": [{"pin": 1234, "name": "ada"}, {"pin": null}], "env": {"PATH": "/bin", "KEY": "k-1"},
        "either": {"key": "e-1"}, "open": "o", "mode": "m-1",
    });
    assert_eq!(
        schema.mask_secrets(&inputs),
        json!({
            "password": MASK, "users": [{"pin": MASK, "name": "ada"}, {"pin": null}], "env": {"PATH": "/bin", "KEY": MASK},
            "either": {"key": MASK}, "open": "o", "mode": MASK,
        })
    );
    assert_eq!(schema.secret_values(&inputs), ["1234", "e-1", "k-1", "m-1", "p-1"]);
}

fn network() -> InputSchema {
    let schema = json!({
        "type": "object",
        "required": ["subnets"],
        "properties": {
            "cidr": {"type": "string", "default": "10.0.0.0/16"},
            "zones": {"type": "array", "items": {"type": "string"}, "default": ["a"]},
            "subnets": {"type": "array", "items": {"type": "string"}},
            "flow": {"type": "object", "properties": {"days": {"type": "integer"}}},
        },
        "x-rules": [
            {"field": "cidr", "expression": "isCidr(inputs.cidr)", "message": "Give a network."},
            {"field": "subnets", "expression": "size(inputs.subnets) == size(inputs.zones)", "message": "One for each zone."},
            {"each": "subnets", "expression": "cidrContains(inputs.cidr, item)", "message": "Stay inside."},
            {
                "field": "flow.days", "expression": "!has(inputs.flow) || inputs.flow.days > size(inputs.zones)",
                "message": "More days than zones.",
            },
        ],
    });
    InputSchema::compile(&schema, "inputs").unwrap()
}

#[test]
fn rules_are_judged_with_the_defaults_and_name_the_input() {
    let told = |inputs: Value| match network().accept(&inputs, "request.create.inputs") {
        Ok(_) => Vec::new(),
        Err(error) => error.fields.into_iter().map(|it| (it.field, it.message)).collect(),
    };
    let at = |field: &str, message: &str| (format!("request.create.inputs.{field}"), message.to_owned());
    assert_eq!(told(json!({"subnets": ["10.0.0.0/24"]})), []);
    assert_eq!(
        told(json!({"subnets": ["10.0.0.0/24", "10.1.0.0/24", "10.0.1.0/24"], "flow": {"days": 1}})),
        [
            at("flow.days", "More days than zones."),
            at("subnets", "One for each zone."),
            at("subnets[1]", "Stay inside."),
        ]
    );
    // What is no network cannot be judged, and is not accepted for that.
    let unjudged = "A rule of the template cannot be checked with these inputs. Stay inside.";
    assert_eq!(
        told(json!({"cidr": "banana", "subnets": ["10.0.0.0/24"]})),
        [at("cidr", "Give a network."), at("subnets[0]", unjudged)]
    );
    // Beside a violation of the schema only what is certain is told.
    assert_eq!(
        told(json!({"cidr": 7, "subnets": ["10.0.0.0/24", "10.0.1.0/24"]})),
        [at("cidr", "Give text."), at("subnets", "One for each zone.")]
    );
    assert_eq!(told(json!({})), [at("subnets", "This is required.")]);
}

#[test]
fn inputs_that_are_too_large_for_a_rule_are_refused() {
    let subnets = vec!["10.0.0.0/24"; 3000];
    let error = network().accept(&json!({"zones": subnets, "subnets": subnets}), "inputs").unwrap_err();
    assert_eq!(error.fields.len(), 3000);
    assert!(error.fields[0].message.starts_with("Too large"), "{:?}", error.fields[0]);
}

#[test]
fn rules_that_make_no_sense_are_refused_with_their_place() {
    for (rule, field, part) in [
        (json!({"field": "a", "expression": "true"}), "", "missing field `message`"),
        (json!({"expression": "true", "message": "m"}), "", "either `field` or `each`"),
        (json!({"field": "a", "each": "l", "expression": "true", "message": "m"}), "", "either `field` or `each`"),
        (json!({"field": "a", "expression": "true", "message": "m", "when": "x"}), "", "unknown field `when`"),
        (json!({"field": "b", "expression": "true", "message": "m"}), ".field", "no such input"),
        (json!({"each": "b", "expression": "true", "message": "m"}), ".each", "no such input"),
        (json!({"each": "a", "expression": "true", "message": "m"}), ".each", "items of a list"),
        (json!({"field": "a", "expression": "true", "message": " "}), ".message", "Say what to change"),
        (json!({"field": "a", "expression": "inputs.", "message": "m"}), ".expression", "not an expression"),
        (json!({"field": "a", "expression": "item == 1", "message": "m"}), ".expression", "no `item`"),
        (json!({"field": "a", "expression": "inputs.b == 1", "message": "m"}), ".expression", "no input `b`"),
        (json!("true"), "", "not a rule"),
    ] {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"type": "string"}, "l": {"type": "array"}},
            "x-rules": [rule],
        });
        let error = InputSchema::compile(&schema, "inputs").expect_err(&rule.to_string());
        assert_eq!(error.fields[0].field, format!("inputs.x-rules[0]{field}"), "{rule}");
        assert!(error.fields[0].message.contains(part), "{rule}: {error}");
    }
    for rules in [json!({}), json!(vec![1; 51])] {
        let schema = json!({"type": "object", "x-rules": rules});
        assert_eq!(InputSchema::compile(&schema, "inputs").unwrap_err().fields[0].field, "inputs.x-rules");
    }
}

/// Any JSON, three levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from)
    ];
    let keys = prop_oneof![
        prop::sample::select(vec![
            "bucket_name",
            "owner",
            "lifecycle_rules",
            "website",
            "days",
            "subnets",
            "zones",
            "cidr",
            "flow",
        ])
        .prop_map(String::from),
        ".{0,6}"
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.clone(), inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn anything_gets_a_verdict(inputs in any_json()) {
        let schema = bucket();
        let _ = schema.mask_secrets(&inputs);
        let _ = network().accept(&inputs, "inputs");
        let verdict = schema.accept(&inputs, "inputs");
        if let Ok(accepted) = verdict {
            // Accepting again changes nothing.
            prop_assert_eq!(schema.accept(&accepted, "inputs").unwrap(), accepted);
        }
    }

    #[test]
    fn any_schema_gets_a_verdict(schema in any_json()) {
        let _ = InputSchema::compile(&schema, "inputs");
        let _ = InputSchema::compile(&json!({"type": "object", "properties": schema}), "inputs");
    }
}
