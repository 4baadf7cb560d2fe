//! What a list shows and in which order: the subset of AIP-160 that every list understands.
//!
//! A filter is made of `field op literal` with `AND`, `OR`, `NOT` and parentheses. `OR` binds tighter than `AND`, as
//! AIP-160 has it: `a AND b OR c` means `a AND (b OR c)`. Not supported are `AND` by mere white space, `-` for `NOT`,
//! bare literals, wildcards and functions. A filter is parsed once into [`Predicate`], already checked against the
//! fields that the list declares, so that whoever writes SQL meets nothing unexpected.

mod lexer;
mod order;
mod parser;
mod typing;

pub use order::{Order, OrderBy};

use chrono::{DateTime, Utc};

use crate::{Error, FieldViolation, Reason};

/// Longest filter, in bytes.
pub const MAX_BYTES: usize = 4096;

/// Most comparisons in a filter.
pub const MAX_TERMS: usize = 50;

/// Deepest nesting of parentheses and `NOT`.
pub const MAX_DEPTH: usize = 10;

/// Longest free text to look for, in characters.
pub const MAX_TEXT: usize = 100;

/// One field that a list can be filtered by.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name as callers write it, for instance `create_time`.
    pub name: &'static str,
    /// What it holds, and so what it can be compared with.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// A text compared as a whole: `=`, `!=`.
    Text,
    /// A text that is also searched: `:` finds what contains the literal, ignoring case; and `=`, `!=`.
    TextSearch,
    /// One of these words, written in any case: `=`, `!=`.
    Enum(&'static [&'static str]),
    /// A tier, by name or alias: `=`, `!=`.
    Tier,
    /// `true` or `false`: `=`, `!=`.
    Bool,
    /// A whole number: every comparison.
    Int,
    /// A point in time, as RFC 3339, or a day in UTC such as `2026-11-20`: every comparison.
    Time,
    /// A resource name, compared as a whole: `=`, `!=`.
    Name,
    /// Entries by key, for instance `tags.team = "a"`, also `!=`; `tags:team` finds what has the key.
    Map,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:` of a text: contains, ignoring case. Of a map: has the key.
    Has,
}

/// What a field is compared with, of the type of the field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For [`FieldKind::Text`], [`FieldKind::TextSearch`], [`FieldKind::Name`] and entries of a [`FieldKind::Map`].
    Text(String),
    /// For [`FieldKind::Enum`] and [`FieldKind::Tier`], in the database's spelling.
    Word(&'static str),
    /// For [`FieldKind::Bool`].
    Bool(bool),
    /// For [`FieldKind::Int`].
    Int(i64),
    /// For [`FieldKind::Time`].
    Time(DateTime<Utc>),
    /// Whether there is an entry under the key; only with [`Op::Has`] on a [`FieldKind::Map`].
    Present,
}

/// A filter that was checked against the list's fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// All of them; at least two.
    And(Vec<Self>),
    /// Any of them; at least two.
    Or(Vec<Self>),
    /// Not that one.
    Not(Box<Self>),
    /// One comparison.
    Cmp {
        /// The `name` of a declared field.
        field: &'static str,
        /// The key, for a field of kind [`FieldKind::Map`].
        key: Option<String>,
        /// How.
        op: Op,
        /// With what.
        value: Value,
    },
}

/// The filter argument of a list.
pub struct Filter;

impl Filter {
    /// Reads the argument `filter` of a list with these fields. A blank one is no filter. Everything that is wrong is
    /// told at once, with its place: as `FILTER_INVALID`, or as `SEARCH_TOO_LONG` if nothing but a text is too long.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Option<Predicate>, Error> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let expression = parser::parse(text).map_err(|problem| refusal(vec![problem]))?;
        typing::check(&expression, fields).map(Some).map_err(refusal)
    }
}

impl Op {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }
}

/// Something that is wrong with a filter.
#[derive(Debug)]
struct Problem {
    reason: Reason,
    message: String,
}

impl Problem {
    /// `place` counts characters from 1.
    fn at(place: usize, message: impl std::fmt::Display) -> Self {
        Self { reason: Reason::FilterInvalid, message: format!("At character {place}: {message}") }
    }
}

fn refusal(problems: Vec<Problem>) -> Error {
    let too_long = problems.iter().all(|problem| problem.reason == Reason::SearchTooLong);
    let fields = problems.into_iter().map(|problem| FieldViolation::new("filter", problem.message)).collect();
    let mut error = Error::invalid(fields);
    error.reason = if too_long { Reason::SearchTooLong } else { Reason::FilterInvalid };
    error
}

#[cfg(test)]
mod tests;
