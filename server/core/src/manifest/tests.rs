//! Manifests: good ones, every fault, and noise.

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

#[test]
fn the_templates_that_ship_are_read() {
    for (text, id) in [
        (include_str!("../../../../templates/config-bundle/template.yaml"), "config-bundle"),
        (include_str!("../../../../templates/aws-s3/template.yaml"), "aws-s3"),
    ] {
        assert_eq!(Manifest::parse(text, "template.yaml").unwrap().id.as_str(), id);
    }
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
    assert!(message("inputs.properties.a").ends_with("(line 15)"));
    assert!(message("version").contains("in quotes"));
    assert!(!message("category").contains("line"));
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
