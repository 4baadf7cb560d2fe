//! Who is behind a token, and what they may do: verified and compiled once, kept in memory, and looked at again at most a
//! second later.
//!
//! Between two looks a call costs one look-up in a sharded map. A look is one indexed query; only when the epoch of the
//! organization's grants rose are the grants loaded and compiled anew. What ends in this process (a logout, a revoked
//! session) is dropped at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use flagstone_core::access::{Grants, Permission, PrincipalFacts, TokenScope};
use flagstone_core::names::{
    BusinessUnitName, Principal, RunnerName, ServiceAccountApiTokenName, ServiceAccountName, UserApiTokenName, UserName,
};
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::api_token::{self, ApiTokenRow, Use};
use flagstone_db::identity::{self, Person, Standing};
use flagstone_db::service_account::{self, Account};
use flagstone_db::{Connection, Database};
use futures::try_join;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::call::{Caller, Credential, RunnerCaller, UserCaller};
use crate::directory::{Directory, Unit};
use crate::error::{Error, Result};
use crate::keys::{self, SigningKeys};
use crate::principals;
use crate::token::{self, TokenKind};

/// Nothing in memory is trusted for longer.
const TRUSTED: Duration = Duration::from_secs(1);

/// From this age on, one call looks again while the others go on.
const STALE: Duration = Duration::from_millis(500);

/// Parts of the cache, so that calls do not wait for each other. A power of two.
const SHARDS: usize = 32;

/// Most entries of a part. Only tokens that we signed get in.
const SHARD_MAX: usize = 2_048;

/// The SHA-256 of a token.
type TokenHash = [u8; 32];

/// What the process knows of callers.
pub struct Identities {
    database: Database,
    keys: Arc<SigningKeys>,
    shards: [RwLock<HashMap<TokenHash, Arc<Entry>>>; SHARDS],
    directories: RwLock<HashMap<Uuid, (Instant, Arc<Directory>)>>,
    /// The API tokens that were used lately, and from where.
    uses: Mutex<HashMap<Uuid, Arc<str>>>,
}

/// One token.
struct Entry {
    known: RwLock<Known>,
    /// Held while somebody looks.
    looking: AsyncMutex<()>,
}

#[derive(Clone)]
struct Known {
    caller: Caller,
    /// When the last look began.
    looked: Instant,
}

impl Entry {
    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, caller: Caller, looked: Instant) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { caller, looked };
    }
}

impl Identities {
    /// Nobody is known yet.
    pub fn new(database: Database, keys: Arc<SigningKeys>) -> Self {
        Self {
            database,
            keys,
            shards: std::array::from_fn(|_| RwLock::default()),
            directories: RwLock::default(),
            uses: Mutex::default(),
        }
    }

