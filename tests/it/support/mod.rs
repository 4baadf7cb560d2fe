//! What all tests stand on: a real server on a database of its own, callers, people, a runner that follows a script, and
//! the contract to walk over.

pub mod accounts;
pub mod app;
pub mod authority;
pub mod caller;
pub mod codec;
pub mod contract;
pub mod database;
pub mod http;
pub mod ledger;
pub mod line;
pub mod logs;
pub mod moto;
pub mod mutations;
pub mod people;
pub mod queue_mutations;
pub mod requests;
pub mod runner;
pub mod skip;
pub mod sso;
pub mod wait;
pub mod world;

pub use app::{PASSWORD, TestApp};
pub use caller::Caller;
pub use flagstone_client::{Code, Error};
pub use runner::ScriptedRunner;
pub use wait::wait_for;
