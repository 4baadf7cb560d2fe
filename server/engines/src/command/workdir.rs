//! What is put into a job's directory, and the environment that a program gets.
//!
//! ```text
//! <job>/template/           the template
//! <job>/inputs.json         FLAGSTONE_INPUTS_FILE
//! <job>/state.json          FLAGSTONE_STATE_FILE: the current state, `{}` where there is none
//! <job>/changes.json        FLAGSTONE_PLAN_FILE: written by a plan, read by an apply
//! <job>/new-state.json      FLAGSTONE_NEW_STATE_FILE: written by an apply
//! <job>/outputs.json        FLAGSTONE_OUTPUTS_FILE: written by an apply
//! <job>/saved-plan          what an approval is about
//! <job>/applying.json       which state an apply began with, until the next one is stored
//! <job>/errored.state.json  a state that could not be stored
//! <job>/tmp/                TMPDIR
//! ```

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flagstone_core::manifest::{self, Command as Programs, Manifest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::document::{MAX_OUTPUTS, MAX_PLAN, read_outputs};
use super::state::{Base, MAX_STATE, State};
use super::{INTERFACE, operation_word, unfit};
use crate::engine::{JobContext, Operation, Output, Step};
use crate::error::{EngineError, ErrorClass};

const MANIFEST: &str = "template.yaml";
const ERRORED: &str = "errored.state.json";
const APPLYING: &str = "applying.json";
const NEW_STATE: &str = "new-state.json";
const OUTPUTS: &str = "outputs.json";

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

    /// Where a plan is saved.
    pub(super) fn plan_file(&self) -> PathBuf {
        self.job.join("saved-plan")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.job.join(name)
    }

    /// The programs that the template's manifest names.
    pub(super) fn programs(&self, inputs: &Value) -> Result<Programs, EngineError> {
        let refuse = |message: String| {
            EngineError::new(ErrorClass::Validation, message).suggest("Correct the template and publish a new version.")
        };
        if !inputs.is_object() {
            return Err(EngineError::new(ErrorClass::Validation, "The inputs are no JSON object."));
        }
        let text = fs::read_to_string(self.template.join(MANIFEST))
            .map_err(|error| refuse(format!("The template's {MANIFEST} cannot be read: {error}.")))?;
        let manifest = Manifest::parse(&text, MANIFEST).map_err(|error| {
            let first = error.fields.first().map(|fault| format!("{}: {}", fault.field, fault.message));
            refuse(first.unwrap_or(error.message))
        })?;
        let programs = manifest
            .command
            .ok_or_else(|| refuse("The template is none of the engine COMMAND: it names no programs.".to_owned()))?;
        let absent = programs.files().find(|file| !self.template.join(file).is_file()).map(ToOwned::to_owned);
        match absent {
            Some(file) => Err(refuse(format!("The template holds no file {file}, which it names as its program."))),
            None => Ok(programs),
        }
    }

    /// Makes the directories. May be repeated.
    pub(super) fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.file("tmp"))
    }

    /// Over the names and contents of all files of the template, lower-case hex.
    pub(super) fn template_hash(&self) -> io::Result<String> {
        let mut files = Vec::new();
        collect(&self.template, &mut files)?;
        files.sort();
        let mut hash = Sha256::new();
        for path in files {
            let name = path.strip_prefix(&self.template).unwrap_or(&path).as_os_str().as_encoded_bytes().to_vec();
            let content = fs::read(&path)?;
            // With their lengths, so that no two directories give the same bytes.
            for part in [&name, &content] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// Finds the program of a command line and makes it executable if it is the template's.
    pub(super) fn resolve(&self, words: &[String], path: &str) -> Result<(PathBuf, Vec<String>), EngineError> {
        let Some((program, args)) = words.split_first() else { return Err(unfit("The template names no program.")) };
        let found = match manifest::command_file(program) {
            Some(file) => {
                let file = self.template.join(file);
                // Archives of templates carry no modes.
                fs::set_permissions(&file, Permissions::from_mode(0o700))
                    .map_err(|error| EngineError::io("make the template's program executable", &error))?;
                Some(file)
            }
            None => path.split(':').map(|dir| Path::new(dir).join(program)).find(|file| file.is_file()),
        };
        let found = found.ok_or_else(|| {
            EngineError::new(ErrorClass::Engine, format!("{program} was not found on the runner."))
                .suggest(format!("Install {program} on the runner, or let the template bring its own program."))
        })?;
        Ok((found, args.to_vec()))
    }

    /// Writes what a plan is given.
    pub(super) fn for_plan(&self, inputs: &Value, state: &State) -> io::Result<()> {
        self.write("inputs.json", &serde_json::to_vec(inputs)?)?;
        self.write("state.json", state.bytes())?;
        self.remove("changes.json")
    }

    /// Writes what an apply is given, and notes which state it begins with.
    pub(super) fn for_apply(&self, inputs: &Value, state: &State, changes: &Value) -> io::Result<()> {
        self.write("inputs.json", &serde_json::to_vec(inputs)?)?;
        self.write("state.json", state.bytes())?;
        self.write("changes.json", &serde_json::to_vec(changes)?)?;
        self.remove(NEW_STATE)?;
        self.remove(OUTPUTS)?;
        self.write(APPLYING, &serde_json::to_vec(&state.base())?)
    }

    /// What a plan wrote.
    pub(super) fn changes(&self) -> Result<Vec<u8>, EngineError> {
        let bytes = read_at_most(&self.file("changes.json"), MAX_PLAN);
        bytes.map_err(|error| unfit(format!("The program ended well, but its plan cannot be read: {error}.")))
    }

    /// The outputs that an apply wrote; none where it wrote no file.
    pub(super) fn outputs(&self) -> Result<BTreeMap<String, Output>, EngineError> {
        match read_at_most(&self.file(OUTPUTS), MAX_OUTPUTS) {
            Ok(bytes) => read_outputs(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(unfit(format!("The program's outputs cannot be read: {error}."))),
        }
    }

    /// The state that an apply wrote, as the one that follows; nothing where it wrote none.
    pub(super) fn new_state(&self, outputs: Option<&BTreeMap<String, Output>>) -> Result<Option<State>, EngineError> {
        new_state(&self.job, &outputs.map_or(Value::Null, |outputs| json!(outputs)))
    }

    /// The new state is with the backend.
    pub(super) fn set_stored(&self) -> io::Result<()> {
        self.remove(APPLYING)
    }

    /// Keeps a state that could not be stored.
    pub(super) fn keep_state(&self, state: &State) -> io::Result<()> {
        self.write(ERRORED, state.bytes())
    }

    /// The whole environment. What the program must see of ours comes last, so that runner configuration cannot undo it.
    /// The credential of the state is not in it.
    pub(super) fn env(
        &self,
        job: &JobContext,
        path: &str,
        step: Step,
        operation: Operation,
    ) -> BTreeMap<String, String> {
        let file = |name: &str| self.file(name).display().to_string();
        let mut env = BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]);
        env.extend(job.env.clone());
        let ours = [
            ("PATH", path.to_owned()),
            ("HOME", self.job.display().to_string()),
            ("TMPDIR", file("tmp")),
            // What a run leaves in the template's directory would make it another template.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ("FLAGSTONE_INTERFACE", INTERFACE.to_owned()),
            ("FLAGSTONE_STEP", step.as_str().to_owned()),
            ("FLAGSTONE_OPERATION", operation_word(operation).to_owned()),
            ("FLAGSTONE_INPUTS_FILE", file("inputs.json")),
            ("FLAGSTONE_STATE_FILE", file("state.json")),
            ("FLAGSTONE_PLAN_FILE", file("changes.json")),
        ];
        env.extend(ours.map(|(key, value)| (key.to_owned(), value)));
        if step == Step::Apply {
            env.insert("FLAGSTONE_NEW_STATE_FILE".to_owned(), file(NEW_STATE));
            env.insert("FLAGSTONE_OUTPUTS_FILE".to_owned(), file(OUTPUTS));
        }
        env
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        create_private(&self.file(name))?.write_all(bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The state that could not be stored and was left in the job's directory, as Terraform leaves its `errored.tfstate`.
/// Where the runner was lost, it is made of what the program wrote until its supervisor ended it.
pub fn leftover_state(job_dir: &Path) -> Option<PathBuf> {
    let path = job_dir.join(ERRORED);
    if path.is_file() {
        return Some(path);
    }
    let outputs = read_at_most(&job_dir.join(OUTPUTS), MAX_OUTPUTS).ok().and_then(|bytes| read_outputs(&bytes).ok());
    let state = new_state(job_dir, &outputs.map_or(Value::Null, |outputs| json!(outputs))).ok()??;
    create_private(&path).ok()?.write_all(state.bytes()).ok()?;
    Some(path)
}

/// What the program wrote as its new state, while it is not known to be stored.
fn new_state(job_dir: &Path, outputs: &Value) -> Result<Option<State>, EngineError> {
    let Ok(base) = fs::read(job_dir.join(APPLYING)) else { return Ok(None) };
    let base: Base = serde_json::from_slice(&base)
        .map_err(|error| EngineError::io("read which state the apply began with", &error.into()))?;
    match read_at_most(&job_dir.join(NEW_STATE), MAX_STATE) {
        Ok(bytes) => State::following(&base, &bytes, outputs).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unfit(format!("The program's new state cannot be read: {error}."))),
    }
}

/// Makes a file that only its owner can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}

/// Reads a file of a program, one byte more than allowed at most: that tells that it is too long. A link is not followed
/// out of the directory, and nothing but a file is read.
fn read_at_most(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lost_runner_s_program_wrote_is_left_over_until_it_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let workdir = Workdir { job: dir.path().to_owned(), template: dir.path().join("template") };
        assert_eq!(leftover_state(dir.path()), None);
        workdir.for_apply(&json!({}), &State::default(), &json!({})).unwrap();
        assert_eq!(leftover_state(dir.path()), None, "the program has written nothing yet");
        fs::write(dir.path().join(NEW_STATE), "{\"resour").unwrap();
        assert_eq!(leftover_state(dir.path()), None, "half a state is none");
        fs::write(dir.path().join(NEW_STATE), "{\"resources\": [], \"mine\": 1}").unwrap();
        workdir.set_stored().unwrap();
        assert_eq!(leftover_state(dir.path()), None, "it is stored");
        workdir.write(APPLYING, &serde_json::to_vec(&Base::default()).unwrap()).unwrap();
        let left: Value = serde_json::from_slice(&fs::read(leftover_state(dir.path()).unwrap()).unwrap()).unwrap();
        assert_eq!((&left["mine"], &left["serial"]), (&json!(1), &json!(1)));
        assert!(!left["lineage"].as_str().unwrap().is_empty());
    }

    #[test]
    fn a_template_s_hash_is_of_names_and_contents() {
        let hash = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
                fs::write(dir.path().join(name), content).unwrap();
            }
            Workdir { job: dir.path().to_owned(), template: dir.path().to_owned() }.template_hash().unwrap()
        };
        let one = hash(&[("a", "x"), ("b/c", "y")]);
        assert_eq!(one, hash(&[("b/c", "y"), ("a", "x")]));
        for other in [hash(&[("a", "x")]), hash(&[("a", "xy"), ("b/c", "")]), hash(&[("ab/c", "xy")])] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_plan_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changes.json");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(read_at_most(&path, 10).is_err());
    }
}