    /// The caller of a bearer token. UNAUTHENTICATED: `TOKEN_EXPIRED`, `PRINCIPAL_INACTIVE` for a credential that was ended
    /// or a principal that may not come in, `BAD_CREDENTIALS` for anything that is not a credential of ours.
    pub async fn authenticate(&self, token: &str, ip: &Arc<str>) -> Result<Caller> {
        let caller = self.caller(token).await?;
        if let Caller::User(user) = &caller
            && let Credential::ApiToken { id, .. } = &user.credential
        {
            self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, ip.clone());
        }
        Ok(caller)
    }

    /// The API tokens that were used since this was asked last.
    pub fn take_uses(&self) -> Vec<Use> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter().map(|(token_id, ip)| Use { token_id, ip: ip.to_string() }).collect()
    }

    async fn caller(&self, token: &str) -> Result<Caller> {
        let hash: TokenHash = Sha256::digest(token.as_bytes()).into();
        let Some(entry) = self.entry(&hash) else { return self.meet(token, hash).await };
        let known = entry.known();
        if let Caller::User(user) = &known.caller
            && user.expire_time <= Utc::now()
        {
            self.drop_entry(&hash);
            return Err(expired(user).into());
        }
        let age = known.looked.elapsed();
        if age < STALE {
            return Ok(known.caller);
        }
        if age < TRUSTED {
            return match entry.looking.try_lock() {
                Ok(_looking) => self.look(&entry, known.caller).await,
                Err(_) => Ok(known.caller),
            };
        }
        let _looking = entry.looking.lock().await;
        // Another call may have looked while this one waited.
        let known = entry.known();
        if known.looked.elapsed() < TRUSTED { Ok(known.caller) } else { self.look(&entry, known.caller).await }
    }

    /// The caller of a stream, which outlives its first look: with the grants of now where those have changed, `None`
    /// where nothing has. Fails where the caller does not stand any more.
    pub async fn look_again(&self, caller: &Caller) -> Result<Option<Caller>> {
        match caller {
            Caller::Anonymous => Ok(None),
            Caller::User(user) if user.expire_time <= Utc::now() => Err(expired(user).into()),
            Caller::User(user) => {
                let conn = self.database.reads.get().await?;
                match standing(&conn, user).await? {
                    Some(Standing { live: true, epoch }) if epoch == user.directory.epoch => Ok(None),
                    Some(Standing { live: true, .. }) => Ok(Some(Caller::User(self.load(&conn, user).await?))),
                    _ => Err(self.inactive(user).into()),
                }
            }
            Caller::Runner(runner) => {
                let conn = self.database.reads.get().await?;
                match identity::runner_stands(&conn, runner.id).await? {
                    true => Ok(None),
                    false => Err(keys::unusable().into()),
                }
            }
        }
    }

    /// A token that is not known: its signature is verified, its person loaded.
    async fn meet(&self, token: &str, hash: TokenHash) -> Result<Caller> {
        let looked = Instant::now();
        let caller = if let Some(stored) = token::hash(TokenKind::Runner, token) {
            let conn = self.database.reads.get().await?;
            let row = identity::runner(&conn, &stored).await?.ok_or_else(keys::unusable)?;
            Caller::Runner(Arc::new(RunnerCaller {
                id: row.id,
                name: RunnerName::stored(row.slug)?,
                organization_id: row.organization_id,
            }))
        } else if let Some(stored) = token::hash(TokenKind::Api, token) {
            let conn = self.database.reads.get().await?;
            let row = api_token::find(&conn, &stored).await?.ok_or_else(keys::unusable)?;
            Caller::User(self.holder(&conn, &row).await?)
        } else {
            let claims = self.keys.verify(token).await?;
            let conn = self.database.reads.get().await?;
            match identity::standing(&conn, claims.org, claims.sid, claims.sub).await? {
                Some(Standing { live: true, .. }) => {}
                _ => return Err(inactive().into()),
            }
            let person = identity::person(&conn, claims.org, claims.sub).await?.ok_or_else(inactive)?;
            let directory = self.directory_of(&conn, claims.org, person.epoch).await?;
            let credential = Credential::Session(claims.sid);
            Caller::User(Arc::new(compile(person, directory, credential, None, claims.expire_time())?))
        };
        let entry =
            Entry { known: RwLock::new(Known { caller: caller.clone(), looked }), looking: AsyncMutex::default() };
        let mut shard = self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= SHARD_MAX {
            // Rare: what is old goes; if that is not enough, all of it, which costs each caller one look.
            shard.retain(|_, entry| entry.known().looked.elapsed() < TRUSTED);
            if shard.len() >= SHARD_MAX {
                shard.clear();
            }
        }
        shard.insert(hash, Arc::new(entry));
        Ok(caller)
    }

    /// Looks again, holding `entry.looking`.
    async fn look(&self, entry: &Entry, caller: Caller) -> Result<Caller> {
        let looked = Instant::now();
        let conn = self.database.reads.get().await?;
        let caller = match caller {
            Caller::User(user) => match standing(&conn, &user).await? {
                Some(Standing { live: true, epoch }) if epoch == user.directory.epoch => Caller::User(user),
                Some(Standing { live: true, .. }) => Caller::User(self.load(&conn, &user).await?),
                _ => return Err(self.inactive(&user).into()),
            },
            Caller::Runner(runner) if identity::runner_stands(&conn, runner.id).await? => Caller::Runner(runner),
            Caller::Runner(runner) => {
                self.forget(|caller| matches!(caller, Caller::Runner(other) if other.id == runner.id));
                return Err(keys::unusable().into());
            }
            Caller::Anonymous => Caller::Anonymous,
        };
        entry.set(caller.clone(), looked);
        Ok(caller)
    }

    /// The same caller with the grants of now.
    async fn load(&self, conn: &Connection, user: &UserCaller) -> Result<Arc<UserCaller>> {
        let (organization_id, token) = (user.organization_id, user.grants.token().cloned());
        let caller = if user.account_kind.is_some() {
            let account = service_account::account(conn, organization_id, user.id).await?.ok_or_else(inactive)?;
            let directory = self.directory_of(conn, organization_id, account.epoch).await?;
            compile_account(account, directory, user.credential.clone(), token, user.expire_time)?
        } else {
            let person = identity::person(conn, organization_id, user.id).await?.ok_or_else(inactive)?;
            let directory = self.directory_of(conn, organization_id, person.epoch).await?;
            compile(person, directory, user.credential.clone(), token, user.expire_time)?
        };
        Ok(Arc::new(caller))
    }

    /// The holder of an API token, as far as the token reaches.
    async fn holder(&self, conn: &Connection, row: &ApiTokenRow) -> Result<Arc<UserCaller>> {
        if row.expire_time <= Utc::now() {
            return Err(token_expired().into());
        }
        match api_token::standing(conn, row.organization_id, row.id).await? {
            Some(Standing { live: true, .. }) => {}
            _ => return Err(inactive().into()),
        }
        let scope = TokenScope {
            // What the registry does not know any more can be asked for by nobody.
            permissions: row.permissions.iter().filter_map(|slug| Permission::parse(slug).ok()).collect(),
            units: row.business_unit_ids.clone(),
        };
        let caller = match (row.user_id, row.service_account_id) {
            (Some(id), _) => {
                let person = identity::person(conn, row.organization_id, id).await?.ok_or_else(inactive)?;
                let directory = self.directory_of(conn, row.organization_id, person.epoch).await?;
                let name = UserApiTokenName::stored(&person.person.username, row.id)?.to_string();
                let credential = Credential::ApiToken { id: row.id, name: name.into() };
                compile(person, directory, credential, Some(scope), row.expire_time)?
            }
            (None, Some(id)) => {
                let account = service_account::account(conn, row.organization_id, id).await?.ok_or_else(inactive)?;
                let directory = self.directory_of(conn, row.organization_id, account.epoch).await?;
                let name = ServiceAccountApiTokenName::stored(&account.account.slug, row.id)?.to_string();
                let credential = Credential::ApiToken { id: row.id, name: name.into() };
                compile_account(account, directory, credential, Some(scope), row.expire_time)?
            }
            (None, None) => return Err(Error::internal("an API token has no holder")),
        };
        Ok(Arc::new(caller))
    }

    /// Loads the caller's grants in a transaction that found them changed.
    pub async fn reload(&self, tx: &mut flagstone_db::Tx, user: &UserCaller) -> Result<Arc<UserCaller>> {
        let looked = Instant::now();
        let fresh = self.load(tx, user).await?;
        for shard in &self.shards {
            for entry in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                let same = matches!(entry.known().caller, Caller::User(known)
                    if known.credential == user.credential && known.expire_time == user.expire_time);
                if same {
                    entry.set(Caller::User(fresh.clone()), looked);
                }
            }
        }
        Ok(fresh)
    }

    /// What a person or service account may do by the grants of now, for a check when nobody is calling. Nobody's grants
    /// are empty.
    pub async fn grants(&self, conn: &Connection, organization_id: Uuid, id: Uuid) -> Result<Grants> {
        if let Some(person) = identity::person(conn, organization_id, id).await? {
            let directory = self.directory_of(conn, organization_id, person.epoch).await?;
            return person_grants(&person, &directory, None);
        }
        let account = service_account::account(conn, organization_id, id).await?.ok_or_else(inactive)?;
        let directory = self.directory_of(conn, organization_id, account.epoch).await?;
        account_grants(&account, &directory, None)
    }

    /// The answer to a caller whose credential does not stand any more, whom this process forgets.
    pub fn inactive(&self, user: &UserCaller) -> CoreError {
        self.forget(|caller| matches!(caller, Caller::User(known) if known.credential == user.credential));
        inactive()
    }

    /// Forgets a session that has ended: its tokens are refused from now on.
    pub fn end_session(&self, session_id: Uuid) {
        self.forget(|caller| matches!(caller, Caller::User(user) if user.session_id() == Some(session_id)));
    }

    /// Forgets an API token that was revoked: it is refused from now on.
    pub fn end_token(&self, token_id: Uuid) {
        self.forget(|caller| match caller {
            Caller::User(user) => matches!(user.credential, Credential::ApiToken { id, .. } if id == token_id),
            Caller::Anonymous | Caller::Runner(_) => false,
        });
    }

    /// Forgets the callers and units of an organization whose grants or units this process has just changed: whoever made
    /// the change sees it with the next call. Other processes see it within a second.
    pub fn forget_organization(&self, organization_id: Uuid) {
        self.forget(|caller| matches!(caller, Caller::User(user) if user.organization_id == organization_id));
        self.directories.write().unwrap_or_else(PoisonError::into_inner).remove(&organization_id);
    }

    /// Forgets a user, whose sessions ended or whose account changed: their tokens are looked at again.
    pub fn forget_user(&self, user_id: Uuid) {
        self.forget(|caller| matches!(caller, Caller::User(user) if user.id == user_id));
    }

    fn forget(&self, is_meant: impl Fn(&Caller) -> bool) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|_, entry| !is_meant(&entry.known().caller));
        }
    }

    /// The units of an organization, at most a second old.
    pub async fn directory(&self, organization_id: Uuid) -> Result<Arc<Directory>> {
        let known = self.directories.read().unwrap_or_else(PoisonError::into_inner).get(&organization_id).cloned();
        if let Some((looked, directory)) = known
            && looked.elapsed() < TRUSTED
        {
            return Ok(directory);
        }
        let conn = self.database.reads.get().await?;
        let epoch = identity::epoch(&conn, organization_id).await?;
        let epoch = epoch.ok_or_else(|| Error::internal(format!("there is no organization {organization_id}")))?;
        self.directory_of(&conn, organization_id, epoch).await
    }

    /// The units of an epoch that was just read.
    async fn directory_of(&self, conn: &Connection, organization_id: Uuid, epoch: i64) -> Result<Arc<Directory>> {
        let looked = Instant::now();
        let known = self.directories.read().unwrap_or_else(PoisonError::into_inner).get(&organization_id).cloned();
        let directory = match known {
            Some((_, directory)) if directory.epoch == epoch => directory,
            _ => {
                let (units, teams) =
                    try_join!(identity::units(conn, organization_id), identity::teams(conn, organization_id))?;
                let units = units.into_iter().map(unit).collect::<Result<Vec<_>>>()?;
                let teams = teams.into_iter().map(|(id, slug)| (id, principals::team_name(&slug))).collect();
                Arc::new(Directory::new(organization_id, epoch, units, teams))
            }
        };
        let mut directories = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        directories.insert(organization_id, (looked, directory.clone()));
        Ok(directory)
    }

    fn shard(&self, hash: &TokenHash) -> &RwLock<HashMap<TokenHash, Arc<Entry>>> {
        &self.shards[usize::from(hash[0]) % SHARDS]
    }

    fn entry(&self, hash: &TokenHash) -> Option<Arc<Entry>> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn drop_entry(&self, hash: &TokenHash) {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

/// A session or API token that was ended, or a principal or organization that is not active.
fn inactive() -> CoreError {
    CoreError::new(
        Kind::Unauthenticated,
        Reason::PrincipalInactive,
        "The session or API token has ended, or the account is not active. Log in again, or ask an administrator.",
    )
}

/// The answer to a caller whose credential's time is over.
fn expired(user: &UserCaller) -> CoreError {
    match user.credential {
        Credential::Session(_) => keys::expired(),
        Credential::ApiToken { .. } => token_expired(),
    }
}

fn token_expired() -> CoreError {
    CoreError::new(Kind::Unauthenticated, Reason::TokenExpired, "The API token has expired. Create a new one.")
}

/// What a caller's rights rest on, in one indexed query. `None` where there is no such credential.
pub async fn standing(conn: &Connection, user: &UserCaller) -> Result<Option<Standing>> {
    Ok(match &user.credential {
        Credential::Session(id) => identity::standing(conn, user.organization_id, *id, user.id).await?,
        Credential::ApiToken { id, .. } => api_token::standing(conn, user.organization_id, *id).await?,
    })
}

/// A person with compiled grants.
fn compile(
    person: Person,
    directory: Arc<Directory>,
    credential: Credential,
    token: Option<TokenScope>,
    expire_time: DateTime<Utc>,
) -> Result<UserCaller> {
    let grants = person_grants(&person, &directory, token)?;
    Ok(UserCaller {
        id: person.person.id,
        name: Principal::User(UserName::stored(&person.person.username)?),
        account_kind: None,
        organization_id: directory.organization_id,
        credential,
        password_change_required: person.person.must_change_password,
        directory,
        grants,
        expire_time,
    })
}

fn person_grants(person: &Person, directory: &Directory, token: Option<TokenScope>) -> Result<Grants> {
    let Person { organization_active, settings, person, given, .. } = person;
    let name = UserName::stored(&person.username)?;
    let facts = PrincipalFacts {
        who: principals::who(directory, &name.to_string(), Some(&person.email), given)?,
        active: person.active,
        organization_active: *organization_active,
        is_user: true,
        token,
        self_service_environments: principals::self_service_environments(settings),
    };
    let bindings = given.grants.iter().map(principals::binding).collect::<Result<Vec<_>>>()?;
    Ok(Grants::compile(facts, bindings))
}

/// A service account with compiled grants.
fn compile_account(
    account: Account,
    directory: Arc<Directory>,
    credential: Credential,
    token: Option<TokenScope>,
    expire_time: DateTime<Utc>,
) -> Result<UserCaller> {
    let grants = account_grants(&account, &directory, token)?;
    Ok(UserCaller {
        id: account.account.id,
        name: Principal::ServiceAccount(ServiceAccountName::stored(&account.account.slug)?),
        account_kind: Some(account.account.kind.parse().map_err(Error::internal)?),
        organization_id: directory.organization_id,
        credential,
        password_change_required: false,
        directory,
        grants,
        expire_time,
    })
}

fn account_grants(account: &Account, directory: &Directory, token: Option<TokenScope>) -> Result<Grants> {
    let Account { organization_active, settings, account, given, .. } = account;
    let name = ServiceAccountName::stored(&account.slug)?;
    let facts = PrincipalFacts {
        who: principals::who(directory, &name.to_string(), None, given)?,
        active: account.active,
        organization_active: *organization_active,
        is_user: false,
        token,
        self_service_environments: principals::self_service_environments(settings),
    };
    let bindings = given.grants.iter().map(principals::binding).collect::<Result<Vec<_>>>()?;
    Ok(Grants::compile(facts, bindings))
}

fn unit(row: identity::UnitRow) -> Result<Unit> {
    Ok(Unit {
        id: row.id,
        name: BusinessUnitName::stored(row.slug)?,
        code: row.code,
        owner_id: row.owner_id,
        active: row.active,
        deleted: row.delete_time.is_some(),
    })
}
