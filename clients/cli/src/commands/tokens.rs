//! API tokens, and the service accounts that may hold them.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb::{
    ApiToken, CiClaimCondition, CiTrustRule, CreateApiTokenRequest, CreateServiceAccountRequest,
    DeleteServiceAccountRequest, GetServiceAccountRequest, ListApiTokensRequest, ListServiceAccountsRequest,
    RevokeApiTokenRequest, ServiceAccount, ServiceAccountKind, UpdateServiceAccountRequest,
};

use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::commands::roles::{stamp, when};
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::{Column, Format, note, print};
use crate::text::{id, names, time, word, yes};

/// What to do with API tokens: your own, or those of a service account.
#[derive(Subcommand)]
pub(crate) enum Tokens {
    /// List the tokens, without their secrets
    List {
        /// Of this service account instead of yourself
        #[arg(long, value_name = "ACCOUNT")]
        service_account: Option<String>,
    },
    /// Make a token; its secret is printed once
    Create(Box<Create>),
    /// End a token at once
    Revoke {
        /// Id of the token, or its whole name; not its secret
        id: String,
        /// Of this service account instead of yourself
        #[arg(long, value_name = "ACCOUNT")]
        service_account: Option<String>,
        #[command(flatten)]
        change: Change,
    },
}

/// A new token.
#[derive(Args)]
pub(crate) struct Create {
    /// What it is for
    title: String,
    /// A permission it may use; may be repeated
    #[arg(short, long = "permission", required = true, value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// A business unit it is for; may be repeated [default: every one that the holder reaches]
    #[arg(long = "for-unit", value_name = "UNIT")]
    units: Vec<String>,
    /// When it ends: a time, or a length such as 30d, at most 365d [default: 90d]
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<DateTime<Utc>>,
    /// For this service account instead of yourself
    #[arg(long, value_name = "ACCOUNT")]
    service_account: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// What to do with service accounts.
#[derive(Subcommand)]
pub(crate) enum ServiceAccounts {
    /// List the service accounts, the newest first
    List(Listing),
    /// Show a service account and its roles
    Get {
        /// Id of the account
        account: String,
    },
    /// Make a service account
    Create {
        /// Id of the new account
        account: String,
        /// What it is
        #[arg(long, value_enum, default_value = "machine")]
        kind: AccountKind,
        /// What it is for
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        /// For CI: issuer of the provider's tokens, then claims that must be equal, for instance
        /// 'https://ci.example.com,repository=acme/api,ref=refs/heads/main'; may be repeated
        #[arg(long = "trust", value_name = "RULE", value_parser = trust_rule)]
        trust: Vec<CiTrustRule>,
        #[command(flatten)]
        change: Change,
    },
    /// Change a service account
    Update {
        /// Id of the account
        account: String,
        /// New description
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Whether its credentials work
        #[arg(long, value_name = "TRUE|FALSE")]
        active: Option<bool>,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a service account and end its tokens; what it did stays on record
    Delete {
        /// Id of the account
        account: String,
        #[command(flatten)]
        risk: Risk,
    },
}

/// What a service account is.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum AccountKind {
    /// A program of one's own
    Machine,
    /// A pipeline
    Ci,
    /// An agent: what is risky it can only ask for
    Agent,
}

/// Reads `ISSUER,claim=value,…`.
fn trust_rule(typed: &str) -> Result<CiTrustRule, String> {
    let mut parts = typed.split(',');
    let issuer = parts.next().unwrap_or_default().to_owned();
    let conditions = parts
        .map(|part| {
            let (claim, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form claim=value"))?;
            Ok(CiClaimCondition { claim: claim.to_owned(), value: value.to_owned() })
        })
        .collect::<Result<Vec<_>, String>>()?;
    if issuer.is_empty() || conditions.is_empty() {
        return Err("a rule is an issuer and at least one claim=value, with commas between".to_owned());
    }
    Ok(CiTrustRule { issuer, conditions })
}

const TOKENS: &[Column<ApiToken>] = &[
    ("TOKEN", |t| id(&t.name)),
    ("TITLE", |t| t.display_name.clone()),
    ("BEGINS WITH", |t| t.prefix.clone()),
    ("PERMISSIONS", |t| t.permissions.len().to_string()),
    ("UNITS", |t| names(&t.business_units)),
    ("ENDS", |t| time(t.expire_time.as_ref())),
    ("LAST USE", |t| time(t.last_use_time.as_ref())),
    ("REVOKED", |t| yes(t.revoke_time.is_some())),
];

/// Whose tokens are meant.
fn holder(service_account: Option<&str>) -> Result<String, Failure> {
    service_account.map_or(Ok("users/me".to_owned()), |account| alone(account, "serviceAccounts"))
}

pub(crate) async fn run(context: &Context, tokens: Tokens) -> Result<(), Failure> {
    let mut client = context.client.api_tokens();
    match tokens {
        Tokens::List { service_account } => {
            let parent = holder(service_account.as_deref())?;
            let request = ListApiTokensRequest { parent, page_size: 200, ..Default::default() };
            context.print_list(context.client.list_api_tokens(request), 0, TOKENS).await
        }
        Tokens::Create(create) => {
            let units = create.units.iter().map(|unit| alone(unit, "businessUnits")).collect::<Result<_, _>>()?;
            let api_token = ApiToken {
                display_name: create.title,
                permissions: create.permissions,
                business_units: units,
                expire_time: create.until.map(stamp),
                ..Default::default()
            };
            let request = CreateApiTokenRequest {
                parent: holder(create.service_account.as_deref())?,
                api_token: Some(api_token),
                validate_only: create.change.dry_run,
                ..Default::default()
            };
            let answer = client.create_api_token(request).await?.into_inner();
            if answer.effects.is_none() && context.format == Format::Table {
                let ends = answer.api_token.as_ref().and_then(|token| token.expire_time);
                note(&format!("The secret is not shown again. It works until {}.", time(ends.as_ref())));
                return print(&format!("{}\n", answer.secret));
            }
            context.gone(&answer, answer.effects.as_ref(), "The secret is not shown again.")
        }
        Tokens::Revoke { id, service_account, change } => {
            let name = match id.matches('/').count() {
                0 => format!("{}/apiTokens/{id}", holder(service_account.as_deref())?),
                _ => id,
            };
            let request = RevokeApiTokenRequest { name, validate_only: change.dry_run, ..Default::default() };
            let answer = client.revoke_api_token(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), "The token does not work any more.")
        }
    }
}

const ACCOUNTS: &[Column<ServiceAccount>] = &[
    ("ACCOUNT", |a| id(&a.name)),
    ("KIND", kind),
    ("DESCRIPTION", |a| a.description.clone()),
    ("ACTIVE", |a| yes(a.active)),
    ("LAST USE", |a| time(a.last_use_time.as_ref())),
];

const ACCOUNT: &[Column<ServiceAccount>] = &[
    ("Account", |a| id(&a.name)),
    ("Kind", kind),
    ("Description", |a| a.description.clone()),
    ("Active", |a| if a.active { "yes" } else { "no" }.to_owned()),
    ("Roles", |a| {
        let one = |b: &flagstone_api::pb::ServiceAccountBinding| {
            let place =
                if b.business_unit.is_empty() { String::new() } else { format!(" in {}", id(&b.business_unit)) };
            format!("{}{place}", id(&b.role))
        };
        a.role_bindings.iter().map(one).collect::<Vec<_>>().join("\n")
    }),
    ("Trusts", |a| {
        let one = |rule: &CiTrustRule| {
            let claims: Vec<String> = rule.conditions.iter().map(|c| format!("{}={}", c.claim, c.value)).collect();
            format!("{} with {}", rule.issuer, claims.join(", "))
        };
        a.ci_trust_rules.iter().map(one).collect::<Vec<_>>().join("\n")
    }),
    ("Last use", |a| time(a.last_use_time.as_ref())),
    ("Created", |a| time(a.create_time.as_ref())),
    ("By", |a| id(&a.creator)),
];

fn kind(account: &ServiceAccount) -> String {
    word(account.kind().as_str_name(), "SERVICE_ACCOUNT_KIND")
}

pub(crate) async fn accounts(context: &Context, accounts: ServiceAccounts) -> Result<(), Failure> {
    let mut client = context.client.service_accounts();
    match accounts {
        ServiceAccounts::List(listing) => {
            let request = ListServiceAccountsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_service_accounts(request), listing.limit, ACCOUNTS).await
        }
        ServiceAccounts::Get { account } => context.format.one(&account_of(context, &account).await?, ACCOUNT),
        ServiceAccounts::Create { account, kind, description, trust, change } => {
            let kind = match kind {
                AccountKind::Machine => ServiceAccountKind::Machine,
                AccountKind::Ci => ServiceAccountKind::Ci,
                AccountKind::Agent => ServiceAccountKind::Agent,
            };
            let service_account = ServiceAccount {
                kind: kind.into(),
                description,
                active: true,
                ci_trust_rules: trust,
                ..Default::default()
            };
            let request = CreateServiceAccountRequest {
                service_account_id: account,
                service_account: Some(service_account),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let account = client.create_service_account(request).await?.into_inner();
            context.changed(&account, account.effects.as_ref(), ACCOUNT)
        }
        ServiceAccounts::Update { account, description, active, change } => {
            let update_mask = mask(&[("description", description.is_some()), ("active", active.is_some())])?;
            let mut account = account_of(context, &account).await?;
            account.description = description.unwrap_or(account.description);
            account.active = active.unwrap_or(account.active);
            let request = UpdateServiceAccountRequest {
                service_account: Some(account),
                update_mask,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let account = client.update_service_account(request).await?.into_inner();
            context.changed(&account, account.effects.as_ref(), ACCOUNT)
        }
        ServiceAccounts::Delete { account, risk } => {
            let account = account_of(context, &account).await?;
            let short = id(&account.name);
            risk.typed(&format!("Delete the service account {short} and end its tokens?"), &short)?;
            let request = DeleteServiceAccountRequest {
                name: account.name,
                etag: account.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_service_account(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Deleted {short}."))
        }
    }
}

async fn account_of(context: &Context, account: &str) -> Result<ServiceAccount, Failure> {
    let request = GetServiceAccountRequest { name: alone(account, "serviceAccounts")? };
    Ok(context.client.service_accounts().get_service_account(request).await?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_rule_is_an_issuer_and_claims() {
        let rule = trust_rule("https://ci.example.com,repository=acme/api,ref=refs/heads/main").unwrap();
        assert_eq!(rule.issuer, "https://ci.example.com");
        assert_eq!(rule.conditions[1].value, "refs/heads/main");
        for wrong in ["", "https://ci.example.com", "https://ci.example.com,repository", ",a=b"] {
            assert!(trust_rule(wrong).is_err(), "{wrong}");
        }
    }
}
