//! The main line: what happens to a request from its submission to its end, and with it to its approval, jobs,
//! deployment and revision. Every transition is one function here, with the rows locked, in the transaction of whoever
//! caused it: a person's call, a runner's report, or the server's own loops.

pub mod apply;
pub mod approval;
pub mod content;
pub mod job;
pub mod objects;
pub mod pending;
pub mod plan;
pub mod policies;
pub mod queue;
pub mod request;
pub mod secrets;
pub mod state;
