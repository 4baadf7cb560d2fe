//! The S3 template end to end, with the real AWS provider and a stand-in for AWS: ordered and approved on the command
//! line, looked at with an AWS client that is not ours.

use flagstone_client::pb::JobState;
use flagstone_client::{Event, pb};
use futures::{StreamExt, pin_mut};

use crate::support::app::PASSWORD;
use crate::support::line::Line;
use crate::support::line::cli::Cli;
use crate::support::moto::Moto;

const TEST: &str = "s3_a_bucket_is_ordered_approved_changed_and_destroyed";

const BUCKET: &str = "flagstone-first-bucket";

async fn buckets(moto: &Moto) -> String {
    moto.ask("s3", "[bucket['Name'] for bucket in aws.list_buckets()['Buckets']]").await
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_bucket_is_ordered_approved_changed_and_destroyed() {
    let Some(moto) = Moto::start(TEST).await else { return };
    let at_moto = moto.configure();
    let Some(line) = Line::start_with(TEST, move |config, _| at_moto(config)).await else { return };
    let dev = Cli::log_in(&line.app.url(), "dev", PASSWORD).await;
    let approver = Cli::log_in(&line.app.url(), "approver", PASSWORD).await;
    let admin = Cli::log_in(&line.app.url(), "admin", PASSWORD).await;
    assert!(admin.run(&["policies", "set", "development-auto", "--auto-approve", "off"]).await.is_well());

    let name = format!("bucket_name={BUCKET}");
    let tags = ["--tag", "team=core", "--tag", "owner=dev", "--tag", "purpose=tests"];
    let order =
        ["request", "create", "-T", "aws-s3", "-E", "development", "-u", "sandbox", "--id", "first", "-i", &name];
    let ordered = dev.json(&[&order[..], &tags].concat()).await;
    let plan = decide(&line, &dev, &approver, ordered["code"].as_str().unwrap()).await;
    assert!(plan.contains("aws_s3_bucket") && plan.contains(BUCKET), "{plan}");
    assert_eq!(buckets(&moto).await, format!("['{BUCKET}']"));
    let versioning = format!("aws.get_bucket_versioning(Bucket='{BUCKET}').get('Status')");
    assert_ne!(moto.ask("s3", &versioning).await, "Enabled");
    let deployment = dev.json(&["deployments", "get", "first"]).await;
    assert!(deployment["outputs"].to_string().contains(&format!("arn:aws:s3:::{BUCKET}")), "{deployment}");

    let change = ["request", "update", "first", "-u", "sandbox", "-i", &name, "-i", "versioning_enabled:=true"];
    let changed = dev.json(&change).await;
    let plan = decide(&line, &dev, &approver, changed["code"].as_str().unwrap()).await;
    assert!(plan.contains("versioning"), "{plan}");
    assert_eq!(moto.ask("s3", &versioning).await, "Enabled");

    let ended = dev.json(&["request", "destroy", "first", "-u", "sandbox", "--yes"]).await;
    decide(&line, &dev, &approver, ended["code"].as_str().unwrap()).await;
    assert_eq!(buckets(&moto).await, "[]");
    assert_eq!(dev.json(&["deployments", "get", "first"]).await["state"], "DEPLOYMENT_STATE_DELETED");
    line.finish().await;
}

/// Shows the plan of a request to the approver, who approves it, and follows its apply to the end: the plan as shown.
async fn decide(line: &Line, dev: &Cli, approver: &Cli, code: &str) -> String {
    let planned = dev.run(&["request", "watch", code, "--until", "pending-approval"]).await;
    assert!(planned.is_well(), "{planned:?}");
    let plan = approver.run(&["request", "plan", code]).await;
    assert!(plan.is_well(), "{plan:?}");
    let refused = dev.run(&["request", "approve", code, "--yes"]).await;
    assert!(!refused.is_well(), "the developer does not decide: {refused:?}");
    let approved = approver.run(&["request", "approve", code, "--yes"]).await;
    assert!(approved.is_well(), "{approved:?}");

    let requests = line.dev.all_requests().await;
    let request = requests.into_iter().find(|request| request.code == code).unwrap();
    first_line_comes_early(line, request.jobs.last().unwrap()).await;
    let done = dev.run(&["request", "watch", code]).await;
    assert!(done.is_well(), "{done:?}");
    plan.out
}

/// The first line of an apply is seen before the apply has ended.
async fn first_line_comes_early(line: &Line, job: &str) {
    let tail = line.dev.tail_job_logs(job, "", true);
    pin_mut!(tail);
    let first = tail.next().await.unwrap().unwrap();
    assert!(matches!(first, Event::Item(pb::JobLogChunk { ref lines, .. }) if lines[0].seq == 1), "{first:?}");
    let job = line.dev.job(job).await;
    assert_eq!((job.state(), job.end_time), (JobState::Running, None), "it still runs");
}
