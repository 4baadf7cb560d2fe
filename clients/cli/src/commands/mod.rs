//! The commands, one noun each.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod deployments;
pub(crate) mod environments;
pub(crate) mod jobs;
pub(crate) mod login;
pub(crate) mod policies;
pub(crate) mod request;
pub(crate) mod templates;
pub(crate) mod units;
pub(crate) mod whoami;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::print;

/// Does what was typed.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "flagstone", &mut script);
        return print(&String::from_utf8_lossy(&script));
    }
    let context = Context::new(cli.global).await?;
    match cli.command {
        Command::Login(login) => login::login(&context, login).await,
        Command::Logout => login::logout(&context).await,
        Command::Whoami(whoami) => whoami::run(&context, &whoami).await,
        Command::Templates(templates) => templates::run(&context, templates).await,
        Command::Request(request) => request::run(&context, *request).await,
        Command::Approvals(approvals) => approvals::run(&context, approvals).await,
        Command::Deployments(deployments) => deployments::run(&context, deployments).await,
        Command::Environments(environments) => environments::run(&context, environments).await,
        Command::Units(units) => units::run(&context, units).await,
        Command::Policies(policies) => policies::run(&context, policies).await,
        Command::Jobs(jobs) => jobs::run(&context, jobs).await,
        Command::Audit(audit) => audit::run(&context, audit).await,
        // Done above: it needs neither configuration nor server.
        Command::Completions { .. } => Ok(()),
    }
}
