//! What every engine keeps, whatever it drives. A new engine joins [`Subject`] and is held to all of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flagstone_core::plan::{changes_digest, normalise};
use flagstone_engines::confine::{Confinement, Limits, Sandbox};
use flagstone_engines::engine::{Engine, LogLine, Operation, Planned, Progress, ResourceAction, Sink};
use flagstone_engines::error::{EngineError, ErrorClass};
use flagstone_engines::leftover_state;
use flagstone_engines::lines::{MAX_LINE, Overflow};
use rustix::fs::{Mode, OFlags};
use serde_json::json;
use tokio::time::Instant;

use super::state_server::StateServer;
use super::subject::{Bench, Inputs, SECRET, Subject};
use super::{eventually, is_running, skip};

/// Each of these functions becomes a test for each subject.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod terraform {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::Terraform, concat!("contract::terraform::", stringify!($name))).await;
            })*
        }
        mod command {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Subject::Command, concat!("contract::command::", stringify!($name))).await;
            })*
        }
    };
}

contract!(
    a_plan_changes_nothing,
    a_saved_plan_says_what_was_planned,
    an_apply_does_exactly_the_plan,
    a_changed_plan_file_is_refused,
    a_stale_plan_is_refused,
    a_state_that_somebody_holds_is_a_conflict,
    cancelling_a_plan_ends_its_processes,
    cancelling_an_apply_ends_its_processes_and_saves_the_state,
    a_failing_apply_saves_the_state,
    a_state_that_cannot_be_stored_is_left_over,
    secrets_are_in_no_argument_no_log_and_no_error,
    a_hanging_apply_is_a_timeout,
    a_flood_of_output_is_bounded,
    the_environment_is_what_was_allowed,
    a_destruction_leaves_nothing,
    without_a_change_the_plan_is_empty,
    limits_hold_for_what_an_engine_starts,
    too_much_memory_is_told_as_such,
    a_sandbox_shows_the_job_alone,
);

/// What a test has at hand.
struct Stage {
    subject: Subject,
    engine: Arc<dyn Engine>,
    server: StateServer,
}

async fn stage(subject: Subject, test: &str) -> Option<Stage> {
    confined(subject, test, Confinement::default()).await
}

async fn confined(subject: Subject, test: &str, confinement: Confinement) -> Option<Stage> {
    let engine = subject.engine(test, confinement).await?;
    Some(Stage { subject, engine, server: StateServer::start().await })
}

impl Stage {
    fn bench(&self, inputs: &Inputs) -> Bench {
        Bench::new(self.subject, &self.server, inputs)
    }

    async fn plan(&self, bench: &Bench) -> Planned {
        self.engine.plan(&bench.job, &bench.log).await.unwrap_or_else(|error| panic!("{error}\n{}", bench.log.text()))
    }

    /// Plans and applies, each in a directory of its own as on two runners.
    async fn roll_out(&self, inputs: &Inputs) {
        let planning = self.bench(inputs);
        let planned = self.plan(&planning).await;
        let applying = self.bench(inputs);
        // As a runner does: in a sandbox nothing else is seen.
        let file = applying.job.job_dir.join("given-plan");
        fs::copy(&planned.file, &file).unwrap();
        let applied = self.engine.apply(&applying.job, &file, &applying.log).await;
        applied.unwrap_or_else(|error| panic!("{error}\n{}", applying.log.text()));
    }

    /// Starts an apply of a script in the background.
    async fn applying(&self, script: &str) -> (Bench, tokio::task::JoinHandle<EngineError>) {
        let planning = self.bench(&Inputs::script(script));
        let planned = self.plan(&planning).await;
        let mut bench = self.bench(&Inputs::script(script));
        // Stays until the test has ended.
        let file = bench.job.job_dir.join("given-plan");
        fs::copy(&planned.file, &file).unwrap();
        bench.job.started = Instant::now();
        let (engine, job, log) = (self.engine.clone(), bench.job.clone(), bench.log.clone());
        let task = tokio::spawn(async move { engine.apply(&job, &file, &log).await.unwrap_err() });
        (bench, task)
    }

    fn state_is_free(&self) {
        assert!(!self.server.is_locked(), "the lock was given back");
    }

    /// How many things the stored state has.
    fn things(&self) -> usize {
        let state = self.server.state().unwrap_or_default();
        let resources = state["resources"].as_array().cloned().unwrap_or_default();
        let things = resources.iter().filter(|resource| resource["name"] == "thing");
        things.map(|resource| resource["instances"].as_array().unwrap().len()).sum()
    }
}

