//! Flagstone's database: connections, schema, rows and queries. The only place with SQL.
//!
//! Functions take a connection, never a pool, so that they compose in one transaction.

pub mod api_token;
pub mod approval;
pub mod approval_policy;
pub mod artifact;
pub mod audit;
pub mod auth_failure;
pub mod bell;
pub mod business_unit;
pub mod business_unit_member;
pub mod change_event;
pub mod clock;
pub mod cluster;
pub mod connect;
pub mod deployment;
pub mod device_login;
pub mod environment;
pub mod error;
pub mod external_identity;
#[cfg(test)]
mod fixture;
pub mod grants;
pub mod group;
pub mod idempotency;
pub mod identity;
pub mod installation;
pub mod invitation;
pub mod job;
pub mod job_log;
pub mod lease;
pub mod list;
pub mod maintenance;
pub mod migrate;
pub mod organization;
pub mod password_reset;
pub mod plan;
pub mod policy;
pub mod pool;
pub mod queue;
pub mod rate_count;
pub mod read;
pub mod request;
pub mod revision;
pub mod role;
pub mod role_binding;
pub mod runner;
pub mod schedule;
#[rustfmt::skip]
pub mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod schema_gen;
pub mod seed;
pub mod service_account;
pub mod session;
pub mod sight;
pub mod signing_key;
pub mod sso_login;
pub mod sso_provider;
pub mod subject;
pub mod team;
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
