//! Access tokens: JWTs of a quarter of an hour, signed with an Ed25519 key that the server generated and keeps sealed.
//!
//! The keys are rows, so that replicas accept each other's tokens. A new key waits before it signs, so that every replica
//! and everybody who caches the public parts has it by then; one that is not known yet is looked up all the same. An old
//! key counts until the last token that it signed has ended.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::signing_key::{self, PublicKeyRow, SigningKeyRow};
use flagstone_db::{Connection, Database};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::config::TokenConfig;
use crate::error::{Error, Result};
use crate::vault::Vault;

/// The one algorithm. What the header of a token says about it is only compared.
const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// Whom tokens are for.
const AUDIENCE: &str = "flagstone";

/// Unknown key ids are looked up at most once in this time: anybody can invent them.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

/// How far the clocks of two replicas may be apart: a token from further in the future is none of ours.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(60);

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// Row id of the user.
    pub sub: Uuid,
    /// Row id of the organization.
    pub org: Uuid,
    /// Row id of the session.
    pub sid: Uuid,
    pub jti: Uuid,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
}

impl Claims {
    /// When the token ends.
    pub fn expire_time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or_default()
    }
}

/// Signs and verifies access tokens.
pub struct SigningKeys {
    database: Database,
    vault: Arc<Vault>,
    issuer: String,
    lifetime: Duration,
    ring: RwLock<Arc<Ring>>,
    last_look_up: Mutex<Option<Instant>>,
    validation: Validation,
}

/// The keys whose signatures count, the newest first.
struct Ring {
    keys: Vec<Key>,
    jwks: Arc<Value>,
}

/// One key. Its public part is computed from the private one: a row that somebody put another public part into verifies
/// nothing.
struct Key {
    id: String,
    activate_time: DateTime<Utc>,
    retire_time: Option<DateTime<Utc>>,
    signing: EncodingKey,
    verifying: Arc<DecodingKey>,
}

/// What is sealed with a key's private part.
pub(crate) fn sealed_as(id: &str) -> String {
    format!("signing key/{id}")
}

/// Makes the first signing key, unless there is one. The caller holds the lock of the start.
pub async fn create_first(conn: &mut Connection, vault: &Vault) -> Result<()> {
    let now = signing_key::lock(conn).await?;
    if signing_key::public_parts(conn).await?.is_empty() {
        create(conn, vault, now).await?;
    }
    Ok(())
}

/// Makes the next signing key, which signs after its lead, and says when the signatures of the others stop counting: when
/// the last token that they sign has ended. FAILED_PRECONDITION `WRONG_STATE` while a new key waits to sign.
pub async fn rotate(conn: &mut Connection, vault: &Vault, config: &TokenConfig) -> Result<PublicKeyRow> {
    let now = signing_key::lock(conn).await?;
    if let Some(waiting) = signing_key::public_parts(conn).await?.iter().find(|key| key.activate_time > now) {
        let message = format!("signingKeys/{} is new and waits to sign. Rotate again after that.", waiting.id);
        return Err(CoreError::precondition(Reason::WrongState, message).into());
    }
    let activate_time = now + TimeDelta::from_std(config.signing_key_lead).map_err(Error::internal)?;
    let key = create(conn, vault, activate_time).await?;
    // Replicas may take the new key up a little late.
    let last_token = TimeDelta::from_std(config.access + config.signing_key_lead).map_err(Error::internal)?;
    signing_key::retire_others(conn, &key.id, activate_time + last_token).await?;
    Ok(key)
}

/// Whether the key that signs has done so for long enough.
pub async fn is_due(conn: &mut Connection, config: &TokenConfig) -> Result<bool> {
    let now = signing_key::lock(conn).await?;
    let age = TimeDelta::from_std(config.signing_key_age).map_err(Error::internal)?;
    let keys = signing_key::public_parts(conn).await?;
    Ok(keys.first().is_some_and(|newest| newest.activate_time + age < now))
}

