//! The command line: what can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    access, approvals, audit, deployments, environments, groups, jobs, login, organizations, policies, queues, request,
    roles, templates, tokens, units, users, whoami,
};
use crate::output::Format;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  an error that is none of the others
  2  the command line is wrong
  3  denied, not logged in, or `can-i` says no
  4  not found
  5  the awaited thing failed, or was rejected, cancelled or expired
  6  timed out
  7  conflict: something else changed or holds it
  8  unavailable: the server is away or overloaded

FLAGSTONE_TOKEN may hold an API token: it is used instead of the session that `login` opened.
Names may be short: R-42, my-bucket, sandbox/my-bucket, aws-s3@1.0.0.";

/// Orders, approves and follows infrastructure with Flagstone.
#[derive(Parser)]
#[command(name = "flagstone", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// URL of the server [default: that of the last login, else http://127.0.0.1:7400]
    #[arg(long, global = true, env = "FLAGSTONE_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Business unit [default: your active one, or the only one]; `-` in lists: all
    #[arg(short = 'u', long, global = true, env = "FLAGSTONE_UNIT", value_name = "UNIT")]
    pub(crate) unit: Option<String>,
    /// How to print what comes back
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Folder of configuration and tokens [default: $XDG_CONFIG_HOME/flagstone]
    #[arg(long, global = true, env = "FLAGSTONE_CONFIG_DIR", value_name = "DIR", hide_short_help = true)]
    pub(crate) config_dir: Option<PathBuf>,
}

/// The nouns and what to do with them.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Open a session
    Login(login::Login),
    /// End the session
    Logout,
    /// Show who is logged in
    Whoami(whoami::Whoami),
    /// Say whether you may do something
    #[command(name = "can-i")]
    CanI(access::CanI),
    /// Explain why a call was refused
    Why(access::Why),
    /// List who may do something
    #[command(name = "who-can")]
    WhoCan(access::WhoCanArgs),
    /// What can be ordered
    #[command(subcommand, visible_alias = "template")]
    Templates(templates::Templates),
    /// Change what is deployed: order, approve, follow
    #[command(subcommand, visible_alias = "requests")]
    Request(Box<request::Request>),
    /// What waits for a decision
    #[command(subcommand, visible_alias = "approval")]
    Approvals(approvals::Approvals),
    /// What is deployed
    #[command(subcommand, visible_alias = "deployment")]
    Deployments(deployments::Deployments),
    /// Where things run
    #[command(subcommand, visible_alias = "environment")]
    Environments(environments::Environments),
    /// The business units and their members
    #[command(subcommand, visible_alias = "unit")]
    Units(units::Units),
    /// Who must approve what
    #[command(subcommand, visible_alias = "policy")]
    Policies(policies::Policies),
    /// Work in progress, and its logs
    #[command(subcommand, visible_alias = "job")]
    Jobs(Box<jobs::Jobs>),
    /// The lines in which jobs wait
    #[command(subcommand, visible_alias = "queue")]
    Queues(queues::Queues),
    /// What the servers do by themselves now and then
    #[command(subcommand, visible_alias = "schedule")]
    Schedules(queues::Schedules),
    /// The people of the organization
    #[command(subcommand, visible_alias = "user")]
    Users(users::Users),
    /// Who was invited
    #[command(subcommand, visible_alias = "invitation")]
    Invitations(users::Invitations),
    /// Where people are logged in
    #[command(subcommand, visible_alias = "session")]
    Sessions(users::Sessions),
    /// What people may do
    #[command(subcommand, visible_alias = "role")]
    Roles(Box<roles::Roles>),
    /// Who holds which role
    #[command(subcommand, visible_alias = "binding")]
    Bindings(roles::Bindings),
    /// People who hold roles together
    #[command(subcommand, visible_alias = "group")]
    Groups(groups::Groups),
    /// People who own things together
    #[command(subcommand, visible_alias = "team")]
    Teams(groups::Teams),
    /// Long-lived secrets for programs
    #[command(subcommand, visible_alias = "token")]
    Tokens(tokens::Tokens),
    /// Programs that act under their own name
    #[command(subcommand, visible_alias = "service-account")]
    ServiceAccounts(tokens::ServiceAccounts),
    /// The settings of your organization
    #[command(subcommand)]
    Settings(organizations::Settings),
    /// Through whom one may log in
    #[command(subcommand)]
    Sso(Box<organizations::Sso>),
    /// The organizations of the installation, for its operator
    #[command(subcommand, visible_alias = "organization")]
    Organizations(organizations::Organizations),
    /// The keys that tokens are signed with, for the installation's operator
    #[command(subcommand)]
    Keys(organizations::Keys),
    /// Who did what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What every list takes.