/// A script that leaves a process which ignores all it can, says so, and hangs.
fn hanging(marks: &Path) -> String {
    let marks = marks.display();
    format!(
        "setsid sh -c 'echo $$ > {marks}/daemon; trap : INT TERM HUP; while :; do sleep 1; done' & \
         echo $$ > {marks}/child; until [ -s {marks}/daemon ]; do sleep 0.01; done; echo hanging; sleep 1000"
    )
}

fn nothing_runs(marks: &Path) {
    for process in ["daemon", "child"] {
        assert!(!is_running(&marks.join(process)), "{process}");
    }
}

async fn a_plan_changes_nothing(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let bench = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&bench).await;
    assert!(stage.server.state().is_none());
    stage.state_is_free();
    assert_eq!((planned.destroys, leftover_state(&bench.job.job_dir)), (0, None));
    assert!(planned.plan_text.contains("Plan: 2 to add, 0 to change, 0 to destroy."), "{}", planned.plan_text);
    for step in ["validate", "setup", "init", "plan"] {
        assert!(bench.log.progress.lock().unwrap().iter().any(|told| told.step.as_str() == step), "{step}");
    }
}

async fn a_saved_plan_says_what_was_planned(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let planned = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&planned).await;
    let other = stage.bench(&Inputs::label("never used"));
    let inspected = stage.engine.inspect(&other.job, &planned.file, &other.log).await.unwrap();
    assert_eq!(changes_digest(&inspected.plan_json).unwrap(), changes_digest(&planned.plan_json).unwrap());
    assert_eq!(
        (inspected.file_sha256, inspected.provider_lock_hash),
        (planned.file_sha256, planned.provider_lock_hash)
    );
    assert_eq!(normalise(&inspected.plan_json, &[]).unwrap().summary.add, 2);
}

async fn an_apply_does_exactly_the_plan(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let planning = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&planning).await;
    let applying = stage.bench(&Inputs::label("never used"));
    let applied = stage.engine.apply(&applying.job, &planned.file, &applying.log).await.unwrap();
    assert_eq!(applied.outputs["labels"].value, json!(["one", "one"]));
    assert_eq!(applied.outputs["password"].value, json!(SECRET));
    assert!(applied.outputs["password"].sensitive && !applied.outputs["labels"].sensitive);
    assert_eq!(applied.resources.len(), 2);
    assert!(applied.resources.iter().all(|done| done.action == ResourceAction::Created && done.id.is_some()));
    assert_eq!(stage.things(), 2);
    stage.state_is_free();
    assert_eq!(leftover_state(&applying.job.job_dir), None);
    let progress = applying.log.progress.lock().unwrap().clone();
    assert!(progress.is_sorted_by_key(|told| told.percent), "{progress:?}");
    assert!(progress.iter().any(|told| (told.current, told.total) == (2, 2)), "{progress:?}");
    assert_eq!(progress.last().unwrap().percent, 100);
}

async fn a_changed_plan_file_is_refused(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let bench = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&bench).await;
    let whole = fs::read(&planned.file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 0x20;
    for changed in [flipped, whole[..whole.len() - 40].to_vec(), b"no plan".to_vec()] {
        fs::write(&planned.file, changed).unwrap();
        if let Ok(inspected) = stage.engine.inspect(&bench.job, &planned.file, &bench.log).await {
            assert_ne!(inspected.file_sha256, planned.file_sha256, "then the platform refuses it");
        }
        stage.engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap_err();
        assert!(stage.server.state().is_none());
        stage.state_is_free();
    }
}

async fn a_stale_plan_is_refused(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let planning = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&planning).await;
    let bench = stage.bench(&Inputs::label("one"));
    stage.engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap();
    let state = stage.server.state();
    let bench = stage.bench(&Inputs::label("one"));
    let error = stage.engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
    assert_eq!(stage.server.state(), state);
    stage.state_is_free();
}

async fn a_state_that_somebody_holds_is_a_conflict(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    stage.server.lock();
    let bench = stage.bench(&Inputs::label("one"));
    let error = stage.engine.plan(&bench.job, &bench.log).await.unwrap_err();
    assert_eq!((error.class, error.transient), (ErrorClass::Conflict, true), "{error}");
    assert!(stage.server.is_locked(), "what somebody else has is not given back");
}

