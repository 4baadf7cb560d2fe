//! Jobs on a real database: who gets them, who may write, what happens when a runner is lost.

use std::collections::HashSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use tokio::time::{sleep, timeout};

use super::*;
use crate::pool::Database;
use crate::testing::TestDatabase;
use crate::tx::{Tx, TxScope};
use crate::{job, lease, workspace};

const ORGANIZATION: Uuid = Uuid::from_u128(1);
const UNIT: Uuid = Uuid::from_u128(2);
const VERSION: Uuid = Uuid::from_u128(3);
const RUNNER: &str = "runners/one";
const LONG: Duration = Duration::from_secs(60);

/// A database with `count` requests, each for a deployment of its own, without what jobs do not look at.
async fn database(count: u128) -> (TestDatabase, Database) {
    let test = TestDatabase::create().await;
    let mut owner = test.owner().await;
    let mut seed = format!(
        "SET session_replication_role = replica;
         INSERT INTO organizations (id, slug, display_name) VALUES ('{ORGANIZATION}', 'acme', 'Acme');
         INSERT INTO business_units (id, organization_id, slug, code, display_name, creator)
           VALUES ('{UNIT}', '{ORGANIZATION}', 'crm', 'CRM', 'CRM', 'system');
         INSERT INTO template_versions (id, organization_id, template_id, version, sort_key, engine, manifest,
             input_schema, output_schema, entrypoint, artifact_sha256, artifact_size, soft_timeout_seconds,
             hard_timeout_seconds, state, creator)
           VALUES ('{VERSION}', '{ORGANIZATION}', '{VERSION}', '1.0.0', '1', 'TERRAFORM', '{{}}', '{{}}', '{{}}', '.',
             '', 0, 50, 60, 'PUBLISHED', 'system');"
    );
    for n in 1..=count {
        let (request, deployment) = (request(n), deployment(n));
        seed.push_str(&format!(
            "INSERT INTO deployments (id, organization_id, business_unit_id, slug, display_name, state, environment_id,
                 tier, template_id, template_version_id, provider, owner_id, owner, inputs, inputs_ciphertext, tags,
                 creator)
               VALUES ('{deployment}', '{ORGANIZATION}', '{UNIT}', 'd{n}', 'd', 'PENDING', '{UNIT}', 'DEVELOPMENT',
                 '{VERSION}', '{VERSION}', 'NONE', '{UNIT}', 'users/a', '{{}}', '', '{{}}', 'users/a');
             INSERT INTO requests (id, organization_id, business_unit_id, number, kind, title, requester_id, requester,
                 environment_id, tier, deployment_id, template_version_id, payload, inputs_ciphertext, content_hash,
                 state, creator)
               VALUES ('{request}', '{ORGANIZATION}', '{UNIT}', {n}, 'CREATE', 't', '{UNIT}', 'users/a', '{UNIT}',
                 'DEVELOPMENT', '{deployment}', '{VERSION}', '{{}}', '', 'h', 'PLANNING', 'users/a');"
        ));
    }
    owner.batch_execute(&seed).await.unwrap();
    let db = test.connect().await;
    (test, db)
}

fn request(n: u128) -> Uuid {
    Uuid::from_u128(0x1000 + n)
}

fn deployment(n: u128) -> Uuid {
    Uuid::from_u128(0x2000 + n)
}

fn job_id(n: u128) -> Uuid {
    Uuid::from_u128(0x3000 + n)
}

async fn begin(db: &Database) -> Tx {
    db.begin(TxScope::Worker).await.unwrap()
}