async fn create(conn: &mut Connection, vault: &Vault, activate_time: DateTime<Utc>) -> Result<PublicKeyRow> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(Error::internal)?;
    let id = Uuid::now_v7().to_string();
    let public_jwk = jwk(&id, &SigningKey::from_bytes(&seed));
    let ciphertext = vault.seal(&sealed_as(&id), seed.as_slice())?;
    let row = signing_key::NewSigningKey {
        id: &id,
        alg: "EdDSA",
        public_jwk: &public_jwk,
        ciphertext: &ciphertext,
        activate_time,
    };
    Ok(signing_key::insert(conn, &row).await?)
}

fn jwk(id: &str, key: &SigningKey) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id,
        "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
    })
}

impl Ring {
    fn open(rows: Vec<SigningKeyRow>, vault: &Vault) -> Result<Self> {
        let (mut keys, mut jwks) = (Vec::new(), Vec::new());
        for row in rows {
            let seed = Zeroizing::new(vault.open(&sealed_as(&row.id), &row.ciphertext)?);
            let key = SigningKey::from_bytes(seed.as_slice().try_into().map_err(Error::internal)?);
            let der = key.to_pkcs8_der().map_err(|error| Error::internal(error.to_string()))?;
            let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
            jwks.push(jwk(&row.id, &key));
            keys.push(Key {
                id: row.id,
                activate_time: row.activate_time,
                retire_time: row.retire_time,
                signing: EncodingKey::from_ed_der(der.as_bytes()),
                verifying: Arc::new(DecodingKey::from_ed_components(&public).map_err(Error::internal)?),
            });
        }
        Ok(Self { keys, jwks: Arc::new(json!({ "keys": jwks })) })
    }

    fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        let known = self.keys.iter().map(|key| (&key.id, key.retire_time));
        known.eq(rows.iter().map(|row| (&row.id, row.retire_time)))
    }

    /// The newest key whose time to sign has come.
    fn signing(&self, now: DateTime<Utc>) -> Option<&Key> {
        self.keys.iter().find(|key| key.activate_time <= now).or_else(|| self.keys.last())
    }

    fn verifying(&self, id: &str, now: DateTime<Utc>) -> Option<Arc<DecodingKey>> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        (key.retire_time.is_none_or(|end| end > now)).then(|| key.verifying.clone())
    }
}

impl SigningKeys {
    /// Loads the keys, of which `create_first` has made one. `lifetime` is that of the tokens.
    pub async fn load(database: Database, vault: Arc<Vault>, issuer: &str, lifetime: Duration) -> Result<Self> {
        let rows = signing_key::live(&*database.reads.get().await?).await?;
        let ring = Ring::open(rows, &vault)?;
        if ring.keys.is_empty() {
            return Err(Error::internal("there is no signing key"));
        }
        let mut validation = Validation::new(ALGORITHM);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        Ok(Self {
            database,
            vault,
            issuer: issuer.to_owned(),
            lifetime,
            ring: RwLock::new(Arc::new(ring)),
            last_look_up: Mutex::new(None),
            validation,
        })
    }

