//! Typed client for Flagstone.
//!
//! [`Client`] hands out the generated clients over one authenticated channel. Below them, for every call:
//!
//! - the access token is added, and renewed shortly before it ends or when the server says that it has;
//! - an empty `request_id` is filled in, so that a mutation may be repeated and still happens once;
//! - a call that failed for a passing reason is repeated with growing, random waits, if the contract says that it may be;
//! - a deadline holds over all attempts.
//!
//! [`Client::tail_job_logs`], [`Client::watch_job`] and [`Client::watch_request`] are streams that survive a cut; the
//! methods `list_…` are lists that fetch their pages as they go.
//!
//! ```no_run
//! use flagstone_client::{Client, Error, pb};
//! use futures::TryStreamExt;
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::connect("http://127.0.0.1:7400").await?;
//! let (identifier, password) = ("ada".to_owned(), std::io::read_to_string(std::io::stdin()).unwrap_or_default());
//! client.login(pb::LoginRequest { identifier, password, ..Default::default() }).await?;
//!
//! let me = client.users().get_me(pb::GetMeRequest {}).await?.into_inner();
//! println!("{}", me.full_name);
//! let all = pb::ListRequestsRequest { parent: "businessUnits/-".into(), ..Default::default() };
//! let requests: Vec<pb::Request> = client.list_requests(all).try_collect().await?;
//! println!("{} requests", requests.len());
//! # Ok(())
//! # }
//! ```

mod backoff;
mod client;
mod connection;
mod deadline;
mod error;
mod frame;
mod local;
mod method;
mod pages;
mod resume;
mod session;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

pub use client::{Client, ClientBuilder};
pub use connection::Connection;
pub use error::{Error, Violations};
pub use flagstone_api::{google, pb};
pub use resume::Event;
pub use tokens::{MemoryStore, TokenSlot, TokenStore, Tokens};
pub use tonic::Code;