async fn cancelling_a_plan_ends_its_processes(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let marks = tempfile::tempdir().unwrap();
    let gate = marks.path().join("gate");
    // Whoever reads it waits for what is never written.
    rustix::fs::mknodat(rustix::fs::CWD, &gate, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut bench = stage.bench(&Inputs { gate: gate.clone(), ..Inputs::label("one") });
    bench.job.timeouts.interrupt = Duration::from_secs(1);
    let (engine, job, log) = (stage.engine.clone(), bench.job.clone(), bench.log.clone());
    let planning = tokio::spawn(async move { engine.plan(&job, &log).await.unwrap_err() });
    let control = bench.job.job_dir.join("control");
    let plans = || fs::read_dir(&control).is_ok_and(|all| all.flatten().any(|run| is_named(&run.path(), "-plan")));
    eventually("the plan", plans).await;
    // Without waiting it can be opened for writing only once somebody has opened it for reading.
    let mut writer = None;
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    eventually("the read in the plan", || {
        writer = rustix::fs::open(&gate, flags, Mode::empty()).ok();
        writer.is_some()
    })
    .await;
    bench.job.cancel.cancel();
    let error = planning.await.unwrap();
    assert!(error.is_cancelled(), "{error:?}");
    drop(writer);
    assert_eq!(processes_in(&bench.job.job_dir), Vec::<String>::new());
    // Terraform stores what it has when it is interrupted, which is nothing here.
    assert_eq!(stage.things(), 0);
}

fn is_named(path: &Path, ending: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending))
}

/// The command lines of processes that work in a directory.
fn processes_in(dir: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let inside = all.filter(|path| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)));
    inside.map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default()).collect()
}

async fn cancelling_an_apply_ends_its_processes_and_saves_the_state(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let marks = tempfile::tempdir().unwrap();
    let (bench, applying) = stage.applying(&hanging(marks.path())).await;
    eventually("the script", || bench.log.has("hanging\n")).await;
    bench.job.cancel.cancel();
    let error = applying.await.unwrap();
    assert!(error.is_cancelled(), "{error:?}");
    nothing_runs(marks.path());
    assert_eq!(stage.things(), 2, "{}", bench.log.text());
    stage.state_is_free();
    assert_eq!(leftover_state(&bench.job.job_dir), None);
    let error = stage.engine.plan(&bench.job, &bench.log).await.unwrap_err();
    assert!(error.is_cancelled(), "nothing begins after the cancel: {error:?}");
}

async fn a_failing_apply_saves_the_state(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let (bench, applying) = stage.applying("echo about to fail; exit 3").await;
    let error = applying.await.unwrap();
    assert_eq!(error.class, ErrorClass::Engine, "{error}");
    assert!(!error.is_cancelled() && bench.log.has("about to fail\n"));
    assert_eq!(stage.things(), 2);
    stage.state_is_free();
}

async fn a_state_that_cannot_be_stored_is_left_over(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let planning = stage.bench(&Inputs::label("one"));
    let planned = stage.plan(&planning).await;
    let mut bench = stage.bench(&Inputs::label("one"));
    bench.job.env.insert("TF_HTTP_RETRY_MAX".to_owned(), "0".to_owned());
    stage.server.refuse_states();
    let error = stage.engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap_err();
    assert!(error.suggestion.contains("kept with the job"), "{error:?}");
    let left = leftover_state(&bench.job.job_dir).unwrap();
    let left: serde_json::Value = serde_json::from_slice(&fs::read(left).unwrap()).unwrap();
    assert!(left["serial"].as_i64().unwrap() > 0 && !left["lineage"].as_str().unwrap().is_empty());
    assert_eq!(left["resources"][0]["instances"].as_array().unwrap().len(), 2);
}

async fn secrets_are_in_no_argument_no_log_and_no_error(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let over = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut found = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).replace('\0', " ");
                    if line.contains(SECRET) || line.contains("state-password") {
                        found.insert(line);
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            found
        }
    });
    let script = "printenv SECRET; printenv SECRET | base64; printf 'x%s' \"$SECRET\" | base64; \
                  printf '{\"a\":\"%s\"}' \"$SECRET\"; printenv SECRET >&2; exit 3";
    let planning = stage.bench(&Inputs::script(script));
    let planned = stage.plan(&planning).await;
    let (bench, applying) = stage.applying(script).await;
    let error = applying.await.unwrap();
    over.store(true, Ordering::Relaxed);
    assert_eq!(watcher.join().unwrap(), BTreeSet::new());
    let told = [planning.log.text(), planned.plan_text, bench.log.text(), error.message, error.suggestion].concat();
    assert!(told.contains("••••••"), "{told}");
    for shown in [SECRET, "4711", "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "state-password"] {
        assert!(!told.contains(shown), "{shown} in {told}");
    }
}

