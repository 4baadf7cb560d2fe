//! Both evaluators answer alike, and where one of them were wrong this would show it.

#![expect(clippy::disallowed_methods, reason = "the seed of a run that failed is given by the environment")]

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use flagstone_core::access::DenyReason;
use flagstone_oracles::case::Case;
use flagstone_oracles::cedar;
use flagstone_oracles::dice::Dice;

const CASES: usize = 2_000;

/// Questions about each case: reading its policies takes longer than asking.
const QUESTIONS: usize = 4;

/// Another one in every run; `ORACLES_SEED` repeats one.
fn seed() -> u64 {
    match std::env::var("ORACLES_SEED") {
        Ok(seed) => seed.parse().expect("ORACLES_SEED is a number"),
        Err(_) => UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    }
}

#[test]
fn agrees_with_cedar() {
    let seed = seed();
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let mut seen: HashMap<Option<DenyReason>, usize> = HashMap::new();
    for number in 0..CASES {
        let case = Case::random(&mut dice);
        let texts = cedar::policies(&case);
        let (grants, policies) = (case.grants(), cedar::parse(&texts).unwrap());
        for _ in 0..QUESTIONS {
            let question = case.question(&mut dice);
            let (ours, theirs) = (question.ask(&grants), cedar::ask(&case, &policies, &question).unwrap());
            assert_eq!(
                ours, theirs,
                "Flagstone (left) and Cedar differ. Again with ORACLES_SEED={seed}, case {number}.\n{question:?}\n{case:#?}\n{texts:#?}"
            );
            *seen.entry(ours).or_default() += 1;
        }
    }
    println!("{seen:?}");
    // Agreement about nothing but one row would say little.
    for verdict in [
        None,
        Some(DenyReason::PrincipalInactive),
        Some(DenyReason::TokenScope),
        Some(DenyReason::DenyBinding),
        Some(DenyReason::NoGrant),
    ] {
        assert!(seen.get(&verdict).is_some_and(|count| *count >= CASES / 20), "seed {seed}: {verdict:?} in {seen:?}");
    }
}

/// What is wrong, and the words that make it so.
const FLAWS: [(&str, &str, &str); 13] = [
    ("a binding holds in the second in which it ends", "context.now <", "context.now <="),
    ("a DENY gives", "forbid (principal =", "permit (principal ="),
    ("a DENY through a group gives", "forbid (principal in", "permit (principal in"),
    ("a binding in a unit holds everywhere", "resource in Unit::\"1\"", "resource in Organization::\"acme\""),
    ("a platform permission can be bound in a unit", "action in Action::\"scopes/platform\" }", "false }"),
    ("a DENY takes from the user scope", "unless { action in Action::\"scopes/user\" }", "unless { false }"),
    ("a service account holds the user scope", "principal is User, action", "principal, action"),
    (
        "a DENY with OWN spares what nobody knows the creator of",
        "!(resource has creator) ||",
        "resource has creator &&",
    ),
    ("OWN_TEAM narrows lists", "action in [Action::\"actions/list\", Action::\"actions/read\"]", "false"),
    ("`own` lifts nothing", "principal is User && action in Action::\"own_counterpart\"", "false"),
    ("`own` lifts everything", "principal is User && action in Action::\"own_counterpart\"", "true"),
    ("a token for units reaches all", "resource in context.token.units", "true"),
    ("an organization that is not active acts", " && principal.organization_active", ""),
];

#[test]
fn a_wrong_translation_is_noticed() {
    for (flaw, right, wrong) in FLAWS {
        // Not another one in every run: a flaw that shows in one case of thousands is to fail always or never.
        let mut dice = Dice::new(1);
        let mut differ = || {
            let case = Case::random(&mut dice);
            let mut texts = cedar::policies(&case);
            for (_, text) in &mut texts {
                *text = text.replace(right, wrong);
            }
            let (grants, policies) = (case.grants(), cedar::parse(&texts).unwrap());
            (0..QUESTIONS).any(|_| {
                let question = case.question(&mut dice);
                question.ask(&grants) != cedar::ask(&case, &policies, &question).unwrap()
            })
        };
        let first = (1..=CASES).find(|_| differ());
        println!("{flaw}: case {first:?}");
        assert!(first.is_some(), "{flaw}: {CASES} cases do not tell it from the right translation");
    }
}
