//! States of the system in which what is done with jobs and queues succeeds.

use flagstone_api::pb;
use prost_reflect::Value;

use super::contract::{Method, set};
use super::database::run;
use super::mutations::{Prepared, Stage};
use super::world::get_request;

/// Whether a method is prepared here.
pub fn is_one(name: &str) -> bool {
    matches!(
        name,
        "ReplayJob"
            | "DeleteJob"
            | "BatchDeleteJobs"
            | "PauseQueue"
            | "ResumeQueue"
            | "RunJobNow"
            | "RetryFailedJobs"
            | "PurgeFailedJobs"
            | "RunSchedule"
    )
}

impl Stage {
    /// The call, and a state in which it succeeds.
    pub(super) async fn queue_mutation(&self, method: &Method) -> Prepared {
        let admin = self.cast.admin.clone();
        let of = |request, other| Prepared { caller: admin.clone(), request, other: Some(other), ends_session: false };
        match method.name.as_str() {
            "ReplayJob" => {
                let request =
                    method.request_of(&pb::ReplayJobRequest { name: self.dead_letter().await.1, ..Default::default() });
                let other = with(&request, "etag", "another");
                Prepared { caller: self.cast.dev.clone(), request, other: Some(other), ends_session: false }
            }
            "DeleteJob" => {
                let request =
                    method.request_of(&pb::DeleteJobRequest { name: self.dead_letter().await.1, ..Default::default() });
                let other = with(&request, "etag", "another");
                of(request, other)
            }
            "BatchDeleteJobs" => {
                let names = vec![self.dead_letter().await.1];
                let request = method.request_of(&pb::BatchDeleteJobsRequest { names, ..Default::default() });
                let names = vec!["jobs/0190b3a4-0000-7000-8000-000000000000".to_owned()];
                of(request, method.request_of(&pb::BatchDeleteJobsRequest { names, ..Default::default() }))
            }
            "PauseQueue" => {
                run(&self.app.sql, "DELETE FROM queue_pauses").await;
                let pause = pb::PauseQueueRequest { queue: pb::JobQueue::Low.into(), ..Default::default() };
                let request = method.request_of(&pause);
                let other = with(&request, "reason", "another");
                of(request, other)
            }
            "ResumeQueue" => {
                run(&self.app.sql, "DELETE FROM queue_pauses").await;
                let low = pb::JobQueue::Low.into();
                let pause = pb::PauseQueueRequest { queue: low, ..Default::default() };
                admin.queues().pause_queue(pause).await.expect("a queue is paused");
                let request = method.request_of(&pb::ResumeQueueRequest { queue: low, ..Default::default() });
                let high = pb::JobQueue::High.into();
                of(request, method.request_of(&pb::ResumeQueueRequest { queue: high, ..Default::default() }))
            }
            "RunJobNow" => {
                let request = self.cast.create(&self.cast.dev, "development", &self.id("hastened")).await;
                let name = get_request(&self.cast.dev, &request.name).await.jobs[0].clone();
                let request = method.request_of(&pb::RunJobNowRequest { name, ..Default::default() });
                let other = with(&request, "etag", "another");
                of(request, other)
            }
            "RetryFailedJobs" | "PurgeFailedJobs" => {
                let filter = format!("subject = \"{}\"", self.dead_letter().await.0);
                let request = match method.name.as_str() {
                    "RetryFailedJobs" => {
                        method.request_of(&pb::RetryFailedJobsRequest { filter, ..Default::default() })
                    }
                    _ => method.request_of(&pb::PurgeFailedJobsRequest { filter, ..Default::default() }),
                };
                let other = with(&request, "filter", "another");
                of(request, other)
            }
            "RunSchedule" => {
                let caller = self.app.operator(&self.id("ticks")).await;
                let run = |name: &str| {
                    method.request_of(&pb::RunScheduleRequest { name: name.to_owned(), ..Default::default() })
                };
                let (request, other) = (run("schedules/tidy"), Some(run("schedules/audit-retention")));
                Prepared { caller, request, other, ends_session: false }
            }
            name => panic!("{name} is not about jobs or queues"),
        }
    }

    /// A plan job that failed in all of its attempts: its request and itself.
    async fn dead_letter(&self) -> (String, String) {
        let request = self.cast.create(&self.cast.dev, "development", &self.id("buried")).await;
        let name = get_request(&self.cast.dev, &request.name).await.jobs[0].clone();
        let assignment = self.runner.take_job(&name).await;
        let id = name.trim_start_matches("jobs/");
        run(&self.app.sql, &format!("UPDATE jobs SET max_attempts = attempt WHERE id = '{id}'")).await;
        let state = self.runner.fail(&assignment, pb::ErrorClass::Network, true).await.expect("a plan may fail");
        assert_eq!(state, pb::JobState::DeadLettered);
        (request.name, name)
    }
}

/// The call with another text in a field.
fn with(request: &prost_reflect::DynamicMessage, field: &str, text: &str) -> prost_reflect::DynamicMessage {
    let mut other = request.clone();
    set(&mut other, field, Value::String(text.to_owned()));
    other
}
