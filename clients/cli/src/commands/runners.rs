//! What executes jobs: the runners that are there, and tokens for others to join.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use flagstone_api::pb::{
    AdoptRunnerRequest, CreateRunnerTokenRequest, DeleteRunnerRequest, DrainRunnerRequest, Engine, GetRunnerRequest,
    ListRunnersRequest, RejectRunnerRequest, ResumeRunnerRequest, Runner,
};

use crate::change::{Change, Risk};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::{Column, Format, note, print};
use crate::text::{id, time, word};

/// What to do with runners.
#[derive(Subcommand)]
pub(crate) enum Runners {
    /// List the runners, the newest first
    List(Listing),
    /// Show a runner
    Get {
        /// Id of the runner
        runner: String,
    },
    /// Make a token that lets one runner in, and print the command to run on its machine
    Token {
        /// A label of the runner, for instance tier=production; may be repeated, and separated by commas
        #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = label)]
        labels: Vec<(String, String)>,
        /// Give the runner no jobs until `runners adopt`
        #[arg(long)]
        needs_adoption: bool,
        /// How long the token works, for instance 15m or 2d
        #[arg(long, default_value = "1h", value_name = "LENGTH", value_parser = humantime::parse_duration)]
        lifetime: Duration,
        #[command(flatten)]
        change: Change,
    },
    /// Let a runner take jobs that waits for it
    Adopt {
        /// Id of the runner
        runner: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Turn a runner away that waits to be adopted
    Reject {
        /// Id of the runner
        runner: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Have a runner finish its jobs and take no others
    Drain {
        /// Id of the runner
        runner: String,
        #[command(flatten)]
        change: Change,
    },
    /// Let a drained runner take jobs again
    Resume {
        /// Id of the runner
        runner: String,
        #[command(flatten)]
        change: Change,
    },
    /// Remove a runner for good
    Delete {
        /// Id of the runner
        runner: String,
        /// Remove it although it has jobs: what it has not yet stored of their state is lost
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        risk: Risk,
    },
}

/// `key=value`.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

const COLUMNS: &[Column<Runner>] = &[
    ("RUNNER", |r| id(&r.name)),
    ("STATE", state),
    ("CONNECTION", connection),
    ("JOBS", load),
    ("LABELS", labels),
    ("VERSION", |r| r.version.clone()),
    ("LAST SEEN", |r| time(r.last_seen_time.as_ref())),
];

const FIELDS: &[Column<Runner>] = &[
    ("Runner", |r| id(&r.name)),
    ("Name", |r| r.display_name.clone()),
    ("State", state),
    ("Connection", connection),
    ("Jobs", load),
    ("Labels", labels),
    ("Engines", engines),
    ("Version", |r| r.version.clone()),
    ("Works for", |r| if r.installation { "the whole installation" } else { "this organization" }.to_owned()),
    ("Last seen", |r| time(r.last_seen_time.as_ref())),
    ("Joined", |r| time(r.create_time.as_ref())),
    ("By", |r| id(&r.creator)),
];

fn state(runner: &Runner) -> String {
    word(runner.state().as_str_name(), "RUNNER_STATE")
}

fn connection(runner: &Runner) -> String {
    word(runner.connection().as_str_name(), "RUNNER_CONNECTION")
}

fn load(runner: &Runner) -> String {
    format!("{}/{}", runner.running_jobs, runner.capacity)
}

fn labels(runner: &Runner) -> String {
    runner.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn engines(runner: &Runner) -> String {
    let engine = |found: &flagstone_api::pb::RunnerEngine| {
        let name = word(Engine::try_from(found.engine).unwrap_or_default().as_str_name(), "ENGINE");
        format!("{name} {}", found.version).trim_end().to_owned()
    };
    runner.engines.iter().map(engine).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn run(context: &Context, runners: Runners) -> Result<(), Failure> {
    let mut client = context.client.runners();
    match runners {
        Runners::List(listing) => {
            let request = ListRunnersRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_runners(request), listing.limit, COLUMNS).await
        }
        Runners::Get { runner } => context.format.one(&found(context, &runner).await?, FIELDS),
        Runners::Token { labels, needs_adoption, lifetime, change } => {
            let lifetime = prost_types::Duration::try_from(lifetime)
                .map_err(|_| Failure::Usage("The length of --lifetime is out of range.".to_owned()))?;
            let request = CreateRunnerTokenRequest {
                labels: labels.into_iter().collect::<BTreeMap<_, _>>(),
                needs_adoption,
                lifetime: Some(lifetime),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = client.create_runner_token(request).await?.into_inner();
            if answer.effects.is_none() && context.format == Format::Table {
                let ends = time(answer.expire_time.as_ref());
                note(&format!(
                    "Run this on the runner's machine. It is not shown again, and works once, until {ends}."
                ));
                return print(&format!("{}\n", answer.command));
            }
            context.gone(&answer, answer.effects.as_ref(), "The token is not shown again.")
        }
        Runners::Adopt { runner, risk } => {
            let runner = found(context, &runner).await?;
            let short = id(&runner.name);
            risk.consent(&format!("Let {short} ({}) take jobs, and read what they hold?", runner.display_name))?;
            let request = AdoptRunnerRequest {
                name: runner.name,
                etag: runner.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let runner = client.adopt_runner(request).await?.into_inner();
            context.changed(&runner, runner.effects.as_ref(), FIELDS)
        }
        Runners::Reject { runner, risk } => {
            let runner = found(context, &runner).await?;
            risk.consent(&format!("Turn {} away?", id(&runner.name)))?;
            let request = RejectRunnerRequest {
                name: runner.name,
                etag: runner.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let runner = client.reject_runner(request).await?.into_inner();
            context.changed(&runner, runner.effects.as_ref(), FIELDS)
        }
        Runners::Drain { runner, change } => {
            let name = alone(&runner, "runners")?;
            let request = DrainRunnerRequest { name, validate_only: change.dry_run, ..Default::default() };
            let runner = client.drain_runner(request).await?.into_inner();
            context.changed(&runner, runner.effects.as_ref(), FIELDS)
        }
        Runners::Resume { runner, change } => {
            let name = alone(&runner, "runners")?;
            let request = ResumeRunnerRequest { name, validate_only: change.dry_run, ..Default::default() };
            let runner = client.resume_runner(request).await?.into_inner();
            context.changed(&runner, runner.effects.as_ref(), FIELDS)
        }
        Runners::Delete { runner, force, risk } => {
            let runner = found(context, &runner).await?;
            let short = id(&runner.name);
            risk.typed(&format!("Remove the runner {short}? Its credential stops working."), &short)?;
            let request = DeleteRunnerRequest {
                name: runner.name,
                etag: runner.etag,
                force,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_runner(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Removed {short}."))
        }
    }
}

async fn found(context: &Context, runner: &str) -> Result<Runner, Failure> {
    let request = GetRunnerRequest { name: alone(runner, "runners")? };
    Ok(context.client.runners().get_runner(request).await?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_shows_what_it_has() {
        let runner = Runner {
            running_jobs: 1,
            capacity: 2,
            labels: [("tier".to_owned(), "production".to_owned())].into(),
            engines: vec![flagstone_api::pb::RunnerEngine { engine: Engine::Terraform.into(), version: "1.11".into() }],
            ..Default::default()
        };
        assert_eq!(
            (load(&runner), labels(&runner), engines(&runner)),
            ("1/2".into(), "tier=production".into(), "TERRAFORM 1.11".into())
        );
        assert!(label("tier").is_err());
    }
}
