//! The live log: how much goes from a runner to one and to a hundred subscribers, and how long a line is on its way.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flagstone_api::pb;
use flagstone_api::pb::job_service_client::JobServiceClient;
use flagstone_api::pb::tail_job_logs_response::Event;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::client::{self, Bearer, Caller};
use crate::load::CONNECTIONS;
use crate::machine::Others;
use crate::order;
use crate::report::{Aim, Line, Section, rate, time};
use crate::runner::{Job, Runner};
use crate::stack::{Options, Stack};
use crate::stats::Sample;
use crate::{Error, Result};

/// Bytes of a line, its end included: what a line of Terraform's has.
const LINE: usize = 100;

/// Lines of a chunk at full speed: near the 32 KiB that a runner puts into one.
const FULL_CHUNK: usize = 300;

/// How long a runner writes at full speed.
const FULL_TIME: Duration = Duration::from_millis(2_500);

/// Lines of a chunk at a normal pace, and the time between two.
const PACED_CHUNK: usize = 20;
const PACE: Duration = Duration::from_millis(50);

/// Chunks that are written at a normal pace.
const PACED_CHUNKS: u32 = 80;

/// How long the last line may take to the last subscriber.
const PATIENCE: Duration = Duration::from_secs(30);

/// Logs, live.
pub(crate) async fn tail(stack: &Stack) -> Result<Section> {
    let server = Options::default().start(stack).await?;
    let database = stack.database().await?;
    let bearer = client::login(server.address).await?;
    let caller = client::caller(server.address, &bearer).await?;
    let environment = order::development(&caller).await?;
    let mut runner = Runner::register(&database, server.address).await?;
    let others = Others::watch();
    let mut lines = Vec::new();
    for subscribers in [1, 100] {
        order::create(&caller, &environment, "templates/config-bundle", order::bundle()).await?;
        let mut job = runner.take().await?;
        let (name, cursor) = (job.lease.job.clone(), job.next_seq() - 1);
        let tails = Tails::open(server.address, &bearer, &name, cursor, subscribers).await?;
        lines.extend(paced(&mut runner, &mut job, &database, tails).await?);
        let tails = Tails::open(server.address, &bearer, &name, job.next_seq() - 1, subscribers).await?;
        lines.push(full_speed(&mut runner, &mut job, tails).await?);
        runner.fail(job).await?;
    }
    drop(runner);
    server.stop().await;
    for subscribers in [1, 100] {
        lines.extend(from_program(stack, &environment, subscribers).await?);
    }
    let others = others.cores();
    Ok(Section {
        title: "The live log".to_owned(),
        method: format!(
            "A scripted runner over the network appends lines of {LINE} bytes, subscribers tail them over {CONNECTIONS} \
             connections. Latency: {PACED_CHUNK} lines every {} ms; from the chunk's commit, as PostgreSQL recorded it, \
             and from the moment before the runner sent it. Throughput: chunks of {FULL_CHUNK} lines, the next one when \
             the last one is committed. The program is a script in the place of Terraform, run by the embedded runner, \
             that writes a line every 20 ms; the runner keeps lines for up to 50 ms to make chunks of them.",
            PACE.as_millis()
        ),
        lines,
        others,
    })
}

/// What a subscriber received: who, when, up to which line, and when the chunk's first line was written.
struct Received {
    at: SystemTime,
    last_seq: i64,
    /// First lines of chunks as written, with the time that each carries.
    written: Vec<(i64, SystemTime)>,
}

/// Subscribers of one job's log, from its present end on.
struct Tails {
    received: mpsc::UnboundedReceiver<Received>,
    tasks: JoinSet<()>,
    count: usize,
}

impl Tails {
    async fn open(address: SocketAddr, bearer: &Bearer, job: &str, cursor: i64, count: usize) -> Result<Self> {
        let callers = client::callers(address, bearer, CONNECTIONS).await?;
        let (tell, received) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for caller in callers.iter().cycle().take(count).cloned() {
            let request = pb::TailJobLogsRequest { name: job.to_owned(), cursor: cursor.to_string(), follow: true };
            let (tell, opened) = (tell.clone(), subscribe(caller, request).await?);
            tasks.spawn(follow(opened, tell));
        }
        Ok(Self { received, tasks, count })
    }