async fn a_hanging_apply_is_a_timeout(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let marks = tempfile::tempdir().unwrap();
    let planning = stage.bench(&Inputs::script(hanging(marks.path())));
    let planned = stage.plan(&planning).await;
    let mut bench = stage.bench(&Inputs::script(hanging(marks.path())));
    bench.job.timeouts.soft = Duration::from_secs(10);
    bench.job.started = Instant::now();
    let error = stage.engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap_err();
    assert_eq!((error.class, error.is_cancelled()), (ErrorClass::Timeout, false), "{error:?}");
    nothing_runs(marks.path());
    assert_eq!(stage.things(), 2);
    bench.job.timeouts.hard = Duration::from_millis(1);
    let error = stage.engine.plan(&bench.job, &bench.log).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Timeout, "nothing begins after the hard limit");
}

/// What is kept here of the head and of the tail of a log: less than the platform keeps, so that a test can overflow it.
const HEAD: usize = 1024 * 1024;
const TAIL: usize = 64 * 1024;

/// Keeps a log as the platform does.
struct Bounded(std::sync::Mutex<(Overflow<LogLine>, usize)>);

impl Sink for Bounded {
    fn log(&self, line: LogLine) {
        assert!(line.data.len() <= MAX_LINE);
        let (bytes, ends) = (line.data.len(), !line.continued);
        let mut held = self.0.lock().unwrap();
        let passed = held.0.push(line, bytes, ends);
        held.1 += passed.map_or(0, |line| line.data.len());
    }

    fn progress(&self, _: Progress) {}
}

async fn a_flood_of_output_is_bounded(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    let script = "yes 'a line of a flood, which is not a long one' | head -c 6000000; exit 3";
    let planning = stage.bench(&Inputs::script(script));
    let planned = stage.plan(&planning).await;
    let bench = stage.bench(&Inputs::script(script));
    let bounded = Bounded(std::sync::Mutex::new((Overflow::new(HEAD, TAIL), 0)));
    let error = stage.engine.apply(&bench.job, &planned.file, &bounded).await.unwrap_err();
    assert!(error.message.len() < 10_000, "{}", error.message.len());
    let (overflow, head) = bounded.0.into_inner().unwrap();
    let (dropped, tail) = overflow.finish();
    let kept = head + tail.map(|line| line.data.len()).sum::<usize>();
    assert!(kept <= HEAD + TAIL + MAX_LINE, "{kept}");
    assert!(dropped.is_some_and(|dropped| dropped.bytes > 1_000_000), "{dropped:?} of {kept}");
}

async fn the_environment_is_what_was_allowed(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something to leave out");
    let marks = tempfile::tempdir().unwrap();
    let file = marks.path().join("names");
    stage.roll_out(&Inputs::script(format!("env | cut -d= -f1 > {}", file.display()))).await;
    let names = fs::read_to_string(&file).unwrap();
    let names: BTreeSet<&str> = names.lines().collect();
    assert!(names.contains("AWS_REGION") && names.contains("SECRET"), "{names:?}");
    let usual =
        ["AWS_REGION", "CHECKPOINT_DISABLE", "HOME", "LANG", "OLDPWD", "PATH", "PWD", "SECRET", "SHLVL", "TMPDIR", "_"];
    let of_engines = ["FLAGSTONE_", "TF_", "PYTHONDONTWRITEBYTECODE"];
    let surplus: Vec<_> = names
        .iter()
        .filter(|name| !usual.contains(name) && !of_engines.iter().any(|beginning| name.starts_with(beginning)))
        .collect();
    assert!(surplus.is_empty(), "{surplus:?}");
}

async fn a_destruction_leaves_nothing(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    stage.roll_out(&Inputs::label("one")).await;
    let mut planning = stage.bench(&Inputs::label("one"));
    planning.job.operation = Operation::Destroy;
    let planned = stage.plan(&planning).await;
    assert_eq!(planned.destroys, 2);
    let mut applying = stage.bench(&Inputs::label("one"));
    applying.job.operation = Operation::Destroy;
    let applied = stage.engine.apply(&applying.job, &planned.file, &applying.log).await.unwrap();
    assert!(applied.outputs.is_empty(), "{:?}", applied.outputs);
    assert!(applied.resources.iter().all(|done| done.action == ResourceAction::Deleted));
    assert_eq!(stage.server.state().unwrap()["resources"], json!([]));
}

