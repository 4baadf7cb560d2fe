//! A plan as one reads it before deciding: what happens to each resource, attribute by attribute.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use flagstone_api::pb::{AttributeChange, OutputChange, Plan, PlanSummary, ResourceAction, ResourceChange};
use prost_types::Value;

use crate::text::{one_line, value};

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const BOLD: Style = Style::new().bold();

/// In place of a value that is not shown.
const MASK: &str = "••••••";

/// The whole plan.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        resource(change, &mut text);
    }
    if !plan.outputs.is_empty() {
        let _ = writeln!(text, "{BOLD}Outputs{BOLD:#}");
        for output in &plan.outputs {
            attribute_line(&as_attribute(output), &mut text);
        }
        text.push('\n');
    }
    if !plan.differences.is_empty() {
        let _ = writeln!(text, "{BOLD}Different from the plan that was approved before{BOLD:#}");
        for difference in &plan.differences {
            let (path, approved, current) = (&difference.path, &difference.approved, &difference.current);
            let _ = writeln!(text, "      {}: {} → {}", one_line(path), one_line(approved), one_line(current));
        }
        text.push('\n');
    }
    if plan.truncated {
        text.push_str("The plan is too long to be shown whole.\n");
    }
    if let Some(short) = &plan.summary {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}\nDigest {}", summary(short), short.digest);
    }
    text
}

/// The plan in one sentence.
pub(crate) fn summary(plan: &PlanSummary) -> String {
    match (plan.add, plan.change, plan.destroy) {
        (0, 0, 0) => "Plan: no changes.".to_owned(),
        (add, change, destroy) => format!("Plan: {add} to add, {change} to change, {destroy} to destroy."),
    }
}

fn resource(change: &ResourceChange, text: &mut String) {
    let (sign, style, what) = match change.action() {
        ResourceAction::Create => ("+", GREEN, "is created"),
        ResourceAction::Update => ("~", YELLOW, "is changed in place"),
        ResourceAction::Replace => ("-/+", RED, "is replaced"),
        ResourceAction::Destroy => ("-", RED, "is destroyed"),
        ResourceAction::Read => ("<=", CYAN, "is read during the apply"),
        ResourceAction::Forget => (".", RED, "leaves the state and stays where it is"),
        ResourceAction::Import => ("&", CYAN, "is taken into the state"),
        ResourceAction::Move => (">", CYAN, "moves"),
        ResourceAction::Unspecified => ("?", Style::new(), "changes in a way that this program does not know"),
    };
    let _ = write!(text, "{style}{sign:>3}{style:#} {BOLD}{}{BOLD:#} {what}", one_line(&change.address));
    if !change.previous_address.is_empty() {
        let _ = write!(text, " from {}", one_line(&change.previous_address));
    }
    if !change.reason.is_empty() {
        let _ = write!(text, ": {}", one_line(&change.reason));
    }
    text.push('\n');
    for attribute in &change.attributes {
        attribute_line(attribute, text);
    }
    text.push('\n');
}

fn attribute_line(change: &AttributeChange, text: &mut String) {
    let after = match (&change.after, change.unknown) {
        _ if change.sensitive && (change.after.is_some() || change.unknown) => Some(MASK.to_owned()),
        (_, true) => Some("(known after apply)".to_owned()),
        (Some(after), false) => Some(shown(after)),
        (None, false) => None,
    };
    let before = change.before.as_ref().map(|before| if change.sensitive { MASK.to_owned() } else { shown(before) });
    let path = one_line(&change.path);
    let _ = match (before, after) {
        (None, Some(after)) => write!(text, "    {GREEN}+{GREEN:#} {path}: {after}"),
        (Some(before), None) => write!(text, "    {RED}-{RED:#} {path}: {before}"),
        (Some(before), Some(after)) => write!(text, "    {YELLOW}~{YELLOW:#} {path}: {before} → {after}"),
        (None, None) => write!(text, "      {path}"),
    };
    if change.forces_replacement {
        let _ = write!(text, "  {RED}# forces replacement{RED:#}");
    }
    text.push('\n');
}

fn shown(shown: &Value) -> String {
    one_line(&value(shown))
}

/// An output changes as an attribute does, but replaces nothing.
fn as_attribute(output: &OutputChange) -> AttributeChange {
    AttributeChange {
        path: output.output.clone(),
        before: output.before.clone(),
        after: output.after.clone(),
        unknown: output.unknown,
        sensitive: output.sensitive,
        forces_replacement: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::PlanDifference;

    fn attribute(path: &str, before: Option<&str>, after: Option<&str>) -> AttributeChange {
        let value = |text: Option<&str>| text.map(Value::from);
        AttributeChange { path: path.into(), before: value(before), after: value(after), ..Default::default() }
    }

    fn change(address: &str, action: ResourceAction, attributes: Vec<AttributeChange>) -> ResourceChange {
        ResourceChange { address: address.into(), action: action.into(), attributes, ..Default::default() }
    }

    #[test]
    fn a_plan_reads_like_one() {
        let shown = Plan {
            changes: vec![
                change(
                    "aws_s3_bucket.new",
                    ResourceAction::Create,
                    vec![
                        attribute("bucket", None, Some("logs")),
                        AttributeChange { unknown: true, ..attribute("arn", None, None) },
                        AttributeChange { sensitive: true, ..attribute("key", None, Some("hidden")) },
                    ],
                ),
                ResourceChange {
                    reason: "its bucket changes".into(),
                    ..change(
                        "aws_s3_bucket.old",
                        ResourceAction::Replace,
                        vec![AttributeChange { forces_replacement: true, ..attribute("bucket", Some("a"), Some("b")) }],
                    )
                },
                change("terraform_data.x", ResourceAction::Update, vec![attribute("input", Some("1"), None)]),
                change("terraform_data.y", ResourceAction::Destroy, vec![]),
            ],
            outputs: vec![OutputChange { output: "arn".into(), unknown: true, ..Default::default() }],
            differences: vec![PlanDifference { path: "inputs.a".into(), approved: "1".into(), current: "2".into() }],
            summary: Some(PlanSummary { add: 2, change: 1, destroy: 2, digest: "d1".into(), ..Default::default() }),
            ..Default::default()
        };
        let expected = r#"  + aws_s3_bucket.new is created
    + bucket: "logs"
    + arn: (known after apply)
    + key: ••••••

-/+ aws_s3_bucket.old is replaced: its bucket changes
    ~ bucket: "a" → "b"  # forces replacement

  ~ terraform_data.x is changed in place
    - input: "1"

  - terraform_data.y is destroyed

Outputs
    + arn: (known after apply)

Different from the plan that was approved before
      inputs.a: 1 → 2

Plan: 2 to add, 1 to change, 2 to destroy.
Digest d1
"#;
        assert_eq!(anstream::adapter::strip_str(&plan(&shown)).to_string(), expected);
    }

    #[test]
    fn a_sensitive_value_is_masked_even_if_it_was_sent() {
        let secret = AttributeChange { sensitive: true, ..attribute("p", Some("old"), Some("new")) };
        let mut text = String::new();
        attribute_line(&secret, &mut text);
        assert!(!text.contains("old") && !text.contains("new"), "{text}");
    }

    #[test]
    fn a_plan_without_changes_says_so() {
        assert_eq!(summary(&PlanSummary::default()), "Plan: no changes.");
    }
}
