//! The Terraform engine against the real binary, without any provider but the one that is built in. Where Terraform is
//! not installed each test says so and passes.

use std::collections::BTreeMap;
use std::fs;
use std::future::{pending, ready};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagstone_engines::engine::{
    Engine, JobContext, LogLevel, LogLine, LogStream, Operation, Progress, ResourceAction, SecretValue, Sink, Step,
    Timeouts,
};
use flagstone_engines::error::ErrorClass;
use flagstone_engines::supervisor::{EndReason, recover, wait_gone};
use flagstone_engines::terraform::{Terraform, TerraformConfig, leftover_state};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state_server::StateServer;
use super::{eventually, is_running, supervisor_command};

/// The engine, or nothing after having said that the test is skipped.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn engine() -> Option<Terraform> {
    let terraform = Terraform::new(TerraformConfig::new(supervisor_command()));
    match terraform.detect().await {
        Ok(_) => Some(terraform),
        Err(error) => {
            println!("skipped: terraform not found ({error})");
            None
        }
    }
}

/// Remembers everything it is told.
#[derive(Clone, Default)]
struct Memory {
    lines: Arc<Mutex<Vec<LogLine>>>,
    progress: Arc<Mutex<Vec<Progress>>>,
}

impl Sink for Memory {
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }

    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }
}

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.lines.lock().unwrap().iter().flat_map(|line| line.data.to_vec()).collect()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }
}

/// Takes a few lines and then never wants more.
struct Stuck(Memory);

impl Sink for Stuck {
    fn log(&self, line: LogLine) {
        self.0.log(line);
    }

    fn progress(&self, progress: Progress) {
        self.0.progress(progress);
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        if self.0.has("line 3\n") { Box::pin(pending()) } else { Box::pin(ready(())) }
    }
}

/// A job's directory with a template of one file.
struct Fixture {
    dir: TempDir,
    job: JobContext,
    log: Memory,
}

fn context(job_dir: &Path, server: &StateServer, inputs: Value) -> JobContext {
    JobContext {
        job_dir: job_dir.to_owned(),
        inputs,
        operation: Operation::Create,
        state: server.backend(),
        env: BTreeMap::new(),
        secrets: Vec::new(),
        timeouts: Timeouts {
            interrupt: Duration::from_secs(20),
            terminate: Duration::from_millis(500),
            ..Timeouts::default()
        },
        started: Instant::now(),
        cancel: CancellationToken::new(),
    }
}

