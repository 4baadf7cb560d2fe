//! What no RPC does: a look into the database, and changes that only a broken or hostile one would make.

use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A connection as the owner of a test's database.
pub(crate) struct Sql(Client);

impl Sql {
    /// Connects.
    pub(crate) async fn connect(url: &str) -> Self {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await.expect("the test database answers");
        tokio::runtime::Handle::current().spawn(driver);
        Self(client)
    }

    /// Runs a statement and tells how many rows it touched.
    pub(crate) async fn run(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> u64 {
        self.0.execute(statement, values).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
    }

    /// The first column of the one row that a query gives.
    pub(crate) async fn one<T: FromSqlOwned>(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> T {
        self.0.query_one(query, values).await.unwrap_or_else(|error| panic!("{query}: {error:?}")).get(0)
    }

    /// Keeps every further job of a request's deployment in the line, as a job of it that runs would.
    pub(crate) async fn hold(&self, request: &str) {
        let held = self
            .run(
                "INSERT INTO concurrency_holds (organization_id, concurrency_key, job_id)
                 SELECT organization_id, concurrency_key, id FROM jobs WHERE request_id = $1
                 ORDER BY create_time LIMIT 1",
                &[&id(request)],
            )
            .await;
        assert_eq!(held, 1, "nothing else holds the deployment");
    }

    /// Lets the jobs of a deployment run again.
    pub(crate) async fn release(&self, request: &str) {
        let query = "DELETE FROM concurrency_holds WHERE concurrency_key IN
                     (SELECT concurrency_key FROM jobs WHERE request_id = $1)";
        assert_eq!(self.run(query, &[&id(request)]).await, 1, "the deployment was held");
    }

    /// Sessions of the application on this database that are inside of a transaction.
    pub(crate) async fn open_transactions(&self) -> i64 {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
        self.one(query, &[]).await
    }

    /// Sessions of the application on this database.
    pub(crate) async fn sessions(&self) -> i64 {
        let query =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.one(query, &[]).await
    }

    /// The tables in which some row holds this text, in the clear or as bytes.
    pub(crate) async fn tables_with(&self, text: &str) -> Vec<String> {
        let query = "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
        let tables = self.0.query(query, &[]).await.expect("the tables can be listed");
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut found = Vec::new();
        for row in tables {
            let table: String = row.get(0);
            let query =
                format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0");
            if self.one::<i64>(&query, &[&text, &hex]).await > 0 {
                found.push(table);
            }
        }
        found
    }
}

/// The id at the end of a resource name.
pub(crate) fn id(name: &str) -> Uuid {
    let (_, id) = name.rsplit_once('/').expect("a resource name");
    id.parse().expect("a resource name that ends with a UUID")
}
