//! Recorded histories, held against the protocol: whether what the database says has happened to its jobs is something
//! that the steps of [`super::queue`] do.
//!
//! Each transaction that changes a job leaves an audit event with the fields that it changed. From these a history is
//! rebuilt, one transaction after the other; each must be a step that the queue takes from where it stands.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use super::Ending;
use super::queue::{Job, Refused, Step, step};
use crate::diff::FieldDiff;
use crate::job::{JobKind, JobState};

/// What never changes of a job.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its id.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// One job of a key runs at a time.
    pub concurrency_key: String,
    /// Attempts after which a passing error is final.
    pub max_attempts: u32,
}

/// What one transaction recorded, or what it recorded of one of its jobs.
#[derive(Clone, Debug)]
pub struct Change {
    /// The same for all that one transaction did.
    pub transaction: u32,
    /// What it was called.
    pub action: String,
    /// Who did it.
    pub principal: String,
    /// The job.
    pub job: Uuid,
    /// The fields that it changed; none where the job itself did not change.
    pub fields: Vec<FieldDiff>,
    /// The fence that was named, where the event tells it.
    pub fence: Option<i64>,
}

/// A job as its rows are in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands.
    pub state: JobState,
    /// Attempts since it was enqueued or replayed.
    pub attempt: u32,
    /// Rises with every lease.
    pub fence: i64,
    /// It is recorded that its engine may change something.
    pub apply_started: bool,
    /// It stands in the line.
    pub ready: bool,
    /// It has a lease.
    pub leased: bool,
    /// The hold on its key is its own.
    pub holds_key: bool,
}

impl Found {
    fn of(job: &Job) -> Self {
        Self {
            state: job.state,
            attempt: job.attempt,
            fence: job.fence,
            apply_started: job.apply_started,
            ready: job.ready,
            leased: job.lease.is_some(),
            holds_key: job.holds_key,
        }
    }
}

/// Why a history is none of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("jobs/{job}, {what}")]
pub struct Unexplained {
    /// The job.
    pub job: Uuid,
    /// What it did that no step does.
    pub what: String,
}

/// A history as far as it was followed.
#[derive(Debug, Default)]
pub struct Replay {
    ids: Vec<Uuid>,
    jobs: Vec<Job>,
    /// What was recorded of each job so far, field by field.
    recorded: Vec<HashMap<String, Value>>,
    subjects: HashMap<Uuid, (Subject, u32)>,
    runners: Vec<String>,
    steps: usize,
}

