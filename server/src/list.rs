//! The arguments that all lists share: size, token, filter, order and total, checked together against what the list
//! declares of itself. The pages themselves come from [`flagstone_db::list`].
//!
//! A page token is bound to the caller's organization, the method, the parent, the filter and the order. It carries no
//! authority: every page is cut to what the caller may see at that moment.

mod names;

use flagstone_core::filter::{Field, Filter, Order, OrderBy, Predicate};
use flagstone_core::names::{ResourceName, parse};
use flagstone_core::page::{PageKey, PageToken, page_size, scope_hash};
use flagstone_core::{Error as CoreError, FieldViolation};
use flagstone_db::list::{Branch, ListQuery, Names};
use uuid::Uuid;

pub use names::NameKind;
use names::Named;

use crate::cx::{Cx, Read};
use crate::error::{Error, Result};

/// What a list declares of itself; the comment of its method in the contract says the same in words.
#[derive(Debug)]
pub struct List {
    /// The fields of its filter.
    pub fields: &'static [Field],
    /// Of those, the ones that hold a resource name which is stored as the id of a row.
    pub names: &'static [(&'static str, NameKind)],
    /// Its orders, the default first. Each has an index.
    pub orders: &'static [Order],
}

/// The orders of most lists: the newest first, or the oldest.
pub const BY_CREATION: &[Order] = &[
    Order { name: "create_time", key: "create_time", descending: true },
    Order { name: "create_time", key: "create_time", descending: false },
];

/// The arguments of one call, as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    pub page_size: i32,
    pub page_token: &'a str,
    pub filter: &'a str,
    pub order_by: &'a str,
    pub include_total: bool,
}

/// Takes the arguments out of a list's message.
macro_rules! arguments {
    ($message:expr) => {
        crate::list::Arguments {
            page_size: $message.page_size,
            page_token: &$message.page_token,
            filter: &$message.filter,
            order_by: &$message.order_by,
            include_total: $message.include_total,
        }
    };
}
pub(crate) use arguments;

/// The arguments of one call, checked.
#[derive(Debug)]
pub struct ListCall {
    filter: Option<Predicate>,
    /// The resource names in the filter, each with what it names.
    names: Vec<(String, Named)>,
    order: Order,
    after: Option<PageKey>,
    size: u32,
    count: bool,
    token_key: [u8; 32],
    token_scope: [u8; 32],
}

impl List {
    /// Checks a call that has no parent. Everything that is wrong is told at once.
    pub fn call(&self, cx: &Cx, sent: Arguments<'_>) -> Result<ListCall> {
        let mut problems = Vec::new();
        let call = self.check(cx, "", sent, &mut problems)?;
        settle(call, problems)
    }

    /// Checks a call with its parent. Everything that is wrong is told at once.
    pub fn call_in<P: ResourceName>(&self, cx: &Cx, parent: &str, sent: Arguments<'_>) -> Result<(P, ListCall)> {
        let mut problems = Vec::new();
        let name = take(parse::<P>(parent, "parent"), &mut problems);
        let call = self.check(cx, parent, sent, &mut problems)?;
        settle(name.zip(call), problems)
    }

    /// The call, or `None` where something is wrong with it.
    fn check(
        &self,
        cx: &Cx,
        parent: &str,
        sent: Arguments<'_>,
        problems: &mut Vec<CoreError>,
    ) -> Result<Option<ListCall>> {
        let organization_id = cx.user()?.organization_id;
        let size = take(page_size(sent.page_size), problems);
        let filter = take(Filter::parse(sent.filter, self.fields), problems);
        let names = filter.as_ref().and_then(|filter| take(names::in_filter(filter.as_ref(), self.names), problems));
        let order = take(OrderBy::parse(sent.order_by, self.orders), problems);
        let token_key = cx.app.vault.derive_key("page-token");
        let direction = match order {
            Some(order) if order.descending => "desc",
            _ => "asc",
        };
        let order_name = order.map_or("", |order| order.name);
        let token_scope =
            scope_hash(organization_id, &cx.method.path, &[parent, sent.filter.trim(), order_name, direction]);
        let after = if sent.page_token.is_empty() || order.is_none() {
            // Without an order the token cannot be judged: it is bound to one.
            Some(None)
        } else {
            take(PageToken::open(&token_key, token_scope, sent.page_token), problems).map(Some)
        };
        let (Some(filter), Some(names), Some(order), Some(after), Some(size)) = (filter, names, order, after, size)
        else {
            return Ok(None);
        };
        Ok(Some(ListCall {
            filter,
            names,
            order: *order,
            after,
            size,
            count: sent.include_total,
            token_key,
            token_scope,
        }))
    }
}

impl ListCall {
    /// Looks up what the names in the filter mean, all at once.
    pub async fn names(&self, read: &Read) -> Result<Names> {
        names::resolve(&self.names, read).await
    }

    /// The query for this page. `parent_id` is the row of a parent that is not a business unit.
    pub fn query<'a>(
        &'a self,
        read: &Read,
        names: &'a Names,
        parent_id: Option<Uuid>,
        branches: &'a [Branch],
    ) -> ListQuery<'a> {
        ListQuery {
            organization_id: read.organization_id(),
            caller_id: read.user.id,
            team_ids: &[],
            parent_id,
            branches,
            sights: &[],
            filter: self.filter.as_ref(),
            names,
            order: self.order,
            after: self.after.as_ref(),
            size: self.size,
            count: self.count,
        }
    }

    /// The token of the next page; empty where there is none.
    pub fn next_token(&self, next: Option<&PageKey>) -> Result<String> {
        next.map_or_else(|| Ok(String::new()), |key| Ok(PageToken::seal(&self.token_key, self.token_scope, key)?))
    }
}

fn take<T>(checked: Result<T, CoreError>, problems: &mut Vec<CoreError>) -> Option<T> {
    checked.map_err(|problem| problems.push(problem)).ok()
}

/// One problem keeps its own reason; several are told as wrong fields.
fn settle<T>(value: Option<T>, mut problems: Vec<CoreError>) -> Result<T> {
    if problems.len() > 1 {
        let fields: Vec<FieldViolation> = problems.into_iter().flat_map(|problem| problem.fields).collect();
        return Err(Error::invalid(fields));
    }
    match (problems.pop(), value) {
        (Some(problem), _) => Err(problem.into()),
        (None, Some(value)) => Ok(value),
        (None, None) => Err(Error::internal("a list call was refused without a reason")),
    }
}

#[cfg(test)]
mod tests {
    use flagstone_core::Reason;

    use super::*;

    #[test]
    fn one_problem_keeps_its_reason_and_several_are_told_together() {
        let token = || {
            let mut error = CoreError::field("page_token", "x");
            error.reason = Reason::PageTokenInvalid;
            error
        };
        let told = |problems| match settle(None::<()>, problems) {
            Err(Error::Core(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(vec![token()]).reason, Reason::PageTokenInvalid);
        let both = told(vec![token(), CoreError::field("page_size", "y")]);
        assert_eq!(both.reason, Reason::FieldInvalid);
        assert_eq!(
            both.fields.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>(),
            ["page_token", "page_size"]
        );
        assert!(settle(Some(1), Vec::new()).is_ok());
    }
}
