//! The work stream: the server's side of one runner's presence.
//!
//! Any message of the runner extends the leases of what it has; when the stream is lost nobody waits for anything, the
//! leases run out. Nothing here is kept but what makes offers and cancellations timely: the truth is in the leases, so
//! that a runner may come back on another stream, to another server, and name the jobs it still works on.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_api::pb::work_request::Message as Asked;
use flagstone_api::pb::work_response::Message as Told;
use flagstone_core::job::{JobKind, JobState};
use flagstone_core::runner::RunnerState;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::job::JobRow;
use flagstone_db::queue::Claimant;
use flagstone_db::{Bell, BellListener, TxScope, lease, runner};
use futures::Stream;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::Streaming;
use uuid::Uuid;

use super::{CAPACITY_MAX, begin, lease_ref, lock_held};
use crate::app::App;
use crate::call::RunnerCaller;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::flow::apply::{Verdict, apply_starting};
use crate::flow::job as jobs;
use crate::flow::runner as runners;
use crate::keys;
use crate::ledger::{QUEUE_TOPIC, object_topic};
use crate::status;
use crate::worker::queue::{Claimed, claim};
use crate::worker::reaper;

/// The longest wait before the queue, the jobs at hand and the runner's own state are looked at again.
const POLL: Duration = Duration::from_millis(500);

/// Looks that come sooner than this after another do not ask where the runner stands, unless a bell says that it changed.
const STANDING: Duration = Duration::from_millis(400);

/// The first version of the link in which a runner is told why it takes nothing new.
const TELLS_WHY: i32 = 1001;

/// Work: ends when the runner's side ends, when the runner may not come in any more, and, for a runner elsewhere, when this
/// server shuts down: another one goes on with it.
pub(super) async fn work(
    cx: Cx,
    inbound: Streaming<pb::WorkRequest>,
) -> Result<impl Stream<Item = Result<pb::WorkResponse>> + Send + 'static> {
    let mut session = Session::open(cx, inbound).await?;
    Ok(try_stream! {
        while let Some(event) = session.next().await {
            for message in session.answer(event).await {
                yield pb::WorkResponse { message: Some(message) };
            }
            match session.end.take() {
                None => {}
                Some(End::Left) => break,
                Some(End::Refused) => Err(keys::unusable())?,
            }
        }
    })
}

/// One runner's presence on one stream.
struct Session {
    cx: Cx,
    app: Arc<App>,
    caller: Arc<RunnerCaller>,
    /// Resource name of the runner.
    name: String,
    claimant: Claimant,
    inbound: Streaming<pb::WorkRequest>,
    bells: BellListener,
    /// The bell of the runner's own row.
    own_topic: String,
    poll: tokio::time::Interval,
    /// Slots that the runner has said are free, less what was offered since.
    free: usize,
    /// Jobs that it takes at a time: what was offered while it told its free slots is not offered twice.
    capacity: usize,
    /// It is in this process: the shutdown is its own.
    embedded: bool,
    /// The version of the link that was agreed on.
    protocol: i32,
    /// Where the runner stands, and when that was looked at.
    state: RunnerState,
    looked: Instant,
    /// The runner was told that somebody drained it.
    told_drained: bool,
    /// The server shuts down.
    drained: bool,
    /// The stream ends after the answers at hand.
    end: Option<End>,
    held: HashMap<Uuid, Held>,
    /// Jobs that the runner was told to end, by fence: it is told once.
    cancelled: HashSet<(Uuid, i64)>,
}

/// A job that the runner has.
struct Held {
    fence: i64,
    lease_id: Uuid,
    organization_id: Uuid,
    /// When the runner last said that it works on it, or when it was offered.
    named: Instant,
    /// When it has run for its hard time limit.
    deadline: Instant,
}

enum Event {
    Message(Asked),
    /// Look at the queue and at the jobs at hand.
    Look,
    /// Somebody changed the runner.
    Changed,
    Shutdown,
}

/// How a stream ends from here.
enum End {
    /// The server shuts down.
    Left,
    /// The runner may not come in any more.
    Refused,
}

