//! The engines that keep the contract, each with a template that does the same things for the same inputs:
//!
//! - `count_of` things with a `label`, and a piece of work where there is a `script`;
//! - while it plans it reads the file `gate`, if one is named;
//! - while it applies, after the things exist, it runs `script` with the secret `password` in its environment;
//! - the outputs `labels` and, sensitive, `password`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flagstone_engines::command::{Command, CommandConfig};
use flagstone_engines::confine::Confinement;
use flagstone_engines::engine::{Engine, JobContext, LogLine, Operation, Progress, SecretValue, Sink, Timeouts};
use flagstone_engines::terraform::{Terraform, TerraformConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state_server::StateServer;
use super::{skip, supervisor_command};

/// What no program may show.
pub(crate) const SECRET: &str = "correct-horse-battery-staple-4711";

const TERRAFORM: &str = r#"
variable "label" { type = string }
variable "count_of" { type = number }
variable "password" { type = string }
variable "gate" { type = string }
variable "script" { type = string }
resource "terraform_data" "thing" {
  count = var.count_of
  input = { label = var.label, gate = var.gate == "" ? "" : file(var.gate) }
}
resource "terraform_data" "work" {
  count            = var.script == "" ? 0 : 1
  triggers_replace = var.script
  depends_on       = [terraform_data.thing]
  provisioner "local-exec" {
    command     = var.script
    environment = { SECRET = var.password }
  }
}
output "labels" { value = [for thing in terraform_data.thing : thing.output.label] }
output "password" {
  value     = var.password
  sensitive = true
}
"#;

/// The same as a program, in the language that machines with a shell commonly have.
const PROGRAM: &str = r#"
import json, os, subprocess, sys, uuid

def read(name):
    with open(os.environ[name]) as file:
        return json.load(file)

def write(name, value):
    draft = os.environ[name] + ".draft"
    with open(draft, "w") as file:
        json.dump(value, file)
    os.replace(draft, os.environ[name])

inputs, state = read("FLAGSTONE_INPUTS_FILE"), read("FLAGSTONE_STATE_FILE")
have = {}
for resource in state.get("resources", []):
    for instance in resource["instances"]:
        have[(resource["name"], instance["index_key"])] = instance["attributes"]

def change(key, before, after, actions, secret):
    name, index = key
    marks = {"password": True} if secret else {}
    return {"address": f"thing.{name}[{index}]", "mode": "managed", "type": "thing", "name": name, "index": index,
            "change": {"actions": actions, "before": before, "after": after, "before_sensitive": marks,
                       "after_sensitive": marks}}

def plan():
    gate = open(inputs["gate"]).read() if inputs["gate"] else ""
    want, outputs = {}, {}
    if os.environ["FLAGSTONE_OPERATION"] != "DESTROY":
        for index in range(int(inputs["count_of"])):
            want[("thing", index)] = {"label": inputs["label"], "gate": gate}
        if inputs["script"]:
            want[("work", 0)] = {"script": inputs["script"], "password": inputs["password"]}
        outputs = {"labels": ([inputs["label"]] * int(inputs["count_of"]), False), "password": (inputs["password"], True)}
    changes = []
    for key in sorted(set(want) | set(have)):
        before = {k: v for k, v in have[key].items() if k != "id"} if key in have else None
        after = want.get(key)
        actions = (["create"] if before is None else ["delete"] if after is None else
                   ["no-op"] if before == after else ["update"])
        changes.append(change(key, before, after, actions, key[0] == "work"))
    old, told = state.get("outputs") or {}, {}
    for name in sorted(set(old) | set(outputs)):
        before = old.get(name, {}).get("value")
        after, secret = outputs.get(name, (None, old.get(name, {}).get("sensitive", False)))
        action = ("create" if name not in old else "delete" if name not in outputs else
                  "no-op" if before == after else "update")
        told[name] = {"actions": [action], "before": before, "after": after, "after_unknown": False,
                      "before_sensitive": secret, "after_sensitive": secret}
    write("FLAGSTONE_PLAN_FILE", {"format_version": "1.0", "resource_changes": changes, "output_changes": told,
                                  "private": {"made": "by the plan"}})

def save():
    names = {}
    for (name, index), attributes in sorted(have.items()):
        names.setdefault(name, []).append({"index_key": index, "attributes": attributes})
    write("FLAGSTONE_NEW_STATE_FILE", {"resources": [
        {"mode": "managed", "type": "thing", "name": name, "instances": found} for name, found in names.items()]})

def apply():
    planned = read("FLAGSTONE_PLAN_FILE")
    assert planned["private"] == {"made": "by the plan"}
    changes = [entry for entry in planned["resource_changes"] if entry["change"]["actions"] != ["no-op"]]
    for done, entry in enumerate(changes):
        key, after = (entry["name"], entry["index"]), entry["change"]["after"]
        if after is None:
            have.pop(key)
        else:
            if key[0] == "work":
                subprocess.run(["/bin/sh", "-c", after["script"]], check=True,
                               env={**os.environ, "SECRET": after["password"]})
            have[key] = {**after, "id": str(uuid.uuid4())}
        save()
        told = {"progress": {"current": done + 1, "total": len(changes), "message": entry["address"] + ": done"}}
        print("@flagstone " + json.dumps(told), flush=True)
    save()
    write("FLAGSTONE_OUTPUTS_FILE", {
        name: {"value": change["after"], "sensitive": change["after_sensitive"]}
        for name, change in planned["output_changes"].items() if change["actions"] != ["delete"]})

try:
    {"plan": plan, "apply": apply}[sys.argv[1]]()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(1)
except subprocess.CalledProcessError as error:
    print(f"the script ended with code {error.returncode}", file=sys.stderr)
    sys.exit(1)
"#;

pub(crate) const MANIFEST: &str = "
id: contract
name: Contract
version: 1.0.0
description: For the tests of the engines.
category: Tests
provider: NONE
engine: COMMAND
kind: INFRASTRUCTURE
entrypoint: main.py
command:
  plan: [python3, main.py, plan]
  apply: [python3, main.py, apply]
inputs:
  type: object
";

/// An engine under the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Terraform,
    Command,
}