    /// Takes up what other replicas did to the keys. To be called every second.
    pub async fn reload(&self) -> Result<()> {
        let rows = signing_key::live(&*self.database.reads.get().await?).await?;
        if self.ring().is_of(&rows) {
            return Ok(());
        }
        let ring = Arc::new(Ring::open(rows, &self.vault)?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// The public parts, as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> Arc<Value> {
        self.ring().jwks.clone()
    }

    /// What says where the keys are and what they sign (OpenID Connect Discovery 1.0). There is no way to log in to other
    /// sites with this issuer, so only what describes its tokens is here.
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.issuer),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "claims_supported": ["iss", "aud", "sub", "org", "sid", "jti", "iat", "exp"],
        })
    }

    /// A token for a session, and when it ends.
    pub fn sign(&self, user_id: Uuid, organization_id: Uuid, session_id: Uuid) -> Result<(String, DateTime<Utc>)> {
        let now = Utc::now();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user_id,
            org: organization_id,
            sid: session_id,
            jti: Uuid::new_v4(),
            iat: now.timestamp(),
            exp: (now + TimeDelta::from_std(self.lifetime).map_err(Error::internal)?).timestamp(),
        };
        let ring = self.ring();
        let key = ring.signing(now).ok_or_else(|| Error::internal("there is no signing key"))?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(ALGORITHM) };
        let token = jsonwebtoken::encode(&header, &claims, &key.signing).map_err(Error::internal)?;
        Ok((token, claims.expire_time()))
    }

    /// What a token says, if one of our keys signed it and its time is now. UNAUTHENTICATED `TOKEN_EXPIRED` or, for
    /// everything else that is wrong with it, `BAD_CREDENTIALS`.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| unusable())?;
        let key = match header.kid {
            Some(id) => self.key(&id).await?,
            None => return Err(unusable().into()),
        };
        match jsonwebtoken::decode::<Claims>(token, &key, &self.validation) {
            // The library counts whole seconds: for the rest of the last one it would still take the token.
            Ok(token) if token.claims.expire_time() <= Utc::now() => Err(expired().into()),
            Ok(token) if token.claims.iat > (Utc::now() + CLOCKS_APART).timestamp() => Err(unusable().into()),
            Ok(data) => Ok(data.claims),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(expired().into()),
            Err(_) => Err(unusable().into()),
        }
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn key(&self, id: &str) -> Result<Arc<DecodingKey>> {
        if let Some(key) = self.ring().verifying(id, Utc::now()) {
            return Ok(key);
        }
        {
            let mut last = self.last_look_up.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() < LOOK_UP_PAUSE) {
                return Err(unusable().into());
            }
            *last = Some(Instant::now());
        }
        self.reload().await?;
        Ok(self.ring().verifying(id, Utc::now()).ok_or_else(unusable)?)
    }
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The answer to a credential that is not one of ours.
pub fn unusable() -> CoreError {
    CoreError::new(
        Kind::Unauthenticated,
        Reason::BadCredentials,
        "The credential is not valid. Log in and send the access token as `authorization: Bearer <token>`.",
    )
}

/// The answer to an access token whose time is over.
pub fn expired() -> CoreError {
    CoreError::new(
        Kind::Unauthenticated,
        Reason::TokenExpired,
        "The access token has expired. Call RefreshSession with the refresh token.",
    )
}

#[cfg(test)]
mod tests {
    use flagstone_db::TxScope;
    use flagstone_db::testing::TestDatabase;

    use super::*;

    const ISSUER: &str = "http://127.0.0.1:7400";

    fn vault() -> Vault {
        Vault::from_master_key(b"kZ8q2Vt0nB5xLr7cYw3mHs9dPf6gJa1e")
    }

    async fn keys(database: &Database, lifetime: u64) -> SigningKeys {
        let mut tx = database.begin(TxScope::Worker).await.unwrap();
        create_first(&mut tx, &vault()).await.unwrap();
        tx.commit().await.unwrap();
        load(database, lifetime).await
    }

    async fn load(database: &Database, lifetime: u64) -> SigningKeys {
        let lifetime = Duration::from_secs(lifetime);
        SigningKeys::load(database.clone(), Arc::new(vault()), ISSUER, lifetime).await.unwrap()
    }

    fn kid(token: &str) -> String {
        jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
    }

