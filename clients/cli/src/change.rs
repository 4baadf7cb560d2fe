//! What every change takes and prints: really, or as a dry run.

use clap::Args;
use flagstone_api::pb::Effects;
use prost::{Message, Name};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, note};
use crate::render::effects::effects as rendered;

/// Whether it is meant.
#[derive(Args, Clone, Copy)]
pub(crate) struct Change {
    /// Show what would happen, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Whether it is meant, for what cannot be undone.
#[derive(Args, Clone, Copy)]
pub(crate) struct Risk {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl Risk {
    /// Asks for consent, unless it is a dry run or consent was given.
    pub(crate) fn consent(self, question: &str) -> Result<(), Failure> {
        crate::ask::consent(question, self.yes || self.change.dry_run)
    }

    /// Asks to type a word, unless it is a dry run or consent was given.
    pub(crate) fn typed(self, question: &str, word: &str) -> Result<(), Failure> {
        crate::ask::typed(question, word, self.yes || self.change.dry_run)
    }
}

impl Context {
    /// Prints what a change answered: the object, or what a dry run found.
    pub(crate) fn changed<T: Message + Name>(
        &self,
        answer: &T,
        effects: Option<&Effects>,
        fields: &[Column<T>],
    ) -> Result<(), Failure> {
        match effects {
            Some(effects) => self.format.text_or(answer, |_| rendered(effects)),
            None => self.format.one(answer, fields),
        }
    }

    /// Prints what a change answered that leaves nothing to show: a remark, or what a dry run found.
    pub(crate) fn gone<T: Message + Name>(
        &self,
        answer: &T,
        effects: Option<&Effects>,
        remark: &str,
    ) -> Result<(), Failure> {
        if effects.is_none() {
            note(remark);
        }
        self.format.text_or(answer, |_| effects.map(rendered).unwrap_or_default())
    }
}

/// The paths of the fields that were given.
pub(crate) fn mask(given: &[(&str, bool)]) -> Result<Option<prost_types::FieldMask>, Failure> {
    let paths: Vec<String> = given.iter().filter(|(_, is)| *is).map(|(path, _)| (*path).to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "There is nothing to change. Give at least one option; --help lists them.".to_owned(),
        ));
    }
    Ok(Some(prost_types::FieldMask { paths }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_names_what_was_given() {
        let paths = mask(&[("a", true), ("b", false), ("c", true)]).unwrap().unwrap().paths;
        assert_eq!(paths, ["a", "c"]);
        assert!(mask(&[("a", false)]).is_err());
    }
}