/// Enqueues job `n` of deployment `of`.
async fn add(db: &Database, n: u128, of: u128) -> JobRow {
    let mut tx = begin(db).await;
    let row = enqueue(
        &mut tx,
        &NewJob {
            id: job_id(n),
            organization_id: ORGANIZATION,
            business_unit_id: UNIT,
            kind: JobKind::Plan,
            operation: JobOperation::Create,
            request_id: request(of),
            deployment_id: deployment(of),
            content_revision: 1,
            template_version_id: VERSION,
            plan_id: None,
            queue: QueueName::Default,
            concurrency_key: &format!("deployments/{of}"),
            idempotency_key: &format!("job {n}"),
            max_attempts: 3,
            soft_timeout_seconds: 50,
            hard_timeout_seconds: 60,
            trigger: "users/a",
            correlation_id: "c",
            run_after_time: None,
        },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    row
}

async fn take_some(tx: &mut Tx, limit: i64) -> Vec<JobRow> {
    let turn = Turn { organization_id: ORGANIZATION, priority: QueueName::Default.priority(), alone: true };
    take(tx, &turn, &["TERRAFORM".to_owned()], limit).await.unwrap()
}

/// Takes one job and gives it to the runner.
async fn lease_one(db: &Database, lease: Duration) -> JobRow {
    let mut tx = begin(db).await;
    let [taken] = <[JobRow; 1]>::try_from(take_some(&mut tx, 1).await).unwrap();
    let lease_id = Uuid::now_v7();
    lease::grant(&mut tx, lease_id, RUNNER, &[taken.id], lease).await.unwrap();
    let row = job::start(&mut tx, &taken, lease_id, RUNNER, JobState::Running).await.unwrap();
    tx.commit().await.unwrap();
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_never_take_the_same_job() {
    let (_test, db) = database(30).await;
    for n in 1..=30 {
        add(&db, n, n).await;
    }
    let claims = (0..3).map(|_| {
        let db = db.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let mut tx = begin(&db).await;
                let taken = take_some(&mut tx, 2).await;
                tx.commit().await.unwrap();
                if taken.is_empty() {
                    return mine;
                }
                mine.extend(taken.into_iter().map(|job| job.id));
                tokio::task::yield_now().await;
            }
        }
    });
    let all: Vec<Uuid> = futures::future::join_all(claims).await.into_iter().flatten().collect();
    // What a claim passes over is found by a later one; none is taken twice.
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    let mut tx = begin(&db).await;
    assert_eq!(all.len() + take_some(&mut tx, 100).await.len(), 30);
}

#[tokio::test]
async fn jobs_are_taken_in_order_and_within_the_claimants_reach() {
    let (_test, db) = database(3).await;
    for n in 1..=3 {
        add(&db, n, n).await;
    }
    let reads = db.reads.get().await.unwrap();
    let mut claimant = Claimant { organization_id: None, engines: vec!["TERRAFORM".to_owned()] };
    let turn = Turn { organization_id: ORGANIZATION, priority: QueueName::Default.priority(), alone: true };
    assert_eq!(next_turn(&reads, &claimant, &[]).await.unwrap(), Some(turn));
    assert_eq!(next_turn(&reads, &claimant, &[ORGANIZATION]).await.unwrap(), None);
    assert_eq!(jobs_ahead(&reads, ORGANIZATION, job_id(3)).await.unwrap(), Some(2));
    claimant.organization_id = Some(Uuid::from_u128(99));
    assert_eq!(next_turn(&reads, &claimant, &[]).await.unwrap(), None);
    claimant = Claimant { organization_id: None, engines: Vec::new() };
    assert_eq!(next_turn(&reads, &claimant, &[]).await.unwrap(), None);
    let mut tx = begin(&db).await;
    let order: Vec<Uuid> = take_some(&mut tx, 2).await.iter().map(|job| job.id).collect();
    assert_eq!(order, [job_id(1), job_id(2)]);
}

#[tokio::test]
async fn one_job_of_a_key_runs_at_a_time() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    add(&db, 2, 1).await;
    let mut tx = begin(&db).await;
    let taken = take_some(&mut tx, 10).await;
    assert_eq!(taken.len(), 1);
    tx.commit().await.unwrap();
    let mut tx = begin(&db).await;
    assert!(take_some(&mut tx, 10).await.is_empty());
    assert_eq!(holder(&tx, ORGANIZATION, "deployments/1").await.unwrap(), Some(taken[0].id));
    release_key(&mut tx, &taken[0]).await.unwrap();
    assert_eq!(take_some(&mut tx, 10).await[0].id, job_id(2));
}

#[tokio::test]
async fn a_job_whose_request_is_being_changed_is_passed_over() {
    let (_test, db) = database(2).await;
    add(&db, 1, 1).await;
    add(&db, 2, 2).await;
    let mut change = begin(&db).await;
    crate::request::lock(&mut change, ORGANIZATION, request(1)).await.unwrap().unwrap();
    let mut tx = begin(&db).await;
    let taken: Vec<Uuid> = take_some(&mut tx, 10).await.iter().map(|job| job.id).collect();
    assert_eq!(taken, [job_id(2)]);
    tx.commit().await.unwrap();
    change.commit().await.unwrap();
    let mut tx = begin(&db).await;
    assert_eq!(take_some(&mut tx, 10).await[0].id, job_id(1));
}

