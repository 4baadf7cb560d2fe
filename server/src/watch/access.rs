//! What the caller of a stream may do, for telling when that changed. Every look sees the caller's grants of that moment,
//! which the stream keeps anyway so that it ends with them: who is in a group of thousands learns of its new role without a
//! row for each of them.

use std::sync::Arc;

use chrono::Utc;
use flagstone_core::access::Fingerprint;

use crate::call::UserCaller;

/// What was told of the caller's access.
#[derive(Debug, Default)]
pub struct Access {
    /// Empty where nothing was told yet.
    told: String,
    /// Whose access was computed last, and what it was.
    known: Option<(Arc<UserCaller>, Fingerprint)>,
}

impl Access {
    /// The caller knows this much already; nothing where it is empty.
    pub fn told(etag: String) -> Self {
        Self { told: etag, known: None }
    }

    /// What the access is now.
    pub fn now(&mut self, caller: &Arc<UserCaller>) -> &str {
        let now = Utc::now();
        let holds = |(known, print): &(Arc<UserCaller>, Fingerprint)| {
            Arc::ptr_eq(known, caller) && print.until.is_none_or(|until| now < until)
        };
        if !self.known.as_ref().is_some_and(holds) {
            self.known = None;
        }
        &self.known.get_or_insert_with(|| (caller.clone(), caller.grants.fingerprint(now))).1.text
    }

    /// What the access is, where that was not told yet. It is told by this.
    pub fn news(&mut self, caller: &Arc<UserCaller>) -> Option<String> {
        let now = self.now(caller).to_owned();
        if now == self.told {
            return None;
        }
        self.told.clone_from(&now);
        Some(now)
    }
}
