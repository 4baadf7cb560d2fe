//! What of the audit can be checked without us. The server makes leaves, trees, checkpoints and exports with this crate, and
//! `flagstone-verify` checks them with it; nothing here knows a database or a network.
//!
//! # The format, for those who write a verifier of their own
//!
//! - **Leaf**: the event as one line of canonical JSON (RFC 8785; whole numbers beyond 2^53 in full), UTF-8, with the fields
//!   of [`event::FIELDS`]. Times have six digits of microseconds and end with `Z`. `seq` counts from 1 and is the leaf's
//!   index in the tree plus one.
//! - **Tree**: RFC 6962, 2.1, with SHA-256: a leaf's hash is `SHA-256(0x00 || leaf)`, a node's `SHA-256(0x01 || left || right)`.
//! - **Checkpoint**: a C2SP `signed-note` whose text is a C2SP `tlog-checkpoint` with two extension lines, `time` and
//!   `purged`. The signature is Ed25519; the name of the key is `flagstone/` and its `kid` in the server's JWKS.
//! - **Export**: see [`export`]. In NDJSON the leaf is the bytes of `event` as they stand in the file; in CSV it is put
//!   together from the columns.

pub mod check;
pub mod checkpoint;
pub mod event;
pub mod export;
pub mod json;
pub mod tree;

pub use check::{Check, Finding, FindingKind, Report};
pub use checkpoint::{Checkpoint, Keys};
pub use tree::{Frontier, Hash};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A hash as exports write it: base64.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The hash that an export wrote.
pub fn decode(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
