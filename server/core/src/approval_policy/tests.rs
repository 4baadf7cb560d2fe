//! Which policy decides, and how.

use super::*;

fn facts(kind: RequestKind, tier: Tier, plan: Option<Summary>) -> RequestFacts<'static> {
    RequestFacts { kind, tier, template: "aws-s3", business_unit: "sandbox", plan, is_agents: false }
}

const HARMLESS: Summary = Summary { add: 2, change: 1, destroy: 0, replace: 0 };
const REPLACING: Summary = Summary { replace: 1, ..HARMLESS };
const DESTROYING: Summary = Summary { destroy: 1, ..HARMLESS };

/// The id of the policy that decides, and whether it approves by itself.
fn verdict(policies: &[ApprovalPolicy], facts: RequestFacts<'_>) -> (String, bool) {
    let policy = select(policies, &facts).unwrap();
    (policy.id.clone(), matches!(policy.route(&facts), Route::Automatic { .. }))
}

#[test]
fn the_shipped_policies_are_sound_and_cover_everything() {
    let policies = default_approval_policies();
    for policy in &policies {
        assert_eq!(policy.check("approval_policy"), [], "{}", policy.id);
    }
    for kind in RequestKind::ALL {
        for tier in Tier::ALL {
            assert!(select(&policies, &facts(*kind, tier, None)).is_some());
        }
    }
}

#[test]
fn the_shipped_policies_decide_as_documented() {
    let policies = default_approval_policies();
    for kind in RequestKind::ALL.iter().copied() {
        for plan in [HARMLESS, REPLACING, DESTROYING] {
            let of = |tier| verdict(&policies, facts(kind, tier, Some(plan)));
            assert_eq!(of(Tier::Development), ("development-auto".to_owned(), true));
            assert_eq!(of(Tier::Staging), ("staging".to_owned(), plan == HARMLESS));
            assert_eq!(of(Tier::Production), ("production".to_owned(), false));
        }
    }
    let unplanned = facts(RequestKind::Create, Tier::Staging, None);
    assert_eq!(verdict(&policies, unplanned), ("staging".to_owned(), false), "what is not planned may destroy");
}

#[test]
fn the_recorded_reason_names_the_policy() {
    let policies = default_approval_policies();
    let facts = facts(RequestKind::Create, Tier::Development, Some(HARMLESS));
    let Route::Automatic { reason } = policies[0].route(&facts) else { panic!("development approves by itself") };
    assert_eq!(reason, "approvalPolicies/development-auto: Changes in development need nobody's approval.");
}

#[test]
fn switched_off_it_asks_one_of_three_roles() {
    let mut policies = default_approval_policies();
    policies[0].auto_approve.as_mut().unwrap().enabled = false;
    let facts = facts(RequestKind::Create, Tier::Development, Some(HARMLESS));
    let Route::People { stages, why } = select(&policies, &facts).unwrap().route(&facts) else { panic!("it is off") };
    assert!(why.unwrap().contains("switched off"));
    assert_eq!((stages.len(), stages[0].quorum), (1, 1));
    let roles = ["it-engineer", "bu-owner", "platform-admin"].map(|role| Approver::Role(role.to_owned()));
    assert_eq!(stages[0].approvers, roles);
}

#[test]
fn the_lowest_priority_decides_then_the_first_id() {
    let like = |id: &str, priority| ApprovalPolicy {
        id: id.to_owned(),
        priority,
        matches: Match::default(),
        ..default_approval_policies().remove(2)
    };
    let facts = facts(RequestKind::Update, Tier::Production, None);
    let chosen = |policies: &[ApprovalPolicy]| select(policies, &facts).map(|it| it.id.clone());
    assert_eq!(chosen(&[like("c", 9), like("b", 5), like("a", 5)]).as_deref(), Some("a"));
    assert_eq!(chosen(&[ApprovalPolicy { active: false, ..like("a", 0) }, like("z", 9)]).as_deref(), Some("z"));
    assert_eq!(chosen(&[]), None);
}

#[test]
fn a_match_needs_every_list_that_is_not_empty() {
    let facts = facts(RequestKind::Update, Tier::Production, None);
    let with = |matches: Match| ApprovalPolicy { matches, ..default_approval_policies().remove(2) }.matches(&facts);
    let full = Match {
        kinds: vec![RequestKind::Create, RequestKind::Update],
        tiers: vec![Tier::Production],
        templates: vec!["aws-s3".to_owned()],
        business_units: vec!["sandbox".to_owned()],
    };
    assert!(with(full.clone()) && with(Match::default()));
    assert!(!with(Match { kinds: vec![RequestKind::Destroy], ..full.clone() }));
    assert!(!with(Match { tiers: vec![Tier::Staging], ..full.clone() }));
    assert!(!with(Match { templates: vec!["aws-vpc".to_owned()], ..full.clone() }));
    assert!(!with(Match { business_units: vec!["retail".to_owned()], ..full }));
}

#[test]
fn every_fault_is_told_at_once() {
    let stage =
        |title: &str, approvers: Vec<Approver>, quorum| ApprovalStage { title: title.to_owned(), approvers, quorum };
    let ada = || Approver::User("ada".to_owned());
    let broken = ApprovalPolicy {
        display_name: " ".to_owned(),
        description: "x".repeat(1001),
        priority: -1,
        ttl_seconds: 59,
        matches: Match { templates: vec![String::new(); 101], ..Match::default() },
        stages: vec![
            stage("", vec![], 0),
            stage("Two of one", vec![ada(), ada(), Approver::BusinessUnitOwner], 4),
            stage("Fine", vec![Approver::Role("viewer".to_owned())], 20),
        ],
        auto_approve: Some(AutoApprove {
            enabled: true,
            condition: AutoApproveCondition::Always,
            reason: String::new(),
        }),
        ..default_approval_policies().remove(0)
    };
    let fields: Vec<String> = broken.check("approval_policy").into_iter().map(|fault| fault.field).collect();
    assert_eq!(
        fields,
        [
            "approval_policy.display_name",
            "approval_policy.description",
            "approval_policy.priority",
            "approval_policy.ttl",
            "approval_policy.match.templates",
            "approval_policy.stages[0].title",
            "approval_policy.stages[0].approvers",
            "approval_policy.stages[0].quorum",
            "approval_policy.stages[1].approvers[1]",
            "approval_policy.stages[1].quorum",
            "approval_policy.auto_approve.reason",
        ]
    );
    let empty = ApprovalPolicy { stages: vec![], ..default_approval_policies().remove(0) };
    assert_eq!(empty.check("p")[0].field, "p.stages");
}

#[test]
fn the_stored_form_reads_back() {
    for policy in default_approval_policies() {
        let stored = serde_json::to_value((&policy.matches, &policy.stages, &policy.auto_approve)).unwrap();
        let (matches, stages, auto): (Match, Vec<ApprovalStage>, Option<AutoApprove>) =
            serde_json::from_value(stored).unwrap();
        assert_eq!((matches, stages, auto), (policy.matches, policy.stages, policy.auto_approve));
    }
    let sparse: Match = serde_json::from_str(r#"{"tiers": ["STAGING"]}"#).unwrap();
    assert_eq!(sparse, Match { tiers: vec![Tier::Staging], ..Match::default() });
    assert!(serde_json::from_str::<Match>(r#"{"tier": []}"#).is_err());
}
