//! Paging by key: the values that a list is ordered by, and what the typed query language lacks for them, which is the
//! comparison of rows (an index serves it as one range) and a count that stops. [`pages!`](pages) puts it together.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, IntoBoxed, Select};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool};
use flagstone_core::page::{KeyPart, PageKey};
use flagstone_core::{Error as CoreError, Reason};
use uuid::Uuid;

use super::MAX_TOTAL;
use crate::error::Error;

/// `(a, b) < (x, y)`. Written as `a < x OR a = x AND b < y` it would read every row with the same `a`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beyond<L, R> {
    /// The columns, as a tuple.
    pub(super) row: L,
    /// The values, as a tuple.
    pub(super) key: R,
    /// What comes later is lower.
    pub(super) descending: bool,
}

impl<L, R> Expression for Beyond<L, R>
where
    L: Expression,
    R: Expression<SqlType = L::SqlType>,
{
    type SqlType = Bool;
}

impl<L, R> ValidGrouping<()> for Beyond<L, R> {
    type IsAggregate = is_aggregate::No;
}

impl<L, R> QueryId for Beyond<L, R> {
    type QueryId = ();
    // The operator is a value: two of one type may read differently.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<L, R, QS> AppearsOnTable<QS> for Beyond<L, R>
where
    Self: Expression,
    L: AppearsOnTable<QS>,
    R: AppearsOnTable<QS>,
{
}

impl<L, R, QS> SelectableExpression<QS> for Beyond<L, R>
where
    Self: AppearsOnTable<QS>,
    L: SelectableExpression<QS>,
    R: SelectableExpression<QS>,
{
}

impl<L, R> QueryFragment<Pg> for Beyond<L, R>
where
    L: QueryFragment<Pg>,
    R: QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(");
        self.row.walk_ast(out.reborrow())?;
        out.push_sql(if self.descending { ") < (" } else { ") > (" });
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// Counts the rows of a query, [`MAX_TOTAL`] at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capped<Q>(pub(super) Q);

impl<Q> Query for Capped<Q> {
    type SqlType = BigInt;
}

impl<Q> QueryId for Capped<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Capped<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT count(*) FROM (");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&MAX_TOTAL)?;
        out.push_sql(") AS counted");
        Ok(())
    }
}

/// A query for rows of a table.
pub(super) type Rows<'q, T, R> = IntoBoxed<'q, Select<T, AsSelect<R, Pg>>, Pg>;

/// A type that lists are ordered by.
pub(super) trait KeyValue: Sized {
    /// As part of a page key.
    fn into_part(self) -> KeyPart;
    /// Back from it; `None` for a part of another type.
    fn from_part(part: &KeyPart) -> Option<Self>;
}

macro_rules! key_value {
    ($type:ty, $part:ident) => {
        impl KeyValue for $type {
            fn into_part(self) -> KeyPart {
                KeyPart::$part(self.into())
            }

            fn from_part(part: &KeyPart) -> Option<Self> {
                if let KeyPart::$part(value) = part { value.clone().try_into().ok() } else { None }
            }
        }
    };
}
key_value!(DateTime<Utc>, Time);
key_value!(i32, Int);
key_value!(i64, Int);
key_value!(String, Text);
key_value!(Uuid, Uuid);

/// Takes the next ordering value of a page key. A page token is sealed, so a key of another shape is one of an older
/// version of the list.
pub(super) fn next_value<'a, T: KeyValue>(parts: &mut impl Iterator<Item = &'a KeyPart>) -> Result<T, Error> {
    parts.next().and_then(T::from_part).ok_or_else(|| {
        let message = "The page token is of an older version of the server. Start again without a token.";
        let mut error = CoreError::field("page_token", message);
        error.reason = Reason::PageTokenInvalid;
        error.into()
    })
}

