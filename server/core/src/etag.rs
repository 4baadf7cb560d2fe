//! Entity tags: the row's revision in quotes, so that a caller changes what it has seen or nothing.

use crate::words::Excerpt;
use crate::{Error, Reason};

/// The entity tags of objects that count their revisions.
pub struct Etag;

impl Etag {
    /// The tag of a revision: `"7"`, quotes included.
    pub fn of(revision: i64) -> String {
        format!("\"{revision}\"")
    }

    /// Checks what a caller sent against the revision there is. An empty tag is not checked; another than the current
    /// one is ABORTED `ETAG_MISMATCH` with both in the metadata.
    pub fn check(sent: &str, revision: i64) -> Result<(), Error> {
        let current = Self::of(revision);
        if sent.is_empty() || sent == current {
            return Ok(());
        }
        let sent = Excerpt(sent);
        Err(Error::aborted(
            Reason::EtagMismatch,
            format!("The object has changed: you sent etag {sent}, it is {current} now. Read it again, then decide."),
        )
        .with("sent_etag", &sent)
        .with("etag", &current))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_tag_and_none_pass() {
        assert_eq!(Etag::of(7), "\"7\"");
        assert!(Etag::check("\"7\"", 7).is_ok());
        assert!(Etag::check("", 7).is_ok());
    }

    #[test]
    fn any_other_is_refused_with_both() {
        for sent in ["\"6\"", "7", "W/\"7\"", "*", " "] {
            let error = Etag::check(sent, 7).unwrap_err();
            assert_eq!(error.reason, Reason::EtagMismatch, "{sent}");
            assert_eq!((&*error.metadata["sent_etag"], &*error.metadata["etag"]), (sent, "\"7\""));
        }
    }
}
