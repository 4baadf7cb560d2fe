//! Looking at the tables behind the server's back, to see what the API would not tell.

use std::collections::{BTreeMap, BTreeSet};

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
/// and when it was last seen; and what the sealer makes of the audit, which is somewhat later than a call.
pub async fn checksums(sql: &Client) -> BTreeMap<String, String> {
    let tables = sql
        .query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", &[])
        .await
        .expect("the catalogue can be read");
    let mut sums = BTreeMap::new();
    for table in tables {
        let table: String = table.get(0);
        if matches!(table.as_str(), "leases" | "rate_counts" | "runners")
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

/// Everything that the tables hold, as text: what is stored as bytes is in hexadecimal digits.
pub async fn dump(sql: &Client) -> String {
    let tables = sql.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[]).await;
    let mut dump = String::new();
    for table in tables.expect("the catalogue can be read") {
        let table: String = table.get(0);
        let rows = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t");
        dump.push_str(&one::<String>(sql, &rows).await);
        dump.push('\n');
    }
    dump
}

/// Every value of every column that could be a credential, or the hash of one: texts and ids as they are, bytes in both
/// of the usual spellings.
pub async fn values(sql: &Client) -> BTreeSet<String> {
    let columns = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
                   WHERE table_schema = 'public' AND data_type IN ('text', 'bytea', 'uuid')";
    let mut values = BTreeSet::new();
    for column in sql.query(columns, &[]).await.expect("the catalogue can be read") {
        let [table, column, kind]: [String; 3] = [column.get(0), column.get(1), column.get(2)];
        let spellings = match kind.as_str() {
            "bytea" => vec![format!("encode({column}, 'hex')"), format!("encode({column}, 'base64')")],
            _ => vec![format!("{column}::text")],
        };
        for shown in spellings {
            let query = format!("SELECT DISTINCT {shown} FROM {table} WHERE {column} IS NOT NULL");
            let rows = sql.query(&query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
            values.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
    }
    values
}
