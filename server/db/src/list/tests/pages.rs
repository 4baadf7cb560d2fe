//! Paging.

use flagstone_core::Reason;
use flagstone_core::access::{Reach, Visible};
use flagstone_core::page::{KeyPart, PageKey};

use super::*;
use crate::error::Error;
use crate::list::{MAX_TOTAL, request};
use crate::request::RequestRow;

/// All rows, page by page.
async fn all(conn: &crate::Connection, query: &ListQuery<'_>) -> Vec<RequestRow> {
    let (mut rows, mut after): (Vec<RequestRow>, Option<PageKey>) = (Vec::new(), None);
    loop {
        let page = request::list(conn, &ListQuery { after: after.as_ref(), ..query.clone() }).await.unwrap();
        assert!(page.rows.len() <= query.size as usize);
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

#[tokio::test]
async fn pages_show_every_visible_row_once_and_in_order() {
    let database = TestDatabase::create().await;
    fill(&database, &requests(1, 300, 12)).await;
    let conn = database.owner().await;
    let only = |units: &[u128]| Reach::Only(units.iter().copied().map(unit).collect());
    let everything = || Reach::AllExcept(Vec::new());
    let names = Names::default();
    for (others, own) in [
        (everything(), everything()),
        (only(&[0, 3]), everything()),
        (only(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), only(&[1, 11])),
        (Reach::AllExcept(vec![unit(2)]), Reach::AllExcept(vec![unit(5)])),
        (only(&[]), everything()),
    ] {
        let visible = Visible { unowned: others.clone(), others, own };
        for parent in [None, Some(unit(3)), Some(unit(99))] {
            let branches = Branch::of(&visible, parent);
            for order in [NEWEST, OLDEST] {
                let found = all(&conn, &ListQuery { size: 7, ..query(order, &names, &branches) }).await;
                let mut expected: Vec<RequestRow> =
                    all(&conn, &ListQuery { size: 200, ..query(order, &names, &[Branch::ALL]) }).await;
                expected.retain(|row| {
                    let scope = flagstone_core::access::Scope::Unit(row.business_unit_id);
                    parent.is_none_or(|parent| parent == row.business_unit_id)
                        && visible.shows(scope, Some(row.requester_id == CALLER))
                });
                let numbers = |rows: &[RequestRow]| rows.iter().map(|row| row.number).collect::<Vec<_>>();
                assert_eq!(numbers(&found), numbers(&expected), "{visible:?} {parent:?} {order:?}");
                let key = |row: &RequestRow| (row.create_time, row.id);
                let sorted = if order.descending {
                    found.is_sorted_by(|a, b| key(a) > key(b))
                } else {
                    found.is_sorted_by(|a, b| key(a) < key(b))
                };
                assert!(sorted, "{order:?}");
            }
        }
    }
}

#[tokio::test]
async fn another_organization_is_never_shown() {
    let database = TestDatabase::create().await;
    fill(&database, &requests(1, 10, 1)).await;
    let (conn, names) = (database.owner().await, Names::default());
    let foreign = ListQuery { organization_id: CALLER, ..query(NEWEST, &names, &[Branch::ALL]) };
    assert!(all(&conn, &foreign).await.is_empty());
}

#[tokio::test]
async fn totals_are_counted_over_all_branches_and_up_to_a_limit() {
    let database = TestDatabase::create().await;
    fill(&database, &requests(1, 12_000, 3)).await;
    let (conn, names) = (database.owner().await, Names::default());
    let total = async |branches: &[Branch]| {
        let page = request::list(&conn, &ListQuery { count: true, ..query(NEWEST, &names, branches) }).await.unwrap();
        page.total.unwrap()
    };
    let of = |number| Branch { units: crate::list::scope::Units::One(unit(number)), own: None };
    assert_eq!(total(&[of(0)]).await, 4_000);
    assert_eq!(total(&[of(0), of(1)]).await, 8_000);
    assert_eq!(total(&[of(0), of(1), of(2)]).await, i32::try_from(MAX_TOTAL).unwrap());
    assert_eq!(total(&[Branch::ALL]).await, i32::try_from(MAX_TOTAL).unwrap());
    assert_eq!(total(&[]).await, 0);
    assert_eq!(request::list(&conn, &query(NEWEST, &names, &[of(0)])).await.unwrap().total, None);
}

#[tokio::test]
async fn a_key_of_another_shape_is_refused() {
    let database = TestDatabase::create().await;
    let (conn, names) = (database.owner().await, Names::default());
    for values in [vec![], vec![KeyPart::Int(1), KeyPart::Uuid(CALLER)], vec![KeyPart::Uuid(CALLER)]] {
        let key = PageKey { values };
        let query = ListQuery { after: Some(&key), ..query(NEWEST, &names, &[Branch::ALL]) };
        let refused = request::list(&conn, &query).await;
        assert!(matches!(&refused, Err(Error::Core(error)) if error.reason == Reason::PageTokenInvalid), "{refused:?}");
    }
}
