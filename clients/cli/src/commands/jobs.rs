//! Work in progress, and its logs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb::{
    BatchDeleteJobsRequest, CancelJobRequest, ExportJobLogsRequest, GetJobRequest, Job, JobLogEnd, JobLogFormat,
    JobResult, ListJobsRequest, PurgeFailedJobsRequest, ReplayJobRequest, RetryFailedJobsRequest, RunJobNowRequest,
};
use flagstone_client::Event;
use futures::{TryStreamExt, pin_mut};

use crate::change::{Change, Risk};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::{Column, Format, note};
use crate::text::{id, short, time, word};
use crate::wait::{self, job_word, within};

/// What to do with jobs.
#[derive(Subcommand)]
pub(crate) enum Jobs {
    /// List the jobs of your business units, the newest first
    List(Listing),
    /// Show a job
    Get {
        /// Id of the job, or a request: its latest job
        job: String,
    },
    /// Print the log of a job, byte for byte; a summary goes to stderr
    Logs {
        /// Id of the job, or a request: its latest job
        job: String,
        /// Go on until the job has ended
        #[arg(short, long)]
        follow: bool,
    },
    /// Ask for the end of a job
    Cancel {
        /// Id of the job, or a request: its latest job
        job: String,
    },
    /// Show why a job waits, and who can end that
    Why {
        /// Id of the job, or a request: its latest job
        job: String,
    },
    /// Put a dead letter back into the line
    Replay {
        /// Id of the job, or a request: its latest job
        job: String,
        #[command(flatten)]
        change: Change,
    },
    /// Put a waiting job before all others
    RunNow {
        /// Id of the job, or a request: its latest job
        job: String,
        #[command(flatten)]
        change: Change,
    },
    /// Write the log of a job to a file
    Export(Export),
    /// Delete jobs that have ended, with their logs
    Delete {
        /// Ids of the jobs
        #[arg(required = true)]
        jobs: Vec<String>,
        #[command(flatten)]
        risk: Risk,
    },
    /// Put the dead letters that a filter finds back into the line
    RetryFailed {
        #[command(flatten)]
        several: Several,
        #[command(flatten)]
        change: Change,
    },
    /// Delete the failed jobs and dead letters that a filter finds
    PurgeFailed {
        #[command(flatten)]
        several: Several,
        #[command(flatten)]
        risk: Risk,
    },
    /// Follow a job until it has ended, and exit with 5 if it did not end well
    Watch {
        /// Id of the job, or a request: its latest job
        job: String,
        /// Wait no longer, for instance 90s or 10m; then exit with 6
        #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
        timeout: Option<Duration>,
    },
}

/// What to export.
#[derive(Args)]
pub(crate) struct Export {
    /// Id of the job, or a request: its latest job
    job: String,
    /// File to write; `-` for stdout
    #[arg(long, default_value = "-", value_name = "FILE")]
    to: PathBuf,
    /// Form of the file
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
}

/// The form of an exported log.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum FileFormat {
    /// A line of JSON for each line
    #[default]
    Ndjson,
    /// The bytes that were printed
    Text,
}

/// Which jobs.
#[derive(Args)]
pub(crate) struct Several {
    /// Filter, for instance 'create_time > "2026-01-01"'; without one all that failed
    #[arg(long, default_value = "", value_name = "FILTER")]
    filter: String,
    /// At most so many, up to 100
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: i32,
}

const RESULTS: &[Column<JobResult>] = &[
    ("JOB", |r| id(&r.name)),
    ("RESULT", |r| if r.error.is_none() { "DONE".to_owned() } else { "REFUSED".to_owned() }),
    ("WHY", |r| r.error.as_ref().map(|error| error.message.clone()).unwrap_or_default()),
];

const COLUMNS: &[Column<Job>] = &[
    ("JOB", |j| id(&j.name)),
    ("KIND", |j| word(j.kind().as_str_name(), "JOB_KIND")),
    ("OPERATION", |j| word(j.operation().as_str_name(), "JOB_OPERATION")),
    ("DEPLOYMENT", |j| short(&j.deployment)),
    ("STATE", |j| job_word(j.state())),
    ("STEP", |j| j.progress.as_ref().map(|p| p.step.clone()).unwrap_or_default()),
    ("CREATED", |j| time(j.create_time.as_ref())),
];