/// The order of two keys of one list, as the database has it.
pub(super) fn compare(a: &PageKey, b: &PageKey) -> Ordering {
    let parts = a.values.iter().zip(&b.values).map(|parts| match parts {
        (KeyPart::Time(a), KeyPart::Time(b)) => a.cmp(b),
        (KeyPart::Int(a), KeyPart::Int(b)) => a.cmp(b),
        (KeyPart::Text(a), KeyPart::Text(b)) => a.cmp(b),
        (KeyPart::Uuid(a), KeyPart::Uuid(b)) => a.cmp(b),
        // Two rows of one list have keys of one shape.
        _ => Ordering::Equal,
    });
    parts.fold(Ordering::Equal, Ordering::then)
}

/// Makes the function `list` of a table from a function `matching`, which gives the query of one branch without order
/// and limit. `orders` names, for each order that the service declares by its key, the columns and their types in Rust;
/// the last column makes the order total.
macro_rules! pages {
    ($(#[$doc:meta])* $table:ident => $row:ty, orders {
        $($order:literal => [$($column:ident: $type:ty),+]),+ $(,)?
    }) => {
        $(#[$doc])*
        pub async fn list(
            conn: &crate::Connection,
            query: &crate::list::ListQuery<'_>,
        ) -> Result<crate::list::Listed<$row>, crate::Error> {
            crate::list::run(conn, query, page, count, key).await
        }

        fn key(row: &$row, order: &str) -> flagstone_core::page::PageKey {
            let values = match order {
                $($order => vec![$(crate::list::keyset::KeyValue::into_part(row.$column.clone())),+],)+
                _ => Vec::new(),
            };
            flagstone_core::page::PageKey { values }
        }

        fn page<'q>(
            mut conn: &'q crate::Connection,
            query: &'q crate::list::ListQuery<'q>,
            branch: &'q crate::list::Branch,
        ) -> Result<crate::list::Answer<'q, Vec<$row>>, crate::Error> {
            let select = rows(query, branch)?;
            Ok(Box::pin(async move { Ok(diesel_async::RunQueryDsl::load(select, &mut conn).await?) }))
        }

        fn rows<'q>(
            query: &'q crate::list::ListQuery<'q>,
            branch: &'q crate::list::Branch,
        ) -> Result<crate::list::keyset::Rows<'q, $table::table, $row>, crate::Error> {
            use diesel::dsl::SqlTypeOf;
            let mut select = matching(query, branch)?.select(<$row>::as_select());
            match query.order.key {
                $($order => {
                    if let Some(after) = query.after {
                        let mut parts = after.values.iter();
                        select = select.filter(crate::list::keyset::Beyond {
                            row: ($($table::$column,)+),
                            key: ($(
                                crate::list::keyset::next_value::<$type>(&mut parts)?
                                    .into_sql::<SqlTypeOf<$table::$column>>(),
                            )+),
                            descending: query.order.descending,
                        });
                    }
                    select = if query.order.descending {
                        select.order(($($table::$column.desc(),)+))
                    } else {
                        select.order(($($table::$column.asc(),)+))
                    };
                })+
                order => return Err(flagstone_core::Error::internal(format!("the list has no order `{order}`")).into()),
            }
            Ok(select.limit(query.limit()))
        }

        fn count<'q>(
            mut conn: &'q crate::Connection,
            query: &'q crate::list::ListQuery<'q>,
            branch: &'q crate::list::Branch,
        ) -> Result<crate::list::Answer<'q, i64>, crate::Error> {
            let one = diesel::dsl::sql::<diesel::sql_types::Integer>("1");
            let select = crate::list::keyset::Capped(matching(query, branch)?.select(one));
            Ok(Box::pin(async move { Ok(diesel_async::RunQueryDsl::get_result(select, &mut conn).await?) }))
        }

        /// How the database runs the query of one branch, line by line.
        #[cfg(test)]
        pub(super) async fn explain(
            mut conn: &crate::Connection,
            query: &crate::list::ListQuery<'_>,
            branch: &crate::list::Branch,
        ) -> Vec<String> {
            let explain = crate::list::tests::Explain(rows(query, branch).unwrap());
            diesel_async::RunQueryDsl::load(explain, &mut conn).await.unwrap()
        }

        // Not every list has a test of its plan.
        #[cfg(test)]
        const _: () = {
            let _ = explain;
        };
    };
}
pub(super) use pages;
