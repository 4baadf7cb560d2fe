//! What executes jobs: where a runner stands, which labels it may have, and which versions of the link's protocol are
//! spoken.

use std::collections::BTreeMap;

use crate::error::Violations;
use crate::machine::StateMachine;
use crate::words::{Excerpt, words};
use crate::{Error, Reason};

/// The version of the runner link that this build speaks, `major * 1000 + minor`.
pub const PROTOCOL: i32 = 1001;

/// The oldest version that it still speaks: one minor back, so that servers and runners need not be replaced at once.
pub const PROTOCOL_MIN: i32 = 1000;

/// Most labels of a runner.
pub const LABELS_MAX: usize = 20;

/// Longest key and longest value of a label, in bytes (both are ASCII).
pub const LABEL_MAX: usize = 63;

/// Longest display name, in characters.
pub const DISPLAY_NAME_MAX: usize = 63;

/// The labels of a runner, or those that a job asks for.
pub type Labels = BTreeMap<String, String>;

words! {
    /// Where a runner stands.
    pub enum RunnerState: "runner state" {
        /// It has joined and waits for somebody to adopt it; it is given no jobs.
        Pending = "PENDING",
        /// It takes jobs.
        Adopted = "ADOPTED",
        /// It finishes the jobs that it has and takes no others.
        Draining = "DRAINING",
        /// Nobody wanted it: its credential opens nothing.
        Rejected = "REJECTED",
        /// It is gone: its credential opens nothing, and it is not shown any more.
        Removed = "REMOVED",
    }
}

/// What happens to a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerEvent {
    /// Somebody trusts it.
    Adopt,
    /// Somebody does not.
    Reject,
    /// It is to take no more jobs.
    Drain,
    /// It may take jobs again.
    Resume,
    /// It is to go for good.
    Remove,
}

impl RunnerEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [Self::Adopt, Self::Reject, Self::Drain, Self::Resume, Self::Remove];
}

impl StateMachine for RunnerState {
    type Event = RunnerEvent;

    const STATES: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }

    fn step(self, event: RunnerEvent) -> Option<Self> {
        use RunnerEvent as Event;
        match (self, event) {
            (Self::Pending, Event::Adopt) | (Self::Draining, Event::Resume) => Some(Self::Adopted),
            (Self::Pending, Event::Reject) => Some(Self::Rejected),
            (Self::Adopted, Event::Drain) => Some(Self::Draining),
            (Self::Pending | Self::Adopted | Self::Draining | Self::Rejected, Event::Remove) => Some(Self::Removed),
            _ => None,
        }
    }
}

/// Notes everything that is wrong with labels. `field` is the path of the map.
pub fn check_labels(labels: &Labels, field: &str, wrong: &mut Violations) {
    wrong.check(labels.len() <= LABELS_MAX, field, format!("At most {LABELS_MAX} labels."));
    for (key, value) in labels.iter().take(LABELS_MAX) {
        let at = format!("{field}[{}]", Excerpt(key));
        wrong.check(
            is_key(key),
            at.as_str(),
            format!(
                "A key begins with a lower-case letter and holds at most {LABEL_MAX} of a-z, 0-9, `-`, `_` and `.`."
            ),
        );
        wrong.check(
            is_value(value),
            at.as_str(),
            format!("A value holds 1 to {LABEL_MAX} of a-z, A-Z, 0-9, `-`, `_` and `.`."),
        );
    }
}

