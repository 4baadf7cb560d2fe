//! The organization and its settings, who may vouch for its people, and, for the operator of the installation, the other
//! organizations and the signing keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb::{
    CreateOrganizationRequest, CreateSsoProviderRequest, DeactivateOrganizationRequest, DeleteOrganizationRequest,
    DeleteSsoProviderRequest, GetOrganizationRequest, GetOrganizationSettingsRequest, GetSsoProviderRequest,
    ListOrganizationsRequest, ListSigningKeysRequest, ListSsoProvidersRequest, Organization, OrganizationSettings,
    RotateSigningKeyRequest, SigningKey, SsoProvider, SsoProviderKind, TestSsoProviderRequest,
    UpdateOrganizationSettingsRequest,
};

use crate::ask;
use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::{Column, Format, note, print};
use crate::text::{id, time, word, yes};

/// What the operator of the installation does with organizations.
#[derive(Subcommand)]
pub(crate) enum Organizations {
    /// List the organizations, the newest first
    List(Listing),
    /// Show an organization
    Get {
        /// Id of the organization
        organization: String,
    },
    /// Make an organization; prints the link that invites its first administrator
    Create {
        /// Id of the new organization
        organization: String,
        /// Title
        #[arg(long, value_name = "TITLE")]
        display_name: String,
        /// E-mail address of the first administrator
        #[arg(long, value_name = "ADDRESS")]
        admin_email: String,
        /// What it is
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        change: Change,
    },
    /// Stop everybody and everything of an organization
    Deactivate {
        /// Id of the organization
        organization: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Let an organization work again
    Reactivate {
        /// Id of the organization
        organization: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Delete an organization without users
    Delete {
        /// Id of the organization
        organization: String,
        #[command(flatten)]
        risk: Risk,
    },
}

/// What to do with the settings of your organization.
#[derive(Subcommand)]
pub(crate) enum Settings {
    /// Show the settings
    Get,
    /// Change settings
    Set(Set),
}

/// What is to be different.
#[derive(Args)]
pub(crate) struct Set {
    /// Region that forms begin with
    #[arg(long, value_name = "REGION")]
    default_region: Option<String>,
    /// Unit that people join who come through single sign-on; empty for none
    #[arg(long, value_name = "UNIT")]
    default_business_unit: Option<String>,
    /// How long audit events are kept, in days
    #[arg(long, value_name = "DAYS")]
    audit_retention_days: Option<i32>,
    /// Whether engineers may provision environments themselves
    #[arg(long, value_name = "TRUE|FALSE")]
    self_service_environments: Option<bool>,
    /// Whether passwords need letters of both cases, a digit and a sign
    #[arg(long = "password-character-classes", value_name = "TRUE|FALSE")]
    character_classes: Option<bool>,
    /// How many jobs run at a time; 0 for no limit
    #[arg(long, value_name = "N")]
    max_concurrent_jobs: Option<i32>,
    #[command(flatten)]
    change: Change,
}

/// What to do with the providers of single sign-on.
#[derive(Subcommand)]
pub(crate) enum Sso {
    /// List the providers
    List(Listing),
    /// Show a provider, with the address to register there
    Get {
        /// Id of the provider
        provider: String,
    },
    /// Add a provider
    Create(Box<AddProvider>),
    /// Ask a provider for its configuration and keys, and say what is wrong
    Test {
        /// Id of the provider
        provider: String,
    },
    /// Remove a provider; who came through it keeps the account
    Delete {
        /// Id of the provider
        provider: String,
        #[command(flatten)]
        risk: Risk,
    },
}

/// A new provider.
#[derive(Args)]
pub(crate) struct AddProvider {
    /// Id of the new provider
    provider: String,
    /// Whose it is
    #[arg(long, value_enum)]
    kind: ProviderKind,
    /// What is on the button
    #[arg(long, value_name = "TITLE")]
    display_name: String,
    /// Issuer; for Entra with the tenant in it
    #[arg(long, default_value = "", value_name = "URL")]
    issuer: String,
    /// Client id at the provider
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// File with the client's secret on its first line; `-` for stdin
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    #[command(flatten)]
    change: Change,
}

/// Whose provider it is.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ProviderKind {
    /// Microsoft Entra
    Entra,
    /// Google
    Google,
    /// GitHub
    Github,
    /// Any other issuer that can be discovered
    Oidc,
}

/// What to do with the keys that tokens are signed with.
#[derive(Subcommand)]
pub(crate) enum Keys {
    /// List the keys
    List,
    /// Sign with a new key; the one before verifies until what it signed has ended
    Rotate {
        #[command(flatten)]
        risk: Risk,
    },
}

const ORGANIZATIONS: &[Column<Organization>] = &[
    ("ORGANIZATION", |o| id(&o.name)),
    ("TITLE", |o| o.display_name.clone()),
    ("ACTIVE", |o| yes(o.active)),
    ("DEFAULT", |o| yes(o.is_default)),
    ("CREATED", |o| time(o.create_time.as_ref())),
];

const ORGANIZATION: &[Column<Organization>] = &[
    ("Organization", |o| id(&o.name)),
    ("Title", |o| o.display_name.clone()),
    ("Description", |o| o.description.clone()),
    ("Active", |o| if o.active { "yes" } else { "no" }.to_owned()),
    ("Default", |o| yes(o.is_default)),
    ("Created", |o| time(o.create_time.as_ref())),
    ("By", |o| id(&o.creator)),
];

pub(crate) async fn run(context: &Context, organizations: Organizations) -> Result<(), Failure> {
    let mut client = context.client.organizations();
    match organizations {
        Organizations::List(listing) => {
            let request = ListOrganizationsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_organizations(request), listing.limit, ORGANIZATIONS).await
        }
        Organizations::Get { organization } => {
            context.format.one(&organization_of(context, &organization).await?, ORGANIZATION)
        }
        Organizations::Create { organization, display_name, admin_email, description, change } => {
            let request = CreateOrganizationRequest {
                organization_id: organization,
                organization: Some(Organization { display_name, description, ..Default::default() }),
                admin_email,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = client.create_organization(request).await?.into_inner();
            if answer.effects.is_none() && context.format == Format::Table {
                let ends = time(answer.invitation_expire_time.as_ref());
                note(&format!("Hand this link to the first administrator; it works once, until {ends}:"));
                return print(&format!("{}\n", answer.invitation_link));
            }
            context.gone(&answer, answer.effects.as_ref(), "")
        }
        Organizations::Deactivate { organization, risk } => {
            let organization = organization_of(context, &organization).await?;
            let question = format!("Stop everybody and everything of {}?", organization.display_name);
            risk.typed(&question, &id(&organization.name))?;
            activate(context, organization, false, risk.change).await
        }
        Organizations::Reactivate { organization, risk } => {
            let organization = organization_of(context, &organization).await?;
            risk.consent(&format!("Let {} work again?", organization.display_name))?;
            activate(context, organization, true, risk.change).await
        }
        Organizations::Delete { organization, risk } => {
            let organization = organization_of(context, &organization).await?;
            let short = id(&organization.name);
            risk.typed(&format!("Delete the organization {}?", organization.display_name), &short)?;
            let request = DeleteOrganizationRequest {
                name: organization.name,
                etag: organization.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_organization(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Deleted {short}."))
        }
    }
}

async fn organization_of(context: &Context, organization: &str) -> Result<Organization, Failure> {
    let request = GetOrganizationRequest { name: alone(organization, "organizations")? };
    Ok(context.client.organizations().get_organization(request).await?.into_inner())
}

async fn activate(
    context: &Context,
    organization: Organization,
    reactivate: bool,
    change: Change,
) -> Result<(), Failure> {
    let request = DeactivateOrganizationRequest {
        name: organization.name,
        etag: organization.etag,
        reactivate,
        validate_only: change.dry_run,
        ..Default::default()
    };
    let organization = context.client.organizations().deactivate_organization(request).await?.into_inner();
    context.changed(&organization, organization.effects.as_ref(), ORGANIZATION)
}

const SETTINGS: &[Column<OrganizationSettings>] = &[
    ("Organization", |s| id(&s.organization)),
    ("Default region", |s| s.default_region.clone()),
    ("Default business unit", |s| id(&s.default_business_unit)),
    ("Audit is kept", |s| format!("{} days", s.audit_retention_days)),
    ("Self-service environments", |s| if s.self_service_environments { "yes" } else { "no" }.to_owned()),
    ("Tiers of self-approval", |s| {
        s.allow_self_approval_tiers().map(|tier| word(tier.as_str_name(), "TIER")).collect::<Vec<_>>().join(", ")
    }),
    ("Password character classes", |s| if s.password_character_classes { "yes" } else { "no" }.to_owned()),
    ("Jobs at a time", |s| {
        if s.max_concurrent_jobs == 0 { "no limit".to_owned() } else { s.max_concurrent_jobs.to_string() }
    }),
    ("Changed", |s| time(s.update_time.as_ref())),
];

pub(crate) async fn settings(context: &Context, settings: Settings) -> Result<(), Failure> {
    let mut client = context.client.organizations();
    let mut current = client.get_organization_settings(GetOrganizationSettingsRequest {}).await?.into_inner();
    let Settings::Set(set) = settings else { return context.format.one(&current, SETTINGS) };
    let update_mask = mask(&[
        ("default_region", set.default_region.is_some()),
        ("default_business_unit", set.default_business_unit.is_some()),
        ("audit_retention_days", set.audit_retention_days.is_some()),
        ("self_service_environments", set.self_service_environments.is_some()),
        ("password_character_classes", set.character_classes.is_some()),
        ("max_concurrent_jobs", set.max_concurrent_jobs.is_some()),
    ])?;
    current.default_region = set.default_region.unwrap_or(current.default_region);
    current.default_business_unit = match set.default_business_unit.as_deref() {
        None => current.default_business_unit,
        Some("") => String::new(),
        Some(unit) => alone(unit, "businessUnits")?,
    };
    current.audit_retention_days = set.audit_retention_days.unwrap_or(current.audit_retention_days);
    current.self_service_environments = set.self_service_environments.unwrap_or(current.self_service_environments);
    current.password_character_classes = set.character_classes.unwrap_or(current.password_character_classes);
    current.max_concurrent_jobs = set.max_concurrent_jobs.unwrap_or(current.max_concurrent_jobs);
    let request = UpdateOrganizationSettingsRequest {
        organization_settings: Some(current),
        update_mask,
        validate_only: set.change.dry_run,
        ..Default::default()
    };
    let settings = client.update_organization_settings(request).await?.into_inner();
    context.changed(&settings, settings.effects.as_ref(), SETTINGS)
}

const PROVIDERS: &[Column<SsoProvider>] = &[
    ("PROVIDER", |p| id(&p.name)),
    ("KIND", |p| word(p.kind().as_str_name(), "SSO_PROVIDER_KIND")),
    ("TITLE", |p| p.display_name.clone()),
    ("ISSUER", |p| p.issuer.clone()),
    ("ACTIVE", |p| yes(p.active)),
];

const PROVIDER: &[Column<SsoProvider>] = &[
    ("Provider", |p| id(&p.name)),
    ("Kind", |p| word(p.kind().as_str_name(), "SSO_PROVIDER_KIND")),
    ("Title", |p| p.display_name.clone()),
    ("Issuer", |p| p.issuer.clone()),
    ("Client id", |p| p.client_id.clone()),
    ("Client secret", |p| if p.has_client_secret { "set" } else { "none" }.to_owned()),
    ("Scopes", |p| p.scopes.join(" ")),
    ("E-mail domains", |p| p.email_domains.join(", ")),
    ("Register there", |p| p.callback_url.clone()),
    ("Active", |p| if p.active { "yes" } else { "no" }.to_owned()),
];

pub(crate) async fn sso(context: &Context, sso: Sso) -> Result<(), Failure> {
    let mut client = context.client.sso_providers();
    match sso {
        Sso::List(listing) => {
            let request = ListSsoProvidersRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_sso_providers(request), listing.limit, PROVIDERS).await
        }
        Sso::Get { provider } => context.format.one(&provider_of(context, &provider).await?, PROVIDER),
        Sso::Create(add) => {
            let secret = match &add.client_secret_file {
                None => String::new(),
                Some(path) => {
                    let file = (path.as_os_str() != "-").then_some(path.as_path());
                    let first = ask::secrets(file)?.into_iter().next();
                    first.ok_or_else(|| Failure::Usage("There is no secret on the first line.".to_owned()))?
                }
            };
            let kind = match add.kind {
                ProviderKind::Entra => SsoProviderKind::Entra,
                ProviderKind::Google => SsoProviderKind::Google,
                ProviderKind::Github => SsoProviderKind::Github,
                ProviderKind::Oidc => SsoProviderKind::Oidc,
            };
            let sso_provider = SsoProvider {
                display_name: add.display_name,
                kind: kind.into(),
                issuer: add.issuer,
                client_id: add.client_id,
                client_secret: secret,
                active: true,
                ..Default::default()
            };
            let request = CreateSsoProviderRequest {
                sso_provider_id: add.provider,
                sso_provider: Some(sso_provider),
                validate_only: add.change.dry_run,
                ..Default::default()
            };
            let provider = client.create_sso_provider(request).await?.into_inner();
            context.changed(&provider, provider.effects.as_ref(), PROVIDER)
        }
        Sso::Test { provider } => {
            let request = TestSsoProviderRequest { name: alone(&provider, "ssoProviders")? };
            let answer = client.test_sso_provider(request).await?.into_inner();
            context.format.text_or(&answer, |answer| {
                if answer.problems.is_empty() {
                    format!("It answers, with {} keys.\n", answer.signing_keys)
                } else {
                    answer.problems.iter().map(|problem| format!("{problem}\n")).collect()
                }
            })?;
            match answer.problems.len() {
                0 => Ok(()),
                count => Err(Failure::Awaited(format!("{count} of the checks failed."))),
            }
        }
        Sso::Delete { provider, risk } => {
            let provider = provider_of(context, &provider).await?;
            let short = id(&provider.name);
            risk.typed(&format!("Remove {}?", provider.display_name), &short)?;
            let request = DeleteSsoProviderRequest {
                name: provider.name,
                etag: provider.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_sso_provider(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Removed {short}."))
        }
    }
}

async fn provider_of(context: &Context, provider: &str) -> Result<SsoProvider, Failure> {
    let request = GetSsoProviderRequest { name: alone(provider, "ssoProviders")? };
    Ok(context.client.sso_providers().get_sso_provider(request).await?.into_inner())
}

const KEYS: &[Column<SigningKey>] = &[
    ("KEY", |k| id(&k.name)),
    ("ALGORITHM", |k| k.algorithm.clone()),
    ("SIGNS FROM", |k| time(k.activate_time.as_ref())),
    ("VERIFIES UNTIL", |k| time(k.retire_time.as_ref())),
];

pub(crate) async fn keys(context: &Context, keys: Keys) -> Result<(), Failure> {
    let mut client = context.client.workload_identity();
    match keys {
        Keys::List => {
            let answer = client.list_signing_keys(ListSigningKeysRequest {}).await?.into_inner();
            context.format.list(&answer.signing_keys, KEYS)
        }
        Keys::Rotate { risk } => {
            risk.consent("Sign with a new key from now on?")?;
            let request = RotateSigningKeyRequest { validate_only: risk.change.dry_run, ..Default::default() };
            let key = client.rotate_signing_key(request).await?.into_inner();
            context.changed(&key, key.effects.as_ref(), KEYS)
        }
    }
}
