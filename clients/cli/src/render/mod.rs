//! Objects that are more than a table.

pub(crate) mod effects;
pub(crate) mod plan;
