//! Signing in through others, as a client of theirs: OpenID Connect in [`oidc`], GitHub's OAuth in [`github`], and the way
//! to both in [`fetch`]. Who somebody is here, and whether they may come in, is not decided here.

pub mod fetch;
mod github;
mod oidc;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use flagstone_core::sso_login::Profile;
use flagstone_core::sso_provider::SsoProviderKind;
use flagstone_db::sso_provider::SsoProviderRow;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::{Config, Secret};
use crate::error::{Error, Result};
use crate::vault::Vault;
use fetch::{Fetch, Unreachable};
use oidc::Metadata;

/// The address that providers send people back to.
pub const CALLBACK: &str = "/auth/sso/callback";

/// How long a provider's word about itself is good. Keys that are not known are asked for at once.
const GOOD: Duration = Duration::from_secs(10 * 60);

/// Most providers that are kept in memory.
const KNOWN_MAX: usize = 1_000;

/// A provider with its secret, as a login needs it.
#[derive(Clone, Debug)]
pub struct Provider {
    pub id: Uuid,
    pub revision: i64,
    pub kind: SsoProviderKind,
    pub issuer: String,
    pub client_id: String,
    client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub callback_url: String,
}

impl Provider {
    /// Opens a provider's secret.
    pub fn of(row: &SsoProviderRow, vault: &Vault, config: &Config) -> Result<Self> {
        let client_secret = match &row.client_secret {
            Some(sealed) => {
                let opened = vault.open(&sealed_as(row.organization_id, row.id), sealed)?;
                Some(Secret::new(String::from_utf8(opened).map_err(Error::internal)?))
            }
            None => None,
        };
        Ok(Self {
            id: row.id,
            revision: row.revision,
            kind: row.kind.parse().map_err(Error::internal)?,
            issuer: row.issuer.clone(),
            client_id: row.client_id.clone(),
            client_secret,
            scopes: row.scopes.clone(),
            callback_url: callback_url(config),
        })
    }
}

/// What providers need as redirect URI.
pub fn callback_url(config: &Config) -> String {
    format!("{}{CALLBACK}", config.public_url)
}

/// What the sealed secret of a provider is bound to.
pub fn sealed_as(organization_id: Uuid, provider_id: Uuid) -> String {
    format!("{organization_id}/sso_provider/{provider_id}")
}

/// What a login keeps to itself while the browser is away.
#[derive(Debug, Serialize, Deserialize)]
pub struct Secrets {
    nonce: String,
    verifier: String,
}

/// Where a login begins.
#[derive(Debug)]
pub struct Beginning {
    pub authorization_url: String,
    pub secrets: Secrets,
}

/// What the provider sent along when it sent the browser back.
#[derive(Clone, Debug)]
pub struct Returned {
    pub code: String,
    /// Who sends, where it says so (RFC 9207).
    pub issuer: Option<String>,
}

/// Somebody whom a provider vouches for.
#[derive(Debug)]
pub struct Vouched {
    pub profile: Profile,
    /// What the provider wants to see at the logout.
    pub id_token: Option<String>,
}

/// Why a login does not go on.
#[derive(Debug)]
pub enum Failure {
    /// The provider is away, or what it says of itself cannot be used.
    Unreachable(String),
    /// What came back does not hold.
    Rejected(String),
}

impl From<Unreachable> for Failure {
    fn from(error: Unreachable) -> Self {
        Self::Unreachable(error.0)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Rejected(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

/// What a provider was found to say of itself.
#[derive(Debug, Default)]
pub struct Examination {
    pub problems: Vec<String>,
    pub authorization_endpoint: String,
    pub signing_keys: usize,
}

/// The way to providers, and what they said of themselves.
#[derive(Debug)]
pub struct Providers {
    fetch: Fetch,
    known: RwLock<HashMap<Uuid, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    revision: i64,
    asked: Instant,
    metadata: Arc<Metadata>,
}

impl Providers {
    /// Nobody was asked yet.
    pub fn new(config: &Config) -> Self {
        Self { fetch: Fetch::new(config), known: RwLock::default() }
    }

    /// Where the browser goes to log in.
    pub async fn begin(&self, provider: &Provider, state: &str) -> Result<Beginning, Failure> {
        match provider.kind {
            SsoProviderKind::Github => Ok(github::begin(provider, state)),
            _ => oidc::begin(provider, &*self.metadata(provider).await?, state),
        }
    }

    /// Exchanges a code for who somebody is.
    pub async fn complete(
        &self,
        provider: &Provider,
        secrets: Secrets,
        returned: Returned,
    ) -> Result<Vouched, Failure> {
        if provider.kind == SsoProviderKind::Github {
            if returned.issuer.is_some_and(|issuer| issuer != github::issuer(provider)) {
                return Err(Failure::Rejected("somebody else than the provider answered".into()));
            }
            return github::complete(&self.fetch, provider, secrets, returned.code).await;
        }
        let metadata = self.metadata(provider).await?;
        // Before the code is handed to anybody: it may be another provider's.
        oidc::check_issuer(&metadata, returned.issuer.as_deref())?;
        let tokens = oidc::exchange(&self.fetch, provider, &metadata, returned.code, secrets.verifier).await?;
        match oidc::vouch(&self.fetch, provider, &metadata, &tokens, &secrets.nonce).await {
            Err(oidc::Unverified::UnknownKey) => {
                // The provider may have a new key since it was asked.
                let metadata = self.ask(provider).await?;
                let vouched = oidc::vouch(&self.fetch, provider, &metadata, &tokens, &secrets.nonce).await;
                vouched.map_err(Failure::from)
            }
            vouched => vouched.map_err(Failure::from),
        }
    }

    /// Where the browser goes to log out of the provider, too. `None` where that is not known at once, or there is none.
    pub async fn logout_url(&self, provider: &Provider, id_token: Option<&str>, back: &str) -> Option<String> {
        if provider.kind == SsoProviderKind::Github {
            return None;
        }
        let metadata = tokio::time::timeout(Duration::from_secs(2), self.metadata(provider)).await.ok()?.ok()?;
        oidc::logout_url(provider, &metadata, id_token, back)
    }

    /// Asks a provider anew, and says what would keep a login from working.
    pub async fn examine(&self, provider: &Provider) -> Examination {
        if provider.kind == SsoProviderKind::Github {
            return github::examine(&self.fetch, provider).await;
        }
        match self.ask(provider).await {
            Ok(metadata) => oidc::examine(&metadata),
            Err(failure) => Examination { problems: vec![format!("{failure}.")], ..Examination::default() },
        }
    }

    async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, Failure> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&provider.id).cloned();
        match known {
            Some(known) if known.revision == provider.revision && known.asked.elapsed() < GOOD => Ok(known.metadata),
            _ => self.ask(provider).await,
        }
    }

    async fn ask(&self, provider: &Provider) -> Result<Arc<Metadata>, Failure> {
        let asked = Instant::now();
        let metadata = Arc::new(oidc::discover(&self.fetch, provider).await?);
        let known = Known { revision: provider.revision, asked, metadata: metadata.clone() };
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KNOWN_MAX {
            all.clear();
        }
        all.insert(provider.id, known);
        Ok(metadata)
    }
}
