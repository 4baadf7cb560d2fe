//! Lists on a real database: that pages cut nothing and repeat nothing, that filters mean what they say, and that every
//! order has an index that serves it.

mod filters;
mod pages;
mod plans;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::SimpleAsyncConnection;
use flagstone_core::filter::Order;
use uuid::Uuid;

use super::{Branch, ListQuery, Names};
use crate::testing::TestDatabase;

const ORGANIZATION: Uuid = Uuid::from_u128(1);
const CALLER: Uuid = Uuid::from_u128(2);
const NEWEST: Order = Order { name: "create_time", key: "create_time", descending: true };
const OLDEST: Order = Order { name: "create_time", key: "create_time", descending: false };

/// Asks how a query is run instead of what it finds.
pub(super) struct Explain<Q>(pub(super) Q);

impl<Q> Query for Explain<Q> {
    type SqlType = Text;
}

impl<Q> QueryId for Explain<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Explain<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ");
        self.0.walk_ast(out)
    }
}

/// A unit by number.
fn unit(number: u128) -> Uuid {
    Uuid::from_u128(0x100 + number)
}

/// The first page of everything.
fn query<'a>(order: Order, names: &'a Names, branches: &'a [Branch]) -> ListQuery<'a> {
    ListQuery {
        organization_id: ORGANIZATION,
        caller_id: CALLER,
        team_ids: &[],
        parent_id: None,
        branches,
        sights: &[],
        filter: None,
        names,
        order,
        after: None,
        size: 50,
        count: false,
    }
}

/// Runs statements as the owner, without asking for the rows that they refer to.
async fn fill(database: &TestDatabase, statements: &str) {
    let mut owner = database.owner().await;
    owner.batch_execute("SET session_replication_role = replica").await.unwrap();
    owner.batch_execute(statements).await.unwrap();
}

/// Requests `from..=to`, the n-th of unit `n % units`, each fourth of them the caller's own, each fifth a draft without
/// deployment. Ten at a time are of one moment, so that pages have to cut between equals.
fn requests(from: u32, to: u32, units: u32) -> String {
    format!(
        "INSERT INTO requests (id, organization_id, business_unit_id, number, kind, title, requester_id, requester,
           environment_id, tier, deployment_id, template_version_id, payload, inputs_ciphertext, content_hash, state,
           creator, create_time)
         SELECT lpad(to_hex(n * 7919 % 1000003), 32, '0')::uuid, '{ORGANIZATION}',
           lpad(to_hex(256 + n % {units}), 32, '0')::uuid, n, 'CREATE', 'Title ' || n || '%_',
           CASE WHEN n % 4 = 0 THEN '{CALLER}'::uuid ELSE '{ORGANIZATION}'::uuid END, 'users/x',
           '{ORGANIZATION}', 'DEVELOPMENT', CASE WHEN n % 5 = 0 THEN NULL ELSE '{CALLER}'::uuid END, '{ORGANIZATION}',
           '{{}}', '', '', CASE WHEN n % 5 = 0 THEN 'DRAFT' ELSE 'COMPLETED' END, 'users/x',
           timestamptz '2026-01-01' + n / 10 * interval '1 minute'
         FROM generate_series({from}, {to}) AS n;
         ANALYZE requests;"
    )
}
