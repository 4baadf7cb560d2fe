//! Lists: one page of rows that a caller may see, in an order that has an index.
//!
//! A page costs the same at any depth and in a table of any size. It begins after the key of the page before instead of
//! counting rows off (no OFFSET), and every part of what the caller may see is a query of its own that one index serves
//! in order; see [`scope`]. The parts are sent together on one connection and merged here.
//!
//! Each list has a file below this one. It says what its filter's fields mean in SQL, and nothing of what the service
//! declares: which fields and orders there are, and what their values may look like.

use std::collections::HashMap;

use flagstone_core::Error as CoreError;
use flagstone_core::filter::{Order, Predicate};
use flagstone_core::page::PageKey;
use futures::future::{BoxFuture, try_join_all};
use futures::try_join;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::sight::Sight;

pub mod api_token;
pub mod approval;
pub mod approval_policy;
pub mod audit;
pub mod business_unit;
pub mod business_unit_member;
pub mod change_event;
mod condition;
pub mod deployment;
pub mod environment;
pub mod group;
pub mod group_member;
pub mod invitation;
pub mod job;
mod keyset;
pub mod names;
pub mod organization;
pub mod request;
pub mod revision;
pub mod role;
pub mod role_binding;
pub mod runner;
pub mod scope;
pub mod service_account;
pub mod session;
pub mod sso_provider;
pub mod team;
pub mod team_member;
pub mod template;
pub mod template_version;
pub mod user;
pub mod workspace_state;

pub use scope::Branch;

/// A total is counted up to this; a table may hold millions of rows, and nobody pages through them.
pub const MAX_TOTAL: i64 = 10_000;

/// One call of a list, checked.
#[derive(Clone, Debug)]
pub struct ListQuery<'a> {
    pub organization_id: Uuid,
    /// Row id of the caller, for what only its creator sees.
    pub caller_id: Uuid,
    /// Row ids of the caller's teams, in the list of audit events.
    pub team_ids: &'a [Uuid],
    /// Row id of the object whose parts are listed, where the list has such a parent.
    pub parent_id: Option<Uuid>,
    /// What the caller may see. Empty: nothing.
    pub branches: &'a [Branch],
    /// What the caller may see of each kind of object, in the list of changes, which is of all kinds.
    pub sights: &'a [Sight],
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

/// What a query will answer. Boxed, so that a list's future has a type of its own instead of its query's.
type Answer<'q, T> = BoxFuture<'q, Result<T, Error>>;

/// Asks the database for something about one branch.
type Ask<'q, T> = fn(&'q Connection, &'q ListQuery<'q>, &'q Branch) -> Result<Answer<'q, T>, Error>;

/// Runs a list. `page` asks for the rows of one branch, in order and at most one more than a page holds; `count` asks how
/// many there are; `key` tells where a row stands.
async fn run<'q, R>(
    conn: &'q Connection,
    query: &'q ListQuery<'q>,
    page: Ask<'q, Vec<R>>,
    count: Ask<'q, i64>,
    key: fn(&R, &str) -> PageKey,
) -> Result<Listed<R>, Error> {
    let (mut pages, mut counts) = (Vec::new(), Vec::new());
    for branch in query.branches {
        pages.push(page(conn, query, branch)?);
        if query.count {
            counts.push(count(conn, query, branch)?);
        }
    }
    let (parts, counts) = try_join!(try_join_all(pages), try_join_all(counts))?;
    let (rows, next) = query.merge(parts, |row| key(row, query.order.key));
    let total: i64 = counts.into_iter().sum();
    let total = i32::try_from(total.min(MAX_TOTAL)).ok().filter(|_| query.count);
    Ok(Listed { rows, next, total })
}

#[cfg(test)]
mod tests;