impl Fixture {
    fn new(server: &StateServer, code: &str, inputs: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let job = context(dir.path(), server, inputs);
        fs::create_dir(job.template_dir()).unwrap();
        fs::write(job.template_dir().join("main.tf"), code).unwrap();
        Self { dir, job, log: Memory::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

const BUNDLE: &str = r#"
variable "label" { type = string }
variable "count_of" {
  type    = number
  default = 2
}
variable "password" {
  type      = string
  default   = "default-password"
  sensitive = true
}
resource "terraform_data" "bundle" {
  count            = var.count_of
  input            = { label = var.label, index = count.index }
  triggers_replace = var.label
}
output "labels" { value = [for bundle in terraform_data.bundle : bundle.output.label] }
"#;

const SENSITIVE_OUTPUT: &str = r#"
output "password" {
  value     = var.password
  sensitive = true
}
"#;

#[tokio::test]
async fn plans_shows_applies_and_destroys() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let code = format!("{BUNDLE}{SENSITIVE_OUTPUT}");
    let planning = Fixture::new(&server, &code, json!({"label": "one", "password": "correct-horse-battery"}));
    let planned = engine.plan(&planning.job, &planning.log).await.unwrap();
    assert_eq!(planned.plan_json["resource_changes"].as_array().unwrap().len(), 2);
    assert!(planned.plan_text.contains("Plan: 2 to add, 0 to change, 0 to destroy."), "{}", planned.plan_text);
    assert!(!planned.plan_text.contains("correct-horse-battery"));
    assert_eq!(planned.destroys, 0);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(planned.provider_lock_hash, empty);
    assert!(!server.is_locked() && server.state().is_none());
    for step in ["validate", "setup", "init", "plan"] {
        assert!(planning.log.progress.lock().unwrap().iter().any(|progress| progress.step.as_str() == step), "{step}");
    }

    // Another directory, as on another runner.
    let applying = Fixture::new(&server, &code, json!({"label": "never used"}));
    let inspected = engine.inspect(&applying.job, &planned.file, &applying.log).await.unwrap();
    assert_eq!(inspected.plan_json["resource_changes"], planned.plan_json["resource_changes"]);
    assert_eq!(
        (inspected.file_sha256, inspected.provider_lock_hash),
        (planned.file_sha256.clone(), planned.provider_lock_hash.clone())
    );
    let applied = engine.apply(&applying.job, &planned.file, &applying.log).await.unwrap();
    assert_eq!(applied.outputs["labels"].value, json!(["one", "one"]));
    assert_eq!(applied.outputs["password"].value, json!("correct-horse-battery"));
    assert!(applied.outputs["password"].sensitive && !applied.outputs["labels"].sensitive);
    assert_eq!(applied.resources.len(), 2);
    assert!(applied.resources.iter().all(|resource| resource.action == ResourceAction::Created));
    assert!(applied.resources[0].id.is_some());
    assert_eq!(server.state().unwrap()["resources"][0]["instances"].as_array().unwrap().len(), 2);
    assert!(!server.is_locked());
    assert!(!applying.log.has("correct-horse-battery"));
    let progress = applying.log.progress.lock().unwrap().clone();
    let progress = &progress[progress.iter().rposition(|progress| progress.percent == 0).unwrap()..];
    assert!(progress.is_sorted_by_key(|progress| (progress.percent, progress.step)), "{progress:?}");
    assert!(progress.iter().any(|progress| (progress.current, progress.total) == (2, 2)), "{progress:?}");
    assert_eq!(progress.last().unwrap().percent, 100);

    let mut destroying = Fixture::new(&server, &code, json!({"label": "one"}));
    destroying.job.operation = Operation::Destroy;
    let planned = engine.plan(&destroying.job, &destroying.log).await.unwrap();
    assert_eq!(planned.destroys, 2);
    let applied = engine.apply(&destroying.job, &planned.file, &destroying.log).await.unwrap();
    assert!(applied.outputs.is_empty());
    assert_eq!(server.state().unwrap()["resources"], json!([]));
}

#[tokio::test]
async fn an_apply_without_sensitive_outputs_runs_terraform_once() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let fixture = Fixture::new(&server, BUNDLE, json!({"label": "one"}));
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    let applying = Fixture::new(&server, BUNDLE, json!({}));
    let applied = engine.apply(&applying.job, &planned.file, &applying.log).await.unwrap();
    assert_eq!(applied.outputs["labels"].value, json!(["one", "one"]));
    let lines = applying.log.lines.lock().unwrap();
    let commands: Vec<_> = lines.iter().filter(|line| line.stream == LogStream::System).collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].data.starts_with(b"$ terraform apply -json") && commands[0].step == Step::Apply);
}

#[tokio::test]
async fn a_missing_binary_says_what_to_do() {
    let server = StateServer::start().await;
    let mut config = TerraformConfig::new(supervisor_command());
    config.binary = Some("/no/such/terraform".into());
    let engine = Terraform::new(config);
    let fixture = Fixture::new(&server, BUNDLE, json!({"label": "one"}));
    let error = engine.plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert_eq!((error.class, error.step), (ErrorClass::Engine, Some(Step::Setup)));
    assert_eq!(error.message, "terraform was not found: install it or set FLAGSTONE_TERRAFORM to its path.");
}

#[tokio::test]
async fn a_template_that_cannot_be_run_is_refused_before_anything_runs() {
    let server = StateServer::start().await;
    let engine = Terraform::new(TerraformConfig::new(supervisor_command()));
    let fixture = Fixture::new(&server, "", json!({}));
    fs::write(fixture.job.template_dir().join("z_override.tf"), "").unwrap();
    let error = engine.plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert_eq!((error.class, error.step), (ErrorClass::Validation, Some(Step::Validate)));
    assert!(error.message.contains("z_override.tf"), "{error}");
    let fixture = Fixture::new(&server, "", json!({}));
    fs::rename(fixture.job.template_dir().join("main.tf"), fixture.job.template_dir().join("main.txt")).unwrap();
    assert!(engine.plan(&fixture.job, &fixture.log).await.unwrap_err().message.contains("no Terraform code"));
}

