//! The schema and its versions. Migrations are part of the program, and run as the owner of the tables.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connect::{Connector, Session};
use crate::error::Error;

/// The migrations of this program, in order.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// One at a time, however many servers start: "flagston" in ASCII.
const LOCK: i64 = 0x666c_6167_7374_6f6e;

/// How the schema of a database compares with this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// They fit.
    Current,
    /// These migrations have not run yet, in order.
    Pending(Vec<String>),
    /// The database has run these versions, which this program does not know: it is older than the database.
    Newer(Vec<String>),
}

impl SchemaStatus {
    /// Fails unless the program can work with the schema.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Self::Current => Ok(()),
            Self::Pending(names) => Err(Error::setup(format!(
                "the database lacks {} migration(s), first {}: run `flagstone-server migrate`",
                names.len(),
                names.first().map_or("", String::as_str)
            ))),
            Self::Newer(versions) => Err(Error::setup(format!(
                "the database was migrated by a newer flagstone-server (version {} is not known here): start that one, \
                 or revert its migrations with it",
                versions.join(", ")
            ))),
        }
    }
}

/// Compares the schema with this program. Takes one connection and one query.
pub async fn status(url: &str) -> Result<SchemaStatus, Error> {
    let applied = applied(url).await?;
    let known = migrations()?;
    let versions: BTreeSet<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let newer: Vec<String> = applied.difference(&versions).cloned().collect();
    if !newer.is_empty() {
        return Ok(SchemaStatus::Newer(newer));
    }
    let pending: Vec<String> = known
        .iter()
        .filter(|migration| !applied.contains(&migration.name().version().to_string()))
        .map(|migration| migration.name().to_string())
        .collect();
    Ok(if pending.is_empty() { SchemaStatus::Current } else { SchemaStatus::Pending(pending) })
}

/// Runs what is pending and returns the names of what ran. Waits while another process migrates.
///
/// Fails with [`Error::Setup`] when the database is newer than the program, or a migration fails; each migration is a
/// transaction, so that those before it stay and nothing of it does.
pub async fn migrate(url: &str) -> Result<Vec<String>, Error> {
    match status(url).await? {
        SchemaStatus::Current => return Ok(Vec::new()),
        SchemaStatus::Pending(_) => {}
        newer @ SchemaStatus::Newer(_) => newer.check()?,
    }
    exclusively(url, |harness| {
        let before = pending(harness)?;
        harness.run_pending_migrations(MIGRATIONS)?;
        Ok(before)
    })
    .await
}

/// Undoes the last migration that ran, by its down.sql. Returns its version, or `None` when none has run.
pub async fn revert_last(url: &str) -> Result<Option<String>, Error> {
    if applied(url).await?.is_empty() {
        return Ok(None);
    }
    exclusively(url, |harness| Ok(Some(harness.revert_last_migration(MIGRATIONS)?.to_string()))).await
}

/// What diesel's harness fails with.
type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// Runs `work` as the owner while no other process migrates.
async fn exclusively<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&mut AsyncMigrationHarness<Session>) -> Result<T, Boxed> + Send + 'static,
) -> Result<T, Error> {
    let mut session = Connector::owner(url)?.session().await?;
    // Of the session: released when the connection ends, however this function does.
    session.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
    // diesel's harness blocks. On a thread for that it works under any runtime, one of a single thread included.
    let work = move || work(&mut AsyncMigrationHarness::new(session));
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::setup(format!("a migration failed: {error}"))),
        Err(panic) => Err(Error::other(panic)),
    }
}

/// Names of what has not run, asked under the lock.
fn pending(harness: &mut AsyncMigrationHarness<Session>) -> Result<Vec<String>, Boxed> {
    Ok(harness.pending_migrations(MIGRATIONS)?.iter().map(|migration| migration.name().to_string()).collect())
}

/// Versions that have run; none when the database is empty.
async fn applied(url: &str) -> Result<BTreeSet<String>, Error> {
    let (client, driver) = Connector::owner(url)?.client().await?;
    let query = async {
        let table = "SELECT to_regclass('public.__diesel_schema_migrations') IS NOT NULL";
        if !client.query_one(table, &[]).await?.try_get::<_, bool>(0)? {
            return Ok(BTreeSet::new());
        }
        let rows = client.query("SELECT version FROM public.__diesel_schema_migrations", &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    };
    tokio::select! {
        done = query => done,
        ended = driver => Err(ended.err().map_or_else(|| Error::other("the connection was closed"), Error::from)),
    }
}

/// The migrations of this program, in order.
fn migrations() -> Result<Vec<Box<dyn Migration<Pg>>>, Error> {
    MIGRATIONS.migrations().map_err(Error::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test]
    async fn an_empty_database_is_brought_up_and_all_the_way_down() {
        let database = TestDatabase::empty().await;
        let url = database.url();
        let SchemaStatus::Pending(pending) = status(url).await.unwrap() else { panic!("nothing is pending") };
        assert_eq!(migrate(url).await.unwrap(), pending);
        assert_eq!(status(url).await.unwrap(), SchemaStatus::Current);
        assert_eq!(migrate(url).await.unwrap(), Vec::<String>::new());

        let mut reverted = 0;
        while revert_last(url).await.unwrap().is_some() {
            reverted += 1;
        }
        assert_eq!(reverted, pending.len());
        assert_eq!(status(url).await.unwrap(), SchemaStatus::Pending(pending.clone()));
        assert_eq!(migrate(url).await.unwrap(), pending);
    }

    #[tokio::test]
    async fn a_newer_database_is_left_alone() {
        let database = TestDatabase::create().await;
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000001')";
        database.owner().await.batch_execute(newer).await.unwrap();
        let told = status(database.url()).await.unwrap().check().unwrap_err().to_string();
        assert!(told.contains("99991231000001") && told.contains("newer flagstone-server"), "{told}");
        migrate(database.url()).await.unwrap_err();
    }

    #[tokio::test]
    async fn servers_that_start_together_take_turns() {
        let database = TestDatabase::empty().await;
        let starts = (0..4).map(|_| migrate(database.url()));
        let ran: Vec<Vec<String>> = futures::future::try_join_all(starts).await.unwrap();
        assert_eq!(ran.iter().filter(|names| !names.is_empty()).count(), 1);
    }

    #[tokio::test]
    async fn a_database_in_use_by_something_else_is_refused_with_the_reason() {
        let database = TestDatabase::empty().await;
        database.owner().await.batch_execute("CREATE TABLE organizations (id int4)").await.unwrap();
        let told = migrate(database.url()).await.unwrap_err().to_string();
        assert!(told.contains("organizations"), "{told}");
        assert!(matches!(status(database.url()).await.unwrap(), SchemaStatus::Pending(_)));
    }
}
