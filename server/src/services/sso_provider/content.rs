//! The content of a provider between the contract and the rules.

use flagstone_api::pb;
use flagstone_core::error::Violations;
use flagstone_core::sso_provider::{SsoProvider, SsoProviderKind, secret_fault};
use hmac::{Hmac, KeyInit, Mac};
use prost_types::FieldMask;
use sha2::Sha256;

use crate::app::App;
use crate::config;
use crate::error::{Error, Result};
use crate::mask::paths;

/// The path of the content in the call.
const AT: &str = "sso_provider";

/// A field that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    DisplayName,
    Issuer,
    ClientId,
    ClientSecret,
    Scopes,
    EmailDomains,
    Active,
}

impl Path {
    const ALL: [(&'static str, Self); 7] = [
        ("display_name", Self::DisplayName),
        ("issuer", Self::Issuer),
        ("client_id", Self::ClientId),
        ("client_secret", Self::ClientSecret),
        ("scopes", Self::Scopes),
        ("email_domains", Self::EmailDomains),
        ("active", Self::Active),
    ];

    /// Whether the message says anything of the field.
    fn is_set(self, sent: &pb::SsoProvider) -> bool {
        match self {
            Self::DisplayName => !sent.display_name.is_empty(),
            Self::Issuer => !sent.issuer.is_empty(),
            Self::ClientId => !sent.client_id.is_empty(),
            Self::ClientSecret => !sent.client_secret.is_empty(),
            Self::Scopes => !sent.scopes.is_empty(),
            Self::EmailDomains => !sent.email_domains.is_empty(),
            Self::Active => sent.active,
        }
    }
}

/// What an update does with the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    Kept,
    Removed,
    Replaced(config::Secret),
}

/// The fields that a call changes: those of its mask, or without one those that are set.
pub(super) fn mask(sent: &pb::SsoProvider, mask: Option<&FieldMask>, wrong: &mut Violations) -> Vec<Path> {
    paths(mask, &Path::ALL, |path| path.is_set(sent), wrong)
}

/// The content of a new provider; `None` where its kind cannot be read.
pub(super) fn read(sent: &pb::SsoProvider, dev: bool, wrong: &mut Violations) -> Option<SsoProvider> {
    check_secret(&sent.client_secret, wrong);
    let Some(kind) = kind_of(sent.kind()) else {
        wrong.add(format!("{AT}.kind"), "Give a kind: ENTRA, GOOGLE, GITHUB or OIDC.");
        return None;
    };
    let mut provider = SsoProvider {
        kind,
        display_name: sent.display_name.clone(),
        issuer: sent.issuer.clone(),
        client_id: sent.client_id.clone(),
        scopes: sent.scopes.clone(),
        email_domains: sent.email_domains.clone(),
        active: sent.active,
    };
    provider.complete();
    wrong.extend(provider.check(AT, dev));
    Some(provider)
}

/// Puts the masked fields into the provider. Returns what becomes of the secret.
pub(super) fn merge(
    provider: &mut SsoProvider,
    sent: &pb::SsoProvider,
    mask: &[Path],
    wrong: &mut Violations,
) -> Secret {
    let mut secret = Secret::Kept;
    for path in mask {
        match path {
            Path::DisplayName => sent.display_name.clone_into(&mut provider.display_name),
            Path::Issuer => sent.issuer.clone_into(&mut provider.issuer),
            Path::ClientId => sent.client_id.clone_into(&mut provider.client_id),
            Path::ClientSecret if sent.client_secret.is_empty() => secret = Secret::Removed,
            Path::ClientSecret => {
                check_secret(&sent.client_secret, wrong);
                secret = Secret::Replaced(config::Secret::new(sent.client_secret.clone()));
            }
            Path::Scopes => sent.scopes.clone_into(&mut provider.scopes),
            Path::EmailDomains => sent.email_domains.clone_into(&mut provider.email_domains),
            Path::Active => provider.active = sent.active,
        }
    }
    secret
}

fn check_secret(secret: &str, wrong: &mut Violations) {
    if let Some(fault) = secret_fault(secret) {
        wrong.add(format!("{AT}.client_secret"), fault);
    }
}

const fn kind_of(kind: pb::SsoProviderKind) -> Option<SsoProviderKind> {
    match kind {
        pb::SsoProviderKind::Unspecified => None,
        pb::SsoProviderKind::Entra => Some(SsoProviderKind::Entra),
        pb::SsoProviderKind::Google => Some(SsoProviderKind::Google),
        pb::SsoProviderKind::Github => Some(SsoProviderKind::Github),
        pb::SsoProviderKind::Oidc => Some(SsoProviderKind::Oidc),
    }
}

/// A kind, as the contract has it.
pub(super) const fn kind_to_proto(kind: SsoProviderKind) -> pb::SsoProviderKind {
    match kind {
        SsoProviderKind::Entra => pb::SsoProviderKind::Entra,
        SsoProviderKind::Google => pb::SsoProviderKind::Google,
        SsoProviderKind::Github => pb::SsoProviderKind::Github,
        SsoProviderKind::Oidc => pb::SsoProviderKind::Oidc,
    }
}

/// What stands for a secret where calls are compared: of no use without the master key.
pub(super) fn digest(app: &App, secret: &str) -> Result<String> {
    let key = app.vault.derive_key("comparison of client secrets");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(Error::internal)?;
    mac.update(secret.as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}
