//! A database for each test, cloned in milliseconds from a template that is migrated once.
//!
//! Functions here panic instead of failing: a test cannot go on without its database.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::connect::{Causes, Config, Connection, Connector, Session};
use crate::migrate;
use crate::pool::Database;

/// Held while the template is made: "template" in ASCII.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database of its own, dropped with this value: when its test panics, too.
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A new database with the current schema and no rows but those of the migrations.
    pub async fn create() -> Self {
        Self::cloned_from(&template().await, "").await
    }

    /// A new database without a schema.
    pub async fn empty() -> Self {
        Self::cloned_from("template0", " ENCODING 'UTF8'").await
    }

    async fn cloned_from(template: &str, options: &str) -> Self {
        let name = format!("flagstone_test_{}", Uuid::new_v4().simple());
        let admin = Admin::connect().await;
        // Copying files beats writing the copy to the log while a database is this small.
        admin.run(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy{options}")).await;
        Self { url: with_database(admin_url(), &name), name }
    }

    /// Address of the database, as its owner.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens it as the server does, with the usual sizes.
    pub async fn connect(&self) -> Database {
        Database::connect(&Config::new(&self.url)).await.expect("the test database opens")
    }

    /// A connection of its own as the owner, outside of every role and limit.
    pub async fn owner(&self) -> impl std::ops::DerefMut<Target = Connection> + Send + Sync + use<> {
        let session: Session =
            Connector::owner(&self.url).expect("the address is good").session().await.expect("the database answers");
        session
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A runtime of its own: the test's may be ending, or have one thread that waits here.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                // Best effort: the cluster goes away with the run.
                let _ = runtime.block_on(async { Admin::try_connect().await?.0.batch_execute(&drop).await });
            }
        });
        let _ = thread.join();
    }
}

/// Address of the cluster's `postgres` database: FLAGSTONE_TEST_POSTGRES, else of a cluster started for this process.
#[expect(clippy::disallowed_methods, reason = "the test runner's variable, not configuration of the server")]
pub fn admin_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| std::env::var("FLAGSTONE_TEST_POSTGRES").unwrap_or_else(|_| start_cluster()))
}

/// Starts a cluster that ends with this process.
fn start_cluster() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/postgres.sh");
    let output = Command::new(script)
        .arg(std::process::id().to_string())
        .env_remove("NEXTEST_ENV")
        .stderr(Stdio::inherit())
        .output()
        .expect("tests/postgres.sh runs");
    assert!(output.status.success(), "tests/postgres.sh failed; see above");
    String::from_utf8(output.stdout).expect("an address is UTF-8").trim().to_owned()
}

/// Name of a database with the current schema, made by whoever comes first.
async fn template() -> String {
    let name = format!("flagstone_template_{}", env!("FLAGSTONE_MIGRATIONS_HASH"));
    let admin = Admin::connect().await;
    if admin.has_template(&name).await {
        return name;
    }
    admin.lock().await;
    if admin.has_template(&name).await {
        return name;
    }
    // A half-made one of a process that died.
    admin.run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    admin.run(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
    migrate::migrate(&with_database(admin_url(), &name)).await.expect("the migrations run");
    // From now on it is ready, and nobody can be connected to it while it is cloned.
    admin.run(&format!("ALTER DATABASE {name} IS_TEMPLATE true ALLOW_CONNECTIONS false")).await;
    name
}

/// Runs `statements` on the cluster while nobody else makes a template or does the same.
#[cfg(test)]
pub(crate) async fn exclusively(statements: &str) {
    let admin = Admin::connect().await;
    admin.lock().await;
    admin.run(statements).await;
}

/// A connection to the cluster, outside of any test's database.
struct Admin(Client);

impl Admin {
    async fn connect() -> Self {
        let mut last = None;
        // A cluster that was just started may still be opening its doors.
        for _ in 0..100 {
            match Self::try_connect().await {
                Ok(admin) => return admin,
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the cluster at {} does not answer: {last:?}", admin_url());
    }

    async fn try_connect() -> Result<Self, tokio_postgres::Error> {
        let (client, driver) = tokio_postgres::connect(admin_url(), tokio_postgres::NoTls).await?;
        tokio::runtime::Handle::current().spawn(driver);
        Ok(Self(client))
    }

    async fn run(&self, statement: &str) {
        if let Err(error) = self.0.batch_execute(statement).await {
            panic!("{statement}: {}", Causes(&error));
        }
    }

    /// Waits for its turn. The lock is the session's and ends with it. It counts within one database, which is the
    /// same one for all.
    async fn lock(&self) {
        self.run(&format!("SELECT pg_advisory_lock({LOCK})")).await;
    }

    async fn has_template(&self, name: &str) -> bool {
        let query = "SELECT datistemplate FROM pg_database WHERE datname = $1";
        let row = self.0.query_opt(query, &[&name]).await.expect("the cluster answers");
        row.is_some_and(|row| row.get(0))
    }
}

/// `url` with another database.
fn with_database(url: &str, database: &str) -> String {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = address.rsplit_once('/').expect("an address ends with a database");
    let question = if options.is_empty() { "" } else { "?" };
    format!("{server}/{database}{question}{options}")
}
