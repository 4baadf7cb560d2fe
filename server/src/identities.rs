//! Who is behind a token, and what they may do: verified and compiled once, kept in memory, and looked at again at most a
//! second later.
//!
//! Between two looks a call costs one look-up in a sharded map. A look is one indexed query; only when the epoch of the
//! organization's grants rose are the grants loaded and compiled anew. What ends in this process (a logout, a revoked
//! session) is dropped at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use flagstone_core::access::{Binding, Effect, Grants, PrincipalFacts, Restriction, Scope};
use flagstone_core::names::{BusinessUnitName, RunnerName, UserName};
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::identity::{self, GrantRow, Person, Standing};
use flagstone_db::{Connection, Database};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::call::{Caller, RunnerCaller, UserCaller};
use crate::directory::{Directory, Unit};
use crate::error::{Error, Result};
use crate::keys::{self, SigningKeys};
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
        Self { database, keys, shards: std::array::from_fn(|_| RwLock::default()), directories: RwLock::default() }
    }

    /// The caller of a bearer token. UNAUTHENTICATED: `TOKEN_EXPIRED`, `PRINCIPAL_INACTIVE` for a session that ended or a
    /// user who may not come in, `BAD_CREDENTIALS` for anything that is not a credential of ours.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let hash: TokenHash = Sha256::digest(token.as_bytes()).into();
        let Some(entry) = self.entry(&hash) else { return self.meet(token, hash).await };
        let known = entry.known();
        if let Caller::User(user) = &known.caller
            && user.expire_time <= Utc::now()
        {
            self.drop_entry(&hash);
            return Err(keys::expired().into());
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
            Caller::User(user) if user.expire_time <= Utc::now() => Err(keys::expired().into()),
            Caller::User(user) => {
                let conn = self.database.reads.get().await?;
                match identity::standing(&conn, user.organization_id, user.session_id, user.id).await? {
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
        let caller = match token::hash(TokenKind::Runner, token) {
            Some(stored) => {
                let conn = self.database.reads.get().await?;
                let row = identity::runner(&conn, &stored).await?.ok_or_else(keys::unusable)?;
                Caller::Runner(Arc::new(RunnerCaller {
                    id: row.id,
                    name: RunnerName::stored(row.slug)?,
                    organization_id: row.organization_id,
                }))
            }
            None => {
                let claims = self.keys.verify(token).await?;
                let conn = self.database.reads.get().await?;
                match identity::standing(&conn, claims.org, claims.sid, claims.sub).await? {
                    Some(Standing { live: true, .. }) => {}
                    _ => return Err(inactive().into()),
                }
                let person = identity::person(&conn, claims.org, claims.sub).await?.ok_or_else(inactive)?;
                let directory = self.directory_of(&conn, claims.org, person.epoch).await?;
                let user = compile(person, directory, claims.sid, claims.expire_time())?;
                Caller::User(Arc::new(user))
            }
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
            Caller::User(user) => {
                match identity::standing(&conn, user.organization_id, user.session_id, user.id).await? {
                    Some(Standing { live: true, epoch }) if epoch == user.directory.epoch => Caller::User(user),
                    Some(Standing { live: true, .. }) => Caller::User(self.load(&conn, &user).await?),
                    _ => return Err(self.inactive(&user).into()),
                }
            }
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
        let person = identity::person(conn, user.organization_id, user.id).await?.ok_or_else(inactive)?;
        let directory = self.directory_of(conn, user.organization_id, person.epoch).await?;
        Ok(Arc::new(compile(person, directory, user.session_id, user.expire_time)?))
    }

    /// Loads the caller's grants in a transaction that found them changed.
    pub async fn reload(&self, tx: &mut flagstone_db::Tx, user: &UserCaller) -> Result<Arc<UserCaller>> {
        let looked = Instant::now();
        let fresh = self.load(tx, user).await?;
        for shard in &self.shards {
            for entry in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                let same = matches!(entry.known().caller, Caller::User(known)
                    if known.session_id == user.session_id && known.expire_time == user.expire_time);
                if same {
                    entry.set(Caller::User(fresh.clone()), looked);
                }
            }
        }
        Ok(fresh)
    }

    /// What a person may do by the grants of now, for a check when nobody is calling. Nobody's grants are empty.
    pub async fn grants(&self, conn: &Connection, organization_id: Uuid, user_id: Uuid) -> Result<Grants> {
        let person = identity::person(conn, organization_id, user_id).await?.ok_or_else(inactive)?;
        let directory = self.directory_of(conn, organization_id, person.epoch).await?;
        Ok(compile(person, directory, Uuid::nil(), DateTime::<Utc>::MAX_UTC)?.grants)
    }

    /// The answer to a caller whose session does not stand any more, whom this process forgets.
    pub fn inactive(&self, user: &UserCaller) -> CoreError {
        self.end_session(user.session_id);
        inactive()
    }

    /// Forgets a session that has ended: its tokens are refused from now on.
    pub fn end_session(&self, session_id: Uuid) {
        self.forget(|caller| matches!(caller, Caller::User(user) if user.session_id == session_id));
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
                let units = identity::units(conn, organization_id).await?;
                let units = units.into_iter().map(unit).collect::<Result<Vec<_>>>()?;
                Arc::new(Directory::new(organization_id, epoch, units))
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

/// A session that ended, or a user or organization that is not active.
fn inactive() -> CoreError {
    CoreError::new(
        Kind::Unauthenticated,
        Reason::PrincipalInactive,
        "The session has ended, or the account is not active. Log in again, or ask an administrator.",
    )
}

/// A person with compiled grants.
fn compile(
    person: Person,
    directory: Arc<Directory>,
    session_id: Uuid,
    expire_time: chrono::DateTime<Utc>,
) -> Result<UserCaller> {
    let Person { organization_active, person, grants, .. } = person;
    let facts = PrincipalFacts { active: person.active, organization_active, is_user: true, token: None };
    let bindings = grants.into_iter().map(binding).collect::<Result<Vec<_>>>()?;
    Ok(UserCaller {
        id: person.id,
        name: UserName::stored(person.username)?,
        organization_id: directory.organization_id,
        session_id,
        password_change_required: person.must_change_password,
        directory,
        grants: Grants::compile(facts, bindings),
        expire_time,
    })
}

fn binding(row: GrantRow) -> Result<Binding> {
    Ok(Binding {
        role: row.role,
        permissions: row.permissions,
        restriction: row.restriction.parse::<Restriction>().map_err(Error::internal)?,
        scope: row.business_unit_id.map_or(Scope::Organization, Scope::Unit),
        effect: row.effect.parse::<Effect>().map_err(Error::internal)?,
        condition: row.condition,
        expire_time: row.expire_time,
    })
}

fn unit(row: identity::UnitRow) -> Result<Unit> {
    Ok(Unit {
        id: row.id,
        name: BusinessUnitName::stored(row.slug)?,
        code: row.code,
        owner_id: row.owner_id,
        active: row.active,
    })
}
