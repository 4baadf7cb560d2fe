//! The engines of a runner, and what confines them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flagstone_api::pb;
use flagstone_engines::command::{Command, CommandConfig};
use flagstone_engines::confine::{Confinement, Sandbox, cgroup};
use flagstone_engines::supervisor::SupervisorCommand;
use flagstone_engines::terraform::{Terraform, TerraformConfig};
use flagstone_engines::{Engine, EngineError, EngineKind, ErrorClass};

use crate::config::RunnerConfig;
use crate::error::{Error, Result};

/// One engine of each kind that the runner can have.
pub(super) struct Engines(BTreeMap<EngineKind, Arc<dyn Engine>>);

impl Engines {
    /// Sets up every engine as the runner is configured. Fails when the program of the supervisor cannot be found.
    pub(super) fn new(config: &RunnerConfig, confinement: &Confinement) -> Result<Self> {
        let supervisor = match &config.supervisor {
            Some(program) => SupervisorCommand { program: program.clone(), args: vec!["supervise".into()] },
            None => SupervisorCommand::own().map_err(Error::internal)?,
        };
        let mut terraform = TerraformConfig::new(supervisor.clone());
        terraform.binary.clone_from(&config.terraform);
        terraform.mirror.clone_from(&config.terraform_mirror);
        terraform.confinement = confinement.clone();
        let mut command = CommandConfig::new(supervisor);
        command.confinement = confinement.clone();
        if let Some(path) = config.environment.get("PATH") {
            terraform.path.clone_from(path);
            command.path.clone_from(path);
        }
        let engines: [Arc<dyn Engine>; 2] = [Arc::new(Terraform::new(terraform)), Arc::new(Command::new(command))];
        Ok(Self(engines.into_iter().map(|engine| (engine.kind(), engine)).collect()))
    }

    /// The engine that a job needs. One that is not there is an error for the job.
    pub(super) fn get(&self, engine: pb::Engine) -> Result<&dyn Engine, EngineError> {
        let found = self.0.values().find(|candidate| to_proto(candidate.kind()) == engine);
        found.map(AsRef::as_ref).ok_or_else(|| {
            let message = format!("The runner does not have the engine {}.", engine.as_str_name());
            EngineError::new(ErrorClass::Engine, message).suggest("Use a runner of the server's version.")
        })
    }

    /// What the runner announces: its engines with their versions.
    pub(super) async fn announce(&self) -> Vec<pb::RunnerEngine> {
        let mut announced = Vec::new();
        for engine in self.0.values() {
            let version = match engine.detect().await {
                Ok(found) => found.to_string(),
                Err(error) => {
                    // It takes such jobs all the same: each of them then fails and says what is missing.
                    tracing::warn!(engine = engine.kind().as_str(), %error, "The runner lacks the program of an engine.");
                    String::new()
                }
            };
            announced.push(pb::RunnerEngine { engine: to_proto(engine.kind()).into(), version });
        }
        announced
    }
}

fn to_proto(kind: EngineKind) -> pb::Engine {
    pb::Engine::from_str_name(&format!("ENGINE_{}", kind.as_str())).unwrap_or_default()
}

/// Finds out what engines can be confined with on this machine, and a sentence that says it. `data_dir` is the server's,
/// of which an engine in a sandbox sees its own job's directory alone. May move this process into a cgroup of its own
/// below the one that was delegated to it.
pub fn confine(config: &RunnerConfig, data_dir: &Path) -> (Confinement, String) {
    let (cgroup, why_not) = match cgroup::find(config.cgroup.as_deref()) {
        Ok(dir) => (Some(dir), String::new()),
        Err(why) => (None, why),
    };
    let path = config.environment.get("PATH").cloned().unwrap_or_else(|| CommandConfig::usual_path().to_owned());
    let sandbox = config.sandbox.then(|| Sandbox::find(&path)).flatten().map(|mut sandbox| {
        sandbox.hidden.push(std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()));
        sandbox.readable.extend(config.terraform_mirror.clone());
        sandbox
    });
    let is_lacking = config.sandbox && sandbox.is_none();
    let confinement = Confinement { limits: config.limits, cgroup, sandbox };
    let mut told = confinement.describe(&why_not);
    if is_lacking {
        told.push_str(" A sandbox was asked for, but `bwrap` is not installed: install bubblewrap.");
    }
    (confinement, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_is_found_by_its_name_on_the_wire() {
        let config = RunnerConfig { supervisor: Some("/no/such/program".into()), ..RunnerConfig::default() };
        let engines = Engines::new(&config, &Confinement::default()).unwrap();
        for (name, kind) in [(pb::Engine::Terraform, EngineKind::Terraform), (pb::Engine::Command, EngineKind::Command)]
        {
            assert_eq!(engines.get(name).map(Engine::kind).unwrap(), kind);
        }
        let Err(error) = engines.get(pb::Engine::Unspecified) else { panic!("there is no such engine") };
        assert_eq!(error.class, ErrorClass::Engine);
    }

    #[test]
    fn what_confines_engines_is_said() {
        let mut config = RunnerConfig { cgroup: Some("/no/such/group".into()), ..RunnerConfig::default() };
        config.sandbox = true;
        config.environment.insert("PATH".to_owned(), "/no/such/directory".to_owned());
        let (confinement, told) = confine(&config, Path::new("/data"));
        assert_eq!((confinement.cgroup, confinement.sandbox), (None, None));
        assert!(told.contains("/no/such/group has no controllers") && told.contains("install bubblewrap"), "{told}");
    }
}