#[tokio::test]
async fn the_same_key_is_the_same_job() {
    let (_test, db) = database(1).await;
    let first = add(&db, 1, 1).await;
    assert_eq!(add(&db, 1, 1).await.create_time, first.create_time);
    let mut tx = begin(&db).await;
    assert_eq!(take_some(&mut tx, 10).await.len(), 1);
}

#[tokio::test]
async fn only_the_current_fence_of_the_runner_holds() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, LONG).await;
    assert_eq!((row.fence, row.attempt), (1, 1));
    let tx = begin(&db).await;
    assert!(lease::hold(&tx, RUNNER, row.id, 1).await.unwrap().is_some());
    assert!(lease::hold(&tx, RUNNER, row.id, 0).await.unwrap().is_none());
    assert!(lease::hold(&tx, "runners/two", row.id, 1).await.unwrap().is_none());
    drop(tx);

    // Put back and taken again: the older fence is worth nothing.
    let mut tx = begin(&db).await;
    let back = job::put_back(&mut tx, &row, JobState::Queued, None, Duration::ZERO).await.unwrap();
    make_ready(&mut tx, &back).await.unwrap();
    release_key(&mut tx, &back).await.unwrap();
    lease::drop_unused(&mut tx, row.lease_id.unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    let again = lease_one(&db, LONG).await;
    assert_eq!((again.fence, again.attempt, again.start_time), (2, 2, row.start_time));
    let tx = begin(&db).await;
    assert!(lease::hold(&tx, RUNNER, row.id, 1).await.unwrap().is_none());
    assert!(lease::hold(&tx, RUNNER, row.id, 2).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_takes_a_job_away_beside_a_write() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, LONG).await;
    let write = begin(&db).await;
    lease::hold(&write, RUNNER, row.id, row.fence).await.unwrap().unwrap();
    let mut taking = begin(&db).await;
    let mut lock = Box::pin(job::lock(&mut taking, ORGANIZATION, row.id));
    assert!(timeout(Duration::from_millis(150), &mut lock).await.is_err(), "the write did not hold the job");
    write.commit().await.unwrap();
    assert!(lock.await.unwrap().is_some());
}

