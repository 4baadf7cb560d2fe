//! The content of an approval policy between the contract and the rules: reading what was sent, with everything that is
//! wrong in it, and showing what is stored.

use flagstone_api::pb;
use flagstone_core::approval::{ApprovalStage, Approver};
use flagstone_core::approval_policy::{ApprovalPolicy, AutoApprove, AutoApproveCondition, Match};
use flagstone_core::error::Violations;
use flagstone_core::names::{BusinessUnitName, ResourceName, TemplateName, parse};
use flagstone_core::request::RequestKind;
use flagstone_core::words::UnknownWord;
use flagstone_db::list::names;
use prost_types::FieldMask;

use crate::convert::{enum_name, tier_from_proto, tier_to_proto};
use crate::error::Result;
use crate::tx::Tx;

/// The path of the content in the call.
const AT: &str = "approval_policy";

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    DisplayName,
    Description,
    Priority,
    Match,
    Stages,
    AllowSelf,
    DistinctAcrossStages,
    Ttl,
    AutoApprove,
    Active,
}

impl Path {
    const ALL: [(&'static str, Self); 10] = [
        ("display_name", Self::DisplayName),
        ("description", Self::Description),
        ("priority", Self::Priority),
        ("match", Self::Match),
        ("stages", Self::Stages),
        ("allow_self", Self::AllowSelf),
        ("distinct_across_stages", Self::DistinctAcrossStages),
        ("ttl", Self::Ttl),
        ("auto_approve", Self::AutoApprove),
        ("active", Self::Active),
    ];

    /// Whether the message says anything of the field. What has no presence says something if it is not the default.
    fn is_set(self, sent: &pb::ApprovalPolicy) -> bool {
        match self {
            Self::DisplayName => !sent.display_name.is_empty(),
            Self::Description => !sent.description.is_empty(),
            Self::Priority => sent.priority != 0,
            Self::Match => sent.r#match.is_some(),
            Self::Stages => !sent.stages.is_empty(),
            Self::AllowSelf => sent.allow_self,
            Self::DistinctAcrossStages => sent.distinct_across_stages,
            Self::Ttl => sent.ttl.is_some(),
            Self::AutoApprove => sent.auto_approve.is_some(),
            Self::Active => sent.active,
        }
    }
}

/// The fields that a call changes: those of its mask, or without one those that are set.
pub(super) fn mask(sent: &pb::ApprovalPolicy, mask: Option<&FieldMask>, wrong: &mut Violations) -> Vec<Path> {
    let paths = mask.map_or(&[][..], |mask| mask.paths.as_slice());
    if paths.is_empty() {
        return Path::ALL.into_iter().map(|(_, path)| path).filter(|path| path.is_set(sent)).collect();
    }
    let mut found = Vec::with_capacity(paths.len());
    for path in paths {
        match Path::ALL.into_iter().find(|(name, _)| name == path) {
            Some((_, path)) => found.push(path),
            None => {
                let known: Vec<_> = Path::ALL.into_iter().map(|(name, _)| name).collect();
                let message = format!("`{path}` cannot be changed. The paths are {}.", known.join(", "));
                wrong.add("update_mask", message.chars().take(500).collect::<String>());
            }
        }
    }
    found
}

/// Puts the masked fields into the policy. What cannot be read is noted and left as it was.
pub(super) fn merge(policy: &mut ApprovalPolicy, sent: &pb::ApprovalPolicy, mask: &[Path], wrong: &mut Violations) {
    for path in mask {
        match path {
            Path::DisplayName => sent.display_name.clone_into(&mut policy.display_name),
            Path::Description => sent.description.clone_into(&mut policy.description),
            Path::Priority => policy.priority = sent.priority,
            Path::Match => policy.matches = read_match(&sent.r#match.clone().unwrap_or_default(), wrong),
            Path::Stages => policy.stages = read_stages(&sent.stages, wrong),
            Path::AllowSelf => policy.allow_self = sent.allow_self,
            Path::DistinctAcrossStages => policy.distinct_across_stages = sent.distinct_across_stages,
            Path::Ttl => match sent.ttl {
                Some(ttl) if ttl.nanos == 0 => policy.ttl_seconds = ttl.seconds,
                _ => wrong.add(format!("{AT}.ttl"), "Give a time in whole seconds."),
            },
            Path::AutoApprove => policy.auto_approve = sent.auto_approve.as_ref().map(|auto| read_auto(auto, wrong)),
            Path::Active => policy.active = sent.active,
        }
    }
}

fn read_match(sent: &pb::ApprovalPolicyMatch, wrong: &mut Violations) -> Match {
    let at = |list: &str, index: usize| format!("{AT}.match.{list}[{index}]");
    let mut matches = Match::default();
    for (index, number) in sent.kinds.iter().enumerate() {
        match read_kind(*number) {
            Some(kind) => matches.kinds.push(kind),
            None => wrong.add(at("kinds", index), "Give a kind of request: CREATE, UPDATE or DESTROY."),
        }
    }
    for (index, number) in sent.tiers.iter().enumerate() {
        match tier_from_proto(*number) {
            Some(tier) => matches.tiers.push(tier),
            None => wrong.add(at("tiers", index), "Give a tier: DEVELOPMENT, STAGING or PRODUCTION."),
        }
    }
    matches.templates = ids(&sent.templates, "templates", wrong, |name: &TemplateName| name.id().to_string());
    matches.business_units =
        ids(&sent.business_units, "business_units", wrong, |name: &BusinessUnitName| name.id().to_string());
    matches
}

fn ids<N: ResourceName>(sent: &[String], list: &str, wrong: &mut Violations, id: fn(&N) -> String) -> Vec<String> {
    let names = sent.iter().enumerate();
    names
        .filter_map(|(index, name)| wrong.take(parse(name, &format!("{AT}.match.{list}[{index}]"))))
        .map(|name| id(&name))
        .collect()
}

fn read_kind(number: i32) -> Option<RequestKind> {
    let kind = pb::RequestKind::try_from(number).ok()?;
    enum_name(kind.as_str_name(), "REQUEST_KIND_").parse().ok()
}

fn read_stages(sent: &[pb::ApprovalPolicyStage], wrong: &mut Violations) -> Vec<ApprovalStage> {
    let mut stages = Vec::with_capacity(sent.len());
    for (index, stage) in sent.iter().enumerate() {
        let mut approvers = Vec::with_capacity(stage.approvers.len());
        for (place, approver) in stage.approvers.iter().enumerate() {
            let field = format!("{AT}.stages[{index}].approvers[{place}]");
            approvers.extend(wrong.take(Approver::parse(approver, &field)));
        }
        // A negative quorum is as wrong as none, which the rules refuse.
        let quorum = u32::try_from(stage.quorum).unwrap_or(0);
        stages.push(ApprovalStage { title: stage.title.clone(), approvers, quorum });
    }
    stages
}

fn read_auto(sent: &pb::AutoApprove, wrong: &mut Violations) -> AutoApprove {
    let condition = pb::AutoApproveCondition::try_from(sent.condition).unwrap_or_default();
    let condition: Result<AutoApproveCondition, UnknownWord> =
        enum_name(condition.as_str_name(), "AUTO_APPROVE_CONDITION_").parse();
    let condition = condition.unwrap_or_else(|_| {
        wrong.add(format!("{AT}.auto_approve.condition"), "Give ALWAYS or NO_DESTROY.");
        AutoApproveCondition::NoDestroy
    });
    AutoApprove { enabled: sent.enabled, condition, reason: sent.reason.clone() }
}

/// Notes every name of something that does not exist, in the fields that the call changes: a stage that names nobody
/// could never be passed.
pub(super) async fn check_names(tx: &Tx, policy: &ApprovalPolicy, mask: &[Path], wrong: &mut Violations) -> Result<()> {
    if mask.contains(&Path::Match) {
        let found = names::templates(tx, tx.organization_id, &policy.matches.templates).await?;
        for id in &policy.matches.templates {
            let exists = found.iter().any(|(slug, _)| slug == id);
            wrong.check(exists, format!("{AT}.match.templates"), format!("templates/{id} was not found."));
        }
        for id in &policy.matches.business_units {
            let exists = tx.directory.units().iter().any(|unit| unit.name.id().as_str() == id);
            wrong.check(exists, format!("{AT}.match.business_units"), format!("businessUnits/{id} was not found."));
        }
    }
    if mask.contains(&Path::Stages) {
        let named = || policy.stages.iter().flat_map(|stage| &stage.approvers);
        let users: Vec<String> =
            named().filter_map(|by| if let Approver::User(id) = by { Some(id.clone()) } else { None }).collect();
        let roles: Vec<String> =
            named().filter_map(|by| if let Approver::Role(id) = by { Some(id.clone()) } else { None }).collect();
        let (users, roles) = futures::try_join!(
            names::users(tx, tx.organization_id, &users),
            names::roles(tx, tx.organization_id, &roles),
        )?;
        for (index, stage) in policy.stages.iter().enumerate() {
            for approver in &stage.approvers {
                let exists = match approver {
                    Approver::User(id) => users.iter().any(|(username, _)| username == id),
                    Approver::Role(id) => roles.iter().any(|(slug, _)| slug == id),
                    Approver::BusinessUnitOwner => true,
                };
                wrong.check(exists, format!("{AT}.stages[{index}].approvers"), format!("{approver} was not found."));
            }
        }
    }
    Ok(())
}

/// A match as people see it.
pub(super) fn match_to_proto(matches: &Match) -> pb::ApprovalPolicyMatch {
    pb::ApprovalPolicyMatch {
        kinds: matches.kinds.iter().map(|kind| kind_to_proto(*kind).into()).collect(),
        tiers: matches.tiers.iter().map(|tier| tier_to_proto(*tier).into()).collect(),
        templates: matches.templates.iter().map(|id| format!("templates/{id}")).collect(),
        business_units: matches.business_units.iter().map(|id| format!("businessUnits/{id}")).collect(),
    }
}

const fn kind_to_proto(kind: RequestKind) -> pb::RequestKind {
    match kind {
        RequestKind::Create => pb::RequestKind::Create,
        RequestKind::Update => pb::RequestKind::Update,
        RequestKind::Destroy => pb::RequestKind::Destroy,
    }
}

/// A stage as people see it.
pub(super) fn stage_to_proto(stage: &ApprovalStage) -> pb::ApprovalPolicyStage {
    pb::ApprovalPolicyStage {
        title: stage.title.clone(),
        approvers: stage.approvers.iter().map(ToString::to_string).collect(),
        quorum: i32::try_from(stage.quorum).unwrap_or(i32::MAX),
    }
}

/// The automatic approval as people see it.
pub(super) fn auto_approve_to_proto(auto: &AutoApprove) -> pb::AutoApprove {
    pb::AutoApprove {
        enabled: auto.enabled,
        condition: match auto.condition {
            AutoApproveCondition::Always => pb::AutoApproveCondition::Always,
            AutoApproveCondition::NoDestroy => pb::AutoApproveCondition::NoDestroy,
        }
        .into(),
        reason: auto.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use flagstone_core::approval_policy::default_approval_policies;
    use flagstone_core::tier::Tier;

    use super::*;

    fn shipped() -> ApprovalPolicy {
        default_approval_policies().remove(0)
    }

    fn fields(wrong: Violations) -> Vec<String> {
        wrong
            .finish()
            .err()
            .map(|error| error.fields)
            .unwrap_or_default()
            .into_iter()
            .map(|wrong| wrong.field)
            .collect()
    }

    /// What a policy shows can be sent back and changes nothing.
    #[test]
    fn every_field_reads_back_as_it_is_shown() {
        for policy in default_approval_policies() {
            let sent = pb::ApprovalPolicy {
                display_name: policy.display_name.clone(),
                description: policy.description.clone(),
                priority: policy.priority,
                r#match: Some(match_to_proto(&policy.matches)),
                stages: policy.stages.iter().map(stage_to_proto).collect(),
                allow_self: policy.allow_self,
                distinct_across_stages: policy.distinct_across_stages,
                ttl: Some(crate::convert::seconds(policy.ttl_seconds)),
                auto_approve: policy.auto_approve.as_ref().map(auto_approve_to_proto),
                active: policy.active,
                ..pb::ApprovalPolicy::default()
            };
            let (mut merged, mut wrong) = (policy.clone(), Violations::new());
            merge(&mut merged, &sent, &Path::ALL.map(|(_, path)| path), &mut wrong);
            assert_eq!(merged, policy);
            assert!(wrong.is_empty());
        }
    }

    #[test]
    fn without_a_mask_what_is_set_changes_and_the_rest_stays() {
        let sent = pb::ApprovalPolicy { display_name: "New".to_owned(), ..pb::ApprovalPolicy::default() };
        let mut wrong = Violations::new();
        assert_eq!(mask(&sent, None, &mut wrong), [Path::DisplayName]);
        assert_eq!(mask(&sent, Some(&FieldMask::default()), &mut wrong), [Path::DisplayName]);
        let with_active = FieldMask { paths: vec!["active".to_owned()] };
        assert_eq!(mask(&sent, Some(&with_active), &mut wrong), [Path::Active]);
        let mut policy = shipped();
        merge(&mut policy, &sent, &[Path::Active], &mut wrong);
        assert_eq!(policy, ApprovalPolicy { active: false, ..shipped() });
        assert!(wrong.is_empty());
    }

    #[test]
    fn a_masked_automatic_approval_that_is_not_sent_is_taken_away() {
        let (mut policy, mut wrong) = (shipped(), Violations::new());
        assert!(policy.auto_approve.is_some());
        merge(&mut policy, &pb::ApprovalPolicy::default(), &[Path::AutoApprove], &mut wrong);
        assert_eq!(policy.auto_approve, None);
    }

    #[test]
    fn everything_that_cannot_be_read_is_told_at_once() {
        let sent = pb::ApprovalPolicy {
            r#match: Some(pb::ApprovalPolicyMatch {
                kinds: vec![pb::RequestKind::Create.into(), 0, 99],
                tiers: vec![pb::Tier::Staging.into(), 77],
                templates: vec!["aws-s3".to_owned()],
                business_units: vec!["businessUnits/-".to_owned()],
            }),
            stages: vec![pb::ApprovalPolicyStage {
                title: "t".to_owned(),
                approvers: vec!["roles/bu-owner".to_owned(), "somebody".to_owned()],
                quorum: -1,
            }],
            ttl: Some(prost_types::Duration { seconds: 60, nanos: 1 }),
            auto_approve: Some(pb::AutoApprove { enabled: true, condition: 0, reason: "r".to_owned() }),
            ..pb::ApprovalPolicy::default()
        };
        let (mut policy, mut wrong) = (shipped(), Violations::new());
        let unknown = FieldMask { paths: vec!["state".to_owned()] };
        assert_eq!(mask(&sent, Some(&unknown), &mut wrong), []);
        merge(&mut policy, &sent, &[Path::Match, Path::Stages, Path::Ttl, Path::AutoApprove], &mut wrong);
        assert_eq!(
            fields(wrong),
            [
                "update_mask",
                "approval_policy.match.kinds[1]",
                "approval_policy.match.kinds[2]",
                "approval_policy.match.tiers[1]",
                "approval_policy.match.templates[0]",
                "approval_policy.match.business_units[0]",
                "approval_policy.stages[0].approvers[1]",
                "approval_policy.ttl",
                "approval_policy.auto_approve.condition",
            ]
        );
        assert_eq!((policy.matches.tiers, policy.stages[0].quorum), (vec![Tier::Staging], 0));
    }
}
