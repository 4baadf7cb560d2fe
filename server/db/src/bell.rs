//! Bells: "something changed under this topic, look again". Within the process at once, to other processes by NOTIFY.
//!
//! A bell is a hint and nothing more. It may come late, twice or never: whoever listens also polls. NOTIFY is sent
//! after the commit by one task that collects topics for a few milliseconds, never inside a mutation, where it would
//! hold a lock of the whole database until COMMIT.
//!
//! One connection listens and notifies. It is replaced when it ends or stops answering; since bells rung meanwhile
//! were missed, every listener then hears [`Bell::Everything`].

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;

use crate::connect::{Causes, Config, Connector, Driver, Role};
use crate::error::Error;
use crate::read::{MAX_PAUSE, MIN_PAUSE};

/// The channel of LISTEN and NOTIFY.
const CHANNEL: &str = "flagstone";

/// At most one NOTIFY goes out in this time.
const DEBOUNCE: Duration = Duration::from_millis(3);

/// Longest payload in bytes; PostgreSQL takes just under 8,000.
const MAX_PAYLOAD: usize = 7_000;

/// Longest topic in bytes.
const MAX_TOPIC: usize = 500;

/// More topics than this at once are not worth telling apart.
const MAX_TOPICS: usize = 4_096;

/// Bells a listener may leave unheard before it hears [`Bell::Everything`] instead.
const BACKLOG: usize = 1_024;

/// How often a silent connection is asked whether it is alive, and how long it may take to answer.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Stands for every topic in a payload.
const EVERYTHING: &str = "*";

/// Separates the topics of a payload.
const SEPARATOR: char = '\n';

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bell {
    /// Something changed under this topic.
    Topic(Arc<str>),
    /// Bells may have been missed: look at everything again.
    Everything,
}

/// The bells of one process. Cheap to clone; the last clone dropped ends the connection.
#[derive(Clone)]
pub struct Bells {
    shared: Arc<Shared>,
    _keeper: Arc<JoinSet<()>>,
}

struct Shared {
    listeners: broadcast::Sender<Bell>,
    outbox: Mutex<Outbox>,
    /// The outbox is no longer empty.
    posted: Notify,
}

/// What other processes have not been told yet.
#[derive(Default)]
struct Outbox {
    topics: BTreeSet<Arc<str>>,
    everything: bool,
}

impl Bells {
    /// Starts listening and notifying. Returns before the connection is there.
    ///
    /// Fails when the address of the database cannot be understood.
    pub fn open(config: &Config) -> Result<Self, Error> {
        // LISTEN needs no right to any table.
        let connector = Connector::new(config, Role::Worker)?;
        let shared = Arc::new(Shared {
            listeners: broadcast::Sender::new(BACKLOG),
            outbox: Mutex::default(),
            posted: Notify::new(),
        });
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(connector, Arc::clone(&shared)));
        Ok(Self { shared, _keeper: Arc::new(keeper) })
    }

    /// Rings for `topic`: here at once, in other processes within milliseconds. Call it after the commit.
    ///
    /// A topic has 1 to 500 bytes and no line break; any other rings for everything.
    pub fn ring(&self, topic: &str) {
        let fits = (1..=MAX_TOPIC).contains(&topic.len()) && !topic.contains(SEPARATOR) && topic != EVERYTHING;
        let bell = if fits { Bell::Topic(topic.into()) } else { Bell::Everything };
        self.shared.post(bell.clone());
        self.shared.hear(bell);
    }

    /// Hears every bell from now on. Subscribe first, then read.
    pub fn subscribe(&self) -> BellListener {
        BellListener(self.shared.listeners.subscribe())
    }
}

/// One listener's queue of bells.
pub struct BellListener(broadcast::Receiver<Bell>);

