//! A runner and servers that speak another version of the link than it does.

#![expect(clippy::disallowed_methods, reason = "a server of another version makes its own statuses")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_api::pb::runner_link_service_server::{RunnerLinkService, RunnerLinkServiceServer};
use flagstone_api::pb::work_request::Message as Said;
use flagstone_api::pb::work_response::Message as Told;
use flagstone_core::runner::{Labels, PROTOCOL};
use flagstone_engines::supervisor::SupervisorCommand;
use flagstone_engines::terraform::{Terraform, TerraformConfig};
use futures::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming};

use super::Runner;
use super::link::Link;
use super::presence::{Patience, Presence};
use crate::config::RunnerConfig;

/// A server of another version.
struct Other {
    /// What it answers to a registration; refused where there is none.
    version: Option<i32>,
    streams: AtomicUsize,
    /// The number of the stream, and how many slots were said to be free.
    heard: mpsc::UnboundedSender<(usize, i32)>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn none<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl RunnerLinkService for Other {
    type WorkStream = Answers<pb::WorkResponse>;
    type GetJobArtifactStream = Answers<pb::GetJobArtifactResponse>;

    async fn register_runner(
        &self,
        request: Request<pb::RegisterRunnerRequest>,
    ) -> Result<Response<pb::RegisterRunnerResponse>, Status> {
        assert_eq!(request.into_inner().protocol_version, PROTOCOL);
        let Some(protocol_version) = self.version else {
            return Err(Status::failed_precondition("Use a runner of another version."));
        };
        Ok(Response::new(pb::RegisterRunnerResponse { protocol_version, lease_ms: 2_000, ..Default::default() }))
    }

    /// The first stream says what a server of the version before says when it shuts down.
    async fn work(&self, request: Request<Streaming<pb::WorkRequest>>) -> Result<Response<Self::WorkStream>, Status> {
        let mut said = request.into_inner();
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let heard = self.heard.clone();
        Ok(Response::new(Box::pin(try_stream! {
            while let Some(message) = said.message().await? {
                if let Some(Said::Capacity(capacity)) = message.message {
                    let _ = heard.send((number, capacity.free));
                }
                if number == 0 {
                    yield pb::WorkResponse { message: Some(Told::Drain(pb::WorkDrain::default())) };
                    break;
                }
                yield pb::WorkResponse { message: Some(Told::Ping(pb::WorkPing {})) };
            }
        })))
    }

    async fn join_runner(&self, _: Request<pb::JoinRunnerRequest>) -> Result<Response<pb::JoinRunnerResponse>, Status> {
        none()
    }

    async fn append_job_logs(
        &self,
        _: Request<pb::AppendJobLogsRequest>,
    ) -> Result<Response<pb::AppendJobLogsResponse>, Status> {
        none()
    }

    async fn report_job_progress(
        &self,
        _: Request<pb::ReportJobProgressRequest>,
    ) -> Result<Response<pb::ReportJobProgressResponse>, Status> {
        none()
    }

    async fn put_job_artifact(
        &self,
        _: Request<Streaming<pb::PutJobArtifactRequest>>,
    ) -> Result<Response<pb::PutJobArtifactResponse>, Status> {
        none()
    }

    async fn get_job_artifact(
        &self,
        _: Request<pb::GetJobArtifactRequest>,
    ) -> Result<Response<Self::GetJobArtifactStream>, Status> {
        none()
    }

    async fn complete_job(
        &self,
        _: Request<pb::CompleteJobRequest>,
    ) -> Result<Response<pb::CompleteJobResponse>, Status> {
        none()
    }

    async fn recover_job(&self, _: Request<pb::RecoverJobRequest>) -> Result<Response<pb::RecoverJobResponse>, Status> {
        none()
    }
}

/// A runner elsewhere, as far as it can tell, with a server of another version.
fn runner_of(
    version: Option<i32>,
    jobs_dir: &std::path::Path,
) -> (Presence, CancellationToken, mpsc::UnboundedReceiver<(usize, i32)>) {
    let (heard, slots) = mpsc::unbounded_channel();
    let other = Other { version, streams: AtomicUsize::new(0), heard };
    let services = Routes::new(RunnerLinkServiceServer::new(other));
    let supervisor = SupervisorCommand { program: "/nowhere".into(), args: Vec::new() };
    let runner = Runner {
        link: Link::in_process(services, "token", String::new()).unwrap(),
        engine: Arc::new(Terraform::new(TerraformConfig::new(supervisor))),
        config: RunnerConfig::default(),
        jobs_dir: jobs_dir.to_owned(),
        wind_down: Duration::ZERO,
        labels: Labels::new(),
        embedded: false,
    };
    let shutdown = CancellationToken::new();
    let patience = Patience { finish: Duration::from_secs(5), interrupt: Duration::ZERO };
    (Presence::new(Arc::new(runner), shutdown.clone(), patience), shutdown, slots)
}

#[tokio::test]
async fn a_server_of_the_minor_before_is_worked_for_and_its_end_is_not_the_runners() {
    let dir = tempfile::tempdir().unwrap();
    let (presence, shutdown, mut slots) = runner_of(Some(PROTOCOL - 1), dir.path());
    let until_it_is_back = async {
        while let Some((stream, free)) = slots.recv().await {
            assert_eq!(free, 2, "it offers all its slots");
            if stream == 1 {
                shutdown.cancel();
                break;
            }
        }
    };
    let both = async { tokio::join!(presence.run(), until_it_is_back) };
    let (ended, ()) = timeout(Duration::from_secs(20), both).await.expect("it comes back and ends");
    ended.expect("it was asked to end");
}

#[tokio::test]
async fn a_server_that_does_not_speak_its_version_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let (presence, ..) = runner_of(None, dir.path());
    let refused = timeout(Duration::from_secs(20), presence.run()).await.expect("it ends by itself");
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
}

#[test]
fn a_data_directory_has_one_embedded_runner() {
    let dir = tempfile::tempdir().unwrap();
    let slug = super::own_slug(dir.path()).unwrap();
    assert_eq!(super::own_slug(dir.path()).unwrap(), slug);
    assert!(format!("runners/{slug}").parse::<flagstone_core::names::RunnerName>().is_ok());
}
