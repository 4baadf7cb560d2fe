//! Flagstone's database: connections, schema, rows and queries. The only place with SQL.
//!
//! Functions take a connection, never a pool, so that they compose in one transaction.

pub mod audit;
pub mod bell;
pub mod change_event;
pub mod cluster;
pub mod connect;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod idempotency;
pub mod migrate;
pub mod pool;
pub mod read;
#[rustfmt::skip]
pub mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tx;

pub use bell::{Bell, BellListener, Bells};
pub use connect::{Config, Connection, Role};
pub use error::Error;
pub use pool::{Database, Pool};
pub use read::{ReadConn, Reads};
pub use tx::{Tx, TxScope};
