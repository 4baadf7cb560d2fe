//! What became of a test's jobs, held against the protocol that is model-checked: every recorded transition must be one
//! of its steps, and the rows must be where these lead.

use flagstone_core::diff::FieldDiff;
use flagstone_core::protocol::replay::{Change, Found, Replay, Subject};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

/// Replays every job of a database. Panics with the first transition that the protocol does not have.
pub async fn check(sql: &Client) {
    let jobs = "SELECT id, kind, concurrency_key, max_attempts, state, attempt, fence, apply_started,
                  EXISTS (SELECT FROM ready_jobs r WHERE r.job_id = j.id), lease_id IS NOT NULL,
                  EXISTS (SELECT FROM concurrency_holds h WHERE h.job_id = j.id)
                FROM jobs j";
    let rows = sql.query(jobs, &[]).await.expect("jobs can be read");
    let mut replay = Replay::new(rows.iter().map(|row| Subject {
        id: row.get(0),
        kind: word(row.get(1)),
        concurrency_key: row.get(2),
        max_attempts: row.get::<_, i32>(3).unsigned_abs(),
    }));
    for change in changes(sql).await {
        replay.follow(&change).unwrap_or_else(|error| panic!("the protocol does not explain {error}"));
    }
    for row in &rows {
        let found = Found {
            state: word(row.get(4)),
            attempt: row.get::<_, i32>(5).unsigned_abs(),
            fence: row.get(6),
            apply_started: row.get(7),
            ready: row.get(8),
            leased: row.get(9),
            holds_key: row.get(10),
        };
        replay.compare(row.get(0), found).unwrap_or_else(|error| panic!("the protocol does not explain {error}"));
    }
}

/// Every change of a job that the audit has, in the order in which it was made: the id of an event is taken at the end of
/// its transaction, while what that has changed is locked.
async fn changes(sql: &Client) -> Vec<Change> {
    let query = "SELECT action, principal, object, effects, details FROM audit_events
                 WHERE outcome = 'SUCCESS'
                   AND (effects @> '{\"changes\": [{\"object_type\": \"job\"}]}'
                     OR action IN ('job.recover', 'workspace.unlock'))
                 ORDER BY id";
    let mut changes = Vec::new();
    for (transaction, row) in (0..).zip(sql.query(query, &[]).await.expect("the audit can be read")) {
        let (effects, details): (Value, Value) = (row.get(3), row.get(4));
        let of_event = Change {
            transaction,
            action: row.get(0),
            principal: row.get(1),
            job: Uuid::nil(),
            fields: Vec::new(),
            fence: details["fence"].as_i64(),
        };
        let known = changes.len();
        let of_jobs =
            effects["changes"].as_array().into_iter().flatten().filter(|change| change["object_type"] == "job");
        changes.extend(of_jobs.map(|change| Change {
            job: id(change["object"].as_str().unwrap_or_default()).expect("a job has a name"),
            fields: serde_json::from_value::<Vec<FieldDiff>>(change["fields"].clone()).expect("changes have fields"),
            ..of_event.clone()
        }));
        if changes.len() == known {
            // What was kept for a lost engine is free; of the job nothing changed.
            changes.extend(id(row.get(2)).map(|job| Change { job, ..of_event }));
        }
    }
    changes
}

fn id(name: &str) -> Option<Uuid> {
    name.strip_prefix("jobs/")?.parse().ok()
}

fn word<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is a word"))
}
