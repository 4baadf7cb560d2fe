//! Looking at the tables behind the server's back, to see what the API would not tell.

use std::collections::BTreeMap;

use tokio_postgres::{Client, NoTls};

/// A connection as the owner of the database.
pub async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("the test database answers");
    tokio::spawn(driver);
    client
}

/// The first column of the first row.
pub async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(sql: &Client, query: &str) -> T {
    sql.query_one(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}")).get(0)
}

/// Runs statements.
pub async fn run(sql: &Client, statements: &str) {
    sql.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

/// MD5 over the rows of each table, by table. Left out is what a runner's presence changes without any call: its leases
/// and when it was last seen; what the sealer makes of the audit, which is somewhat later than a call; and the ticks of
/// schedules.
pub async fn checksums(sql: &Client) -> BTreeMap<String, String> {
    let tables = sql
        .query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", &[])
        .await
        .expect("the catalogue can be read");
    let mut sums = BTreeMap::new();
    for table in tables {
        let table: String = table.get(0);
        if matches!(table.as_str(), "leases" | "rate_counts" | "runners" | "schedules")
            || table.starts_with("audit_") && table != "audit_events"
        {
            continue;
        }
        let query =
            format!("SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {table} t");
        sums.insert(table, one(sql, &query).await);
    }
    sums
}

/// The tables whose checksums differ.
pub fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    before.iter().filter(|(table, sum)| after.get(*table) != Some(sum)).map(|(table, _)| table.clone()).collect()
}
