//! Who may do what, and why.

use std::fmt::Write as _;

use clap::Args;
use flagstone_api::pb::explain_access_request::About;
use flagstone_api::pb::{
    AccessQuestion, AccessReason, BindingExplanation, CheckPermissionsRequest, ExplainAccessRequest,
    ExplainAccessResponse, ListWhoCanRequest, PermissionCheck, WhoCan,
};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, print};
use crate::text::{id, one_line, short, time, yes};

/// May I?
#[derive(Args)]
pub(crate) struct CanI {
    /// The permission, for instance business_unit:deployments:create:production
    permission: String,
    /// Name of an object, a business unit or a collection, for instance businessUnits/sandbox/deployments/logs; without
    /// one: the organization
    object: Option<String>,
    /// Say which bindings matched, which nearly did, and the smallest change that would turn the answer round
    #[arg(long)]
    explain: bool,
}

/// Why a call was refused.
#[derive(Args)]
pub(crate) struct Why {
    /// The decision id of the refusal, or the name of its audit event
    decision: String,
}

/// Who may?
#[derive(Args)]
pub(crate) struct WhoCanArgs {
    /// The permission
    permission: String,
    /// Name of an object, a business unit or a collection; without one: the organization
    object: Option<String>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Answers by the exit code too: 0 for yes, 3 for no.
pub(crate) async fn can_i(context: &Context, asked: CanI) -> Result<(), Failure> {
    let object = asked.object.unwrap_or_default();
    if asked.explain {
        let question = AccessQuestion { permission: asked.permission, object, ..Default::default() };
        let answer = explain(context, About::Question(question)).await?;
        return if answer.allowed { Ok(()) } else { Err(Failure::No) };
    }
    let check = PermissionCheck { permission: asked.permission, object };
    let request = CheckPermissionsRequest { checks: vec![check] };
    let answer = context.client.access().check_permissions(request).await?.into_inner();
    let allowed = answer.verdicts.iter().all(|verdict| verdict.allowed);
    context.format.text_or(&answer, |answer| {
        let mut text = String::new();
        for verdict in &answer.verdicts {
            text.push_str(if verdict.allowed { "yes\n" } else { "no\n" });
            for line in [&verdict.message, &verdict.remedy].into_iter().filter(|line| !line.is_empty()) {
                let _ = writeln!(text, "  {}", one_line(line));
            }
        }
        text
    })?;
    if allowed { Ok(()) } else { Err(Failure::No) }
}

pub(crate) async fn why(context: &Context, why: Why) -> Result<(), Failure> {
    explain(context, About::Decision(why.decision)).await.map(drop)
}

async fn explain(context: &Context, about: About) -> Result<ExplainAccessResponse, Failure> {
    let request = ExplainAccessRequest { about: Some(about) };
    let answer = context.client.access().explain_access(request).await?.into_inner();
    context.format.text_or(&answer, explanation)?;
    Ok(answer)
}

const COLUMNS: &[Column<WhoCan>] = &[
    ("WHO", |w| short_principal(&w.principal)),
    ("NAME", |w| w.display_name.clone()),
    ("THROUGH", |w| w.bindings.iter().map(through).collect::<Vec<_>>().join(", ")),
    ("CONDITIONAL", |w| yes(w.conditional)),
];

pub(crate) async fn who_can(context: &Context, asked: WhoCanArgs) -> Result<(), Failure> {
    let request = ListWhoCanRequest {
        permission: asked.permission,
        object: asked.object.unwrap_or_default(),
        page_size: i32::try_from(asked.limit).ok().filter(|size| (1..=200).contains(size)).unwrap_or(200),
        ..Default::default()
    };
    context.print_list(context.client.list_who_can(request), asked.limit, COLUMNS).await
}

/// `users/ada` is `ada`; what is no user says what it is.
fn short_principal(name: &str) -> String {
    name.strip_prefix("users/").unwrap_or(name).to_owned()
}

/// `developer in sandbox through core`.
fn through(binding: &BindingExplanation) -> String {
    let mut text = id(&binding.role);
    if !binding.scope.is_empty() {
        let _ = write!(text, " in {}", id(&binding.scope));
    }
    if binding.through.contains("groups/") {
        let _ = write!(text, " through {}", short(&binding.through));
    }
    text
}

/// The verdict, then each binding on a line, then what would change it.
fn explanation(answer: &ExplainAccessResponse) -> String {
    let mut text = String::new();
    let question = answer.question.clone().unwrap_or_default();
    let object = if question.object.is_empty() { "the organization" } else { &question.object };
    let verdict = if answer.allowed { "may" } else { "may not" };
    let _ = writeln!(text, "{} {verdict} {} on {object}", short_principal(&question.principal), question.permission);
    if !answer.allowed && answer.reason() != AccessReason::Unspecified {
        let reason = answer.reason().as_str_name();
        let _ = writeln!(text, "  {}", reason.trim_start_matches("ACCESS_REASON_"));
    }
    if !answer.message.is_empty() {
        let _ = writeln!(text, "  {}", one_line(&answer.message));
    }
    if let Some(decided) = &answer.decision_time {
        let since = if answer.changed { "rights have changed since" } else { "no rights have changed since" };
        let _ = writeln!(text, "  Decided {}; {since}.", time(Some(decided)));
    }
    for (title, bindings) in [("Matched", &answer.matched), ("Nearly matched", &answer.nearly_matched)] {
        if bindings.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}");
        for binding in bindings {
            let _ = writeln!(text, "  {}: {}", through(binding), one_line(&binding.message));
        }
    }
    if !answer.smallest_change.is_empty() {
        let _ = writeln!(text, "The smallest change that would do");
        for step in &answer.smallest_change {
            let _ = writeln!(text, "  {}", one_line(&step.message));
            if !step.who.is_empty() {
                let who = step.who.iter().map(|who| short_principal(who)).collect::<Vec<_>>().join(", ");
                let _ = writeln!(text, "    {who} can do this.");
            }
        }
    }
    text
}

