//! The supervisor with a shell for an engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flagstone_engines::confine::Limits;
use flagstone_engines::supervisor::{
    CONTROL_DIR, EndReason, Grace, OutputStream, Spec, Supervised, SupervisorCommand, recover, wait_gone,
};
use tempfile::TempDir;

use super::{eventually, is_running, supervisor_command};

/// A job's directory with one control directory.
struct Job(TempDir);

impl Job {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(CONTROL_DIR).join("01-test")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spec(&self, script: &str) -> Spec {
        Spec {
            program: "/bin/sh".into(),
            args: vec!["-c".to_owned(), script.to_owned()],
            cwd: self.0.path().to_owned(),
            env: BTreeMap::from([
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
                ("SECRET".to_owned(), "hunter2".to_owned()),
            ]),
            grace: Grace { interrupt_ms: 300, terminate_ms: 300 },
            hard_timeout_ms: 60_000,
            control_dir: self.path(CONTROL_DIR).join("01-test"),
            limits: Limits::default(),
            cgroup: None,
            sandboxed: false,
        }
    }

    async fn spawn(&self, script: &str) -> Supervised {
        Supervised::spawn(&self.spec(script), &supervisor_command()).await.unwrap()
    }
}

/// Everything that was printed, by stream.
async fn read(engine: &mut Supervised) -> (String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(frame) = engine.next().await {
        match frame.stream {
            OutputStream::Stdout => stdout.extend_from_slice(&frame.bytes),
            OutputStream::Stderr => stderr.extend_from_slice(&frame.bytes),
        }
    }
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn exit_on_file(job_dir: &Path) -> flagstone_engines::supervisor::Exit {
    recover(job_dir).runs[0].exit.clone().unwrap()
}

#[tokio::test]
async fn hands_on_output_and_exit_code() {
    let job = Job::new();
    let mut engine = job.spawn("echo out; echo err >&2; env; exit 7").await;
    let (stdout, stderr) = read(&mut engine).await;
    assert!(stdout.starts_with("out\n") && stdout.contains("SECRET=hunter2"), "{stdout}");
    assert!(!stdout.contains("CARGO"), "the environment is exactly that of the spec: {stdout}");
    assert_eq!(stderr, "err\n");
    let exit = engine.wait().await;
    assert_eq!((exit.reason, exit.code, exit.signal), (EndReason::Exited, Some(7), None));
    assert_eq!(exit_on_file(job.0.path()), exit);
    assert!(!recover(job.0.path()).supervisor_alive);
}

#[tokio::test]
async fn says_why_an_engine_did_not_start() {
    let job = Job::new();
    let spec = Spec { program: "/no/such/engine".into(), ..job.spec("") };
    let exit = Supervised::spawn(&spec, &supervisor_command()).await.unwrap().wait().await;
    assert_eq!(exit.reason, EndReason::NotStarted);
    assert!(exit.message.unwrap().starts_with("/no/such/engine did not start"));
}

#[tokio::test]
async fn a_supervisor_that_cannot_be_started_is_an_error() {
    let job = Job::new();
    let missing = SupervisorCommand::program("/no/such/supervisor");
    assert!(Supervised::spawn(&job.spec(""), &missing).await.is_err());
}

#[tokio::test]
async fn secrets_are_not_in_the_supervisor_s_arguments_or_environment() {
    let job = Job::new();
    let engine = job.spawn("sleep 60").await;
    let pid_file = job.path(CONTROL_DIR).join("01-test/supervisor.pid");
    eventually("the supervisor's number", || pid_file.exists()).await;
    let identity: serde_json::Value = serde_json::from_slice(&fs::read(&pid_file).unwrap()).unwrap();
    let proc = PathBuf::from(format!("/proc/{}", identity["pid"]));
    for file in ["cmdline", "environ"] {
        let text = String::from_utf8_lossy(&fs::read(proc.join(file)).unwrap()).into_owned();
        assert!(!text.contains("hunter2"), "{file}: {text}");
    }
    assert!(recover(job.0.path()).supervisor_alive);
    drop(engine);
    assert!(wait_gone(job.0.path(), Duration::from_secs(10)).await);
}

#[tokio::test]
async fn cancelling_climbs_the_ladder_as_far_as_it_must() {
    let cases = [
        ("trap 'echo saved; exit 3' INT; echo ready; while :; do sleep 0.01; done", Some(3), None, "saved"),
        (
            "trap '' INT; trap 'echo ended; exit 4' TERM; echo ready; while :; do sleep 0.01; done",
            Some(4),
            None,
            "ended",
        ),
        ("trap '' INT TERM; echo ready; while :; do sleep 0.01; done", None, Some(9), "ready"),
    ];
    for (script, code, signal, last) in cases {
        let job = Job::new();
        let mut engine = job.spawn(script).await;
        assert_eq!(engine.next().await.unwrap().bytes, "ready\n");
        engine.cancel().await;
        // Asking again must not hurry it.
        engine.cancel().await;
        let (stdout, _) = read(&mut engine).await;
        assert!(last == "ready" || stdout.trim() == last, "{stdout}");
        let exit = engine.wait().await;
        assert_eq!((exit.reason, exit.code, exit.signal), (EndReason::Cancelled, code, signal), "{script}");
    }
}

#[tokio::test]
async fn the_hard_limit_stops_an_engine() {
    let job = Job::new();
    let spec = Spec { hard_timeout_ms: 100, ..job.spec("trap 'exit 5' INT; while :; do sleep 0.01; done") };
    let exit = Supervised::spawn(&spec, &supervisor_command()).await.unwrap().wait().await;
    assert_eq!((exit.reason, exit.code), (EndReason::Timeout, Some(5)));
}

#[tokio::test]
async fn whatever_was_forked_is_gone_after_the_end() {
    let forks = "for i in 1 2 3; do (setsid sh -c \"echo \\$\\$ > daemon$i; trap '' INT TERM HUP; sleep 1000\" &) ; done; \
                 while ! [ -s daemon1 -a -s daemon2 -a -s daemon3 ]; do sleep 0.01; done; echo ready; ";
    for (end, cancels) in [("exit 0", false), ("sleep 1000", true)] {
        let job = Job::new();
        let mut engine = job.spawn(&format!("{forks}{end}")).await;
        assert_eq!(engine.next().await.unwrap().bytes, "ready\n");
        if cancels {
            engine.cancel().await;
        }
        let exit = engine.wait().await;
        assert_eq!(exit.reason, if cancels { EndReason::Cancelled } else { EndReason::Exited });
        for daemon in ["daemon1", "daemon2", "daemon3"] {
            assert!(!is_running(&job.path(daemon)), "{daemon} after {end}");
        }
    }
}

#[tokio::test]
async fn an_engine_whose_runner_is_lost_is_interrupted_and_its_output_kept() {
    let job = Job::new();
    let script = "trap 'echo saving; echo done > saved; exit 0' INT; while :; do echo line; sleep 0.01; done";
    let mut engine = job.spawn(script).await;
    assert!(engine.next().await.is_some());
    drop(engine);
    assert!(wait_gone(job.0.path(), Duration::from_secs(10)).await);
    assert_eq!(fs::read_to_string(job.path("saved")).unwrap(), "done\n");
    let recovered = recover(job.0.path());
    let exit = recovered.runs[0].exit.clone().unwrap();
    assert_eq!((exit.reason, exit.code), (EndReason::ParentLost, Some(0)));
    let spill = fs::read_to_string(recovered.runs[0].spill.as_ref().unwrap()).unwrap();
    assert!(spill.ends_with("saving\n"), "{spill}");
    assert_eq!(exit.spilled, spill.len() as u64);
}

#[tokio::test]
async fn a_signal_to_the_supervisor_ends_the_engine_in_order_too() {
    let job = Job::new();
    let mut engine = job.spawn("trap 'echo saved; exit 3' INT; echo ready; while :; do sleep 0.01; done").await;
    assert_eq!(engine.next().await.unwrap().bytes, "ready\n");
    let identity = fs::read(job.path(CONTROL_DIR).join("01-test/supervisor.pid")).unwrap();
    let identity: serde_json::Value = serde_json::from_slice(&identity).unwrap();
    let supervisor = rustix::process::Pid::from_raw(identity["pid"].as_i64().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::TERM).unwrap();
    assert_eq!(read(&mut engine).await.0, "saved\n");
    let exit = engine.wait().await;
    assert_eq!((exit.reason, exit.code), (EndReason::ParentLost, Some(3)), "nobody has cancelled the job");
}

#[tokio::test]
async fn a_slow_reader_gets_everything_and_a_lost_one_does_not_block_the_engine() {
    let job = Job::new();
    let script = "trap 'exit 0' INT; head -c 3000000 /dev/zero; echo end >&2; sleep 1000";
    let mut engine = job.spawn(script).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut bytes = 0;
    while bytes < 1_000_000 {
        bytes += engine.next().await.unwrap().bytes.len();
    }
    // The supervisor is blocked in a write now, and the engine in one of its own.
    drop(engine);
    assert!(wait_gone(job.0.path(), Duration::from_secs(10)).await);
    assert_eq!(exit_on_file(job.0.path()).reason, EndReason::ParentLost);
}