    /// Claims that the key of this ring signs as they are.
    fn sign(keys: &SigningKeys, claims: &Value, algorithm: Algorithm) -> String {
        let ring = keys.ring();
        let header = Header { kid: Some(ring.keys[0].id.clone()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &ring.keys[0].signing).unwrap()
    }

    fn reason(result: Result<Claims>) -> Reason {
        match result {
            Err(Error::Core(error)) => error.reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_token_says_who_it_is_for_and_lives_for_its_time() {
        let test = TestDatabase::create().await;
        let keys = keys(&test.connect().await, 900).await;
        let [user, organization, session] = [1, 2, 3].map(Uuid::from_u128);
        let (token, expire_time) = keys.sign(user, organization, session).unwrap();
        let claims = keys.verify(&token).await.unwrap();
        assert_eq!((claims.sub, claims.org, claims.sid), (user, organization, session));
        assert_eq!(claims.exp - claims.iat, 900);
        assert_eq!(claims.expire_time(), expire_time);
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((header.alg, header.kid), (Algorithm::EdDSA, Some(keys.ring().keys[0].id.clone())));
    }

    #[tokio::test]
    async fn forged_changed_and_expired_tokens_are_refused() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let keys = keys(&database, 900).await;
        let (token, _) = keys.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{}"}}"#, kid(&token)));
        let hs256 = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{}"}}"#, kid(&token)));
        for forged in [
            String::new(),
            "x".to_owned(),
            format!("{none}.{}.", parts[1]),
            format!("{hs256}.{}.{}", parts[1], parts[2]),
            format!("{}.{}x.{}", parts[0], parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
        ] {
            assert_eq!(reason(keys.verify(&forged).await), Reason::BadCredentials, "{forged}");
        }
        let old = load(&database, 0).await;
        let (token, _) = old.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(reason(keys.verify(&token).await), Reason::TokenExpired);
    }

    #[tokio::test]
    async fn what_our_key_signed_must_be_from_us_for_us_and_of_now() {
        let test = TestDatabase::create().await;
        let keys = keys(&test.connect().await, 900).await;
        let now = Utc::now().timestamp();
        let claims = |change: &dyn Fn(&mut Value)| {
            let mut claims = json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": Uuid::nil(), "org": Uuid::nil(), "sid": Uuid::nil(),
                "jti": Uuid::nil(), "iat": now, "exp": now + 900,
            });
            change(&mut claims);
            sign(&keys, &claims, ALGORITHM)
        };
        keys.verify(&claims(&|_| {})).await.unwrap();
        let changes: [&dyn Fn(&mut Value); 6] = [
            &|claims| claims["iss"] = "https://elsewhere.example.org".into(),
            &|claims| claims["aud"] = "somebody-else".into(),
            &|claims| claims["iat"] = (now + 3600).into(),
            &|claims| claims["nbf"] = (now + 3600).into(),
            &|claims| claims["sid"] = "not a session".into(),
            &|claims| claims["exp"] = Value::Null,
        ];
        for change in changes {
            assert_eq!(reason(keys.verify(&claims(change)).await), Reason::BadCredentials);
        }
        let over = claims(&|claims| claims["exp"] = (now - 1).into());
        assert_eq!(reason(keys.verify(&over).await), Reason::TokenExpired);
    }

    #[tokio::test]
    async fn a_new_key_waits_then_signs_and_the_old_one_counts_until_its_last_token_ends() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let [first, second] = [keys(&database, 900).await, load(&database, 900).await];
        let (old, _) = first.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        let config = TokenConfig { signing_key_lead: Duration::from_secs(2), ..TokenConfig::default() };
        let mut tx = database.begin(TxScope::Worker).await.unwrap();
        assert!(!is_due(&mut tx, &config).await.unwrap());
        let made = rotate(&mut tx, &vault(), &config).await.unwrap();
        assert!(
            matches!(rotate(&mut tx, &vault(), &config).await, Err(Error::Core(error)) if error.reason == Reason::WrongState)
        );
        tx.commit().await.unwrap();
        for keys in [&first, &second] {
            keys.reload().await.unwrap();
            assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 2, "both are published before the new one signs");
        }
        let (token, _) = first.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        assert_eq!(kid(&token), kid(&old), "the new key waits");
        while Utc::now() <= made.activate_time {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (token, _) = first.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        assert_eq!(kid(&token), made.id);
        second.verify(&token).await.unwrap();
        second.verify(&old).await.unwrap();
        let rows = signing_key::live(&database.reads.get().await.unwrap()).await.unwrap();
        let retire_time = rows.iter().find(|row| row.id == kid(&old)).unwrap().retire_time.unwrap();
        assert!(retire_time >= made.activate_time + TimeDelta::seconds(900), "{rows:?}");
        assert!(second.ring().verifying(&kid(&old), retire_time).is_none());
    }

    #[tokio::test]
    async fn a_key_that_another_replica_made_is_found() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let first = keys(&database, 900).await;
        let config = TokenConfig { signing_key_lead: Duration::ZERO, ..TokenConfig::default() };
        let mut tx = database.begin(TxScope::Worker).await.unwrap();
        let made = rotate(&mut tx, &vault(), &config).await.unwrap();
        tx.commit().await.unwrap();
        let second = load(&database, 900).await;
        let (token, _) = second.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        assert_eq!(kid(&token), made.id);
        first.verify(&token).await.unwrap();
    }
}
