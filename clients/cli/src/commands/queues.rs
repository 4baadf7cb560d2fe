//! The lines in which jobs wait, and what the servers do by themselves.

use clap::{Subcommand, ValueEnum};
use flagstone_api::pb::{
    JobQueue, ListQueuesRequest, ListSchedulesRequest, PauseQueueRequest, Queue, ResumeQueueRequest,
    RunScheduleRequest, Schedule,
};

use crate::change::Change;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::Column;
use crate::text::{id, time, word};

/// What to do with queues.
#[derive(Subcommand)]
pub(crate) enum Queues {
    /// List the queues and how full they are
    List,
    /// Hand out no more jobs of a queue; what runs goes on
    Pause {
        /// The queue
        #[arg(value_enum)]
        queue: Line,
        /// Why; whoever waits reads it
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        change: Change,
    },
    /// Hand out the jobs of a queue again
    Resume {
        /// The queue
        #[arg(value_enum)]
        queue: Line,
        #[command(flatten)]
        change: Change,
    },
}

/// What to do with schedules.
#[derive(Subcommand)]
pub(crate) enum Schedules {
    /// List what the servers do by themselves, and when
    List,
    /// Have one begin now, for the installation's operator
    Run {
        /// Its name, for instance tidy
        schedule: String,
        #[command(flatten)]
        change: Change,
    },
}

/// A queue as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Line {
    High,
    Default,
    Low,
}

impl From<Line> for JobQueue {
    fn from(line: Line) -> Self {
        match line {
            Line::High => Self::High,
            Line::Default => Self::Default,
            Line::Low => Self::Low,
        }
    }
}

const COLUMNS: &[Column<Queue>] = &[
    ("QUEUE", |q| word(q.queue().as_str_name(), "JOB_QUEUE")),
    ("WAITING", |q| q.depth.to_string()),
    ("SINCE", |q| time(q.oldest_time.as_ref())),
    ("DELAYED", |q| q.delayed.to_string()),
    ("RUNNING", |q| q.running.to_string()),
    ("DEAD LETTERS", |q| q.dead_letters.to_string()),
    ("PAUSED BY", |q| q.pause.as_ref().map(|pause| id(&pause.principal)).unwrap_or_default()),
    ("PAUSED", |q| time(q.pause.as_ref().and_then(|pause| pause.time.as_ref()))),
    ("WHY", |q| q.pause.as_ref().map(|pause| pause.reason.clone()).unwrap_or_default()),
];

const SCHEDULES: &[Column<Schedule>] = &[
    ("SCHEDULE", |s| id(&s.name)),
    ("EVERY", |s| {
        let seconds = s.interval.as_ref().map(|interval| interval.seconds).unwrap_or_default();
        humantime::format_duration(std::time::Duration::from_secs(seconds.unsigned_abs())).to_string()
    }),
    ("LAST", |s| time(s.last_tick_time.as_ref())),
    (
        "RESULT",
        |s| if s.running { "RUNNING".to_owned() } else { word(s.last_outcome().as_str_name(), "SCHEDULE_OUTCOME") },
    ),
    ("NEXT", |s| time(s.next_tick_time.as_ref())),
    ("WHAT", |s| s.description.clone()),
    ("ERROR", |s| s.last_error.clone()),
];

pub(crate) async fn run(context: &Context, queues: Queues) -> Result<(), Failure> {
    let mut client = context.client.queues();
    match queues {
        Queues::List => {
            let answer = client.list_queues(ListQueuesRequest {}).await?.into_inner();
            context.format.list(&answer.queues, COLUMNS)
        }
        Queues::Pause { queue, reason, change } => {
            let queue = JobQueue::from(queue).into();
            let request = PauseQueueRequest { queue, reason, validate_only: change.dry_run, ..Default::default() };
            let answer = client.pause_queue(request).await?.into_inner();
            context.changed(&answer.queue.unwrap_or_default(), answer.effects.as_ref(), COLUMNS)
        }
        Queues::Resume { queue, change } => {
            let queue = JobQueue::from(queue).into();
            let request = ResumeQueueRequest { queue, validate_only: change.dry_run, ..Default::default() };
            let answer = client.resume_queue(request).await?.into_inner();
            context.changed(&answer.queue.unwrap_or_default(), answer.effects.as_ref(), COLUMNS)
        }
    }
}

pub(crate) async fn schedules(context: &Context, schedules: Schedules) -> Result<(), Failure> {
    let mut client = context.client.queues();
    match schedules {
        Schedules::List => {
            let answer = client.list_schedules(ListSchedulesRequest {}).await?.into_inner();
            context.format.list(&answer.schedules, SCHEDULES)
        }
        Schedules::Run { schedule, change } => {
            let name = names::alone(&schedule, "schedules")?;
            let request = RunScheduleRequest { name, validate_only: change.dry_run, ..Default::default() };
            let answer = client.run_schedule(request).await?.into_inner();
            context.changed(&answer.schedule.unwrap_or_default(), answer.effects.as_ref(), SCHEDULES)
        }
    }
}