impl Replay {
    /// A history of these jobs, before anything has happened.
    pub fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let mut keys: Vec<String> = Vec::new();
        let mut replay = Self::default();
        for subject in subjects {
            let key = index_of(&mut keys, &subject.concurrency_key);
            replay.subjects.insert(subject.id, (subject, key));
        }
        replay
    }

    /// How many steps were followed.
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Follows one change. An error where no step of the protocol does what it says.
    pub fn follow(&mut self, change: &Change) -> Result<(), Unexplained> {
        let unexplained = |what: String| Unexplained { job: change.job, what };
        let Some(index) = self.ids.iter().position(|id| *id == change.job) else {
            return self.enqueue(change);
        };
        for field in &change.fields {
            let known = self.recorded[index].get(&field.field).unwrap_or(&Value::Null);
            if *known != field.before.clone().unwrap_or_default() {
                let (name, before) = (&field.field, &field.before);
                return Err(unexplained(format!(
                    "{}: {name} was {before:?}, but it was left at {known}",
                    change.action
                )));
            }
            self.recorded[index].insert(field.field.clone(), field.after.clone().unwrap_or_default());
        }
        let wanted = self.wanted(index).map_err(|what| unexplained(format!("{}: {what}", change.action)))?;
        let candidates = self.candidates(index, change);
        let before = Found::of(&self.jobs[index]);
        if candidates.is_empty() && wanted == Observed::of(&before) {
            return Ok(());
        }
        let mut tried = Vec::new();
        for steps in candidates {
            let mut jobs = self.jobs.clone();
            let done: Result<Vec<_>, Refused> = steps.iter().map(|wanted| step(&mut jobs, *wanted)).collect();
            let after = Found::of(&jobs[index]);
            match done {
                Ok(_) if Observed::of(&after) == wanted => {
                    self.jobs = jobs;
                    self.steps += steps.len();
                    return Ok(());
                }
                Ok(_) => tried.push(format!("{steps:?} leads to {:?}", Observed::of(&after))),
                Err(refused) => tried.push(format!("{steps:?} is {refused:?}")),
            }
        }
        Err(unexplained(format!(
            "{} by {} leads from {before:?} to {wanted:?}: {}",
            change.action,
            change.principal,
            tried.join("; ")
        )))
    }

    /// Compares where the history has led with how a job is in the end.
    pub fn compare(&self, id: Uuid, found: Found) -> Result<(), Unexplained> {
        let index = self.ids.iter().position(|known| *known == id);
        let Some(index) = index else {
            return Err(Unexplained { job: id, what: "is there, but nothing says that it was enqueued".to_owned() });
        };
        let expected = Found::of(&self.jobs[index]);
        if expected == found {
            return Ok(());
        }
        Err(Unexplained { job: id, what: format!("is {found:?}, but what was recorded leads to {expected:?}") })
    }

    fn enqueue(&mut self, change: &Change) -> Result<(), Unexplained> {
        let unexplained = |what: &str| Unexplained { job: change.job, what: format!("{}: {what}", change.action) };
        let (subject, key) = self.subjects.get(&change.job).ok_or_else(|| unexplained("there is no such job"))?;
        let job = Job::new(subject.kind, *key, subject.max_attempts);
        let fields = change.fields.iter();
        let recorded: HashMap<_, _> =
            fields.map(|field| (field.field.clone(), field.after.clone().unwrap_or_default())).collect();
        self.ids.push(change.job);
        self.jobs.push(job);
        self.recorded.push(recorded);
        self.steps += 1;
        let index = self.ids.len() - 1;
        match self.wanted(index) {
            Ok(wanted) if wanted == Observed::of(&Found::of(&job)) => Ok(()),
            _ => Err(unexplained("it did not begin as a new job does")),
        }
    }

    /// What was recorded of a job, so far.
    fn wanted(&self, index: usize) -> Result<Observed, String> {
        let recorded = &self.recorded[index];
        let value = |field: &str| recorded.get(field).ok_or_else(|| format!("{field} was never recorded"));
        let number = |field: &str| value(field)?.as_i64().ok_or_else(|| format!("{field} is no number"));
        Ok(Observed {
            state: value("state")?.as_str().unwrap_or_default().parse().map_err(|error| format!("{error}"))?,
            attempt: number("attempt")?,
            fence: number("fence")?,
            apply_started: value("apply_started")?.as_bool().ok_or("apply_started is no truth value")?,
        })
    }

    /// What a transaction of this name may have done to a job: one or the other of these sequences.
    fn candidates(&mut self, index: usize, change: &Change) -> Vec<Vec<Step>> {
        let job = index;
        let fence = self.jobs[index].fence;
        let runner = index_of(&mut self.runners, &change.principal);
        let complete = |fence, ending| Step::Complete { job, fence, runner, ending };
        let claim = Step::Claim { job, batch: change.transaction, runner };
        let is_untouched = change.fields.is_empty();
        match change.action.as_str() {
            "workspace.unlock" if is_untouched => vec![vec![Step::EndWindDown { job }]],
            "job.recover" => {
                let is_holder = self.recorded[index].get("runner").and_then(Value::as_str) == Some(&change.principal);
                vec![vec![Step::Recover { job, fence: change.fence.unwrap_or(fence), is_holder }]]
            }
            _ if is_untouched => Vec::new(),
            // A plan that no longer holds is not handed out; a job whose inputs cannot be opened fails at once.
            "job.start" => vec![
                vec![claim],
                vec![Step::Cancel { job }],
                vec![claim, complete(fence + 1, Ending::Failed { transient: false })],
            ],
            "job.start_apply" => {
                [true, false].map(|holds| vec![Step::ApplyStart { job, fence, runner, holds }]).to_vec()
            }
            "job.complete" => [
                Ending::Succeeded,
                Ending::Failed { transient: true },
                Ending::Failed { transient: false },
                Ending::TimedOut { ended: true },
                Ending::ProcessEnded,
                Ending::Lost { ended: true },
            ]
            .map(|ending| vec![complete(fence, ending)])
            .to_vec(),
            // Whether the lease was over is not recorded: time is not.
            "job.lose" => vec![vec![Step::Abandon { job, fence }]],
            "job.time_out" => vec![vec![Step::TimeOut { job }]],
            "job.replay" => vec![vec![Step::Replay { job }]],
            _ => vec![vec![Step::Cancel { job }]],
        }
    }
}

/// What an audit event tells of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Observed {
    state: JobState,
    attempt: i64,
    fence: i64,
    apply_started: bool,
}

impl Observed {
    fn of(found: &Found) -> Self {
        Self {
            state: found.state,
            attempt: i64::from(found.attempt),
            fence: found.fence,
            apply_started: found.apply_started,
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, attempt, fence, apply_started } = self;
        write!(f, "{state} attempt {attempt} fence {fence}{}", if *apply_started { " started" } else { "" })
    }
}

