//! OpenTofu as a flavour of the Terraform engine. Most machines of developers have Terraform: then a stand-in script says
//! the version of OpenTofu, which is all that differs for the engine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flagstone_engines::engine::{Engine, Flavour};
use flagstone_engines::terraform::{Terraform, TerraformConfig};

use super::state_server::StateServer;
use super::subject::{Bench, Inputs, Subject};
use super::{skip, supervisor_command};

fn stand_in(dir: &Path, name: &str, says: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\nprintf '{says}\\non linux_amd64\\n'\nexit 1\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_stand_in_for_tofu_is_found_where_there_is_no_terraform_and_is_told_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    stand_in(dir.path(), "tofu", "OpenTofu v1.9.0");
    let mut config = TerraformConfig::new(supervisor_command());
    config.path = dir.path().display().to_string();
    let found = Terraform::new(config.clone()).detect().await.unwrap();
    assert_eq!((found.flavour, found.to_string().as_str()), (Flavour::OpenTofu, "OpenTofu 1.9.0"));
    assert_eq!(found.binary, dir.path().join("tofu"));

    let bench = Bench::new(Subject::Terraform, &StateServer::start().await, &Inputs::label("one"));
    Terraform::new(config.clone()).plan(&bench.job, &bench.log).await.unwrap_err();
    assert!(bench.log.has("$ tofu init -json"), "{}", bench.log.text());

    stand_in(dir.path(), "terraform", "Terraform v1.11.4");
    let found = Terraform::new(config.clone()).detect().await.unwrap();
    assert_eq!((found.flavour, found.version.as_str()), (Flavour::Terraform, "1.11.4"));
    config.binary = Some(dir.path().join("tofu"));
    assert_eq!(Terraform::new(config).detect().await.unwrap().flavour, Flavour::OpenTofu, "what is configured counts");
}

#[tokio::test]
async fn real_tofu_plans_and_applies() {
    let mut config = TerraformConfig::new(supervisor_command());
    let found = config.path.split(':').map(|dir| Path::new(dir).join("tofu")).find(|path| path.is_file());
    let Some(binary) = found else { return skip("tofu::real_tofu_plans_and_applies", "tofu was not found in PATH") };
    config.binary = Some(binary);
    let engine = Terraform::new(config);
    let server = StateServer::start().await;
    let bench = Bench::new(Subject::Terraform, &server, &Inputs::label("one"));
    let planned = engine.plan(&bench.job, &bench.log).await.unwrap();
    let applied = engine.apply(&bench.job, &planned.file, &bench.log).await.unwrap();
    assert_eq!(applied.resources.len(), 2);
}