    /// Waits until each subscriber has the line `last`, and returns everything that was received.
    async fn collect(mut self, last: i64) -> Result<Vec<Received>> {
        let mut all = Vec::new();
        let mut waiting = self.count;
        while waiting > 0 {
            let received = timeout(PATIENCE, self.received.recv()).await?.ok_or("a tail has ended")?;
            waiting -= usize::from(received.last_seq >= last);
            all.push(received);
        }
        self.tasks.abort_all();
        Ok(all)
    }

    /// Waits until the log has ended, and returns everything that was received.
    async fn end(mut self) -> Result<Vec<Received>> {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        timeout(PATIENCE, ended).await?;
        Ok(std::iter::from_fn(|| self.received.try_recv().ok()).collect())
    }
}

async fn subscribe(
    caller: Caller,
    request: pb::TailJobLogsRequest,
) -> Result<tonic::Streaming<pb::TailJobLogsResponse>> {
    let mut stream = JobServiceClient::new(caller).tail_job_logs(request).await?.into_inner();
    match stream.message().await?.and_then(|message| message.event) {
        Some(Event::Open(_)) => Ok(stream),
        other => Err(Error::from(format!("a tail begins with {other:?}"))),
    }
}

async fn follow(mut stream: tonic::Streaming<pb::TailJobLogsResponse>, tell: mpsc::UnboundedSender<Received>) {
    while let Ok(Some(message)) = stream.message().await {
        let Some(Event::Chunk(chunk)) = message.event else { continue };
        let at = SystemTime::now();
        let written = chunk.lines.iter().filter_map(|line| Some((line.seq, stamp(&line.data)?))).collect();
        let last_seq = chunk.lines.last().map_or(0, |line| line.seq);
        if tell.send(Received { at, last_seq, written }).is_err() {
            return;
        }
    }
}

/// Chunks at a normal pace: how long each is on its way.
async fn paced(runner: &mut Runner, job: &mut Job, database: &Client, tails: Tails) -> Result<Vec<Line>> {
    let subscribers = tails.count;
    let mut clock = interval(PACE);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let first = job.next_seq();
    for _ in 0..PACED_CHUNKS {
        clock.tick().await;
        let now = SystemTime::now();
        runner.append(job, (0..PACED_CHUNK).map(|index| line((index == 0).then_some(now)))).await?;
    }
    let received = tails.collect(job.next_seq() - 1).await?;
    let commits = commits(database, job, first).await?;
    let (mut from_write, mut from_commit) = (Vec::new(), Vec::new());
    for received in &received {
        for (seq, written) in &received.written {
            from_write.push(received.at.duration_since(*written)?);
            if let Some((_, committed)) = commits.iter().find(|(first, _)| first == seq) {
                // A reader may be quicker than the clock's microseconds.
                from_commit.push(received.at.duration_since(*committed).unwrap_or_default());
            }
        }
    }
    let mut lines = latencies(subscribers, "commit to receipt", from_commit, subscribers == 100);
    lines.extend(latencies(subscribers, "sending to receipt", from_write, false));
    Ok(lines)
}

/// A program's lines on all of their way: its pipe, the supervisor, masking, the chunk, the database, the stream.
async fn from_program(stack: &Stack, environment: &str, subscribers: usize) -> Result<Vec<Line>> {
    let program = stack.dir("program")?.join("terraform");
    fs::write(&program, PROGRAM)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let server = Options::default().runner_capacity(1).variable("FLAGSTONE_TERRAFORM", &program).start(stack).await?;
    let bearer = client::login(server.address).await?;
    let caller = client::caller(server.address, &bearer).await?;
    let request = order::create(&caller, environment, "templates/config-bundle", order::bundle()).await?;
    let job = request.jobs.first().ok_or("a request begins with a plan job")?;
    let received = Tails::open(server.address, &bearer, job, 0, subscribers).await?.end().await?;
    server.stop().await;
    let mut found = Vec::new();
    for received in &received {
        for (_, written) in &received.written {
            found.push(received.at.duration_since(*written)?);
        }
    }
    if found.is_empty() {
        return Err("none of the program's lines has arrived".into());
    }
    Ok(latencies(subscribers, "program's write to receipt", found, false))
}