fn index_of(known: &mut Vec<String>, name: &str) -> u32 {
    let index = known.iter().position(|known| known == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    });
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    fn subject(id: Uuid, kind: JobKind) -> Subject {
        Subject { id, kind, concurrency_key: "deployments/one".to_owned(), max_attempts: 3 }
    }

    /// What the audit says of one transaction: `fields` are (name, before, after).
    fn change(action: &str, job: Uuid, fields: &[(&str, Value, Value)]) -> Change {
        let fields = fields.iter().map(|(field, before, after)| FieldDiff {
            field: (*field).to_owned(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        });
        Change {
            transaction: 0,
            action: action.to_owned(),
            principal: "runners/one".to_owned(),
            job,
            fields: fields.collect(),
            fence: None,
        }
    }

    fn created(job: Uuid) -> Change {
        let none = Value::Null;
        let new =
            [("state", json!("QUEUED")), ("attempt", json!(0)), ("fence", json!(0)), ("apply_started", json!(false))];
        change("request.create", job, &new.map(|(field, value)| (field, none.clone(), value)))
    }

    fn started(job: Uuid, before: &str, number: i64) -> Change {
        let fields = [
            ("state", json!(before), json!("RUNNING")),
            ("attempt", json!(number - 1), json!(number)),
            ("fence", json!(number - 1), json!(number)),
        ];
        change("job.start", job, &fields)
    }

    fn moved(action: &str, job: Uuid, before: &str, after: &str) -> Change {
        change(action, job, &[("state", json!(before), json!(after))])
    }

    /// Follows a history of a plan and an apply of one deployment, and says how far it is explained.
    fn follow(changes: &[Change]) -> Result<Replay, String> {
        let mut replay = Replay::new([subject(ONE, JobKind::Plan), subject(TWO, JobKind::Apply)]);
        for change in changes {
            replay.follow(change).map_err(|error| error.to_string())?;
        }
        Ok(replay)
    }

    #[test]
    fn what_happens_to_jobs_is_explained() {
        let begins = change("job.start_apply", TWO, &[("apply_started", json!(false), json!(true))]);
        let history = [
            created(ONE),
            started(ONE, "QUEUED", 1),
            moved("job.lose", ONE, "RUNNING", "QUEUED"),
            started(ONE, "QUEUED", 2),
            moved("job.complete", ONE, "RUNNING", "RETRY_WAIT"),
            started(ONE, "RETRY_WAIT", 3),
            moved("job.complete", ONE, "RUNNING", "SUCCEEDED"),
            created(TWO),
            started(TWO, "QUEUED", 1),
            begins,
            moved("request.cancel", TWO, "RUNNING", "CANCELLING"),
            moved("job.lose", TWO, "CANCELLING", "CANCELLED"),
            change("workspace.unlock", TWO, &[]),
        ];
        let replay = follow(&history).unwrap();
        assert_eq!(replay.steps(), history.len());
        let over = Found {
            state: JobState::Cancelled,
            attempt: 1,
            fence: 1,
            apply_started: true,
            ready: false,
            leased: false,
            holds_key: false,
        };
        replay.compare(TWO, over).unwrap();
        replay.compare(TWO, Found { holds_key: true, ..over }).unwrap_err();
        // Before its wind-down is over the key is its own.
        let earlier = follow(&history[..history.len() - 1]).unwrap();
        earlier.compare(TWO, Found { holds_key: true, ..over }).unwrap();
    }

    #[test]
    fn what_never_happens_is_not() {
        let begin = [created(ONE), created(TWO), started(TWO, "QUEUED", 1)];
        let wrong = [
            ("two jobs of one deployment run", started(ONE, "QUEUED", 1)),
            ("an apply has succeeded that never began", moved("job.complete", TWO, "RUNNING", "SUCCEEDED")),
            ("the reaper ends what has not begun", moved("job.lose", TWO, "RUNNING", "FAILED")),
            (
                "somebody else completes it",
                Change { principal: "runners/two".to_owned(), ..moved("job.complete", TWO, "RUNNING", "FAILED") },
            ),
            (
                "the fence rises by two",
                change("job.lose", TWO, &[("state", json!("RUNNING"), json!("QUEUED")), ("fence", json!(1), json!(3))]),
            ),
            ("what was before is not what was left", moved("job.complete", TWO, "CANCELLING", "CANCELLED")),
            ("it is unlocked although nothing was kept", change("workspace.unlock", TWO, &[])),
            ("it was never enqueued", moved("job.lose", Uuid::nil(), "RUNNING", "QUEUED")),
        ];
        follow(&begin).unwrap();
        for (what, change) in wrong {
            let history: Vec<Change> = begin.iter().cloned().chain([change]).collect();
            assert!(follow(&history).is_err(), "{what}");
        }
    }
}