#[tokio::test]
async fn failures_of_init_and_plan_are_classified() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let plan = async |code: &str, inputs: Value| {
        let fixture = Fixture::new(&server, code, inputs);
        let error = engine.plan(&fixture.job, &fixture.log).await.unwrap_err();
        assert!(fixture.log.lines.lock().unwrap().iter().any(|line| line.level == LogLevel::Error), "{error}");
        assert_eq!(error.exit.as_ref().unwrap().code, Some(1), "{error:?}");
        (error.class, error.step.unwrap(), error.message)
    };
    let (class, step, message) = plan("resource {", json!({})).await;
    assert_eq!((class, step), (ErrorClass::Engine, Step::Init), "{message}");
    let (class, step, message) = plan("output \"x\" { value = var.nope }", json!({})).await;
    assert_eq!((class, step), (ErrorClass::Engine, Step::Plan), "{message}");
    assert!(message.starts_with("Reference to undeclared input variable"), "{message}");
    let (class, _, message) = plan(BUNDLE, json!({})).await;
    assert_eq!(class, ErrorClass::Validation, "{message}");
    let validated = r#"variable "n" {
      type = number
      validation {
        condition     = var.n < 3
        error_message = "At most two."
      }
    }"#;
    let (class, _, message) = plan(validated, json!({"n": 3})).await;
    assert_eq!(class, ErrorClass::Validation, "{message}");
    server.lock();
    let (class, step, message) = plan("", json!({})).await;
    assert_eq!((class, step), (ErrorClass::Conflict, Step::Plan), "{message}");
}

#[tokio::test]
async fn a_plan_without_its_providers_fails_by_the_mirror_not_by_the_network() {
    let Some(_) = engine().await else { return };
    let server = StateServer::start().await;
    let mirror = tempfile::tempdir().unwrap();
    let mut config = TerraformConfig::new(supervisor_command());
    config.mirror = Some(mirror.path().to_owned());
    let fixture = Fixture::new(&server, "resource \"random_id\" \"x\" { byte_length = 4 }", json!({}));
    let error = Terraform::new(config).plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert_eq!((error.class, error.step), (ErrorClass::Engine, Some(Step::Init)), "{error:?}");
    assert!(error.suggestion.contains("provider mirror"), "{error:?}");
}

#[tokio::test]
async fn a_half_applied_plan_leaves_its_half_in_the_state() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let code = r#"
resource "terraform_data" "good" { input = "good" }
resource "terraform_data" "bad" {
  depends_on = [terraform_data.good]
  provisioner "local-exec" { command = "echo about to fail; exit 3" }
}"#;
    let fixture = Fixture::new(&server, code, json!({}));
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    let error = engine.apply(&fixture.job, &planned.file, &fixture.log).await.unwrap_err();
    assert_eq!((error.class, error.step), (ErrorClass::Engine, Some(Step::Apply)));
    assert!(error.message.starts_with("local-exec provisioner error (with terraform_data.bad)"), "{error}");
    assert!(!error.is_cancelled());
    assert!(fixture.log.has("terraform_data.bad: (local-exec): about to fail\n"), "{}", fixture.log.text());
    let state = server.state().unwrap();
    assert!(state["resources"].as_array().unwrap().iter().any(|resource| resource["name"] == "good"));
    assert!(!server.is_locked());
    let error = engine.apply(&fixture.job, &planned.file, &fixture.log).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "the same plan again: {error}");
}

/// A provisioner that leaves the session, ignores all it can, and hangs.
fn hanging(marks: &Path) -> String {
    let marks = marks.display();
    format!(
        r#"
resource "terraform_data" "good" {{ input = "good" }}
resource "terraform_data" "hangs" {{
  depends_on = [terraform_data.good]
  provisioner "local-exec" {{
    command = "setsid sh -c 'echo $$ > {marks}/daemon; trap : INT TERM HUP; while :; do sleep 1; done' & echo $$ > {marks}/child; echo hanging; sleep 1000"
  }}
}}"#
    )
}

#[tokio::test]
async fn cancelling_a_hanging_apply_keeps_the_state_and_leaves_no_process() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let marks = tempfile::tempdir().unwrap();
    let fixture = Fixture::new(&server, &hanging(marks.path()), json!({}));
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    let (job, log) = (fixture.job.clone(), fixture.log.clone());
    let applying = tokio::spawn(async move { engine.apply(&job, &planned.file, &log).await });
    eventually("the provisioner", || fixture.log.has("hanging\n")).await;
    fixture.job.cancel.cancel();
    let error = applying.await.unwrap().unwrap_err();
    assert!(error.is_cancelled(), "{error:?}");
    for process in ["daemon", "child"] {
        assert!(!is_running(&marks.path().join(process)), "{process}");
    }
    let state = server.state().unwrap();
    assert!(state["resources"].as_array().unwrap().iter().any(|resource| resource["name"] == "good"));
    assert!(!server.is_locked(), "{}", fixture.log.text());
    let error =
        Terraform::new(TerraformConfig::new(supervisor_command())).plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert!(error.is_cancelled(), "nothing begins after the cancel: {error:?}");
}

