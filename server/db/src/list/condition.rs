//! A filter as a condition of a query.
//!
//! NOT is pushed down to the comparisons, so that a comparison with a missing value, which is neither true nor false in
//! SQL, never decides by being inverted: `NOT deployment = x` includes what has no deployment.

use chrono::{DateTime, Utc};
use diesel::expression::{BoxableExpression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_types::{Bool, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Op, Predicate, Value};
use serde_json::json;
use uuid::Uuid;

use super::{ListQuery, Names};
use crate::error::Error;

/// A condition on the rows of a table.
pub(super) type Condition<'a, T> = Box<dyn BoxableExpression<T, Pg, SqlType = Bool> + 'a>;

/// A condition, or why the list cannot make it.
pub(super) type Result<'a, T> = std::result::Result<Condition<'a, T>, Error>;

/// A column of a table with a type.
pub(super) trait ColumnOf<T, ST>:
    Column<Table = T, SqlType = ST>
    + SelectableExpression<T>
    + QueryFragment<Pg>
    + QueryId
    + ValidGrouping<(), IsAggregate = is_aggregate::No>
    + Copy
    + Send
    + 'static
{
}

impl<C, T, ST> ColumnOf<T, ST> for C where
    C: Column<Table = T, SqlType = ST>
        + SelectableExpression<T>
        + QueryFragment<Pg>
        + QueryId
        + ValidGrouping<(), IsAggregate = is_aggregate::No>
        + Copy
        + Send
        + 'static
{
}

/// One comparison of a filter, with the NOT that stood before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    pub(super) field: &'static str,
    key: Option<&'a str>,
    op: Op,
    negated: bool,
    value: &'a Value,
    names: &'a Names,
}

/// The query's filter as a condition, if it has one. `comparison` knows the list's fields.
pub(super) fn of<'q, T: 'q>(
    query: &'q ListQuery<'q>,
    comparison: fn(Comparison<'q>) -> Result<'q, T>,
) -> std::result::Result<Option<Condition<'q, T>>, Error> {
    query.filter.map(|filter| build(filter, false, query.names, comparison)).transpose()
}

