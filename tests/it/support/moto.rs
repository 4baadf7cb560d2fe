//! A stand-in for AWS, and an AWS client that is not ours.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use flagstone_server::config::Config;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::line::until;
use super::skip::{installed_program, skip};

/// Where machines for tests keep a mirror of Terraform's providers; FLAGSTONE_TERRAFORM_MIRROR names another.
const MIRROR: &str = "/opt/tf-plugins";

/// AWS as far as the tests need it.
pub(crate) struct Moto {
    _server: Child,
    endpoint: String,
    mirror: PathBuf,
}

impl Moto {
    /// Starts it on a port of its own. Nothing, after having said that `test` is skipped, where this machine lacks it, the
    /// AWS provider or boto3.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let mirror = std::env::var("FLAGSTONE_TERRAFORM_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
        if !Path::new(&mirror).join("registry.terraform.io/hashicorp/aws").is_dir() {
            skip(test, &format!("the AWS provider is not in {mirror}"));
            return None;
        }
        if !has_boto3().await {
            skip(test, "boto3 is not installed");
            return None;
        }
        let Some(program) = installed_program("moto_server") else {
            skip(test, "moto_server is not in PATH");
            return None;
        };
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
        Some(Self { _server: server, endpoint: format!("http://{address}"), mirror: mirror.into() })
    }

    /// A change of a server's configuration: its runner works here.
    pub(crate) fn configure(&self) -> impl FnOnce(&mut Config) + use<> {
        let (endpoint, mirror) = (self.endpoint.clone(), self.mirror.clone());
        move |config| {
            config.runner.terraform_mirror = Some(mirror);
            config.runner.environment = [
                ("AWS_ENDPOINT_URL", endpoint.as_str()),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        }
    }

    /// Asks a service through boto3. `question` is an expression over the client `aws`.
    pub(crate) async fn ask(&self, service: &str, question: &str) -> String {
        let program = format!(
            "import boto3\naws = boto3.client('{service}', endpoint_url='{}', region_name='us-east-1', \
             aws_access_key_id='test', aws_secret_access_key='test')\nprint({question})",
            self.endpoint
        );
        let output = Command::new("python3").args(["-c", &program]).output().await.unwrap();
        assert!(output.status.success(), "{question}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Whether boto3 is there.
async fn has_boto3() -> bool {
    let asked = Command::new("python3").args(["-c", "import boto3"]).output().await;
    asked.is_ok_and(|output| output.status.success())
}
