//! The protocol, model-checked: every order in which runners, people, the reaper and a bad network can act on a small
//! queue, until nothing new is found. The queue's steps are those of [`super::queue`], which production shares.
//!
//! The checker is our own since states are packed into 24 bytes and kept whole, so that a million of them takes seconds in
//! the unoptimised build of tests and no two are taken for one, and since it asks of every state that was found whether
//! its jobs can still end, which checkers that only walk forward do not answer.

mod checker;
mod faults;
mod pack;
mod properties;
mod world;

use crate::job::JobKind;
use checker::{Report, explore};
use faults::Fault;
use world::{Scene, Trouble};
/// A plan of one deployment; an apply and a destruction of another.
const TWO_APPLIES: [(JobKind, u32); 3] = [(JobKind::Plan, 0), (JobKind::Apply, 1), (JobKind::Apply, 1)];

/// A plan of one deployment; an apply and the plan of the next change of another.
const ONE_APPLY: [(JobKind, u32); 3] = [(JobKind::Plan, 0), (JobKind::Apply, 1), (JobKind::Plan, 1)];

/// Any two troubles of any kinds.
const ANY: Scene = Scene { jobs: TWO_APPLIES, attempts: 2, trouble: 2, kinds: Trouble::ALL, once: false };

/// One of each of the usual ones, in any order.
const USUAL: Scene = Scene {
    jobs: ONE_APPLY,
    attempts: 2,
    trouble: 4,
    kinds: Trouble::Crash.bit() | Trouble::Pause.bit() | Trouble::Cancel.bit() | Trouble::Retry.bit(),
    once: true,
};

/// Jobs that are taken out of the dead letters while an older attempt may still be heard of.
const REPLAYED: Scene = Scene {
    jobs: ONE_APPLY,
    attempts: 1,
    trouble: 3,
    kinds: Trouble::Pause.bit() | Trouble::Delay.bit() | Trouble::Retry.bit() | Trouble::Replay.bit(),
    once: true,
};

fn tell(what: &str, report: &Report) {
    let Report { states, transitions, depth, seconds, .. } = report;
    println!("{what}: {states} states, {transitions} transitions, depth {depth}, {seconds:.1} s");
}

fn check(what: &str, scene: &Scene) -> Report {
    let report = explore(scene, Fault::None);
    tell(&format!("{what}, 3 runners, 3 jobs"), &report);
    if let Some(violation) = &report.violation {
        panic!("{violation}");
    }
    report
}

#[test]
fn any_two_troubles_keep_the_protocol() {
    let report = check("any two troubles", &ANY);
    assert_eq!(report.reached, [u8::MAX; 2], "plans and applies come into each state");
}

#[test]
fn the_usual_troubles_keep_the_protocol() {
    let report = check("a crash, a pause, a cancellation and a retry", &USUAL);
    assert!(report.states >= 1_000_000, "only {} states were reached", report.states);
}

#[test]
fn replayed_jobs_keep_the_protocol() {
    check("replay", &REPLAYED);
}

#[test]
fn every_fault_is_found() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let scene = if fault == Fault::ReplayResetsTheFence { &REPLAYED } else { &ANY };
        let report = explore(scene, fault);
        tell(&format!("{fault:?}"), &report);
        match &report.violation {
            Some(violation) => println!("  {} after {} steps", violation.what, violation.path.len()),
            None => missed.push(fault),
        }
    }
    assert_eq!(missed, [], "a fault that is not found says that nobody looks there");
}