impl BellListener {
    /// Waits for the next bell. `None` when the process's [`Bells`] are gone.
    ///
    /// Dropping the future loses no bell.
    pub async fn next(&mut self) -> Option<Bell> {
        match self.0.recv().await {
            Ok(bell) => Some(bell),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Bell::Everything),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Shared {
    /// Rings in this process. Nobody may be listening.
    fn hear(&self, bell: Bell) {
        let _ = self.listeners.send(bell);
    }

    /// Leaves a bell for the other processes.
    fn post(&self, bell: Bell) {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        match bell {
            Bell::Topic(topic) if outbox.topics.len() < MAX_TOPICS => {
                outbox.topics.insert(topic);
            }
            Bell::Topic(_) | Bell::Everything => outbox.everything = true,
        }
        drop(outbox);
        self.posted.notify_one();
    }

    /// Empties the outbox into payloads.
    fn payloads(&self) -> Vec<String> {
        let outbox = std::mem::take(&mut *self.outbox.lock().unwrap_or_else(PoisonError::into_inner));
        if outbox.everything { vec![EVERYTHING.to_owned()] } else { join(&outbox.topics) }
    }
}

/// Joins topics into as few payloads as hold them.
fn join(topics: &BTreeSet<Arc<str>>) -> Vec<String> {
    let mut payloads: Vec<String> = Vec::new();
    for topic in topics {
        match payloads.last_mut() {
            Some(last) if last.len() + 1 + topic.len() <= MAX_PAYLOAD => {
                last.push(SEPARATOR);
                last.push_str(topic);
            }
            _ => payloads.push(topic.to_string()),
        }
    }
    payloads
}

/// The bells of a payload.
fn split(payload: &str) -> impl Iterator<Item = Bell> {
    payload.split(SEPARATOR).map(|topic| match topic {
        EVERYTHING => Bell::Everything,
        topic => Bell::Topic(topic.into()),
    })
}

/// Keeps the connection up, forever.
async fn keep(connector: Connector, shared: Arc<Shared>) {
    let mut pause = MIN_PAUSE;
    let mut first = true;
    loop {
        let error = match serve(&connector, &shared, &mut first, &mut pause).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        tracing::warn!(error = %Causes(&error), retry_in = ?pause, "The connection for notifications was lost.");
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Listens and notifies on one connection until it fails.
async fn serve(
    connector: &Connector,
    shared: &Arc<Shared>,
    first: &mut bool,
    pause: &mut Duration,
) -> Result<std::convert::Infallible, Error> {
    let (client, driver) = connector.client().await?;
    let ended = CancellationToken::new();
    // Dropped with this function: a connection that stopped answering is closed, not waited for.
    let mut tasks = JoinSet::new();
    let (own, own_pid) = tokio::sync::watch::channel(None);
    tasks.spawn(drive(driver, Arc::clone(shared), own_pid, ended.clone()));
    answer(client.batch_execute("LISTEN flagstone")).await?;
    let row = answer(client.query_one("SELECT pg_backend_pid()", &[])).await?;
    own.send_replace(Some(row.try_get::<_, i32>(0)?));
    *pause = MIN_PAUSE;
    if !std::mem::take(first) {
        shared.hear(Bell::Everything);
    }
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = ended.cancelled() => return Err(Error::Unavailable("the connection was closed".into())),
            () = shared.posted.notified() => {
                sleep_until(last + DEBOUNCE).await;
                notify(&client, shared).await?;
            }
            () = sleep_until(last + HEARTBEAT) => {
                answer(client.simple_query("SELECT 1")).await?;
            }
        }
        last = Instant::now();
    }
}

/// Tells the other processes what is in the outbox.
async fn notify(client: &Client, shared: &Shared) -> Result<(), Error> {
    for payload in shared.payloads() {
        if let Err(error) = answer(client.query("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload])).await {
            // Which of the payloads went out is not known.
            shared.post(Bell::Everything);
            return Err(error);
        }
    }
    Ok(())
}

/// Reads the connection and rings for what other processes sent. Their own process heard its bells already.
async fn drive(
    mut driver: Driver,
    shared: Arc<Shared>,
    own_pid: tokio::sync::watch::Receiver<Option<i32>>,
    ended: CancellationToken,
) {
    let _ended = ended.drop_guard();
    while let Some(message) = poll_fn(|cx| driver.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(note)) if Some(note.process_id()) != *own_pid.borrow() => {
                split(note.payload()).for_each(|bell| shared.hear(bell));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = %Causes(&error), "The connection for notifications ended.");
                return;
            }
        }
    }
}