#[tokio::test]
async fn a_lease_ends_by_the_clock_of_the_database() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, Duration::from_millis(300)).await;
    let lease_id = row.lease_id.unwrap();
    let reads = db.reads.get().await.unwrap();
    assert!(lease::expired(&reads, 10).await.unwrap().is_empty());
    sleep(Duration::from_millis(350)).await;
    assert_eq!(lease::expired(&reads, 10).await.unwrap()[0].id, lease_id);
    let mut tx = begin(&db).await;
    assert!(lease::renew(&mut tx, "runners/two", &[lease_id], LONG).await.unwrap().is_empty());
    assert!(lease::lock_expired(&mut tx, lease_id).await.unwrap());
    assert_eq!(lease::renew(&mut tx, RUNNER, &[lease_id], LONG).await.unwrap()[0].job_ids, [row.id]);
    assert!(!lease::lock_expired(&mut tx, lease_id).await.unwrap());
    lease::drop_unused(&mut tx, lease_id).await.unwrap();
    assert_eq!(lease::held_jobs(&tx, RUNNER, &[row.id]).await.unwrap().len(), 1, "it was in use");
    job::end(&mut tx, &row, JobState::Succeeded, None).await.unwrap();
    lease::drop_unused(&mut tx, lease_id).await.unwrap();
    assert!(lease::renew(&mut tx, RUNNER, &[lease_id], LONG).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_is_overdue_when_its_hard_limit_has_passed() {
    let (test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, LONG).await;
    let reads = db.reads.get().await.unwrap();
    assert!(lease::overdue_jobs(&reads, Duration::ZERO).await.unwrap().is_empty());
    let started = "UPDATE jobs SET attempt_start_time = now() - interval '65 seconds'";
    test.owner().await.batch_execute(started).await.unwrap();
    assert_eq!(lease::overdue_jobs(&reads, Duration::ZERO).await.unwrap(), [(ORGANIZATION, row.id)]);
    assert!(lease::overdue_jobs(&reads, Duration::from_secs(10)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_is_read_from_any_line() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    for (first_seq, lines) in [(1, ["a\n", "b\n"].as_slice()), (3, &["c\n", "d\n", "e\n"]), (6, &["f\n"])] {
        let tx = begin(&db).await;
        let log = job_log::lock(&tx, job_id(1)).await.unwrap().unwrap();
        assert_eq!(log.last_seq + 1, first_seq);
        let last_seq = first_seq + i64::try_from(lines.len()).unwrap() - 1;
        let chunk = job_log::NewChunk { first_seq, last_seq, lines: b"encoded", dropped: 0 };
        let data = lines.iter().map(|line| line.as_bytes());
        job_log::append(&tx, ORGANIZATION, &log, chunk, data).await.unwrap();
        tx.commit().await.unwrap();
    }
    let reads = db.reads.get().await.unwrap();
    let log = job_log::get(&reads, ORGANIZATION, job_id(1)).await.unwrap().unwrap();
    assert_eq!((log.last_seq, log.bytes), (6, 12));
    assert_eq!(log.sha256, <sha2::Sha256 as sha2::Digest>::digest("a\nb\nc\nd\ne\nf\n").as_slice());
    for (after, firsts) in
        [(0, vec![1, 3, 6]), (1, vec![1, 3, 6]), (2, vec![3, 6]), (4, vec![3, 6]), (5, vec![6]), (6, vec![])]
    {
        let chunks = job_log::chunks_after(&reads, ORGANIZATION, job_id(1), after, 10).await.unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.first_seq).collect::<Vec<_>>(), firsts, "after {after}");
    }
}

#[tokio::test]
async fn a_lock_is_kept_for_the_wind_down_of_a_lost_runner() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, LONG).await;
    let mut tx = begin(&db).await;
    let found = workspace::lock_or_create(&mut tx, &row).await.unwrap();
    assert_eq!((found.engine.as_str(), found.serial), ("TERRAFORM", 0));
    workspace::take_lock(&mut tx, &found, row.id, row.fence, &serde_json::json!({"ID": "x"})).await.unwrap();
    workspace::keep_lock(&mut tx, &found, &row, Duration::from_millis(200)).await.unwrap();
    tx.commit().await.unwrap();
    let reads = db.reads.get().await.unwrap();
    assert!(workspace::overdue_locks(&reads, 10).await.unwrap().is_empty());
    sleep(Duration::from_millis(250)).await;
    let overdue = workspace::overdue_locks(&reads, 10).await.unwrap();
    assert_eq!(overdue, [(ORGANIZATION, row.deployment_id, row.id)]);
    let mut tx = begin(&db).await;
    workspace::free_lock(&mut tx, &row, row.fence - 1).await.unwrap();
    let found = workspace::get(&tx, ORGANIZATION, row.deployment_id).await.unwrap().unwrap();
    assert!(found.is_locked_by(row.id, row.fence), "an older fence freed the lock of a newer one");
    workspace::free_lock(&mut tx, &row, row.fence).await.unwrap();
    let found = workspace::get(&tx, ORGANIZATION, row.deployment_id).await.unwrap().unwrap();
    assert_eq!((found.lock_job_id, found.lock_info), (None, None));
}

#[tokio::test]
async fn only_stored_states_are_the_workspaces() {
    let (_test, db) = database(1).await;
    add(&db, 1, 1).await;
    let row = lease_one(&db, LONG).await;
    let mut tx = begin(&db).await;
    workspace::lock_or_create(&mut tx, &row).await.unwrap();
    for (serial, state) in [(1, "STORED"), (3, "STORED"), (9, "ORPHANED")] {
        let new = workspace::NewState {
            organization_id: ORGANIZATION,
            deployment_id: row.deployment_id,
            serial,
            fence: row.fence,
            lineage: "l",
            ciphertext: b"sealed",
            sha256: &[u8::try_from(serial).unwrap()],
            resource_count: 1,
            job_id: row.id,
            state,
        };
        workspace::add_state(&mut tx, &new).await.unwrap();
    }
    let newest = workspace::newest_state(&tx, ORGANIZATION, row.deployment_id).await.unwrap().unwrap();
    assert_eq!(newest.serial, 3);
    let found = workspace::get(&tx, ORGANIZATION, row.deployment_id).await.unwrap().unwrap();
    assert_eq!((found.lineage.as_str(), found.serial), ("l", 3));
    assert!(workspace::has_state(&tx, ORGANIZATION, row.deployment_id, 9, &[9]).await.unwrap());
    assert!(!workspace::has_state(&tx, ORGANIZATION, row.deployment_id, 9, &[8]).await.unwrap());
}
