//! The programs of a template of the engine COMMAND: the key `command` of its manifest.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Fields;

const KEY: &str = "command";
const PARTS: [&str; 3] = ["plan", "apply", "destroy"];

/// Most words of one command line, the program included.
const MAX_WORDS: usize = 64;
/// Longest word, in bytes.
const MAX_WORD: usize = 4096;

/// What runs for each part of a job: a program and its arguments, without a shell between. A program with a slash is a
/// file of the template, for instance `./run.sh`; one without is searched in the runner's PATH, for instance `python3`.
/// It runs in the template's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Computes what would change, and changes nothing.
    pub plan: Vec<String>,
    /// Carries out a plan.
    pub apply: Vec<String>,
    /// Carries out a plan that destroys everything; `apply` where it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroy: Vec<String>,
}

impl Command {
    /// Takes the key; `None` where something is wrong with it, which `fields` knows then. `required` says whether the
    /// template's engine is COMMAND: for another one the key is refused.
    pub(super) fn read(fields: &mut Fields<'_>, required: bool) -> Option<Self> {
        let mut members = match (fields.raw(KEY), required) {
            (None, false) => return None,
            (None, true) => {
                fields
                    .add(KEY, "The engine COMMAND needs this: the programs `plan` and `apply`, each a list of words.");
                return None;
            }
            (Some(_), false) => {
                fields.add(KEY, "Only the engine COMMAND has this.");
                return None;
            }
            (Some(Value::Object(members)), true) => members,
            (Some(_), true) => {
                fields.add(
                    KEY,
                    "Give a mapping with the keys `plan` and `apply`, and `destroy` if it is another program.",
                );
                return None;
            }
        };
        let parts = PARTS.map(|part| {
            let path = format!("{KEY}.{part}");
            match members.remove(part).filter(|value| !value.is_null()) {
                None if part == "destroy" => Some(Vec::new()),
                None => {
                    fields.add(&path, "This is required: a program and its arguments, as a list.");
                    None
                }
                Some(value) => {
                    let words = words(&value);
                    if let Err(why) = &words {
                        fields.add(&path, why);
                    }
                    words.ok()
                }
            }
        });
        for key in members.keys() {
            fields.add(
                &format!("{KEY}.{}", crate::words::Excerpt(key)),
                "There is no such part: `plan`, `apply`, `destroy`.",
            );
        }
        let [plan, apply, destroy] = parts;
        Some(Self { plan: plan?, apply: apply?, destroy: destroy? })
    }

    /// The program for an apply, or for one that destroys.
    pub fn applying(&self, destroys: bool) -> &[String] {
        if destroys && !self.destroy.is_empty() { &self.destroy } else { &self.apply }
    }

    /// The files of the template that are run, relative to its directory.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        [&self.plan, &self.apply, &self.destroy].into_iter().filter_map(|words| file(words.first()?))
    }
}

/// The file of the template that a first word names; `None` for a program of the runner's PATH.
pub fn file(program: &str) -> Option<&str> {
    program.contains('/').then(|| program.strip_prefix("./").unwrap_or(program))
}

fn words(value: &Value) -> Result<Vec<String>, String> {
    let list = || "Give a list of words, for instance `[python3, main.py, plan]`.".to_owned();
    let words: Vec<String> = serde_json::from_value(value.clone()).map_err(|_| list())?;
    let program = words.first().ok_or_else(list)?;
    if words.len() > MAX_WORDS || words.iter().any(|word| word.len() > MAX_WORD) {
        return Err(format!("At most {MAX_WORDS} words of at most {MAX_WORD} bytes each."));
    }
    if words.iter().any(|word| word.contains(char::is_control)) {
        return Err("A word holds no line ends and no other control characters.".to_owned());
    }
    let path = file(program).unwrap_or(program);
    let inside = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if inside {
        Ok(words)
    } else {
        Err("The program is a file in the template's directory, or a name without a slash.".to_owned())
    }
}
