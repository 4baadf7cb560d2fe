//! The Flagstone server. A call comes in through `edge`, is given its context by `rpc`, is let in by the door in `cx`,
//! changes what it changes in `tx`, and answers. ARCHITECTURE.md at the root has the map.

// The futures of handlers nest deeper than the compiler looks by default.
#![recursion_limit = "256"]

pub mod account;
pub mod app;
pub mod attempts;
pub mod audit;
pub mod audit_tree;
pub mod bootstrap;
pub mod business_unit;
pub mod call;
pub mod config;
pub mod contract;
pub mod convert;
pub mod cx;
pub mod dev;
pub mod directory;
pub mod doctor;
pub mod edge;
pub mod error;
pub mod flow;
pub mod guards;
pub mod identities;
pub mod keys;
pub mod ledger;
pub mod list;
pub mod mask;
pub mod organization;
pub mod password_hash;
pub mod principals;
pub mod program;
pub mod rpc;
pub mod runner;
pub mod serve;
pub mod services;
pub mod shutdown;
pub mod sso;
pub mod status;
pub mod subjects;
pub mod templates;
pub mod token;
pub mod tx;
pub mod vault;
pub mod watch;
pub mod worker;

pub use error::{Error, Result};