/// Stands for Terraform. It begins late enough for all subscribers to be there, and ends by failing: there is no plan.
const PROGRAM: &str = r#"#!/bin/bash
case "$1" in
version) echo '{"terraform_version": "1.11.0"}' ;;
plan)
  sleep 1
  for ((line = 0; line < 150; line++)); do
    echo "tick ${EPOCHREALTIME/./}000"
    sleep 0.02
  done
  exit 1
  ;;
esac
"#;

fn latencies(subscribers: usize, what: &str, found: Vec<Duration>, aimed: bool) -> Vec<Line> {
    let sample = Sample::new(found, Duration::ZERO);
    [("p50", 0.5), ("p99", 0.99)]
        .into_iter()
        .map(|(word, share)| {
            let found = sample.quantile(share);
            Line {
                what: format!("{}, {what}, {word}", people(subscribers)),
                flagstone: time(found),
                peer: String::new(),
                ratio: String::new(),
                aim: if aimed && share > 0.9 { Aim::below(found, Duration::from_millis(10)) } else { Aim::None },
            }
        })
        .collect()
}

/// Chunks as fast as they are committed: how much arrives.
async fn full_speed(runner: &mut Runner, job: &mut Job, tails: Tails) -> Result<Line> {
    let subscribers = tails.count;
    let (first, started) = (job.next_seq(), Instant::now());
    while started.elapsed() < FULL_TIME {
        runner.append(job, (0..FULL_CHUNK).map(|_| line(None))).await?;
    }
    let ingested = (job.next_seq() - first) as f64 / started.elapsed().as_secs_f64();
    let written = job.next_seq() - first;
    tails.collect(job.next_seq() - 1).await?;
    let delivered = written as f64 * subscribers as f64 / started.elapsed().as_secs_f64();
    Ok(Line {
        what: format!("{}, lines from the runner, and delivered", people(subscribers)),
        flagstone: format!("{}; {} ({:.1} MB/s)", rate(ingested), rate(delivered), delivered * LINE as f64 / 1e6),
        peer: String::new(),
        ratio: String::new(),
        aim: Aim::None,
    })
}

fn people(subscribers: usize) -> String {
    if subscribers == 1 { "1 subscriber".to_owned() } else { format!("{subscribers} subscribers") }
}

/// A line; the time in it is that of its writing.
fn line(stamp: Option<SystemTime>) -> Vec<u8> {
    let stamp = stamp.and_then(|stamp| stamp.duration_since(UNIX_EPOCH).ok());
    let text = stamp.map_or_else(|| "-".to_owned(), |stamp| stamp.as_nanos().to_string());
    format!("{text:<width$}\n", width = LINE - 1).into_bytes()
}

/// The time that a line carries.
fn stamp(data: &[u8]) -> Option<SystemTime> {
    let nanoseconds = std::str::from_utf8(data).ok()?.split_whitespace().next_back()?.parse().ok()?;
    Some(UNIX_EPOCH + Duration::from_nanos(nanoseconds))
}

/// First line and time of commit of each chunk from a line on.
async fn commits(database: &Client, job: &Job, first: i64) -> Result<Vec<(i64, SystemTime)>> {
    let id: Uuid = job.lease.job.trim_start_matches("jobs/").parse()?;
    let query =
        "SELECT first_seq, pg_xact_commit_timestamp(xmin) FROM job_log_chunks WHERE job_id = $1 AND first_seq >= $2";
    let rows = database.query(query, &[&id, &first]).await?;
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, tokio_postgres::Error>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_carry_their_time() {
        let now = UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789);
        let written = line(Some(now));
        assert_eq!(written.len(), LINE);
        assert_eq!(stamp(&written), Some(now));
        assert_eq!(stamp(&line(None)), None);
    }
}
