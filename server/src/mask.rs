//! Update masks: which fields of an object a call changes.

use flagstone_core::error::Violations;
use prost_types::FieldMask;

/// The fields that a call changes: those of its mask, or, where it has none, those that are set. `all` names what can be
/// changed; any other path is noted as wrong.
pub fn paths<P: Copy>(
    mask: Option<&FieldMask>,
    all: &[(&str, P)],
    is_set: impl Fn(P) -> bool,
    wrong: &mut Violations,
) -> Vec<P> {
    let sent = mask.map_or(&[][..], |mask| mask.paths.as_slice());
    if sent.is_empty() {
        return all.iter().map(|(_, path)| *path).filter(|path| is_set(*path)).collect();
    }
    let mut found = Vec::with_capacity(sent.len().min(all.len()));
    let mut unknown = false;
    for path in sent {
        match all.iter().find(|(name, _)| name == path) {
            Some((_, path)) => found.push(*path),
            // One is enough: all of them could be more than an answer holds.
            None if unknown => {}
            None => {
                unknown = true;
                let known: Vec<_> = all.iter().map(|(name, _)| *name).collect();
                let path: String = path.chars().take(80).collect();
                wrong.add("update_mask", format!("`{path}` cannot be changed. The paths are {}.", known.join(", ")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, u8); 2] = [("one", 1), ("two", 2)];

    #[test]
    fn without_a_mask_what_is_set_changes() {
        let mut wrong = Violations::new();
        assert_eq!(paths(None, &ALL, |path| path == 2, &mut wrong), [2]);
        assert_eq!(paths(Some(&FieldMask::default()), &ALL, |_| false, &mut wrong), [0; 0]);
        assert!(wrong.is_empty());
    }

    #[test]
    fn what_cannot_be_changed_is_told_with_what_can() {
        let mut wrong = Violations::new();
        let mask = FieldMask { paths: vec!["two".to_owned(), "x".repeat(1_000), "state".to_owned()] };
        assert_eq!(paths(Some(&mask), &ALL, |_| true, &mut wrong), [2]);
        let fields = wrong.finish().unwrap_err().fields;
        assert_eq!(fields.len(), 1);
        assert!(fields.iter().all(|wrong| wrong.message.len() < 200 && wrong.message.ends_with("one, two.")));
    }
}
