//! What is put into a job's directory, and the environment that Terraform gets.
//!
//! ```text
//! <job>/template/                            the template, and our one override file
//! <job>/inputs.tfvars.json                   the inputs
//! <job>/terraform.tfrc                       where providers come from, when a mirror is configured
//! <job>/tfplan                               the saved plan
//! <job>/data/                                TF_DATA_DIR
//! <job>/tmp/                                 TMPDIR
//! <job>/control/                             one directory for each run, see `supervisor::recover`
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::TerraformConfig;
use crate::engine::JobContext;
use crate::error::{EngineError, ErrorClass};

const LOCK_FILE: &str = ".terraform.lock.hcl";
/// Makes every template keep its state with us, whatever backend its own code names.
const OVERRIDE_FILE: &str = "flagstone_override.tf.json";

/// A job's directory.
pub(super) struct Workdir {
    job: PathBuf,
    template: PathBuf,
}

impl Workdir {
    pub(super) fn new(job: &JobContext) -> Self {
        Self { job: job.job_dir.clone(), template: job.template_dir() }
    }

    pub(super) fn template(&self) -> &Path {
        &self.template
    }

    pub(super) fn inputs_file(&self) -> PathBuf {
        self.job.join("inputs.tfvars.json")
    }

    pub(super) fn plan_file(&self) -> PathBuf {
        self.job.join("tfplan")
    }

    fn cli_config_file(&self) -> PathBuf {
        self.job.join("terraform.tfrc")
    }

    fn data(&self) -> PathBuf {
        self.job.join("data")
    }

    fn tmp(&self) -> PathBuf {
        self.job.join("tmp")
    }

    /// What can be seen without Terraform.
    pub(super) fn validate(&self, inputs: &Value) -> Result<(), EngineError> {
        let refuse = |message: String| {
            EngineError::new(ErrorClass::Validation, message).suggest("Correct the template and publish a new version.")
        };
        if !inputs.is_object() {
            return Err(EngineError::new(ErrorClass::Validation, "The inputs are no JSON object."));
        }
        let names: Vec<String> = fs::read_dir(&self.template)
            .map_err(|error| refuse(format!("The template's directory cannot be read: {error}.")))?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        if !names.iter().any(|name| is_code(name)) {
            return Err(refuse("The template holds no Terraform code in its top directory.".to_owned()));
        }
        // A later one would take the state away from us.
        match names.iter().find(|name| is_override(name) && *name != OVERRIDE_FILE) {
            Some(name) => Err(refuse(format!("The template holds the override file {name}; that is not allowed."))),
            None => Ok(()),
        }
    }

    /// Writes everything that a run needs. May be repeated.
    pub(super) fn fill(&self, inputs: &Value, config: &TerraformConfig) -> io::Result<()> {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        for dir in [self.data(), self.tmp()] {
            private.create(dir)?;
        }
        let backend = json!({"terraform": {"backend": {"http": {}}}});
        write_private(&self.template.join(OVERRIDE_FILE), &serde_json::to_vec(&backend)?)?;
        write_private(&self.inputs_file(), &serde_json::to_vec(inputs)?)?;
        if let Some(mirror) = &config.mirror {
            // A JSON string is an HCL string too; without a `direct` block nothing is fetched from the network.
            let path = serde_json::to_string(mirror)?;
            let text = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n");
            write_private(&self.cli_config_file(), text.as_bytes())?;
        }
        Ok(())
    }

    /// The whole environment. What Terraform must see of ours comes last, so that runner configuration cannot undo it.
    pub(super) fn env(&self, job: &JobContext, config: &TerraformConfig) -> BTreeMap<String, String> {
        let path = |path: PathBuf| path.display().to_string();
        let mut env = BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]);
        env.extend(job.env.clone());
        let password = String::from_utf8_lossy(job.state.password.expose()).into_owned();
        let ours = [
            ("PATH", config.path.clone()),
            ("HOME", path(self.job.clone())),
            ("TMPDIR", path(self.tmp())),
            ("TF_DATA_DIR", path(self.data())),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_HTTP_ADDRESS", job.state.address.clone()),
            ("TF_HTTP_LOCK_ADDRESS", job.state.lock_address.clone()),
            ("TF_HTTP_UNLOCK_ADDRESS", job.state.unlock_address.clone()),
            ("TF_HTTP_USERNAME", job.state.username.clone()),
            ("TF_HTTP_PASSWORD", password),
        ];
        env.extend(ours.map(|(key, value)| (key.to_owned(), value)));
        if config.mirror.is_some() {
            env.insert("TF_CLI_CONFIG_FILE".to_owned(), path(self.cli_config_file()));
        }
        if let Some(cache) = &config.plugin_cache {
            env.insert("TF_PLUGIN_CACHE_DIR".to_owned(), path(cache.clone()));
        }
        env
    }

    /// Puts the provider lock of a saved plan where `init` follows it.
    pub(super) fn restore_lock(&self, lock: &[u8]) -> io::Result<()> {
        write_private(&self.template.join(LOCK_FILE), lock)
    }

    /// True after [`Workdir::set_initialized`]. Terraform's own traces are there after half an `init` too.
    pub(super) fn is_initialized(&self) -> bool {
        self.job.join("initialized").exists()
    }

    pub(super) fn set_initialized(&self) -> io::Result<()> {
        write_private(&self.job.join("initialized"), b"")
    }
}

fn is_code(name: &str) -> bool {
    [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending))
}

fn is_override(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let stem = stem.strip_suffix(".tf").or_else(|| stem.strip_suffix(".tofu"));
    stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_override_files() {
        for name in ["override.tf", "override.tf.json", "a_override.tf", "a_override.tofu.json"] {
            assert!(is_override(name) && is_code(name), "{name}");
        }
        for name in ["main.tf", "overrides.tf", "override.md", "my-override.tf"] {
            assert!(!is_override(name), "{name}");
        }
    }
}
