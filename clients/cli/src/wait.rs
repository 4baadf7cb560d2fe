//! Waiting for a request or a job to end, and what the end means to a script.

use std::time::Duration;

use clap::Args;
use flagstone_api::pb::{Job, JobProgress, JobState, Request, RequestState, RequestUpdate, TimelineEntry};
use flagstone_client::Event;
use futures::{TryStreamExt, pin_mut};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;
use crate::progress::Progress;
use crate::text::{clock, id, word};

/// How to wait.
#[derive(Args, Clone, Copy)]
pub(crate) struct Wait {
    /// Wait until it has ended, and exit with 5 if it did not end well
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer, for instance 90s or 10m; then exit with 6
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

/// Waits no longer than `timeout`.
pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    what: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(timeout) = timeout else { return what.await };
    tokio::time::timeout(timeout, what).await.unwrap_or_else(|_| {
        Err(Failure::TimedOut(format!("It had not ended after {}.", humantime::format_duration(timeout))))
    })
}

/// Follows a request with its progress on stderr, until it has ended or is in the state `until`. With `each` every update
/// is printed to stdout in that format.
pub(crate) async fn request(
    context: &Context,
    name: &str,
    until: Option<RequestState>,
    each: Option<Format>,
) -> Result<Request, Failure> {
    let updates = context.client.watch_request(name, "");
    pin_mut!(updates);
    let mut progress = Progress::default();
    let mut last = Request::default();
    while let Some(Event::Item(update)) = updates.try_next().await? {
        if let Some(format) = each {
            format.item(&update)?;
        }
        tell(&mut progress, &update);
        last = update.request.unwrap_or(last);
        if until == Some(last.state()) || is_over(last.state()) {
            break;
        }
    }
    Ok(last)
}

fn tell(progress: &mut Progress, update: &RequestUpdate) {
    let Some(request) = &update.request else { return };
    for entry in &update.timeline {
        progress.say(&timeline_line(&request.code, entry));
    }
    let waits = request.state() == RequestState::PendingApproval;
    if waits && update.timeline.iter().any(|entry| entry.state() == RequestState::PendingApproval) {
        progress.say(&format!("         Waits for approval: flagstone request approve {}", request.code));
    }
    progress.show(&format!("{} {}", request.code, state_word(request.state())), progress_of(update));
}

/// How far the job under way is. After the end the last one's is of no interest.
fn progress_of(update: &RequestUpdate) -> Option<&JobProgress> {
    let over = update.request.as_ref().is_some_and(|request| is_over(request.state()));
    update.progress.as_ref().filter(|_| !over)
}

/// One entry of a timeline.
fn timeline_line(code: &str, entry: &TimelineEntry) -> String {
    let mut line = format!("{} {code} {} {}", clock(entry.time.as_ref()), entry.event, state_word(entry.state()));
    if !entry.principal.is_empty() {
        line.push_str(&format!(" by {}", id(&entry.principal)));
    }
    if !entry.comment.is_empty() {
        line.push_str(&format!(": {}", entry.comment));
    }
    line
}

/// Follows a job with its progress on stderr until it has ended. With `each` every update is printed to stdout.
pub(crate) async fn job(context: &Context, name: &str, each: Option<Format>) -> Result<Job, Failure> {
    let updates = context.client.watch_job(name, "");
    pin_mut!(updates);
    let mut progress = Progress::default();
    let mut last = Job::default();
    while let Some(Event::Item(update)) = updates.try_next().await? {
        if let Some(format) = each {
            format.item(&update)?;
        }
        let before = last.state();
        last = update.job.unwrap_or(last);
        if last.state() != before {
            progress.say(&format!("{} {}", clock(last.update_time.as_ref()), job_word(last.state())));
        }
        progress.show(&job_word(last.state()), last.progress.as_ref());
    }
    Ok(last)
}

/// Whether nothing will happen by itself any more. A FAILED request may be retried, but only by a person.
fn is_over(state: RequestState) -> bool {
    use RequestState::{Cancelled, Completed, Expired, Failed, Rejected};
    matches!(state, Completed | Failed | Rejected | Cancelled | Expired)
}

/// The failure that an ended request means, if it is one.
pub(crate) fn request_outcome(request: &Request, until: Option<RequestState>) -> Result<(), Failure> {
    let state = request.state();
    if state == RequestState::Completed || until == Some(state) {
        return Ok(());
    }
    let mut text = format!("{} ended {}.", request.code, state_word(state));
    if let Some(error) = &request.error {
        text.push_str(&format!(" {} {}", error.message, error.suggestion));
    }
    Err(Failure::Awaited(text.trim_end().to_owned()))
}

/// The failure that an ended job means, if it is one.
pub(crate) fn job_outcome(job: &Job) -> Result<(), Failure> {
    if job.state() == JobState::Succeeded {
        return Ok(());
    }
    let mut text = format!("The job ended {}.", job_word(job.state()));
    if let Some(error) = &job.error {
        text.push_str(&format!(" {} {}", error.message, error.suggestion));
    }
    Err(Failure::Awaited(text.trim_end().to_owned()))
}

/// A request's state in one word.
pub(crate) fn state_word(state: RequestState) -> String {
    word(state.as_str_name(), "REQUEST_STATE")
}

/// A job's state in one word.
pub(crate) fn job_word(state: JobState) -> String {
    word(state.as_str_name(), "JOB_STATE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::OperationError;

    fn ended(state: RequestState) -> Request {
        let error =
            OperationError { message: "No credential.".into(), suggestion: "Set one.".into(), ..Default::default() };
        Request { code: "R-1".into(), state: state.into(), error: Some(error), ..Default::default() }
    }

    #[test]
    fn only_completed_is_well() {
        assert!(request_outcome(&ended(RequestState::Completed), None).is_ok());
        let failed = request_outcome(&ended(RequestState::Failed), None).unwrap_err();
        assert_eq!(failed.code(), 5);
        assert_eq!(failed.to_string(), "R-1 ended FAILED. No credential. Set one.");
        assert_eq!(request_outcome(&ended(RequestState::Rejected), None).unwrap_err().code(), 5);
    }

    #[test]
    fn the_state_that_was_waited_for_is_well() {
        let pending = ended(RequestState::PendingApproval);
        assert!(request_outcome(&pending, Some(RequestState::PendingApproval)).is_ok());
        assert!(request_outcome(&ended(RequestState::Failed), Some(RequestState::PendingApproval)).is_err());
    }

    #[tokio::test]
    async fn a_wait_that_is_too_long_times_out() {
        let never = std::future::pending::<Result<(), Failure>>();
        assert_eq!(within(Some(Duration::from_millis(1)), never).await.unwrap_err().code(), 6);
    }

    #[test]
    fn a_timeline_entry_says_who_and_why() {
        let entry = TimelineEntry {
            event: "rejected".into(),
            state: RequestState::Rejected.into(),
            principal: "users/ada".into(),
            comment: "Too large.".into(),
            ..Default::default()
        };
        assert_eq!(timeline_line("R-1", &entry), " R-1 rejected REJECTED by ada: Too large.");
    }
}
