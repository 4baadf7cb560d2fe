//! Flagstone's database: connections, schema, rows and queries. The only place with SQL.
//!
//! Functions take a connection, never a pool, so that they compose in one transaction.

pub mod approval;
pub mod approval_policy;
pub mod artifact;
pub mod audit;
pub mod auth_failure;
pub mod bell;
pub mod business_unit;
pub mod change_event;
pub mod cluster;
pub mod connect;
pub mod deployment;
pub mod environment;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod idempotency;
pub mod identity;
pub mod installation;
pub mod job;
pub mod job_log;
pub mod lease;
pub mod list;
pub mod maintenance;
pub mod migrate;
pub mod organization;
pub mod plan;
pub mod policy;
pub mod pool;
pub mod queue;
pub mod read;
pub mod request;
pub mod revision;
pub mod role;
pub mod runner;
#[rustfmt::skip]
pub mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod schema_gen;
pub mod seed;
pub mod session;
pub mod sight;
pub mod signing_key;
pub mod template;
pub mod template_load;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tx;
pub mod user;
pub mod workspace;

pub use bell::{Bell, BellListener, Bells};
pub use connect::{Config, Connection, Role};
pub use error::Error;
pub use pool::{Database, Pool};
pub use read::{ReadConn, Reads};
pub use tx::{Tx, TxScope};
