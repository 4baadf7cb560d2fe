//! What this crate's own tests need: the roles, and a table that no migration will ever change.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use crate::connect::{Config, Connection};
use crate::pool::Database;
use crate::testing::TestDatabase;

diesel::table! {
    /// Notes are written one by one; `parent` refers to another note.
    notes (id) {
        id -> Int4,
        body -> Text,
        parent -> Nullable<Int4>,
    }
}

/// A database with the roles and an empty table `notes`.
pub(crate) async fn database() -> TestDatabase {
    let database = TestDatabase::empty().await;
    let mut owner = database.owner().await;
    // Roles belong to the cluster: every test sees them, and only the first makes them.
    crate::testing::exclusively(
        "DO $$ DECLARE role text; BEGIN
           FOREACH role IN ARRAY ARRAY['flagstone_app', 'flagstone_worker', 'flagstone_read'] LOOP
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
               EXECUTE format('CREATE ROLE %I NOLOGIN', role);
             END IF;
           END LOOP;
         END $$",
    )
    .await;
    owner
        .batch_execute(
            "CREATE TABLE notes (
               id int4 PRIMARY KEY,
               body text NOT NULL CONSTRAINT notes_body_key UNIQUE CONSTRAINT notes_body_check CHECK (body <> ''),
               parent int4 CONSTRAINT notes_parent_fkey REFERENCES notes DEFERRABLE
             );
             GRANT ALL ON notes TO flagstone_app, flagstone_worker;
             GRANT SELECT ON notes TO flagstone_read",
        )
        .await
        .unwrap();
    database
}

/// Small pools and short limits, so that tests reach them soon.
pub(crate) fn config(database: &TestDatabase) -> Config {
    Config {
        app_size: 4,
        statement_timeout: std::time::Duration::from_secs(3),
        read_statement_timeout: std::time::Duration::from_millis(300),
        ..Config::new(database.url())
    }
}

/// The database, opened with [`config`].
pub(crate) async fn open(database: &TestDatabase) -> Database {
    Database::connect(&config(database)).await.unwrap()
}

/// Writes one note.
pub(crate) async fn note(conn: &mut Connection, id: i32, body: &str) -> QueryResult<usize> {
    diesel::insert_into(notes::table).values((notes::id.eq(id), notes::body.eq(body))).execute(conn).await
}

/// Counts the notes.
pub(crate) async fn count(mut conn: &Connection) -> QueryResult<i64> {
    notes::table.count().get_result(&mut conn).await
}

/// Ends every other session of the database, as a restart of the server would.
pub(crate) async fn kill_all(owner: &mut Connection) {
    let query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    owner.batch_execute(query).await.unwrap();
}