impl Session {
    async fn open(cx: Cx, inbound: Streaming<pb::WorkRequest>) -> Result<Self> {
        let caller = cx.runner()?.clone();
        let bells = cx.app.bells.subscribe();
        let row = runner::get(&*cx.app.db.reads.get().await?, caller.id).await?;
        let row = row.ok_or_else(|| Error::internal("a runner with a credential has no row"))?;
        if cx.app.shutdown.is_cancelled() && !row.embedded {
            return Err(CoreError::new(
                Kind::Unavailable,
                Reason::Unavailable,
                "This server shuts down. Open the stream to the next one that answers.",
            )
            .retry_after(POLL)
            .into());
        }
        let engines = row.engines.as_array().into_iter().flatten();
        let engines = engines.filter_map(|engine| engine["engine"].as_str().map(str::to_owned)).collect();
        let own_topic = object_topic(caller.id);
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            app: cx.app.clone(),
            name: caller.name.to_string(),
            claimant: Claimant { organization_id: caller.organization_id, engines, labels: row.labels.clone() },
            caller,
            cx,
            inbound,
            bells,
            own_topic,
            poll,
            free: 0,
            capacity: usize::try_from(row.capacity).unwrap_or_default(),
            embedded: row.embedded,
            protocol: row.protocol_version,
            state: runners::state(&row)?,
            looked: Instant::now(),
            told_drained: false,
            drained: false,
            end: None,
            held: HashMap::new(),
            cancelled: HashSet::new(),
        })
    }

    /// What happens next; nothing when the runner has gone.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                message = self.inbound.message() => match message {
                    Ok(Some(pb::WorkRequest { message: Some(message) })) => return Some(Event::Message(message)),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                },
                bell = self.bells.next() => match bell {
                    Some(Bell::Topic(topic)) if *topic == *self.own_topic => return Some(Event::Changed),
                    Some(Bell::Topic(topic)) if !self.concerns(&topic) => {}
                    Some(_) => return Some(Event::Look),
                    None => return None,
                },
                _ = self.poll.tick() => return Some(Event::Look),
                () = self.app.shutdown.cancelled(), if !self.drained => return Some(Event::Shutdown),
            }
        }
    }

    fn concerns(&self, topic: &str) -> bool {
        topic == QUEUE_TOPIC || self.held.keys().any(|id| object_topic(*id) == topic)
    }

    /// What the runner is told then. A database that is away for a while ends nothing: the next look tries again.
    async fn answer(&mut self, event: Event) -> Vec<Told> {
        let mut answers = Vec::new();
        let handled = match event {
            Event::Shutdown => self.leave(&mut answers).await,
            Event::Message(message) => self.heed(message, &mut answers).await,
            Event::Look => self.look(&mut answers).await,
            Event::Changed => self.look_at_runner(&mut answers).await,
        };
        let offered = match handled {
            Ok(()) if self.end.is_none() => self.offer(&mut answers).await,
            Ok(()) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = offered {
            tracing::warn!(runner = self.name, error = %status::chain(&error), "A runner could not be served.");
        }
        answers
    }

    /// The server shuts down. The embedded runner goes with it, in its own time. Any other goes on elsewhere, with leases
    /// that last as long as they can.
    async fn leave(&mut self, answers: &mut Vec<Told>) -> Result<()> {
        self.drained = true;
        if self.embedded {
            answers.push(drain(pb::WorkDrainReason::ServerShutdown));
            return Ok(());
        }
        // To a runner that is not told why it would mean that it is to end.
        if self.protocol >= TELLS_WHY {
            answers.push(drain(pb::WorkDrainReason::ServerShutdown));
        }
        self.end = Some(End::Left);
        self.renew(answers).await
    }

    /// Looks where the runner stands, and tells it where that is new to it.
    async fn look_at_runner(&mut self, answers: &mut Vec<Told>) -> Result<()> {
        let standing = runner::standing(&*self.app.db.reads.get().await?, self.caller.id).await?;
        self.looked = Instant::now();
        let Some(state) = standing else {
            tracing::info!(runner = self.name, "A runner that was turned away is let go.");
            self.end = Some(End::Refused);
            return Ok(());
        };
        self.state = state.parse().map_err(Error::internal)?;
        let is_drained = self.state == RunnerState::Draining;
        if is_drained != self.told_drained && self.protocol >= TELLS_WHY {
            self.told_drained = is_drained;
            answers.push(match is_drained {
                true => drain(pb::WorkDrainReason::RunnerDrained),
                false => Told::Resume(pb::WorkResume {}),
            });
        }
        Ok(())
    }

    async fn heed(&mut self, message: Asked, answers: &mut Vec<Told>) -> Result<()> {
        match message {
            Asked::Capacity(capacity) => {
                self.free = usize::try_from(capacity.free.clamp(0, CAPACITY_MAX)).unwrap_or_default();
                self.renew(answers).await
            }
            Asked::Heartbeat(heartbeat) => {
                // Told at once, so that the runner knows that it was heard.
                answers.push(Told::Ping(pb::WorkPing {}));
                self.name_jobs(&heartbeat.jobs, answers).await?;
                if self.held.is_empty() { self.note_presence().await } else { self.renew(answers).await }
            }
            Asked::ApplyStart(start) => {
                let verdict = self.judge(&start).await;
                answers.push(Told::ApplyVerdict(verdict));
                Ok(())
            }
        }
    }

    /// Takes over which jobs the runner works on. What it does not have any more it is told.
    async fn name_jobs(&mut self, named: &[pb::JobLeaseRef], answers: &mut Vec<Told>) -> Result<()> {
        let named: Vec<(Uuid, i64)> = named.iter().filter_map(|job| lease_ref(Some(job)).ok()).collect();
        let now = Instant::now();
        let unknown: Vec<Uuid> = named
            .iter()
            .filter(|(id, fence)| self.held.get(id).is_none_or(|held| held.fence != *fence))
            .map(|(id, _)| *id)
            .collect();
        if !unknown.is_empty() {
            // Of an earlier stream.
            let conn = self.app.db.reads.get().await?;
            let rows = lease::held_jobs(&conn, &self.name, &unknown).await?;
            self.adopt(&rows);
        }
        let mut revoked = Vec::new();
        for (id, fence) in named {
            match self.held.get_mut(&id).filter(|held| held.fence == fence) {
                Some(held) => held.named = now,
                None => revoked.push(pb::JobLeaseRef { job: format!("jobs/{id}"), fence }),
            }
        }
        if !revoked.is_empty() {
            answers.push(Told::Revoked(pb::WorkRevoked { jobs: revoked }));
        }
        Ok(())
    }

    /// Notes that a runner without jobs is there.
    async fn note_presence(&self) -> Result<()> {
        let mut tx = self.app.db.begin(TxScope::Worker).await?;
        runner::seen(&mut tx, self.caller.id).await?;
        Ok(tx.commit().await?)
    }

    /// Extends the leases of what the runner has, and finds what it has without saying so.
    async fn renew(&mut self, answers: &mut Vec<Told>) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let leases: HashSet<Uuid> = self.held.values().map(|held| held.lease_id).collect();
        let leases: Vec<Uuid> = leases.into_iter().collect();
        let duration = self.app.config.jobs.lease;
        let mut tx = self.app.db.begin(TxScope::Worker).await?;
        let renewed = lease::renew(&mut tx, &self.name, &leases, duration).await?;
        runner::seen(&mut tx, self.caller.id).await?;
        let ids: Vec<Uuid> = renewed.into_iter().flat_map(|lease| lease.job_ids).collect();
        let rows = lease::held_jobs(&tx, &self.name, &ids).await?;
        tx.commit().await?;
        self.compare(&rows, answers);
        // The others of a batch: an offer that got lost must not live as long as its neighbours do.
        self.adopt(&rows);
        let silent: Vec<(Uuid, i64, Uuid)> = self
            .held
            .iter()
            .filter(|(_, held)| held.named.elapsed() > duration)
            .map(|(id, held)| (*id, held.fence, held.organization_id))
            .collect();
        for (id, fence, organization_id) in silent {
            reaper::abandon(&self.app, organization_id, id, fence).await?;
            self.held.remove(&id);
        }
        Ok(())
    }

    /// Looks after the jobs at hand: whose end was asked for, whose time is over, which were taken away.
    async fn look(&mut self, answers: &mut Vec<Told>) -> Result<()> {
        if self.looked.elapsed() >= STANDING {
            self.look_at_runner(answers).await?;
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.held.keys().copied().collect();
        let conn = self.app.db.reads.get().await?;
        let rows = lease::held_jobs(&conn, &self.name, &ids).await?;
        drop(conn);
        self.compare(&rows, answers);
        for row in &rows {
            let is_late = self.held.get(&row.id).is_some_and(|held| Instant::now() >= held.deadline);
            let reason = if row.state == JobState::Cancelling.as_str() {
                pb::WorkCancelReason::Cancelled
            } else if is_late {
                pb::WorkCancelReason::Timeout
            } else {
                continue;
            };
            if self.cancelled.insert((row.id, row.fence)) {
                let job = Some(pb::JobLeaseRef { job: row.name(), fence: row.fence });
                answers.push(Told::Cancel(pb::WorkCancel { job, reason: reason.into() }));
            }
        }
        Ok(())
    }

    /// Compares what the runner has with its leases as they are. A job that it has ended itself is among those that it
    /// is told to have lost; it knows better.
    fn compare(&mut self, rows: &[JobRow], answers: &mut Vec<Told>) {
        let is_there = |id: &Uuid, held: &Held| rows.iter().any(|row| row.id == *id && row.fence == held.fence);
        let lost: Vec<pb::JobLeaseRef> = self
            .held
            .iter()
            .filter(|(id, held)| !is_there(id, held))
            .map(|(id, held)| pb::JobLeaseRef { job: format!("jobs/{id}"), fence: held.fence })
            .collect();
        self.held.retain(|id, held| is_there(id, held));
        self.cancelled.retain(|(id, _)| self.held.contains_key(id));
        if !lost.is_empty() {
            answers.push(Told::Revoked(pb::WorkRevoked { jobs: lost }));
        }
    }

    /// Fills the runner's free slots, where it is given jobs at all.
    async fn offer(&mut self, answers: &mut Vec<Told>) -> Result<()> {
        while self.state == RunnerState::Adopted && !self.drained && !self.app.shutdown.is_cancelled() {
            let free = self.free.min(self.capacity.saturating_sub(self.held.len()));
            if free == 0 {
                break;
            }
            let claimed = claim(&self.app, &self.claimant, &self.name, free).await?;
            if claimed.is_empty() {
                break;
            }
            for Claimed { job, assignment, .. } in claimed {
                self.free = self.free.saturating_sub(1);
                self.adopt(&[job]);
                answers.push(Told::Assignment(assignment));
            }
        }
        Ok(())
    }

    /// Notes jobs that the runner has.
    fn adopt(&mut self, rows: &[JobRow]) {
        let now = Instant::now();
        for row in rows {
            let Some(lease_id) = row.lease_id else { continue };
            let limit = Duration::from_secs(u64::try_from(row.hard_timeout_seconds).unwrap_or_default());
            let run = row.attempt_start_time.map(|start| chrono::Utc::now() - start);
            let run = run.and_then(|run| run.to_std().ok()).unwrap_or_default();
            let deadline = now + limit.saturating_sub(run);
            let fresh = Held { fence: row.fence, lease_id, organization_id: row.organization_id, named: now, deadline };
            match self.held.entry(row.id) {
                Entry::Occupied(known) if known.get().fence == row.fence => {}
                Entry::Occupied(mut older) => {
                    older.insert(fresh);
                }
                Entry::Vacant(place) => {
                    place.insert(fresh);
                }
            }
        }
    }

    /// Whether an apply may start. That it starts is committed before it is said.
    async fn judge(&self, start: &pb::WorkApplyStart) -> pb::WorkApplyVerdict {
        let refuse = |reason: String| pb::WorkApplyVerdict { job: start.job.clone(), start: false, reason };
        match self.start_apply(start).await {
            Ok(Verdict::Start) => pb::WorkApplyVerdict { job: start.job.clone(), start: true, reason: String::new() },
            Ok(Verdict::Refuse(reason)) => refuse(reason),
            // Nothing is known of what was written: the runner must not start, and the job's lease decides.
            Err(error) => {
                tracing::warn!(error = %status::chain(&error), "The start of an apply could not be recorded.");
                refuse("The start could not be recorded.".to_owned())
            }
        }
    }

    async fn start_apply(&self, start: &pb::WorkApplyStart) -> Result<Verdict> {
        let (job_id, fence) = lease_ref(start.job.as_ref())?;
        let mut tx = begin(&self.cx, job_id, "job.start_apply").await?;
        let before = lock_held(&mut tx, &self.name, job_id, fence).await?;
        if before.kind()? != JobKind::Apply || before.apply_started {
            // A second start of the same plan is what must never be.
            return Ok(Verdict::Refuse("The apply of this job was recorded before.".to_owned()));
        }
        if before.state()? == JobState::Cancelling {
            jobs::process_ended(&mut tx, &before).await?;
            tx.commit_worker().await?;
            return Ok(Verdict::Refuse("The end of the job was asked for.".to_owned()));
        }
        let verdict = apply_starting(&mut tx, &before, &start.changes_digest, &start.file_sha256).await?;
        match &verdict {
            Verdict::Start => {
                jobs::set_apply_started(&mut tx, &before).await?;
            }
            Verdict::Refuse(reason) => {
                tx.ledger.detail("refused", reason.as_str());
                let asked = jobs::cancel(&mut tx, &before).await?;
                jobs::process_ended(&mut tx, &asked).await?;
            }
        }
        tx.commit_worker().await?;
        Ok(verdict)
    }
}

fn drain(reason: pb::WorkDrainReason) -> Told {
    Told::Drain(pb::WorkDrain { reason: reason.into() })
}
