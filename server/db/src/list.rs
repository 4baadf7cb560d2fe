//! Lists: one page of rows that a caller may see, in an order that has an index.
//!
//! A page costs the same at any depth and in a table of any size. It begins after the key of the page before instead of
//! counting rows off (no OFFSET), and every part of what the caller may see is a query of its own that one index serves
//! in order; see [`scope`]. The parts are sent together on one connection and merged here.
//!
//! Each list has a file below this one. It says what its filter's fields mean in SQL, and nothing of what the service
//! declares: which fields and orders there are, and what their values may look like.

use std::collections::HashMap;

use diesel_async::RunQueryDsl;
use diesel_async::methods::LoadQuery;
use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Order, Predicate};
use flagstone_core::page::PageKey;
use futures::future::try_join_all;
use futures::try_join;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;

pub mod approval;
pub mod approval_policy;
pub mod audit;
pub mod business_unit;
mod condition;
pub mod deployment;
pub mod environment;
pub mod job;
mod keyset;
pub mod names;
pub mod request;
pub mod revision;
pub mod scope;
pub mod template;
pub mod template_version;

pub use scope::Branch;

/// A total is counted up to this; a table may hold millions of rows, and nobody pages through them.
pub const MAX_TOTAL: i64 = 10_000;

/// One call of a list, checked.
#[derive(Clone, Debug)]
pub struct ListQuery<'a> {
    pub organization_id: Uuid,
    /// Row id of the caller, for what only its creator sees.
    pub caller_id: Uuid,
    /// Row id of the object whose parts are listed, where the list has such a parent.
    pub parent_id: Option<Uuid>,
    /// What the caller may see. Empty: nothing.
    pub branches: &'a [Branch],
    pub filter: Option<&'a Predicate>,
    /// The resource names in `filter`.
    pub names: &'a Names,
    /// One of the orders of the list.
    pub order: Order,
    /// Where the page before ended.
    pub after: Option<&'a PageKey>,
    /// Rows on the page.
    pub size: u32,
    /// Whether to count all rows.
    pub count: bool,
}

/// One page.
#[derive(Clone, Debug)]
pub struct Listed<R> {
    pub rows: Vec<R>,
    /// Where this page ends; `None` on the last one.
    pub next: Option<PageKey>,
    /// Rows on all pages, at most [`MAX_TOTAL`]; only where they were asked for.
    pub total: Option<i32>,
}

/// Row ids of the resource names that a filter mentions. A name that is not here names nothing.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<String, Uuid>);

impl Names {
    /// Adds a name and the row that it means.
    pub fn add(&mut self, name: impl Into<String>, id: Uuid) {
        self.0.insert(name.into(), id);
    }

    /// The row that a name means.
    fn id(&self, name: &str) -> Option<Uuid> {
        self.0.get(name).copied()
    }
}

impl ListQuery<'_> {
    /// One row more than the page shows tells whether there is another page.
    fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// The parent, of a list that always has one.
    fn parent(&self) -> Result<Uuid, Error> {
        self.parent_id.ok_or_else(|| CoreError::internal("this list has a parent").into())
    }

    /// The page out of what the branches gave, each in order and at most one row too long.
    fn merge<R>(&self, parts: Vec<Vec<R>>, key: impl Fn(&R) -> PageKey) -> (Vec<R>, Option<PageKey>) {
        let is_merged = parts.len() > 1;
        let mut rows: Vec<R> = parts.into_iter().flatten().collect();
        if is_merged {
            rows.sort_by(|a, b| {
                let order = keyset::compare(&key(a), &key(b));
                if self.order.descending { order.reverse() } else { order }
            });
        }
        let size = self.size as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(key) } else { None };
        (rows, next)
    }
}

/// Runs a list. `page` makes the query of one branch, in order and limited; `count` the one that counts it up to a
/// limit; `key` tells where a row stands.
async fn run<'q, R, P, C>(
    conn: &Connection,
    query: &'q ListQuery<'q>,
    page: fn(&'q ListQuery<'q>, &'q Branch) -> Result<P, Error>,
    count: fn(&'q ListQuery<'q>, &'q Branch) -> Result<C, Error>,
    key: impl Fn(&R) -> PageKey,
) -> Result<Listed<R>, Error>
where
    R: Send,
    P: for<'c> LoadQuery<'q, &'c Connection, R> + 'q,
    C: for<'c> LoadQuery<'q, &'c Connection, i64> + 'q,
{
    let pages = query.branches.iter().map(|branch| page(query, branch)).collect::<Result<Vec<_>, _>>()?;
    let counted = if query.count { query.branches } else { &[] };
    let counts = counted.iter().map(|branch| count(query, branch)).collect::<Result<Vec<_>, _>>()?;
    let (parts, counts) = try_join!(
        try_join_all(pages.into_iter().map(|page| async move {
            let mut conn = conn;
            page.load(&mut conn).await
        })),
        try_join_all(counts.into_iter().map(|count| async move {
            let mut conn = conn;
            count.get_result(&mut conn).await
        })),
    )?;
    let (rows, next) = query.merge(parts, key);
    let total: i64 = counts.into_iter().sum();
    let total = i32::try_from(total.min(MAX_TOTAL)).ok().filter(|_| query.count);
    Ok(Listed { rows, next, total })
}