fn build<'q, T: 'q>(
    predicate: &'q Predicate,
    negated: bool,
    names: &'q Names,
    comparison: fn(Comparison<'q>) -> Result<'q, T>,
) -> Result<'q, T> {
    let (parts, all) = match predicate {
        Predicate::Not(part) => return build(part, !negated, names, comparison),
        Predicate::Cmp { field, key, op, value } => {
            return comparison(Comparison { field, key: key.as_deref(), op: *op, negated, value, names });
        }
        Predicate::And(parts) => (parts, !negated),
        Predicate::Or(parts) => (parts, negated),
    };
    let mut parts = parts.iter().map(|part| build(part, negated, names, comparison));
    let first = parts.next().unwrap_or_else(|| Ok(Box::new(all.into_sql::<Bool>())))?;
    parts.try_fold(first, |before, next| {
        let next = next?;
        Ok(if all { Box::new(before.and(next)) as Condition<'q, T> } else { Box::new(before.or(next)) })
    })
}

impl<'a> Comparison<'a> {
    /// A field that the service declares and this list does not know: the two disagree.
    pub(super) fn unknown<T>(self) -> Result<'a, T> {
        self.unfit()
    }

    fn unfit<T>(self) -> Result<'a, T> {
        let problem = format!("the list has no SQL for `{}` {:?} {:?}", self.field, self.op, self.value);
        Err(CoreError::internal(problem).into())
    }

    /// Whether `=` is meant, after NOT.
    pub(super) const fn is_equal(self) -> bool {
        matches!(self.op, Op::Equal | Op::Has) != self.negated
    }

    /// A text, a word or a name that is stored as text; `:` searches.
    pub(super) fn text<T: 'a, C: ColumnOf<T, Text>>(self, column: C) -> Result<'a, T> {
        let value = match self.value {
            Value::Text(text) => text.as_str(),
            Value::Word(word) => word,
            _ => return self.unfit(),
        };
        Ok(match (self.op, self.is_equal()) {
            (Op::Has, true) => Box::new(column.ilike(containing(value))),
            (Op::Has, false) => Box::new(column.not_ilike(containing(value))),
            (_, true) => Box::new(column.eq(value)),
            (_, false) => Box::new(column.ne(value)),
        })
    }

    /// A word of an enumeration that no column holds as it is, and whether it is meant or excluded.
    pub(super) fn word(self) -> std::result::Result<(&'a str, bool), Error> {
        match self.value {
            Value::Word(word) => Ok((word, self.is_equal())),
            _ => Err(CoreError::internal(format!("`{}` holds words", self.field)).into()),
        }
    }

    /// True or false.
    pub(super) fn bool<T: 'a, C: ColumnOf<T, Bool>>(self, column: C) -> Result<'a, T> {
        match self.value {
            Value::Bool(value) => Ok(Box::new(column.eq(*value == self.is_equal()))),
            _ => self.unfit(),
        }
    }

    /// A point in time.
    pub(super) fn time<T: 'a, C: ColumnOf<T, Timestamptz>>(self, column: C) -> Result<'a, T> {
        let Value::Time(time) = self.value else { return self.unfit() };
        let time: DateTime<Utc> = *time;
        Ok(match (self.op, self.negated) {
            (Op::Less, false) | (Op::GreaterOrEqual, true) => Box::new(column.lt(time)),
            (Op::LessOrEqual, false) | (Op::Greater, true) => Box::new(column.le(time)),
            (Op::Greater, false) | (Op::LessOrEqual, true) => Box::new(column.gt(time)),
            (Op::GreaterOrEqual, false) | (Op::Less, true) => Box::new(column.ge(time)),
            (Op::Equal | Op::Has, false) | (Op::NotEqual, true) => Box::new(column.eq(time)),
            (Op::NotEqual, false) | (Op::Equal | Op::Has, true) => Box::new(column.ne(time)),
        })
    }

    /// A point in time that may never come: then it is later than all others.
    pub(super) fn time_or_never<T: Table + 'a, C: ColumnOf<T, Nullable<Timestamptz>>>(
        self,
        column: C,
    ) -> Result<'a, T> {
        let Value::Time(time) = self.value else { return self.unfit() };
        let time: DateTime<Utc> = *time;
        Ok(match (self.op, self.negated) {
            (Op::Less, false) | (Op::GreaterOrEqual, true) => Box::new(column.lt(time).assume_not_null()),
            (Op::LessOrEqual, false) | (Op::Greater, true) => Box::new(column.le(time).assume_not_null()),
            (Op::Greater, false) | (Op::LessOrEqual, true) => {
                Box::new(column.is_null().or(column.gt(time).assume_not_null()))
            }
            (Op::GreaterOrEqual, false) | (Op::Less, true) => {
                Box::new(column.is_null().or(column.ge(time).assume_not_null()))
            }
            (Op::Equal | Op::Has, false) | (Op::NotEqual, true) => Box::new(column.eq(time).assume_not_null()),
            (Op::NotEqual, false) | (Op::Equal | Op::Has, true) => Box::new(column.is_distinct_from(time)),
        })
    }

    /// A resource name, stored as the row's id.
    pub(super) fn id<T: Table + 'a, C: ColumnOf<T, SqlUuid>>(self, column: C) -> Result<'a, T> {
        Ok(match (self.named()?, self.is_equal()) {
            (Some(id), true) => Box::new(column.eq(id)),
            (Some(id), false) => Box::new(column.ne(id)),
            (None, equal) => Box::new((!equal).into_sql::<Bool>()),
        })
    }

    /// A resource name, stored as the row's id where there is one.
    pub(super) fn id_or_none<T: Table + 'a, C: ColumnOf<T, Nullable<SqlUuid>>>(self, column: C) -> Result<'a, T> {
        Ok(match (self.named()?, self.is_equal()) {
            (Some(id), true) => Box::new(column.eq(id).assume_not_null()),
            (Some(id), false) => Box::new(column.is_distinct_from(id)),
            (None, equal) => Box::new((!equal).into_sql::<Bool>()),
        })
    }

    /// A code such as `R-42`, stored as its number.
    pub(super) fn code<T: 'a, C: ColumnOf<T, Int8>>(self, column: C) -> Result<'a, T> {
        let Value::Text(code) = self.value else { return self.unfit() };
        // No row has the number 0: what is no code names nothing.
        let number: i64 = code.strip_prefix("R-").and_then(|number| number.parse().ok()).unwrap_or(0);
        Ok(if self.is_equal() { Box::new(column.eq(number)) } else { Box::new(column.ne(number)) })
    }

    /// An entry of an object, or that there is one under the key.
    pub(super) fn entry<T: 'a, C: ColumnOf<T, Jsonb>>(self, column: C) -> Result<'a, T> {
        let (Some(key), equal) = (self.key, self.is_equal()) else { return self.unfit() };
        Ok(match self.value {
            Value::Text(value) if equal => Box::new(column.contains(json!({ key: value }))),
            Value::Text(value) => Box::new(diesel::dsl::not(column.contains(json!({ key: value })))),
            Value::Present if equal => Box::new(column.has_key(key)),
            Value::Present => Box::new(diesel::dsl::not(column.has_key(key))),
            _ => return self.unfit(),
        })
    }

    /// A whole number that no column of the table holds: how it is compared, and whether the comparison is inverted.
    pub(super) fn number(self) -> std::result::Result<(Op, i64, bool), Error> {
        match self.value {
            Value::Int(value) => Ok((self.op, *value, self.negated)),
            _ => Err(CoreError::internal(format!("`{}` holds numbers", self.field)).into()),
        }
    }

    /// A text that is looked for in several columns: the condition on each.
    pub(super) fn search<T: 'a, C: ColumnOf<T, Text>>(self, column: C) -> Result<'a, T> {
        match self.value {
            Value::Text(text) => Ok(Box::new(column.ilike(containing(text)))),
            _ => self.unfit(),
        }
    }

    /// Whether what is searched for is meant, or excluded.
    pub(super) const fn is_meant(self) -> bool {
        self.is_equal()
    }

    /// The row that the resource name means; `None` where there is none.
    pub(super) fn named(self) -> std::result::Result<Option<Uuid>, Error> {
        match self.value {
            Value::Text(name) => Ok(self.names.id(name)),
            _ => Err(CoreError::internal(format!("`{}` holds names", self.field)).into()),
        }
    }
}

/// The pattern of texts that contain this one.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_searched_as_it_is() {
        assert_eq!(containing("a"), "%a%");
        assert_eq!(containing(r"100%_\"), r"%100\%\_\\%");
    }
}
