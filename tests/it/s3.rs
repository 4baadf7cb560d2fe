//! The S3 template end to end, with the real AWS provider and a stand-in for AWS: ordered and approved on the command
//! line, looked at with an AWS client that is not ours.

use std::path::Path;
use std::process::Stdio;

use flagstone_client::pb::JobState;
use flagstone_client::{Event, pb};
use futures::{StreamExt, pin_mut};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::app::PASSWORD;
use crate::support::line::cli::Cli;
use crate::support::line::{Line, until};
use crate::support::skip::{installed_program, skip};

const TEST: &str = "s3_a_bucket_is_ordered_approved_changed_and_destroyed";

/// Where machines for tests keep a mirror of Terraform's providers; FLAGSTONE_TERRAFORM_MIRROR names another.
const MIRROR: &str = "/opt/tf-plugins";

const BUCKET: &str = "flagstone-first-bucket";

/// AWS as far as this test needs it.
struct Moto {
    _server: Child,
    endpoint: String,
}

impl Moto {
    /// Starts it on a port of its own; nothing where this machine does not have it.
    async fn start() -> Option<Self> {
        let program = installed_program("moto_server")?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until("moto listens", || async { TcpStream::connect(address).await.is_ok() }).await;
        Some(Self { _server: server, endpoint: format!("http://{address}") })
    }

    /// Asks it through boto3. `question` is an expression over the client `s3`.
    async fn ask(&self, question: &str) -> String {
        let program = format!(
            "import boto3\ns3 = boto3.client('s3', endpoint_url='{}', region_name='us-east-1', \
             aws_access_key_id='test', aws_secret_access_key='test')\nprint({question})",
            self.endpoint
        );
        let output = Command::new("python3").args(["-c", &program]).output().await.unwrap();
        assert!(output.status.success(), "{question}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn buckets(&self) -> String {
        self.ask("[bucket['Name'] for bucket in s3.list_buckets()['Buckets']]").await
    }
}

/// Whether boto3 is there.
async fn has_boto3() -> bool {
    let asked = Command::new("python3").args(["-c", "import boto3"]).output().await;
    asked.is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_bucket_is_ordered_approved_changed_and_destroyed() {
    let mirror = std::env::var("FLAGSTONE_TERRAFORM_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    if !Path::new(&mirror).join("registry.terraform.io/hashicorp/aws").is_dir() {
        return skip(TEST, &format!("the AWS provider is not in {mirror}"));
    }
    if !has_boto3().await {
        return skip(TEST, "boto3 is not installed");
    }
    let Some(moto) = Moto::start().await else { return skip(TEST, "moto_server is not in PATH") };
    let endpoint = moto.endpoint.clone();
    let started = Line::start_with(TEST, move |config, _| {
        config.runner.terraform_mirror = Some(mirror.into());
        config.runner.environment = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    });
    let Some(line) = started.await else { return };
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
    assert_eq!(moto.buckets().await, format!("['{BUCKET}']"));
    let versioning = format!("s3.get_bucket_versioning(Bucket='{BUCKET}').get('Status')");
    assert_ne!(moto.ask(&versioning).await, "Enabled");
    let deployment = dev.json(&["deployments", "get", "first"]).await;
    assert!(deployment["outputs"].to_string().contains(&format!("arn:aws:s3:::{BUCKET}")), "{deployment}");

    let change = ["request", "update", "first", "-u", "sandbox", "-i", &name, "-i", "versioning_enabled:=true"];
    let changed = dev.json(&change).await;
    let plan = decide(&line, &dev, &approver, changed["code"].as_str().unwrap()).await;
    assert!(plan.contains("versioning"), "{plan}");
    assert_eq!(moto.ask(&versioning).await, "Enabled");

    let ended = dev.json(&["request", "destroy", "first", "-u", "sandbox", "--yes"]).await;
    decide(&line, &dev, &approver, ended["code"].as_str().unwrap()).await;
    assert_eq!(moto.buckets().await, "[]");
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
