//! What `flagstone-server dev` brings along so that it needs nothing but itself.

mod account;
pub mod binaries;
pub mod postgres;
