//! Flagstone's rules, pure: names, states, permissions, guardrails, filters, page tokens, plans. Nothing here waits,
//! reads a clock or does IO, so that every rule can be tested by itself.

pub mod error;

pub use error::{Error, FieldViolation, Kind, PolicyViolation, Reason, Violations};
