//! Work in progress, and its logs.

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;
use flagstone_api::pb::{CancelJobRequest, GetJobRequest, Job, JobLogEnd, ListJobsRequest};
use flagstone_client::Event;
use futures::{TryStreamExt, pin_mut};

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
    /// Follow a job until it has ended, and exit with 5 if it did not end well
    Watch {
        /// Id of the job, or a request: its latest job
        job: String,
        /// Wait no longer, for instance 90s or 10m; then exit with 6
        #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
        timeout: Option<Duration>,
    },
}

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