/// Prints the permissions of the registry, or those in which a word occurs.
pub(crate) async fn permissions(context: &Context, search: Option<String>) -> Result<(), Failure> {
    let request = flagstone_api::pb::ListPermissionsRequest {};
    let mut answer = context.client.roles().list_permissions(request).await?.into_inner();
    if let Some(search) = search.map(|search| search.to_lowercase()) {
        answer.permissions.retain(|permission| {
            [&permission.slug, &permission.display_name, &permission.description, &permission.category]
                .iter()
                .any(|text| text.to_lowercase().contains(&search))
        });
    }
    if context.format == crate::output::Format::Table && answer.permissions.is_empty() {
        return print("No permission has that in its name or description.\n");
    }
    context.format.list(
        &answer.permissions,
        &[
            ("PERMISSION", |p: &flagstone_api::pb::Permission| p.slug.clone()),
            ("CATEGORY", |p| p.category.clone()),
            ("WHAT IT ALLOWS", |p| p.description.clone()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::AccessStep;

    #[test]
    fn a_refusal_says_what_would_help() {
        let answer = ExplainAccessResponse {
            question: Some(AccessQuestion {
                principal: "users/ada".into(),
                permission: "business_unit:deployments:create:production".into(),
                object: "businessUnits/eng".into(),
            }),
            reason: AccessReason::NoGrant.into(),
            nearly_matched: vec![BindingExplanation {
                role: "roles/it-engineer".into(),
                scope: "businessUnits/ops".into(),
                through: "businessUnits/ops/groups/core".into(),
                message: "It holds in another business unit.".into(),
                ..Default::default()
            }],
            smallest_change: vec![AccessStep {
                message: "Bind bu-owner in businessUnits/eng.".into(),
                who: vec!["users/grace".into()],
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(
            explanation(&answer),
            "ada may not business_unit:deployments:create:production on businessUnits/eng\n  NO_GRANT\n\
             Nearly matched\n  it-engineer in ops through ops/core: It holds in another business unit.\n\
             The smallest change that would do\n  Bind bu-owner in businessUnits/eng.\n    grace can do this.\n"
        );
    }
}
