//! Flagstone's rules, pure: names, states, permissions, guardrails, filters, page tokens, plans. Nothing here waits,
//! reads a clock or does IO, so that every rule can be tested by itself.

pub mod access;
pub mod api_token;
pub mod approval;
pub mod approval_policy;
pub mod business_unit;
pub mod canonical;
pub mod deployment;
pub mod device_login;
pub mod diff;
pub mod email;
pub mod environment;
pub mod error;
pub mod etag;
pub mod expression;
pub mod filter;
pub mod inputs;
pub mod invitation;
pub mod job;
pub mod machine;
pub mod manifest;
pub mod names;
pub mod organization;
pub mod page;
pub mod password;
pub mod plan;
pub mod policy;
pub mod rate;
pub mod redact;
pub mod request;
pub mod role;
pub mod runner;
pub mod service_account;
pub mod sso_login;
pub mod sso_provider;
pub mod tags;
pub mod text;
pub mod tier;
pub mod user;
pub mod words;

pub use error::{Error, FieldViolation, Kind, PolicyViolation, Reason, Violations};