#[derive(Args)]
pub(crate) struct Listing {
    /// Filter, for instance 'state = "FAILED" AND create_time > "2026-01-01T00:00:00Z"'
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Order, for instance 'create_time'; by default the newest first
    #[arg(long, value_name = "ORDER")]
    pub(crate) order_by: Option<String>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
}

impl Listing {
    /// How many to fetch at a time: no more than are shown.
    pub(crate) fn page_size(&self) -> i32 {
        i32::try_from(self.limit).ok().filter(|size| (1..=200).contains(size)).unwrap_or(200)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_option_takes_a_secret() {
        fn walk(command: &clap::Command, found: &mut Vec<String>) {
            for arg in command.get_arguments() {
                let id = arg.get_id().as_str();
                let takes_text = arg.get_action().takes_values();
                if takes_text && (id.contains("password") || id.contains("token")) && !id.ends_with("_file") {
                    found.push(format!("{} {id}", command.get_name()));
                }
            }
            command.get_subcommands().for_each(|sub| walk(sub, found));
        }
        let mut found = Vec::new();
        walk(&Cli::command(), &mut found);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_page_is_no_larger_than_the_limit() {
        let size = |limit| Listing { filter: None, order_by: None, limit }.page_size();
        assert_eq!([size(0), size(1), size(50), size(200), size(1000)], [200, 1, 50, 200, 200]);
    }

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_commands_of_the_guide_parse() {
        for line in [
            "flagstone login --server http://127.0.0.1:7400 --username ada --password-stdin",
            "flagstone logout",
            "flagstone whoami --permissions",
            "flagstone templates list",
            "flagstone templates get aws-s3@1.0.0",
            "flagstone templates versions aws-s3",
            "flagstone request create --template aws-s3@1.0.0 --environment development --unit sandbox \
             --input name=logs --input versioning:=true --tag team=core --cost-center c1 --id logs --wait",
            "flagstone request create -T config-bundle -E development --inputs-file in.yaml --dry-run",
            "flagstone request update logs --input versioning:=false --draft",
            "flagstone request destroy sandbox/logs --yes --wait --timeout 10m",
            "flagstone request get R-42 -o json",
            "flagstone request list --filter state=FAILED --limit 0",
            "flagstone request plan R-42",
            "flagstone request approve R-42 --yes --comment fine",
            "flagstone request reject R-42 --comment no",
            "flagstone request cancel R-42 --reason typo",
            "flagstone request retry R-42 --wait",
            "flagstone request submit R-42",
            "flagstone request watch R-42 --until pending-approval",
            "flagstone request timeline R-42",
            "flagstone request why R-42",
            "flagstone approvals list",
            "flagstone approvals get 0190",
            "flagstone deployments list -u -",
            "flagstone deployments get logs",
            "flagstone deployments revisions logs",
            "flagstone environments list",
            "flagstone units list",
            "flagstone policies list",
            "flagstone policies get development",
            "flagstone policies set development --auto-approve off",
            "flagstone jobs list",
            "flagstone jobs get 0190",
            "flagstone jobs logs R-42 --follow",
            "flagstone jobs cancel 0190",
            "flagstone jobs watch 0190",
            "flagstone audit list",
            "flagstone audit get 0198c0de-0000-7000-8000-000000000001",
            "flagstone audit export --to audit.ndjson --format ndjson --from-seq 1 --to-seq 200",
            "flagstone audit stats -o json",
            "flagstone audit verify",
            "flagstone audit verify audit.ndjson --key jwks.json --previous older.ndjson",
            "flagstone login --device",
            "flagstone login --token-stdin",
            "flagstone can-i business_unit:requests:create businessUnits/sandbox --explain",
            "flagstone why 0190",
            "flagstone who-can business_unit:approvals:decide:production businessUnits/sandbox",
            "flagstone users list --filter active=true",
            "flagstone users get ada",
            "flagstone users create ada@example.com --full-name Ada",
            "flagstone users update ada --full-name Ada --dry-run",
            "flagstone users deactivate ada --yes",
            "flagstone users activate ada",
            "flagstone users reset-password ada --yes",
            "flagstone users delete ada --yes",
            "flagstone invitations create ada@example.com --role developer --unit sandbox",
            "flagstone invitations list",
            "flagstone invitations revoke 0190",
            "flagstone sessions list --user ada",
            "flagstone sessions revoke all",
            "flagstone roles permissions deploy",
            "flagstone roles get developer",
            "flagstone roles create reader --display-name Reader -p business_unit:jobs:read --restriction own-team",
            "flagstone roles create mine --display-name Mine --copy developer",
            "flagstone roles update reader --add business_unit:jobs:list --remove business_unit:jobs:read",
            "flagstone roles delete reader --yes",
            "flagstone bindings list -u -",
            "flagstone bindings create developer users/ada -u sandbox --until 8h --condition true",
            "flagstone bindings create developer groups/core --deny --dry-run",
            "flagstone bindings delete 0190 --yes",
            "flagstone groups create core --display-name Core -u sandbox",
            "flagstone groups add core ada",
            "flagstone groups members core",
            "flagstone teams create core --display-name Core",
            "flagstone teams add core ada --lead",
            "flagstone units create ENG --display-name Engineering --owner ada",
            "flagstone units add-member eng ada@example.com --role developer",
            "flagstone units set-member eng ada --role viewer",
            "flagstone units remove-member eng ada",
            "flagstone tokens create nightly -p business_unit:jobs:list --for-unit sandbox --until 30d",
            "flagstone tokens list --service-account ci",
            "flagstone tokens revoke 0190",
            "flagstone service-accounts create ci --kind ci --trust https://ci.example.com,repository=acme/api",
            "flagstone settings get",
            "flagstone settings set --audit-retention-days 400",
            "flagstone sso create corp --kind oidc --display-name Corp --issuer https://id.example.com --client-id f",
            "flagstone sso test corp",
            "flagstone organizations create acme --display-name Acme --admin-email ada@example.com",
            "flagstone keys rotate --yes",
            "flagstone completions bash",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_contradictory_is_refused() {
        use clap::error::ErrorKind::{ArgumentConflict, InvalidValue, MissingRequiredArgument, ValueValidation};
        let kind = |line| parse(line).err();
        assert_eq!(kind("flagstone request create -T a"), Some(MissingRequiredArgument));
        assert_eq!(kind("flagstone request reject R-42"), Some(MissingRequiredArgument));
        assert_eq!(kind("flagstone policies set development"), Some(MissingRequiredArgument));
        assert_eq!(kind("flagstone request create -T a -E b --draft --wait"), Some(ArgumentConflict));
        assert_eq!(kind("flagstone request create -T a -E b --dry-run --wait"), Some(ArgumentConflict));
        assert_eq!(kind("flagstone request create -T a -E b --input nothing"), Some(ValueValidation));
        assert_eq!(kind("flagstone units list -o xml"), Some(InvalidValue));
    }
}
