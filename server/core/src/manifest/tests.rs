//! Manifests: good ones, every fault, and noise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

const MINIMAL: &str = "
id: config-bundle
name: Configuration bundle
version: 1.0.0
description: A bundle.
category: Configuration
provider: NONE
engine: TERRAFORM
kind: INFRASTRUCTURE
entrypoint: main.tf
inputs:
  type: object
";

fn faults(text: &str) -> Vec<(String, String)> {
    let error = Manifest::parse(text, "template.yaml").unwrap_err();
    error.fields.into_iter().map(|it| (it.field, it.message)).collect()
}

#[test]
fn a_minimal_manifest_gets_the_defaults() {
    let manifest = Manifest::parse(MINIMAL, "template.yaml").unwrap();
    assert_eq!((manifest.id.as_str(), manifest.version.to_string().as_str()), ("config-bundle", "1.0.0"));
    assert_eq!((manifest.guide.as_str(), manifest.icon.as_str()), ("GUIDE.md", "package"));
    assert_eq!((manifest.soft_timeout_seconds, manifest.hard_timeout_seconds), (1800, 3600));
    assert_eq!((manifest.recommended, manifest.estimated_duration_seconds), (false, None));
    assert_eq!(manifest.outputs, json!({"type": "object"}));
    let stored = serde_json::to_value(&manifest).unwrap();
    assert_eq!(serde_json::from_value::<Manifest>(stored).unwrap(), manifest);
}

/// The directories of the templates that ship.
fn shipped() -> Vec<PathBuf> {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let directories = fs::read_dir(templates).unwrap().map(|entry| entry.unwrap().path());
    let mut directories: Vec<PathBuf> = directories.filter(|path| path.is_dir()).collect();
    directories.sort();
    directories
}

fn json_of(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_templates_that_ship_are_read() {
    let ids = shipped().into_iter().map(|directory| {
        let text = fs::read_to_string(directory.join("template.yaml")).unwrap();
        let manifest = Manifest::parse(&text, "template.yaml").unwrap();
        assert_eq!(Some(manifest.id.as_str()), directory.file_name().and_then(|name| name.to_str()));
        let properties = manifest.inputs["properties"].as_object().unwrap();
        for (name, property) in properties {
            assert!(property["title"].is_string() && property["description"].is_string(), "{}: {name}", manifest.id);
        }
        manifest.id.to_string()
    });
    assert_eq!(ids.collect::<Vec<_>>(), ["aws-ec2", "aws-s3", "aws-vpc", "config-bundle"]);
}

#[test]
fn the_examples_of_the_templates_get_the_verdict_that_they_expect() {
    let mut wrong = Vec::new();
    for directory in shipped() {
        let text = fs::read_to_string(directory.join("template.yaml")).unwrap();
        let manifest = Manifest::parse(&text, "template.yaml").unwrap();
        let schema = InputSchema::compile(&manifest.inputs, "inputs").unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for entry in fs::read_dir(directory.join("tests")).unwrap() {
            let path = entry.unwrap().path();
            let example = json_of(&path);
            let is_valid = path.file_name().unwrap().to_string_lossy().starts_with("valid-");
            let inputs = if is_valid { &example } else { &example["inputs"] };
            let told: BTreeSet<String> = match schema.accept(inputs, "") {
                Ok(_) => BTreeSet::new(),
                Err(error) => error.fields.into_iter().map(|violation| violation.field).collect(),
            };
            let expected = example.get("fields").filter(|_| !is_valid).and_then(Value::as_array).into_iter().flatten();
            let expected: BTreeSet<String> = expected.map(|field| field.as_str().unwrap().to_owned()).collect();
            assert!(is_valid || !expected.is_empty(), "{} names no field", path.display());
            if told != expected {
                wrong.push(format!("{}: {told:?}", path.display()));
            }
            *if is_valid { &mut valid } else { &mut invalid } += 1;
        }
        assert!(valid > 1 && invalid > 1, "{} has too few examples", directory.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let text = "id: Bad_Id
name: ' '
version: 1.0
description: 7
provider: MOON
engine: TERRAFORM
kind: INFRASTRUCTURE
recommended: maybe
estimated_duration_seconds: -1
entrypoint: ../main.tf
guide: guide.txt
soft_timeout_seconds: 600
hard_timeout_seconds: 60
permissions: [platform:moons:read]
inputs:
  type: object
  properties:
    a: {type: string, default: 1}
outputs: []
colour: red
";
    let found = faults(text);
    let mut fields: Vec<&str> = found.iter().map(|(field, _)| field.trim_start_matches("template.yaml: ")).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "category",
            "colour",
            "description",
            "entrypoint",
            "estimated_duration_seconds",
            "guide",
            "hard_timeout_seconds",
            "id",
            "inputs.properties.a",
            "name",
            "outputs.type",
            "permissions[0]",
            "provider",
            "recommended",
            "version",
        ]
    );
    let message = |key: &str| &found.iter().find(|(field, _)| field.ends_with(key)).unwrap().1;
    assert!(message("colour").ends_with("(line 20)"), "{found:?}");
    assert!(message("inputs.properties.a").ends_with("(line 18)"));
    assert!(message("outputs.type").ends_with("(line 19)"));
    assert!(message("version").contains("in quotes"));
    assert!(!message("category").contains("line"));
}

#[test]
fn rules_are_checked_when_a_version_is_loaded() {
    let text = format!(
        "{MINIMAL}  properties:
    zones: {{type: array}}
  x-rules:
    - field: zones
      expression: size(inputs.zone) > 0
      message: Give a zone.
    - field: zones
      expression: size(inputs.zones) > now()
      message: Give a zone.
"
    );
    let expected = [
        ("template.yaml: inputs.x-rules[0].expression", "There is no input `zone`. (line 17)"),
        ("template.yaml: inputs.x-rules[1].expression", "There is no function `now` here. (line 20)"),
    ];
    assert_eq!(faults(&text), expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
}

#[test]
fn properties_know_their_place_in_the_file() {
    let text = format!(
        "{MINIMAL}  properties:
    zeta: {{type: string, x-order: 7}}
    alpha:
      type: array
      items:
        type: object
        properties:
          y: {{}}
          x: true
          b: {{}}
    properties:
      type: object
      properties:
        z: {{}}
        a: {{}}
  allOf:
    - if:
        properties: {{alpha: {{minItems: 1}}}}
      then:
        properties:
          extra: {{}}
          alpha: {{maxItems: 3}}
  $defs:
    pair:
      properties:
        right: {{}}
        left: {{}}
outputs:
  type: object
  properties:
    b: {{}}
    a: {{}}
"
    );
    let manifest = Manifest::parse(&text, "template.yaml").unwrap();
    for (pointer, order) in [
        ("/properties/zeta", 0),
        ("/properties/alpha", 1),
        ("/properties/alpha/items/properties/y", 0),
        ("/properties/alpha/items/properties/b", 2),
        ("/properties/properties", 2),
        ("/properties/properties/properties/a", 1),
        ("/allOf/0/then/properties/alpha", 1),
        ("/allOf/0/then/properties/extra", 3),
        ("/$defs/pair/properties/left", 1),
    ] {
        assert_eq!(manifest.inputs.pointer(pointer).unwrap()["x-order"], order, "{pointer}");
    }
    assert_eq!(manifest.inputs.pointer("/allOf/0/if/properties/alpha"), Some(&json!({"minItems": 1})));
    assert_eq!(manifest.outputs.pointer("/properties/a/x-order"), Some(&json!(1)));
}

#[test]
fn what_is_no_manifest_is_refused_in_words() {
    for (text, part) in [
        ("", "mapping"),
        ("just text", "mapping"),
        ("- a\n- b\n", "mapping"),
        ("a: b: c\n", "line 1"),
        ("id: a\nid: b\n", "duplicate"),
        ("1: x\n", "in quotes"),
        ("a: !secret x\n", "tag"),
        ("a: .inf\n", "finite"),
        ("a: 1\n---\nb: 1\n", "not YAML"),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|(_, message)| message.contains(part)), "{text:?}: {found:?}");
    }
}

