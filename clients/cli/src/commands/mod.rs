//! The commands, one noun each.

pub(crate) mod access;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod deployments;
pub(crate) mod environments;
pub(crate) mod groups;
pub(crate) mod jobs;
pub(crate) mod login;
pub(crate) mod organizations;
pub(crate) mod policies;
pub(crate) mod queues;
pub(crate) mod request;
pub(crate) mod roles;
pub(crate) mod templates;
pub(crate) mod tokens;
pub(crate) mod units;
pub(crate) mod users;
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
        Command::CanI(asked) => access::can_i(&context, asked).await,
        Command::Why(why) => access::why(&context, why).await,
        Command::WhoCan(asked) => access::who_can(&context, asked).await,
        Command::Users(users) => users::run(&context, users).await,
        Command::Invitations(invitations) => users::invitations(&context, invitations).await,
        Command::Sessions(sessions) => users::sessions(&context, sessions).await,
        Command::Roles(roles) => roles::run(&context, *roles).await,
        Command::Bindings(bindings) => roles::bindings(&context, bindings).await,
        Command::Groups(groups) => groups::run(&context, groups).await,
        Command::Teams(teams) => groups::teams(&context, teams).await,
        Command::Tokens(tokens) => tokens::run(&context, tokens).await,
        Command::ServiceAccounts(accounts) => tokens::accounts(&context, accounts).await,
        Command::Settings(settings) => organizations::settings(&context, settings).await,
        Command::Sso(sso) => organizations::sso(&context, *sso).await,
        Command::Organizations(organizations) => organizations::run(&context, organizations).await,
        Command::Keys(keys) => organizations::keys(&context, keys).await,
        Command::Templates(templates) => templates::run(&context, templates).await,
        Command::Request(request) => request::run(&context, *request).await,
        Command::Approvals(approvals) => approvals::run(&context, approvals).await,
        Command::Deployments(deployments) => deployments::run(&context, deployments).await,
        Command::Environments(environments) => environments::run(&context, environments).await,
        Command::Units(units) => units::run(&context, units).await,
        Command::Policies(policies) => policies::run(&context, policies).await,
        Command::Jobs(jobs) => jobs::run(&context, *jobs).await,
        Command::Queues(queues) => queues::run(&context, queues).await,
        Command::Schedules(schedules) => queues::schedules(&context, schedules).await,
        Command::Audit(audit) => audit::run(&context, audit).await,
        // Done above: it needs neither configuration nor server.
        Command::Completions { .. } => Ok(()),
    }
}
