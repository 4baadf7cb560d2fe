//! Reading a plan document of Terraform (`terraform show -json`) into what is stored and shown.

use serde_json::Value;

use super::attributes::{Side, Walk, steps, written};
use super::digest::{is_no_op, output_fingerprint, resource_fingerprint};
use super::mask::{Secrets, holds_true};
use super::{Action, FailedCheck, OutputChange, PlanChanges, ResourceChange, Summary};
use crate::diff::capped;
use crate::error::Error;

/// Reads a plan document. `known_secrets` are texts that are secret although the document does not say so, for instance
/// secret inputs of the template. Fails on a document of another major format version and on an action that is not
/// known: what cannot be read cannot be approved.
pub fn normalise(document: &Value, known_secrets: &[String]) -> Result<PlanChanges, Error> {
    let secrets = Secrets::of(document, known_secrets)?;
    let read = |change: &Value| resource(change, &secrets);
    let resources: Vec<ResourceChange> = sorted(counted_changes(document)?.map(read))?;
    Ok(PlanChanges {
        summary: summary(&resources),
        resources,
        outputs: outputs(document, &secrets)?,
        deferred: sorted(entries(document, "deferred_changes").filter_map(|it| it.get("resource_change")).map(read))?,
        drift: sorted(entries(document, "resource_drift").map(read))?,
        failed_checks: failed_checks(document, &secrets),
    })
}

/// The changes that an apply would make: all but those of resources that stay where and as they are. Ephemeral resources
/// are opened and closed within a run and leave nothing to approve.
pub(super) fn counted_changes(document: &Value) -> Result<impl Iterator<Item = &Value>, Error> {
    let version = document.get("format_version").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("1.") {
        return Err(unreadable(&format!("its format version is `{version}`, not 1.x")));
    }
    Ok(entries(document, "resource_changes").filter(|entry| {
        let stays = entry.get("change").is_some_and(is_no_op)
            && entry.get("previous_address").is_none()
            && entry.pointer("/change/importing").is_none_or(Value::is_null);
        !stays && entry.get("mode").and_then(Value::as_str) != Some("ephemeral")
    }))
}

/// The entries of a list at the top of the document; none where it is left out.
pub(super) fn entries<'a>(document: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    document.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn sorted(changes: impl Iterator<Item = Result<ResourceChange, Error>>) -> Result<Vec<ResourceChange>, Error> {
    let mut changes = changes.collect::<Result<Vec<_>, _>>()?;
    changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    Ok(changes)
}

fn resource(entry: &Value, secrets: &Secrets) -> Result<ResourceChange, Error> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let address = text("address").ok_or_else(|| unreadable("a resource has no address"))?;
    let change = entry.get("change").ok_or_else(|| unreadable(&format!("{address} has no change")))?;
    let actions = actions(change);
    let moved_from = text("previous_address");
    let importing = change.get("importing").filter(|importing| !importing.is_null());
    let action = match actions.as_slice() {
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete", "create"] | ["create", "delete"] => Action::Replace,
        ["delete"] => Action::Destroy,
        ["forget"] => Action::Forget,
        ["create", "forget"] => Action::Create,
        ["no-op"] if moved_from.is_some() => Action::Move,
        ["no-op"] if importing.is_some() => Action::Import,
        ["no-op"] => Action::NoOp,
        other => return Err(unreadable(&format!("{address} has the unknown actions {other:?}"))),
    };
    let replace_paths: Vec<_> = entries(change, "replace_paths").map(steps).collect();
    let mut replace_names: Vec<String> = replace_paths.iter().map(|path| written(path, secrets)).collect();
    replace_names.sort_unstable();
    Ok(ResourceChange {
        deposed: text("deposed"),
        provider: text("provider_name").unwrap_or_default(),
        kind: text("type").unwrap_or_default(),
        name: text("name").unwrap_or_default(),
        action,
        reason: text("action_reason").map(|code| reason(&code, &replace_names)),
        replace_paths: replace_names,
        create_before_destroy: actions == ["create", "delete"],
        moved_from,
        import_id: importing.map(|importing| import_id(importing, secrets)),
        attributes: Walk::between(
            Side::new(change.get("before"), change.get("before_sensitive")),
            Side::new(change.get("after"), change.get("after_sensitive")),
            change.get("after_unknown"),
            &replace_paths,
            secrets,
        ),
        fingerprint: resource_fingerprint(entry),
        address,
    })
}