fn is_key(key: &str) -> bool {
    key.len() <= LABEL_MAX
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

fn is_value(value: &str) -> bool {
    (1..=LABEL_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The labels of a runner that claims some out of those that were bound to it: what it claims, or all where it claims
/// none. A label that was not bound to it, or not with that value, is a violation of `field`.
pub fn claimed_labels(bound: &Labels, claimed: &Labels, field: &str) -> Result<Labels, Error> {
    if claimed.is_empty() {
        return Ok(bound.clone());
    }
    let mut wrong = Violations::new();
    for (key, value) in claimed.iter().take(LABELS_MAX + 1) {
        let at = format!("{field}[{}]", Excerpt(key));
        match bound.get(key) {
            Some(allowed) if allowed == value => {}
            Some(allowed) => {
                wrong.add(at, format!("The label is bound to `{allowed}`. A runner cannot change its labels."))
            }
            None => wrong.add(
                at,
                "The label is not among those that were given to this runner. Make a token with it, and join anew.",
            ),
        }
    }
    wrong.finish()?;
    Ok(claimed.clone())
}

/// The version that a server and a runner speak: the lower of theirs. FAILED_PRECONDITION `PROTOCOL_UNSUPPORTED` where
/// the other's major number is not ours, or its minor number is more than one below ours.
pub fn agree_protocol(ours: i32, theirs: i32) -> Result<i32, Error> {
    if theirs / 1000 != ours / 1000 || theirs < PROTOCOL_MIN {
        return Err(Error::precondition(
            Reason::ProtocolUnsupported,
            format!(
                "The other side speaks version {theirs} of the runner link, this one {PROTOCOL_MIN} to {ours} and later \
                 minors. Use a runner of the server's version, or of the one before it."
            ),
        )
        .with("supported_versions", &format!("{PROTOCOL_MIN},{ours}")));
    }
    Ok(theirs.min(ours))
}

/// The beginning of a runner's id: what people call it, as far as an id may hold it. The rest is random, so that an id
/// tells nothing of the runners of others.
pub fn id_stem(display_name: &str) -> String {
    let mut stem = String::new();
    for letter in display_name.chars().map(|letter| letter.to_ascii_lowercase()) {
        match letter {
            'a'..='z' | '0'..='9' => stem.push(letter),
            _ if !stem.is_empty() && !stem.ends_with('-') => stem.push('-'),
            _ => {}
        }
    }
    stem.truncate(40);
    let stem = stem.trim_matches('-');
    if stem.starts_with(|first: char| first.is_ascii_lowercase()) { stem.to_owned() } else { "runner".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing::{check_table, table};
    use crate::names::RunnerName;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_states_are_those_of_the_domain() {
        check_table(&[RunnerState::Pending, RunnerState::Adopted], &[RunnerState::Removed], &RunnerEvent::ALL);
        let expected = "\
            PENDING + Adopt -> ADOPTED\n\
            PENDING + Reject -> REJECTED\n\
            PENDING + Remove -> REMOVED\n\
            ADOPTED + Drain -> DRAINING\n\
            ADOPTED + Remove -> REMOVED\n\
            DRAINING + Resume -> ADOPTED\n\
            DRAINING + Remove -> REMOVED\n\
            REJECTED + Remove -> REMOVED";
        assert_eq!(table::<RunnerState>(&RunnerEvent::ALL), expected);
    }

    #[test]
    fn labels_keep_their_form() {
        let mut wrong = Violations::new();
        check_labels(&labels(&[("tier", "production"), ("zone.eu-1", "A_b.9")]), "labels", &mut wrong);
        assert!(wrong.is_empty());
        for (key, value) in
            [("Tier", "x"), ("", "x"), ("1a", "x"), ("a", ""), ("a", "x y"), ("a", "$(id)"), ("a b", "x")]
        {
            let mut wrong = Violations::new();
            check_labels(&labels(&[(key, value)]), "labels", &mut wrong);
            assert!(!wrong.is_empty(), "{key}={value}");
        }
    }

    #[test]
    fn a_runner_has_no_label_that_was_not_bound_to_it() {
        let bound = labels(&[("tier", "staging"), ("zone", "a")]);
        assert_eq!(claimed_labels(&bound, &Labels::new(), "labels").unwrap(), bound);
        assert_eq!(claimed_labels(&bound, &labels(&[("zone", "a")]), "labels").unwrap(), labels(&[("zone", "a")]));
        for forged in [labels(&[("tier", "production")]), labels(&[("gpu", "yes")])] {
            let error = claimed_labels(&bound, &forged, "labels").unwrap_err();
            assert!(error.fields[0].field.starts_with("labels["), "{error:?}");
        }
    }

    #[test]
    fn one_minor_back_is_spoken_and_no_other_major() {
        assert_eq!(agree_protocol(PROTOCOL, 1000).unwrap(), 1000);
        assert_eq!(agree_protocol(PROTOCOL, 1001).unwrap(), 1001);
        assert_eq!(agree_protocol(PROTOCOL, 1002).unwrap(), 1001);
        assert_eq!(agree_protocol(1000, 1001).unwrap(), 1000);
        for other in [0, 999, 2000, 2001, -1] {
            assert_eq!(agree_protocol(PROTOCOL, other).unwrap_err().reason, Reason::ProtocolUnsupported);
        }
    }

    #[test]
    fn an_id_begins_as_people_call_the_runner() {
        for (called, stem) in
            [("Build-Host.example", "build-host-example"), ("", "runner"), ("42", "runner"), ("Ä", "runner")]
        {
            assert_eq!(id_stem(called), stem);
            assert!(format!("runners/{}-0a1b2c3d", id_stem(called)).parse::<RunnerName>().is_ok());
        }
        assert!(id_stem(&"a-".repeat(60)).len() <= 40);
    }
}