#[test]
fn files_stay_in_the_directory() {
    for path in ["/etc/main.tf", "a/../main.tf", "a//main.tf", "./main.tf", "c:main.tf", "a\\main.tf", ".tf", "main.py"]
    {
        let text = MINIMAL.replace("main.tf", &format!("'{path}'"));
        assert_eq!(faults(&text).len(), 1, "{path}");
    }
    assert!(Manifest::parse(&MINIMAL.replace("main.tf", "src/main.tf"), "template.yaml").is_ok());
}

#[test]
fn a_large_manifest_is_refused_before_it_is_read() {
    let error = Manifest::parse(&"#".repeat(MAX_BYTES + 1), "template.yaml").unwrap_err();
    assert_eq!(error.reason, Reason::PayloadTooLarge);
}

#[test]
fn aliases_do_not_multiply() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let row = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    assert!(Manifest::parse(&text, "template.yaml").is_err());
}

proptest! {
    #[test]
    fn noise_never_panics(noise in "\\PC{0,200}") {
        let _ = Manifest::parse(&noise, "template.yaml");
    }

    #[test]
    fn a_manifest_with_noise_in_it_never_panics(noise in prop::collection::vec(any::<u8>(), 0..40), at in 0..MINIMAL.len()) {
        let mut bytes = MINIMAL.as_bytes().to_vec();
        bytes.splice(at..at, noise);
        let _ = Manifest::parse(&String::from_utf8_lossy(&bytes), "template.yaml");
    }
}

#[test]
fn a_template_may_ask_for_labels_of_its_runner() {
    let manifest = Manifest::parse(&format!("runner_labels: {{tier: production}}{MINIMAL}"), "template.yaml").unwrap();
    assert_eq!(manifest.runner_labels.get("tier").map(String::as_str), Some("production"));
    let stored = serde_json::to_value(&manifest).unwrap();
    assert_eq!(stored["runner_labels"], json!({"tier": "production"}));
    for wrong in ["{tier: 3}", "[tier]", "{Tier: a}", "{tier: 'a b'}"] {
        let found = faults(&format!("runner_labels: {wrong}{MINIMAL}"));
        assert!(
            found.iter().all(|(field, _)| field.contains("runner_labels")) && !found.is_empty(),
            "{wrong}: {found:?}"
        );
    }
}
