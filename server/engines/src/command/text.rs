//! A plan as people read it, in the look of Terraform's. What is sensitive is hidden.

use std::fmt::Write as _;

use flagstone_core::plan::{Action, AttributeChange, normalise};
use serde_json::Value;

use super::document::Changes;
use crate::engine::JobContext;

/// Renders a plan that was judged. Nothing where it cannot be read after all, which judging excludes.
pub(super) fn render(changes: &Changes, job: &JobContext) -> String {
    let secrets: Vec<String> =
        job.secrets.iter().map(|secret| String::from_utf8_lossy(secret.expose()).into_owned()).collect();
    let Ok(plan) = normalise(changes.document(), &secrets) else { return String::new() };
    if plan.is_empty() {
        return "No changes. What there is matches the inputs.\n".to_owned();
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    for resource in &plan.resources {
        let (sign, what) = match resource.action {
            Action::Create => ("+", "will be created"),
            Action::Destroy => ("-", "will be destroyed"),
            Action::Replace => ("-/+", "must be replaced"),
            _ => ("~", "will be updated in-place"),
        };
        let _ = writeln!(text, "  # {} {what}", resource.address);
        for attribute in &resource.attributes {
            let _ = writeln!(text, "  {sign} {}", line(attribute));
        }
        text.push('\n');
    }
    let summary = plan.summary;
    let _ = writeln!(
        text,
        "Plan: {} to add, {} to change, {} to destroy.",
        summary.add + summary.replace,
        summary.change,
        summary.destroy + summary.replace
    );
    if !plan.outputs.is_empty() {
        text.push_str("\nChanges to Outputs:\n");
        for output in &plan.outputs {
            let shown = |value: &Option<Value>| value.as_ref().map_or("(none)".to_owned(), ToString::to_string);
            let after = if output.unknown { "(known after apply)".to_owned() } else { shown(&output.after) };
            let _ = writeln!(text, "  {} = {} -> {after}", output.name, shown(&output.before));
        }
    }
    text
}

fn line(attribute: &AttributeChange) -> String {
    let shown = |value: &Option<Value>| value.as_ref().map_or("(none)".to_owned(), ToString::to_string);
    let after = if attribute.unknown { "(known after apply)".to_owned() } else { shown(&attribute.after) };
    let forces = if attribute.forces_replacement { " # forces replacement" } else { "" };
    format!("{} = {} -> {after}{forces}", attribute.path, shown(&attribute.before))
}