async fn without_a_change_the_plan_is_empty(subject: Subject, test: &str) {
    let Some(stage) = stage(subject, test).await else { return };
    stage.roll_out(&Inputs::label("one")).await;
    let bench = stage.bench(&Inputs::label("one"));
    let changes = normalise(&stage.plan(&bench).await.plan_json, &[]).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    let bench = stage.bench(&Inputs::label("two"));
    let changes = normalise(&stage.plan(&bench).await.plan_json, &[]).unwrap();
    assert_eq!((changes.summary.change, changes.summary.add, changes.outputs.len()), (2, 0, 1), "{changes:?}");
}

async fn limits_hold_for_what_an_engine_starts(subject: Subject, test: &str) {
    let limits = Limits { open_files: Some(333), cpu_seconds: Some(77), ..Limits::usual() };
    let Some(stage) = confined(subject, test, Confinement { limits, ..Confinement::default() }).await else { return };
    let marks = tempfile::tempdir().unwrap();
    let file = marks.path().join("limits");
    stage.roll_out(&Inputs::script(format!("(ulimit -n; ulimit -t; ulimit -c) > {}", file.display()))).await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "333\n77\n0\n");
}

async fn too_much_memory_is_told_as_such(subject: Subject, test: &str) {
    // What either engine needs for itself fits in several times.
    let limits = Limits { memory_bytes: Some(400 * 1024 * 1024), ..Limits::default() };
    let Some(stage) = confined(subject, test, Confinement { limits, ..Confinement::default() }).await else { return };
    let script = "head -c 480000000 /dev/zero | tail -c 480000000 | sleep 1000";
    let (bench, applying) = stage.applying(script).await;
    let error = applying.await.unwrap();
    assert_eq!(error.class, ErrorClass::Quota, "{error}\n{}", bench.log.text());
    assert_eq!(error.message, "The engine needed more than 400 MiB of memory and was stopped.");
    assert!(error.suggestion.contains("FLAGSTONE_RUNNER_MEMORY_MIB"), "{error:?}");
    assert_eq!(stage.things(), 2, "the state is saved");
}

async fn a_sandbox_shows_the_job_alone(subject: Subject, test: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(mut sandbox) = Sandbox::find(&path.to_string_lossy()) else { return skip(test, "bwrap not found") };
    let marks = tempfile::tempdir().unwrap();
    let hidden = tempfile::tempdir().unwrap();
    fs::write(hidden.path().join("key"), "of the server").unwrap();
    sandbox.hidden.push(hidden.path().to_owned());
    sandbox.writable.push(marks.path().to_owned());
    let confinement = Confinement { sandbox: Some(sandbox), limits: Limits::usual(), ..Confinement::default() };
    let Some(stage) = confined(subject, test, confinement).await else { return };
    let (seen, hidden) = (marks.path().join("seen"), hidden.path().join("key"));
    let look = format!(
        "(ls -A /root /home; ls {}; touch /usr/mark && echo writable; echo pids: $(ls -d /proc/[0-9]* | wc -l)) > {} 2>/dev/null || true",
        hidden.display(),
        seen.display()
    );
    stage.roll_out(&Inputs::script(look)).await;
    let told = fs::read_to_string(&seen).unwrap();
    assert!(!told.contains("key") && !told.contains("writable") && !told.contains(".cargo"), "{told}");
    assert!(!PathBuf::from("/usr/mark").exists());
    let processes = told.lines().find_map(|line| line.strip_prefix("pids: ")?.trim().parse::<u32>().ok());
    assert!(processes.is_some_and(|count| count < 20), "it sees its own processes alone: {told}");

    let script = hanging(marks.path());
    let (bench, applying) = stage.applying(&script).await;
    eventually("the script", || bench.log.has("hanging\n")).await;
    bench.job.cancel.cancel();
    let error = applying.await.unwrap();
    assert!(error.is_cancelled(), "{error:?}");
    assert_eq!(processes_in(&bench.job.job_dir), Vec::<String>::new());
    assert_eq!(stage.things(), 2, "it was interrupted in order: {}", bench.log.text());
}