const FIELDS: &[Column<Job>] = &[
    ("Job", |j| id(&j.name)),
    ("Kind", |j| word(j.kind().as_str_name(), "JOB_KIND")),
    ("Operation", |j| word(j.operation().as_str_name(), "JOB_OPERATION")),
    ("Request", |j| short(&j.subject)),
    ("Deployment", |j| short(&j.deployment)),
    ("State", |j| job_word(j.state())),
    ("Queue", |j| word(j.queue().as_str_name(), "JOB_QUEUE")),
    ("Attempt", |j| format!("{} of {}", j.attempt, j.max_attempts)),
    ("Not before", |j| time(j.run_after_time.as_ref())),
    ("Runner", |j| id(&j.runner)),
    ("Progress", |j| {
        j.progress.as_ref().map(|p| format!("{} {}% {}", p.step, p.percent, p.message)).unwrap_or_default()
    }),
    ("Error", |j| {
        j.error.as_ref().map_or_else(String::new, |error| {
            let class = word(error.error_class().as_str_name(), "ERROR_CLASS");
            format!("{class}: {}\n{}", error.message, error.suggestion)
        })
    }),
    ("Log lines", |j| j.log.as_ref().map(|log| log.last_seq.to_string()).unwrap_or_default()),
    ("Caused by", |j| id(&j.trigger)),
    ("Created", |j| time(j.create_time.as_ref())),
    ("Started", |j| time(j.start_time.as_ref())),
    ("Ended", |j| time(j.end_time.as_ref())),
];