/// The engine's reason as a sentence. A code that is not known is shown as it is, without its underscores.
fn reason(code: &str, replace_paths: &[String]) -> String {
    let sentence = match code {
        "replace_because_cannot_update" if !replace_paths.is_empty() => {
            return format!("Cannot change in place: {}.", replace_paths.join(", "));
        }
        "replace_because_cannot_update" => "The change cannot be made in place.",
        "replace_because_tainted" => "An earlier apply left it broken.",
        "replace_by_request" => "Its replacement was asked for.",
        "replace_by_triggers" => "Something it depends on changes, and the code asks for its replacement then.",
        "delete_because_no_resource_config" => "It is no longer in the code.",
        "delete_because_wrong_repetition" => "The code no longer repeats it in this form.",
        "delete_because_count_index" => "The code asks for fewer of it.",
        "delete_because_each_key" => "The code no longer lists its key.",
        "delete_because_no_module" => "The module that it belongs to is no longer in the code.",
        "delete_because_no_move_target" => "It was moved to an address that is not in the code.",
        "read_because_config_unknown" => "What it reads depends on values that only the apply will tell.",
        "read_because_dependency_pending" => "It depends on a resource that changes in this plan.",
        "read_because_check_nested" => "It belongs to a check, which is made during the apply.",
        other => return format!("{}.", other.replace('_', " ")),
    };
    sentence.to_owned()
}

fn actions(change: &Value) -> Vec<&str> {
    entries(change, "actions").filter_map(Value::as_str).collect()
}

/// What identifies an imported thing: an id, or for newer providers an object of identifying attributes.
fn import_id(importing: &Value, secrets: &Secrets) -> String {
    let id = importing.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    let identity = importing.get("identity").filter(|identity| !identity.is_null()).map(ToString::to_string);
    secrets.mask_text(&id.or(identity).unwrap_or_default())
}

fn outputs(document: &Value, secrets: &Secrets) -> Result<Vec<OutputChange>, Error> {
    let changes = document.get("output_changes").and_then(Value::as_object).into_iter().flatten();
    let mut outputs = Vec::new();
    for (name, change) in changes.filter(|(_, change)| !is_no_op(change)) {
        let action = match actions(change).as_slice() {
            ["create"] => Action::Create,
            ["update"] => Action::Update,
            ["delete"] => Action::Destroy,
            other => return Err(unreadable(&format!("the output {name} has the unknown actions {other:?}"))),
        };
        let marked = ["before_sensitive", "after_sensitive"].iter().any(|key| change.get(key) == Some(&true.into()));
        let show = |value_key: &str, marks_key: &str| {
            let whole = Value::Bool(true);
            let value = change.get(value_key).filter(|value| !value.is_null())?;
            let marks = if marked { Some(&whole) } else { change.get(marks_key) };
            let (masked, hit) = secrets.mask(value, marks);
            Some((capped(masked), hit))
        };
        let (before, after) = (show("before", "before_sensitive"), show("after", "after_sensitive"));
        let hit = [&before, &after].iter().any(|side| side.as_ref().is_some_and(|(_, hit)| *hit));
        outputs.push(OutputChange {
            name: name.clone(),
            action,
            before: before.map(|(value, _)| value),
            after: after.map(|(value, _)| value),
            sensitive: marked || hit,
            unknown: change.get("after_unknown").is_some_and(holds_true),
            fingerprint: output_fingerprint(name, change),
        });
    }
    outputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(outputs)
}

fn failed_checks(document: &Value, secrets: &Secrets) -> Vec<FailedCheck> {
    let mut failed: Vec<FailedCheck> = entries(document, "checks")
        .filter_map(|check| {
            let status = check.get("status")?.as_str()?;
            let address = check.pointer("/address/to_display")?.as_str()?;
            let problems = entries(check, "instances")
                .flat_map(|instance| entries(instance, "problems"))
                .filter_map(|problem| Some(secrets.mask_text(problem.get("message")?.as_str()?)))
                .collect();
            (status != "pass").then(|| FailedCheck { address: address.to_owned(), status: status.to_owned(), problems })
        })
        .collect();
    failed.sort_by(|a, b| a.address.cmp(&b.address));
    failed
}

fn summary(resources: &[ResourceChange]) -> Summary {
    let mut summary = Summary::default();
    for resource in resources {
        match resource.action {
            Action::Create => summary.add += 1,
            Action::Update => summary.change += 1,
            Action::Destroy => summary.destroy += 1,
            Action::Replace => summary.replace += 1,
            Action::Read | Action::Forget | Action::Move | Action::Import | Action::NoOp => {}
        }
    }
    summary
}

fn unreadable(why: &str) -> Error {
    Error::field("plan", format!("The engine's plan cannot be read: {why}. A newer server may know how."))
}
