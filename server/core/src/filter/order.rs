//! The orders of a list. Each has an index of its own, so there are no others.

use crate::words::Excerpt;
use crate::{Error, Reason};

/// One order that a list can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The field as callers write it, for instance `create_time`.
    pub name: &'static str,
    /// What the query orders by; the list's own code knows what it means.
    pub key: &'static str,
    /// From high to low.
    pub descending: bool,
}

impl Order {
    fn text(&self) -> String {
        if self.descending { format!("{} desc", self.name) } else { self.name.to_owned() }
    }
}

/// The order argument of a list.
pub struct OrderBy;

impl OrderBy {
    /// Reads the argument `order_by`: `field`, `field asc` or `field desc`. A blank one is the first of `allowed`;
    /// one that is not among them is `FILTER_INVALID` with the list of them.
    pub fn parse<'a>(text: &str, allowed: &'a [Order]) -> Result<&'a Order, Error> {
        let mut words = text.split_whitespace();
        let (field, direction, more) = (words.next(), words.next(), words.next());
        let descending = match direction {
            None | Some("asc") => Some(false),
            Some("desc") => Some(true),
            Some(_) => None,
        };
        let found = match field {
            None => allowed.first(),
            Some(field) => allowed
                .iter()
                .filter(|_| more.is_none())
                .find(|order| order.name == field && Some(order.descending) == descending),
        };
        found.ok_or_else(|| {
            let allowed: Vec<_> = allowed.iter().map(Order::text).collect();
            let mut error = Error::field(
                "order_by",
                format!("`{}` is not an order of this list. Choose one of: {}.", Excerpt(text), allowed.join(", ")),
            );
            error.reason = Reason::FilterInvalid;
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWEST: Order = Order { name: "create_time", key: "create_time", descending: true };
    const OLDEST: Order = Order { descending: false, ..NEWEST };
    const BY_NAME: Order = Order { name: "display_name", key: "lower(display_name)", descending: false };
    const ORDERS: [Order; 3] = [NEWEST, OLDEST, BY_NAME];

    #[test]
    fn an_order_is_a_field_and_a_direction() {
        for (text, order) in [
            ("", NEWEST),
            ("  ", NEWEST),
            ("create_time", OLDEST),
            ("create_time asc", OLDEST),
            (" create_time   desc ", NEWEST),
            ("display_name", BY_NAME),
        ] {
            assert_eq!(*OrderBy::parse(text, &ORDERS).unwrap(), order, "{text}");
        }
    }

    #[test]
    fn what_has_no_index_is_refused_with_what_has() {
        for text in ["tier", "display_name desc", "create_time DESC", "create_time desc x", "create_time, tier"] {
            let error = OrderBy::parse(text, &ORDERS).unwrap_err();
            assert_eq!(error.reason, Reason::FilterInvalid, "{text}");
            assert_eq!(error.fields[0].field, "order_by");
            assert!(error.message.ends_with("Choose one of: create_time desc, create_time, display_name."), "{error}");
        }
    }
}
