//! The load generator: a closed loop, in which each caller makes the next call when the last one was answered. It runs
//! in this process, with the same number of threads for everything it is pointed at.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tonic::Status;

use crate::Result;
use crate::machine;
use crate::stats::Sample;

/// Connections that the callers share.
pub(crate) const CONNECTIONS: usize = 8;

/// Callers at a time, where a measurement is about throughput.
pub(crate) const CALLERS: usize = 64;

/// Rounds of which medians are taken.
const ROUNDS: usize = 5;

/// How long each contender runs before the first round.
const WARM_UP: Duration = Duration::from_millis(1_500);

/// Lets `callers` tasks call for `time`, each with its own clone of one of `clients`. The first error ends it.
pub(crate) async fn drive<C, F, Fut>(clients: &[C], callers: usize, time: Duration, call: F) -> Result<Sample>
where
    C: Clone + Send + 'static,
    F: Fn(C) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), Status>> + Send,
{
    let started = Instant::now();
    let end = started + time;
    let mut tasks = JoinSet::new();
    for client in clients.iter().cycle().take(callers) {
        let client = client.clone();
        let call = call.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 14);
            let mut now = Instant::now();
            while now < end {
                call(client.clone()).await?;
                let answered = Instant::now();
                latencies.push(answered - now);
                now = answered;
            }
            Ok::<_, Status>(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.append(&mut done??);
    }
    Ok(Sample::new(all, started.elapsed()))
}

/// One of those that are compared.
pub(crate) struct Contender<'a> {
    /// Whose CPU time counts.
    pub(crate) pid: u32,
    /// Runs the load for a time.
    pub(crate) run: Box<dyn Fn(Duration) -> Run<'a> + 'a>,
}

type Run<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Sample>> + 'a>>;

impl<'a> Contender<'a> {
    pub(crate) fn new<Fut>(pid: u32, run: impl Fn(Duration) -> Fut + 'a) -> Self
    where
        Fut: Future<Output = Result<Sample>> + 'a,
    {
        Self { pid, run: Box::new(move |time| Box::pin(run(time))) }
    }
}

/// Warms all contenders up, then lets them run in turns: what disturbs the machine for a while disturbs all of them.
/// Returns the rounds of each.
pub(crate) async fn compete(contenders: &[Contender<'_>], time: Duration) -> Result<Vec<Vec<Sample>>> {
    for contender in contenders {
        (contender.run)(WARM_UP.min(time)).await?;
    }
    let mut rounds = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let before = machine::cpu_of(contender.pid);
            let sample = (contender.run)(time).await?;
            rounds.push(sample.with_cpu(machine::cpu_of(contender.pid) - before));
        }
    }
    Ok(rounds)
}
