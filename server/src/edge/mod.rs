//! The edge: who calls, may they, how often.

pub mod limits;
