//! Where an invitation stands.

use crate::words::words;

words! {
    /// The state of an invitation. PENDING leads to each of the others, and none of them anywhere.
    pub enum InvitationState: "invitation state" {
        /// Its link works.
        Pending = "PENDING",
        /// Somebody joined by it.
        Accepted = "ACCEPTED",
        /// Its time was over before somebody joined.
        Expired = "EXPIRED",
        /// It was taken back.
        Revoked = "REVOKED",
    }
}