impl Subject {
    /// The engine, or nothing after having said that `test` is skipped.
    pub(crate) async fn engine(self, test: &str, confinement: Confinement) -> Option<Arc<dyn Engine>> {
        match self {
            Self::Terraform => {
                let mut config = TerraformConfig::new(supervisor_command());
                config.confinement = confinement;
                let engine = Terraform::new(config);
                if let Err(error) = engine.detect().await {
                    skip(test, &format!("terraform not found ({error})"));
                    return None;
                }
                Some(Arc::new(engine))
            }
            Self::Command => {
                let mut config = CommandConfig::new(supervisor_command());
                config.confinement = confinement;
                if !config.path.split(':').any(|dir| Path::new(dir).join("python3").is_file()) {
                    skip(test, "python3 not found");
                    return None;
                }
                Some(Arc::new(Command::new(config)))
            }
        }
    }

    fn write_template(self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        match self {
            Self::Terraform => fs::write(dir.join("main.tf"), TERRAFORM).unwrap(),
            Self::Command => {
                fs::write(dir.join("template.yaml"), MANIFEST).unwrap();
                fs::write(dir.join("main.py"), PROGRAM).unwrap();
            }
        }
    }
}

/// Inputs of the template.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) label: &'static str,
    pub(crate) gate: PathBuf,
    pub(crate) script: String,
}

impl Inputs {
    /// Two things of this label, and nothing else.
    pub(crate) fn label(label: &'static str) -> Self {
        Self { label, gate: PathBuf::new(), script: String::new() }
    }

    /// Two things, and a script.
    pub(crate) fn script(script: impl Into<String>) -> Self {
        Self { script: script.into(), ..Self::label("one") }
    }

    fn value(&self) -> Value {
        json!({"label": self.label, "count_of": 2, "password": SECRET, "gate": self.gate, "script": self.script})
    }
}

/// Remembers everything it is told.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) lines: Arc<Mutex<Vec<LogLine>>>,
    pub(crate) progress: Arc<Mutex<Vec<Progress>>>,
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
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let bytes: Vec<u8> = lines.iter().flat_map(|line| line.data.to_vec()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }
}

/// A job of a subject in a directory of its own.
pub(crate) struct Bench {
    _dir: TempDir,
    pub(crate) job: JobContext,
    pub(crate) log: Memory,
}

impl Bench {
    pub(crate) fn new(subject: Subject, server: &StateServer, inputs: &Inputs) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let job = JobContext {
            job_dir: dir.path().to_owned(),
            inputs: inputs.value(),
            operation: Operation::Create,
            state: server.backend(),
            env: BTreeMap::from([("AWS_REGION".to_owned(), "eu-central-1".to_owned())]),
            secrets: vec![SecretValue::new(SECRET)],
            timeouts: Timeouts {
                interrupt: Duration::from_secs(20),
                terminate: Duration::from_millis(500),
                ..Timeouts::default()
            },
            started: Instant::now(),
            cancel: CancellationToken::new(),
        };
        subject.write_template(&job.template_dir());
        Self { _dir: dir, job, log: Memory::default() }
    }
}
