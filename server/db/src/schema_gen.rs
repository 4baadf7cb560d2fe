//! Writes `schema.rs` from a migrated database, so that the two cannot disagree.
//!
//! Tables and what joins them, in a fixed order. Columns of type `xid8` are left out: diesel cannot read them, and
//! what uses them compares them in the database.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::connect::Connector;
use crate::error::Error;

/// Columns in the order of their table; the database's own words for their types.
const COLUMNS: &str = "
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
           coalesce(array_position(i.indkey::int2[], a.attnum), -1)
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname <> '__diesel_schema_migrations'
    ORDER BY c.relname COLLATE \"C\", a.attnum";

/// Foreign keys that one column decides, and that column: the only one, or the one beside `organization_id`, which is
/// in every key to keep references within their organization. It refers to the whole primary key of the other table.
const JOINS: &str = "
    SELECT child.relname, parent.relname, max(own.attname) FILTER (WHERE other.attnum = i.indkey[0])
    FROM pg_constraint f
    JOIN pg_class child ON child.oid = f.conrelid AND NOT child.relispartition
    JOIN pg_class parent ON parent.oid = f.confrelid AND NOT parent.relispartition
    JOIN pg_index i ON i.indrelid = f.confrelid AND i.indisprimary AND i.indnkeyatts = 1
    CROSS JOIN LATERAL unnest(f.conkey, f.confkey) AS pair (own, other)
    JOIN pg_attribute own ON own.attrelid = f.conrelid AND own.attnum = pair.own
    JOIN pg_attribute other ON other.attrelid = f.confrelid AND other.attnum = pair.other
    WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace AND f.conrelid <> f.confrelid
    GROUP BY f.oid, child.relname, parent.relname
    HAVING bool_and(other.attnum = i.indkey[0] OR own.attname = 'organization_id')
       AND count(*) FILTER (WHERE other.attnum = i.indkey[0]) = 1";

/// The text of `schema.rs` for the database at `url`.
///
/// Fails when a column has a type that has no word in diesel here; the error names the column.
pub async fn generate(url: &str) -> Result<String, Error> {
    let (client, driver) = Connector::owner(url)?.client().await?;
    tokio::select! {
        text = write(&client) => text,
        ended = driver => Err(ended.err().map_or_else(|| Error::other("the connection was closed"), Error::from)),
    }
}

/// One column of a table.
struct Column {
    name: String,
    /// The type in diesel's words.
    kind: String,
    /// Its place in the primary key.
    key: Option<i32>,
}

async fn write(client: &Client) -> Result<String, Error> {
    let tables = tables(client).await?;
    let mut text =
        String::from("// Generated from the migrations: run the test `schema_rs_is_current` with BLESS=1.\n");
    for (table, columns) in &tables {
        write_table(&mut text, table, columns);
    }
    text.push('\n');
    for (child, parent, column) in joins(client).await? {
        let column = rust_name(&column);
        text.push_str(&format!("diesel::joinable!({child} -> {parent} ({column}));\n"));
    }
    text.push_str("\ndiesel::allow_tables_to_appear_in_same_query!(\n");
    for table in tables.keys() {
        text.push_str(&format!("    {table},\n"));
    }
    text.push_str(");\n");
    Ok(text)
}

