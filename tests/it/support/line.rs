//! The main line as people walk it: who orders, approves and watches, what they order, and what they see.

pub(crate) mod cli;
pub(crate) mod engine;
pub(crate) mod log;
pub(crate) mod order;
pub(crate) mod person;
pub(crate) mod program;
pub(crate) mod sql;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flagstone_server::config::{Config, JobConfig};
use tempfile::TempDir;

use super::app::{PASSWORD, TestApp};
use super::wait::wait_for_within;
use engine::{templates, terraform};
use sql::Sql;

pub(crate) use order::{Order, bundle, destroy, probe, update};
pub(crate) use person::{People, Person};

/// How long a test waits for anything before it fails. Long, since the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How long a silent runner elsewhere keeps its jobs in tests: long enough for a busy machine, short enough to wait for.
pub(crate) const REMOTE_LEASE: Duration = Duration::from_secs(6);

/// A server with real Terraform, the people of its unit, and the templates of the product and of the tests.
pub(crate) struct Line {
    pub(crate) app: TestApp,
    pub(crate) sql: Sql,
    people: People,
    _templates: TempDir,
}

impl Line {
    /// A server as people start it. Nothing, after having said that `test` is skipped, where there is no Terraform.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::start_with(test, |_, _| ()).await
    }

    /// A server with another configuration; the second argument is where Terraform is.
    pub(crate) async fn start_with(test: &str, change: impl FnOnce(&mut Config, &Path) + 'static) -> Option<Self> {
        let real = terraform(test)?;
        Some(Self::of(true, move |config| change(config, &real)).await)
    }

    /// A server without a runner: its jobs wait, or a scripted runner takes them.
    pub(crate) async fn without_runner() -> Self {
        Self::of(false, |_| ()).await
    }

    /// A server without a runner, for runners that are processes of their own and run real Terraform, which comes with it.
    /// Nothing, after having said that `test` is skipped, where there is none.
    pub(crate) async fn for_remote_runners(test: &str) -> Option<(Self, PathBuf)> {
        let real = terraform(test)?;
        Some((Self::of(false, |config| config.jobs.lease = REMOTE_LEASE).await, real))
    }

    async fn of(with_runner: bool, change: impl FnOnce(&mut Config) + 'static) -> Self {
        let templates = templates(&["config-bundle", "aws-s3", "probe", "wrong"]);
        let directory = templates.path().to_owned();
        let builder = TestApp::builder().config(move |config| {
            config.templates_dir = Some(directory);
            change(config);
        });
        let app = if with_runner { builder.with_runner().config(patient) } else { builder }.start().await;
        let people = People::log_in(&app.url(), &[PASSWORD; 3]).await;
        let sql = Sql::connect(app.database_url()).await;
        Self { app, sql, people, _templates: templates }
    }

    /// Stops the server, and checks that no job and no transaction was left behind.
    pub(crate) async fn finish(self) {
        let ending = "SELECT count(*) FROM jobs WHERE state = 'CANCELLING'";
        until("cancelled jobs have ended", || async { self.sql.one::<i64>(ending, &[]).await == 0 }).await;
        until("every transaction has ended", || async { self.sql.open_transactions().await == 0 }).await;
        self.app.finish().await;
    }

    /// From now on people decide in development, too.
    pub(crate) async fn let_people_decide(&self) {
        self.admin.set_auto_approve("development-auto", false).await;
    }
}

impl Deref for Line {
    type Target = People;

    fn deref(&self) -> &People {
        &self.people
    }
}

/// Real engines on a busy machine: no runner is taken for lost because it had to wait for a core.
fn patient(config: &mut Config) {
    config.jobs.lease = JobConfig::default().lease;
}

/// Waits until `look` finds what it looks for.
pub(crate) async fn found<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    wait_for_within(PATIENCE, what, look).await
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    found(what, || {
        let holds = holds();
        async move { holds.await.then_some(()) }
    })
    .await;
}