#[tokio::test]
async fn the_soft_limit_ends_a_hanging_apply_as_a_timeout() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let marks = tempfile::tempdir().unwrap();
    let mut fixture = Fixture::new(&server, &hanging(marks.path()), json!({}));
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    fixture.job.started = Instant::now();
    fixture.job.timeouts.soft = Duration::from_secs(1);
    let error = engine.apply(&fixture.job, &planned.file, &fixture.log).await.unwrap_err();
    assert_eq!((error.class, error.is_cancelled()), (ErrorClass::Timeout, false), "{error:?}");
    assert!(!is_running(&marks.path().join("daemon")));
    assert!(fixture.log.has("The job runs longer than 0.0 minutes: terraform is interrupted.\n"));
    fixture.job.timeouts.hard = Duration::from_millis(1);
    let error = engine.plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Timeout, "nothing begins after the hard limit");
}

#[tokio::test]
async fn a_sink_that_is_stuck_slows_an_engine_down_but_does_not_keep_it_alive() {
    let server = StateServer::start().await;
    let fixture = Fixture::new(&server, "# code", json!({}));
    let script = fixture.path("terraform");
    let text = "#!/bin/sh\ntrap 'exit 1' INT\ni=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.02; done\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let mut config = TerraformConfig::new(supervisor_command());
    config.binary = Some(script);
    let (job, sink) = (fixture.job.clone(), Stuck(fixture.log.clone()));
    let planning = tokio::spawn(async move { Terraform::new(config).plan(&job, &sink).await });
    eventually("the third line", || fixture.log.has("line 3\n")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!fixture.log.has("line 6\n"), "{}", fixture.log.text());
    fixture.job.cancel.cancel();
    assert!(planning.await.unwrap().unwrap_err().is_cancelled());
    assert!(fixture.log.has("line 6\n"), "nothing is lost: {}", fixture.log.text());
}

/// Environment variable that makes [`a_runner_that_is_killed`] one.
const HELPER_DIR: &str = "FLAGSTONE_TEST_RUNNER_DIR";

/// Not a test by itself: what [`a_killed_runner_s_terraform_writes_its_state_on_the_way_out`] kills. Its state server
/// dies with it, as the platform's would.
#[tokio::test]
async fn a_runner_that_is_killed() {
    let Some(dir) = std::env::var_os(HELPER_DIR) else { return };
    let dir = PathBuf::from(dir);
    let server = StateServer::start().await;
    let engine = Terraform::new(TerraformConfig::new(supervisor_command()));
    let mut job = context(&dir.join("job"), &server, json!({}));
    // Terraform tries each call to a lost state server three times over three seconds; here once will do.
    job.env.insert("TF_HTTP_RETRY_MAX".to_owned(), "0".to_owned());
    fs::create_dir_all(job.template_dir()).unwrap();
    fs::write(job.template_dir().join("main.tf"), hanging(&dir)).unwrap();
    let log = Memory::default();
    let planned = engine.plan(&job, &log).await.unwrap();
    let _ = engine.apply(&job, &planned.file, &log).await;
}

#[tokio::test]
async fn a_killed_runner_s_terraform_writes_its_state_on_the_way_out() {
    let Some(_) = engine().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "terraform::a_runner_that_is_killed"])
        .env(HELPER_DIR, dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (daemon, child) = (dir.path().join("daemon"), dir.path().join("child"));
    eventually("the provisioner", || {
        [&daemon, &child].iter().all(|file| fs::read_to_string(file).is_ok_and(|pid| pid.ends_with('\n')))
    })
    .await;
    let job_dir = dir.path().join("job");
    assert!(recover(&job_dir).supervisor_alive);
    assert!(leftover_state(&job_dir).is_none());
    runner.kill().unwrap();
    runner.wait().unwrap();

    assert!(wait_gone(&job_dir, Duration::from_secs(40)).await);
    let recovered = recover(&job_dir);
    let apply = recovered.runs.iter().find(|run| run.name.ends_with("-apply")).unwrap();
    let exit = apply.exit.clone().unwrap();
    assert_eq!((exit.reason, exit.code, exit.signal), (EndReason::ParentLost, Some(1), None), "no SIGPIPE, no SIGKILL");
    let state: Value = serde_json::from_slice(&fs::read(leftover_state(&job_dir).unwrap()).unwrap()).unwrap();
    assert!(state["resources"].as_array().unwrap().iter().any(|resource| resource["name"] == "good"));
    let spill = fs::read_to_string(apply.spill.as_ref().unwrap()).unwrap();
    assert!(spill.contains("errored.tfstate"), "{spill}");
    assert!(!is_running(&daemon) && !is_running(&child));
}