pub(crate) async fn run(context: &Context, jobs: Jobs) -> Result<(), Failure> {
    match jobs {
        Jobs::List(listing) => {
            let request = ListJobsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_jobs(request), listing.limit, COLUMNS).await
        }
        Jobs::Get { job } => {
            let name = find(context, &job).await?;
            let job = context.client.jobs().get_job(GetJobRequest { name }).await?.into_inner();
            context.format.one(&job, FIELDS)
        }
        Jobs::Logs { job, follow } => logs(context, &find(context, &job).await?, follow).await,
        Jobs::Cancel { job } => {
            let request = CancelJobRequest { name: find(context, &job).await?, ..Default::default() };
            let job = context.client.jobs().cancel_job(request).await?.into_inner().job.unwrap_or_default();
            context.format.one(&job, FIELDS)
        }
        Jobs::Why { job } => super::request::explain(context, find(context, &job).await?).await,
        Jobs::Replay { job, change } => {
            let request = ReplayJobRequest {
                name: find(context, &job).await?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = context.client.jobs().replay_job(request).await?.into_inner();
            context.changed(&answer.job.unwrap_or_default(), answer.effects.as_ref(), FIELDS)
        }
        Jobs::RunNow { job, change } => {
            let request = RunJobNowRequest {
                name: find(context, &job).await?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = context.client.queues().run_job_now(request).await?.into_inner();
            context.changed(&answer.job.unwrap_or_default(), answer.effects.as_ref(), FIELDS)
        }
        Jobs::Export(asked) => export(context, asked).await,
        Jobs::Delete { jobs, risk } => {
            let names = jobs.iter().map(|job| names::alone(job, "jobs")).collect::<Result<Vec<_>, _>>()?;
            risk.consent(&format!("Delete {} jobs and their logs for good?", names.len()))?;
            let request = BatchDeleteJobsRequest { names, validate_only: risk.change.dry_run, ..Default::default() };
            let answer = context.client.jobs().batch_delete_jobs(request).await?.into_inner();
            results(context, &answer.results, false)
        }
        Jobs::RetryFailed { several, change } => {
            let request = RetryFailedJobsRequest {
                filter: several.filter,
                max_jobs: several.limit,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = context.client.queues().retry_failed_jobs(request).await?.into_inner();
            results(context, &answer.results, answer.more)
        }
        Jobs::PurgeFailed { several, risk } => {
            risk.typed("This deletes failed jobs and their logs for good.", "purge")?;
            let request = PurgeFailedJobsRequest {
                filter: several.filter,
                max_jobs: several.limit,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = context.client.queues().purge_failed_jobs(request).await?.into_inner();
            results(context, &answer.results, answer.more)
        }
        Jobs::Watch { job, timeout } => {
            let name = find(context, &job).await?;
            let each = (context.format != Format::Table).then_some(context.format);
            let job = within(timeout, wait::job(context, &name, each)).await?;
            if each.is_none() {
                context.format.one(&job, FIELDS)?;
            }
            wait::job_outcome(&job)
        }
    }
}

/// The job that was typed: its id, its name, or a request of which the latest job is meant.
async fn find(context: &Context, typed: &str) -> Result<String, Failure> {
    let is_request = typed.contains("/requests/")
        || typed.rsplit('/').next().and_then(|id| id.get(..2)).is_some_and(|start| start.eq_ignore_ascii_case("r-"));
    if !is_request {
        return names::alone(typed, "jobs");
    }
    let request = context.request(typed).await?;
    let none = || Failure::NotFound(format!("{} has no job yet.", request.code));
    request.jobs.last().cloned().ok_or_else(none)
}

/// Prints what became of several jobs. Fails where one was refused.
fn results(context: &Context, results: &[JobResult], more: bool) -> Result<(), Failure> {
    context.format.list(results, RESULTS)?;
    if more {
        note("There are more of them: run the command again.");
    }
    match results.iter().filter(|result| result.error.is_some()).count() {
        0 => Ok(()),
        refused => Err(Failure::Awaited(format!("{refused} of {} jobs were refused.", results.len()))),
    }
}

async fn export(context: &Context, asked: Export) -> Result<(), Failure> {
    let format = match asked.format {
        FileFormat::Ndjson => JobLogFormat::Ndjson,
        FileFormat::Text => JobLogFormat::Text,
    };
    let name = find(context, &asked.job).await?;
    let request = ExportJobLogsRequest { name, format: format.into(), cursor: String::new() };
    let mut file: Box<dyn Write + Send> = if asked.to == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(BufWriter::new(File::create(&asked.to)?))
    };
    let events = context.client.export_job_logs(request);
    pin_mut!(events);
    while let Some(event) = events.try_next().await? {
        match event {
            Event::Item(chunk) => file.write_all(&chunk.data)?,
            Event::End(end) => {
                file.flush()?;
                let goes_on = if end.complete { "" } else { "; the job goes on" };
                note(&format!("{} lines exported, sha256 {}{goes_on}.", end.last_seq, end.sha256));
            }
        }
    }
    Ok(())
}

async fn logs(context: &Context, name: &str, follow: bool) -> Result<(), Failure> {
    let events = context.client.tail_job_logs(name, "", follow);
    pin_mut!(events);
    let mut stdout = io::stdout().lock();
    while let Some(event) = events.try_next().await? {
        match event {
            Event::Item(chunk) if context.format == Format::Table => {
                for line in &chunk.lines {
                    stdout.write_all(&line.data)?;
                }
                stdout.flush()?;
            }
            Event::Item(chunk) => chunk.lines.iter().try_for_each(|line| context.format.item(line))?,
            Event::End(end) => note(&summary(&end)),
        }
    }
    Ok(())
}

/// What is said after the last line.
fn summary(end: &JobLogEnd) -> String {
    let mut parts = vec![format!("{} lines", end.last_seq)];
    if end.dropped > 0 {
        parts.push(format!("{} dropped for size", end.dropped));
    }
    if end.complete {
        parts.push(format!("sha256 {}", end.sha256));
        parts.push(job_word(end.state()));
        format!("END · {}", parts.join(" · "))
    } else {
        parts.push("the job goes on, --follow waits for it".to_owned());
        format!("SO FAR · {}", parts.join(" · "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::JobState;

    #[test]
    fn the_end_of_a_log_is_told() {
        let end = JobLogEnd {
            complete: true,
            last_seq: 12,
            sha256: "abc".into(),
            state: JobState::Succeeded.into(),
            ..Default::default()
        };
        assert_eq!(summary(&end), "END · 12 lines · sha256 abc · SUCCEEDED");
        let cut = JobLogEnd { dropped: 3, ..end.clone() };
        assert_eq!(summary(&cut), "END · 12 lines · 3 dropped for size · sha256 abc · SUCCEEDED");
        let running = JobLogEnd { complete: false, ..end };
        assert!(summary(&running).starts_with("SO FAR · 12 lines · "));
    }
}