async fn tables(client: &Client) -> Result<BTreeMap<String, Vec<Column>>, Error> {
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in client.query(COLUMNS, &[]).await? {
        let (table, name, sql, not_null): (String, String, String, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        if sql == "xid8" {
            continue;
        }
        let Some(kind) = diesel_type(&sql) else {
            return Err(Error::setup(format!("{table}.{name} is of type {sql}: give it a word in schema_gen.rs")));
        };
        let kind = if not_null { kind } else { format!("Nullable<{kind}>") };
        let key = Some(row.try_get(4)?).filter(|place| *place >= 0);
        tables.entry(table).or_default().push(Column { name, kind, key });
    }
    Ok(tables)
}

/// A type in diesel's words. Arrays here never hold nulls: a CHECK or the code that writes them sees to it.
fn diesel_type(sql: &str) -> Option<String> {
    if let Some(element) = sql.strip_suffix("[]") {
        return Some(format!("Array<{}>", diesel_type(element)?));
    }
    let kind = match sql {
        "boolean" => "Bool",
        "bytea" => "Bytea",
        "double precision" => "Float8",
        "smallint" => "Int2",
        "integer" => "Int4",
        "bigint" => "Int8",
        "jsonb" => "Jsonb",
        "text" | "character varying" => "Text",
        "timestamp with time zone" => "Timestamptz",
        "date" => "Date",
        "uuid" => "Uuid",
        _ => return None,
    };
    Some(kind.to_owned())
}

fn write_table(text: &mut String, table: &str, columns: &[Column]) {
    let mut key: Vec<&Column> = columns.iter().filter(|column| column.key.is_some()).collect();
    key.sort_by_key(|column| column.key);
    let key: Vec<String> = key.iter().map(|column| rust_name(&column.name)).collect();
    text.push_str(&format!("\ndiesel::table! {{\n    {table} ({}) {{\n", key.join(", ")));
    for column in columns {
        let name = rust_name(&column.name);
        if name != column.name {
            text.push_str(&format!("        #[sql_name = \"{}\"]\n", column.name));
        }
        text.push_str(&format!("        {name} -> {},\n", column.kind));
    }
    text.push_str("    }\n}\n");
}

/// The join of each two tables that have exactly one: diesel has no word for the others.
async fn joins(client: &Client) -> Result<Vec<(String, String, String)>, Error> {
    let mut joins: Vec<(String, String, String)> = Vec::new();
    for row in client.query(JOINS, &[]).await? {
        joins.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    let between = |child: &str, parent: &str| {
        joins.iter().filter(|(c, p, _)| (c == child && p == parent) || (c == parent && p == child)).count()
    };
    let mut only: Vec<_> = joins.iter().filter(|(child, parent, _)| between(child, parent) == 1).cloned().collect();
    only.sort();
    Ok(only)
}

/// A column's name in Rust: words of the language get an underscore.
fn rust_name(name: &str) -> String {
    const WORDS: [&str; 24] = [
        "as", "async", "await", "box", "const", "crate", "do", "dyn", "enum", "fn", "for", "if", "impl", "in", "loop",
        "match", "mod", "move", "ref", "self", "static", "type", "use", "where",
    ];
    if WORDS.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diesel_async::SimpleAsyncConnection;

    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not configuration of the server")]
    async fn schema_rs_is_current() {
        let database = TestDatabase::create().await;
        let wanted = generate(database.url()).await.unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema.rs");
        if std::env::var("BLESS").is_ok_and(|bless| bless == "1") {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = found.lines().zip(wanted.lines()).position(|(found, wanted)| found != wanted);
        assert!(
            found == wanted,
            "schema.rs is not what the migrations say, from line {} on: run this test with BLESS=1 and review the change",
            differs.unwrap_or_else(|| found.lines().count().min(wanted.lines().count())) + 1
        );
    }

    #[tokio::test]
    async fn tables_are_written_as_diesel_reads_them() {
        let database = TestDatabase::empty().await;
        let tables =
            "CREATE TABLE b (organization_id uuid, id uuid PRIMARY KEY, a_id uuid, UNIQUE (organization_id, id));
             CREATE TABLE a (
               organization_id uuid NOT NULL, number int8, type text NOT NULL, tags text[], born xid8,
               one_id uuid REFERENCES b, other_id uuid REFERENCES b,
               PRIMARY KEY (number, organization_id)
             );
             CREATE TABLE c (
               id int4 PRIMARY KEY, organization_id uuid, b_id uuid,
               FOREIGN KEY (organization_id, b_id) REFERENCES b (organization_id, id)
             )";
        database.owner().await.batch_execute(tables).await.unwrap();
        let expected = "\ndiesel::table! {
    a (number, organization_id) {
        organization_id -> Uuid,
        number -> Int8,
        #[sql_name = \"type\"]
        type_ -> Text,
        tags -> Nullable<Array<Text>>,
        one_id -> Nullable<Uuid>,
        other_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    b (id) {
        organization_id -> Nullable<Uuid>,
        id -> Uuid,
        a_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    c (id) {
        id -> Int4,
        organization_id -> Nullable<Uuid>,
        b_id -> Nullable<Uuid>,
    }
}

diesel::joinable!(c -> b (b_id));

diesel::allow_tables_to_appear_in_same_query!(
    a,
    b,
    c,
);
";
        let text = generate(database.url()).await.unwrap();
        assert_eq!(text.split_once('\n').unwrap().1, expected);
    }

    #[tokio::test]
    async fn an_unknown_type_is_named() {
        let database = TestDatabase::empty().await;
        database.owner().await.batch_execute("CREATE TABLE a (id int4 PRIMARY KEY, place point)").await.unwrap();
        let error = generate(database.url()).await.unwrap_err().to_string();
        assert!(error.contains("a.place is of type point"), "{error}");
    }
}