#[tokio::test]
async fn a_secret_is_masked_however_it_is_printed() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let secret = "p@ss \"word\" 0123456789";
    let code = r#"
variable "secret" { type = string }
resource "terraform_data" "talks" {
  input = var.secret
  provisioner "local-exec" {
    command = "printenv SECRET; printenv SECRET | base64; printf '%s' \"$SECRET\" | base64; printf 'x%s' \"$SECRET\" | base64; printenv TF_HTTP_PASSWORD"
    environment = { SECRET = var.secret }
  }
  provisioner "local-exec" { command = "exit 1 # ${var.secret}" }
}
output "secret" { value = var.secret }
"#;
    let mut fixture = Fixture::new(&server, code, json!({"secret": secret}));
    fixture.job.secrets = vec![SecretValue::new(secret)];
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    let error = engine.apply(&fixture.job, &planned.file, &fixture.log).await.unwrap_err();
    let text = fixture.log.text() + &error.message + &planned.plan_text;
    assert!(text.contains("(local-exec): ••••••\n"), "{text}");
    for printed in
        ["p@ss", "0123456789", "cEBzcyAid29yZCIgMDEyMzQ1Njc4OQ", "BAc3MgIndvcmQiIDAxMjM0NTY3OD", "state-password"]
    {
        assert!(!text.contains(printed), "{printed} in {text}");
    }
}

/// Terraform itself drops a provisioner's line of 10 MB and replaces bytes that are no UTF-8; what other programs print
/// past it is not its to change. So a script stands for it here.
#[tokio::test]
async fn long_lines_and_odd_bytes_pass_as_they_are() {
    const LONG: usize = 10 * 1024 * 1024;
    let server = StateServer::start().await;
    let fixture = Fixture::new(&server, "# code", json!({}));
    let script = fixture.path("terraform");
    let text =
        "#!/bin/sh\nhead -c 10485760 /dev/zero | tr '\\0' x\nprintf '\\nodd \\377\\000\\033[31mred\\r\\n'\nexit 1\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let mut config = TerraformConfig::new(supervisor_command());
    config.binary = Some(script);
    let error = Terraform::new(config).plan(&fixture.job, &fixture.log).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Engine);
    assert!(error.message.len() < 10_000, "{}", error.message.len());
    let lines = fixture.log.lines.lock().unwrap();
    let printed: Vec<_> = lines.iter().filter(|line| line.stream == LogStream::Stdout).collect();
    assert!(printed.iter().all(|line| line.data.len() <= 32 * 1024));
    assert_eq!(printed.iter().filter(|line| line.continued).count(), LONG / (32 * 1024));
    let bytes: Vec<u8> = printed.iter().flat_map(|line| line.data.to_vec()).collect();
    let expected = [vec![b'x'; LONG].as_slice(), b"\nodd \xff\0\x1b[31mred\r\n"].concat();
    assert!(bytes == expected, "{} bytes instead of {}", bytes.len(), expected.len());
}

#[tokio::test]
async fn a_provisioner_s_lines_arrive_one_by_one_while_it_runs() {
    let Some(engine) = engine().await else { return };
    let server = StateServer::start().await;
    let marks = tempfile::tempdir().unwrap();
    let go = marks.path().join("go");
    let code = format!(
        r#"
resource "terraform_data" "talks" {{
  provisioner "local-exec" {{
    command = "head -c 40000 /dev/zero | tr '\\0' x; echo; printf 'odd \\377\\n'; until [ -e {} ]; do sleep 0.05; done"
  }}
}}"#,
        go.display()
    );
    let fixture = Fixture::new(&server, &code, json!({}));
    let planned = engine.plan(&fixture.job, &fixture.log).await.unwrap();
    let (job, log) = (fixture.job.clone(), fixture.log.clone());
    let applying = tokio::spawn(async move { engine.apply(&job, &planned.file, &log).await });
    // Terraform replaces what is no UTF-8 in a provisioner's output.
    eventually("the odd line", || fixture.log.has("terraform_data.talks: (local-exec): odd \u{fffd}\n")).await;
    assert!(!applying.is_finished());
    fs::write(go, "").unwrap();
    applying.await.unwrap().unwrap();
    assert!(fixture.log.text().matches('x').count() >= 40_000);
}
