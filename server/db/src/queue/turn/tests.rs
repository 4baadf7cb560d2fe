//! Fairness, simulated: organizations with lines of any length, runners that finish in any order.

use std::collections::BTreeMap;

use diesel_async::SimpleAsyncConnection;
use flagstone_core::job::{FRONT, QueueName};

use super::*;
use crate::testing::TestDatabase;

fn organization(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Lines without the jobs behind them: the turn looks at nothing else.
struct Lines {
    _test: TestDatabase,
    conn: Connection,
    jobs: u128,
    /// What runs: (organization, job).
    running: Vec<(Uuid, Uuid)>,
}

impl Lines {
    async fn of(organizations: u128) -> Self {
        let test = TestDatabase::create().await;
        let mut conn = test.owner().await;
        conn.batch_execute("SET session_replication_role = replica").await.unwrap();
        for n in 1..=organizations {
            let insert = format!(
                "INSERT INTO organizations (id, slug, display_name) VALUES ('{}', 'o{n}', 'O{n}')",
                organization(n)
            );
            conn.batch_execute(&insert).await.unwrap();
        }
        Self { _test: test, conn, jobs: 0, running: Vec::new() }
    }

    async fn run(&mut self, statement: &str) {
        self.conn.batch_execute(statement).await.unwrap();
    }

    /// Adds jobs to a line; those added first are the oldest.
    async fn add(&mut self, n: u128, priority: i16, count: u128) {
        let first = self.jobs + 1;
        self.jobs += count;
        let statement = format!(
            "INSERT INTO ready_jobs (job_id, organization_id, priority, run_after_time, concurrency_key, engine)
             SELECT ('00000000-0000-0000-0001-' || lpad(to_hex(i), 12, '0'))::uuid, '{}', {priority},
               now() - interval '1 day' + i * interval '1 millisecond', 'k' || i, 'TERRAFORM'
             FROM generate_series({first}, {}) AS i",
            organization(n),
            self.jobs
        );
        self.run(&statement).await;
    }

    /// One job begins to run, as a claim has it. Whose and of which place.
    async fn claim(&mut self) -> Option<(Uuid, i16)> {
        let claimant = Claimant { organization_id: None, engines: vec!["TERRAFORM".to_owned()] };
        let turn = next_turn(&self.conn, &claimant, &[]).await.unwrap()?;
        let of = turn.organization_id;
        let job: Vec<Id> = diesel::sql_query(
            "WITH taken AS (
               DELETE FROM ready_jobs WHERE job_id = (SELECT job_id FROM ready_jobs
                 WHERE organization_id = $1 AND priority = $2 ORDER BY run_after_time LIMIT 1)
               RETURNING job_id, organization_id, concurrency_key)
             INSERT INTO concurrency_holds (organization_id, concurrency_key, job_id)
             SELECT organization_id, concurrency_key, job_id FROM taken RETURNING job_id AS id",
        )
        .bind::<SqlUuid, _>(of)
        .bind::<SmallInt, _>(turn.priority)
        .load(&mut self.conn)
        .await
        .unwrap();
        note(&mut self.conn, of).await.unwrap();
        self.running.push((of, job[0].id));
        Some((of, turn.priority))
    }

    /// One of those that run ends.
    async fn end(&mut self, index: usize) {
        let (_, job) = self.running.swap_remove(index);
        self.run(&format!("DELETE FROM concurrency_holds WHERE job_id = '{job}'")).await;
    }

    fn running(&self, of: Uuid) -> usize {
        self.running.iter().filter(|(organization, _)| *organization == of).count()
    }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

const DEFAULT: i16 = QueueName::Default.priority();

#[tokio::test]
async fn one_runner_serves_organizations_in_turns_however_long_their_lines_are() {
    let mut lines = Lines::of(3).await;
    lines.add(1, DEFAULT, 1000).await;
    lines.add(2, DEFAULT, 3).await;
    lines.add(3, DEFAULT, 3).await;
    let mut served = BTreeMap::<Uuid, Vec<usize>>::new();
    for turn in 0..9 {
        let (of, _) = lines.claim().await.unwrap();
        served.entry(of).or_default().push(turn);
        lines.end(0).await;
    }
    for n in 1..=3 {
        assert_eq!(served[&organization(n)].len(), 3, "{served:?}");
    }
    assert!(served[&organization(3)][0] < 3, "whoever is new does not wait for the long line: {served:?}");
}

#[tokio::test]
async fn slots_are_shared_by_what_runs_and_a_higher_queue_goes_first() {
    let mut lines = Lines::of(3).await;
    lines.add(1, DEFAULT, 50).await;
    for _ in 0..4 {
        lines.claim().await.unwrap();
    }
    assert_eq!(lines.running(organization(1)), 4, "alone it has everything");
    lines.add(2, DEFAULT, 50).await;
    for _ in 0..4 {
        lines.end(0).await;
        assert_eq!(lines.claim().await, Some((organization(2), DEFAULT)));
        if lines.running(organization(1)) == lines.running(organization(2)) {
            break;
        }
    }
    assert_eq!((lines.running(organization(1)), lines.running(organization(2))), (2, 2));
    // Whoever runs the most is next with what is more urgent.
    lines.add(1, QueueName::Low.priority(), 1).await;
    lines.add(1, QueueName::High.priority(), 1).await;
    lines.add(1, FRONT, 1).await;
    lines.add(3, DEFAULT, 1).await;
    assert_eq!(lines.claim().await, Some((organization(1), FRONT)));
    assert_eq!(lines.claim().await, Some((organization(1), QueueName::High.priority())));
    assert_eq!(lines.claim().await, Some((organization(3), DEFAULT)));
}

#[tokio::test]
async fn pauses_and_limits_are_of_one_organization() {
    let mut lines = Lines::of(2).await;
    lines.add(1, DEFAULT, 5).await;
    lines.add(1, QueueName::Low.priority(), 5).await;
    let of = organization(1);
    lines
        .run(&format!(
            "INSERT INTO queue_pauses (organization_id, queue, id, priority, reason, principal)
             VALUES ('{of}', 'DEFAULT', gen_random_uuid(), {DEFAULT}, '', 'users/a')"
        ))
        .await;
    assert_eq!(lines.claim().await, Some((of, QueueName::Low.priority())));
    lines.run(&format!("UPDATE organizations SET settings = '{{\"max_concurrent_jobs\": 2}}' WHERE id = '{of}'")).await;
    assert_eq!(lines.claim().await, Some((of, QueueName::Low.priority())));
    assert_eq!(lines.claim().await, None);
    lines.add(2, DEFAULT, 1).await;
    assert_eq!(lines.claim().await, Some((organization(2), DEFAULT)));
    lines.end(0).await;
    lines.run("DELETE FROM queue_pauses").await;
    assert_eq!(lines.claim().await, Some((of, DEFAULT)));
    let turn = Turn { organization_id: of, priority: DEFAULT, alone: true };
    assert_eq!(turn.room(&mut lines.conn).await.unwrap(), 0);
    let other = Turn { organization_id: organization(2), alone: false, ..turn };
    assert_eq!(other.room(&mut lines.conn).await.unwrap(), 1);
}

/// Whatever comes and ends in whatever order: who is next runs no more than anybody else who waits in that queue or above,
/// and of equals the one that waited longest for a turn goes.
#[tokio::test]
async fn nobody_runs_more_than_somebody_who_waits() {
    let mut lines = Lines::of(5).await;
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut line = BTreeMap::<(i16, Uuid), u128>::new();
    let mut last_turn = BTreeMap::<Uuid, usize>::new();
    let mut turns = 0;
    for step in 0..400 {
        match roll(5) {
            0 => {
                let n = u128::from(roll(5)) + 1;
                let queue = QueueName::ALL[usize::try_from(roll(3)).unwrap()];
                let count = u128::from(roll(6)) + 1;
                lines.add(n, queue.priority(), count).await;
                *line.entry((queue.priority(), organization(n))).or_default() += count;
            }
            1 | 2 if !lines.running.is_empty() => {
                let index = usize::try_from(roll(lines.running.len() as u64)).unwrap();
                lines.end(index).await;
            }
            _ if lines.running.len() < 8 => {
                let best = line.iter().filter(|(_, count)| **count > 0).map(|((priority, _), _)| *priority).min();
                let equals: Vec<Uuid> = line
                    .iter()
                    .filter(|((priority, _), count)| Some(*priority) == best && **count > 0)
                    .map(|((_, of), _)| *of)
                    .collect();
                let least = equals.iter().map(|of| (lines.running(*of), last_turn.get(of).copied())).min();
                let Some((of, priority)) = lines.claim().await else {
                    assert!(equals.is_empty(), "step {step}: {line:?}");
                    continue;
                };
                assert_eq!(Some(priority), best, "step {step}");
                // It runs one more by now.
                let share = (lines.running(of) - 1, last_turn.get(&of).copied());
                assert_eq!(Some(share), least, "step {step}: {of} of {line:?}");
                *line.get_mut(&(priority, of)).unwrap() -= 1;
                turns += 1;
                last_turn.insert(of, turns);
            }
            _ => {}
        }
    }
    assert!(turns > 50, "only {turns} turns");
}

/// The cost of a claim does not grow with the lines: it reads one job of each.
#[tokio::test]
async fn a_claim_reads_one_job_of_each_line() {
    let mut lines = Lines::of(20).await;
    for n in 1..=20 {
        lines.add(n, DEFAULT, 2_000).await;
    }
    lines.run("ANALYZE ready_jobs").await;
    lines.run("ANALYZE organizations").await;
    lines.run("SELECT pg_stat_reset()").await;
    assert!(lines.claim().await.is_some());
    lines.run("SELECT pg_stat_force_next_flush()").await;
    let read: Vec<Read> = diesel::sql_query(
        "SELECT coalesce(seq_tup_read, 0) AS scanned, coalesce(idx_tup_fetch, 0) + coalesce((SELECT sum(idx_tup_read)
           FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)::int8 AS found
         FROM pg_stat_user_tables t WHERE relname = 'ready_jobs'",
    )
    .load(&mut lines.conn)
    .await
    .unwrap();
    assert!(read[0].scanned + read[0].found < 1_000, "of 40,000: {} scanned, {} found", read[0].scanned, read[0].found);
}

#[derive(QueryableByName)]
struct Read {
    #[diesel(sql_type = BigInt)]
    scanned: i64,
    #[diesel(sql_type = BigInt)]
    found: i64,
}