/// Waits for an answer, but not longer than a heartbeat: a half-open connection never answers.
async fn answer<T>(question: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    match timeout(HEARTBEAT, question).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Error::Unavailable("the database did not answer in time".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_topics_come_apart_again(topics in prop::collection::btree_set("[a-z/]{1,500}", 0..60)) {
            let topics: BTreeSet<Arc<str>> = topics.into_iter().map(Arc::from).collect();
            let payloads = join(&topics);
            prop_assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            let heard: Vec<Bell> = payloads.iter().flat_map(|payload| split(payload)).collect();
            let rung: Vec<Bell> = topics.into_iter().map(Bell::Topic).collect();
            prop_assert_eq!(heard, rung);
        }
    }

    /// Waits for the next bell, for as long as a test may.
    async fn next(listener: &mut BellListener) -> Bell {
        timeout(Duration::from_secs(5), listener.next()).await.unwrap().unwrap()
    }

    /// Rings at `from` until `listener` hears it, then empties the queue: both are connected.
    async fn connected(from: &Bells, listener: &mut BellListener) {
        let heard = async {
            while timeout(Duration::from_millis(50), listener.next()).await.is_err() {
                from.ring("hello");
            }
            while timeout(Duration::from_millis(50), listener.next()).await.is_ok() {}
        };
        timeout(Duration::from_secs(5), heard).await.unwrap();
    }

    #[tokio::test]
    async fn bells_reach_this_process_once_and_other_processes() {
        let database = crate::fixture::database().await;
        let config = crate::fixture::config(&database);
        let (here, there) = (Bells::open(&config).unwrap(), Bells::open(&config).unwrap());
        let (mut near, mut far) = (here.subscribe(), there.subscribe());
        connected(&here, &mut far).await;
        while timeout(Duration::from_millis(50), near.next()).await.is_ok() {}
        here.ring("jobs/1");
        assert_eq!(next(&mut near).await, Bell::Topic("jobs/1".into()));
        assert_eq!(next(&mut far).await, Bell::Topic("jobs/1".into()));
        here.ring("two\nlines");
        assert_eq!(next(&mut near).await, Bell::Everything);
        assert_eq!(next(&mut far).await, Bell::Everything);
        timeout(Duration::from_millis(100), near.next()).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_killed_connection_rings_for_everything_and_works_again() {
        let database = crate::fixture::database().await;
        let config = crate::fixture::config(&database);
        let (here, there) = (Bells::open(&config).unwrap(), Bells::open(&config).unwrap());
        let mut far = there.subscribe();
        connected(&here, &mut far).await;
        crate::fixture::kill_all(&mut *database.owner().await).await;
        assert_eq!(next(&mut far).await, Bell::Everything);
        connected(&here, &mut far).await;
        here.ring("jobs/1");
        assert_eq!(next(&mut far).await, Bell::Topic("jobs/1".into()));
    }

    #[tokio::test]
    async fn a_slow_listener_hears_that_it_missed_something() {
        let database = crate::fixture::database().await;
        let bells = Bells::open(&crate::fixture::config(&database)).unwrap();
        let mut slow = bells.subscribe();
        for n in 0..2 * BACKLOG {
            bells.ring(&format!("jobs/{n}"));
        }
        assert_eq!(next(&mut slow).await, Bell::Everything);
    }
}
