//! Access tokens: JWTs of a quarter of an hour, signed with an Ed25519 key that the server generated and keeps sealed.
//! The keys are rows, so that replicas accept each other's tokens; one that is not known yet is looked up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::{Connection, Database, signing_key};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::vault::Vault;

/// The one algorithm. What the header of a token says about it is only compared.
const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// Whom tokens are for.
const AUDIENCE: &str = "flagstone";

/// Unknown key ids are looked up at most once in this time: anybody can invent them.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

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
    issuer: String,
    lifetime: Duration,
    id: String,
    signing: EncodingKey,
    known: RwLock<HashMap<String, Arc<DecodingKey>>>,
    last_look_up: Mutex<Option<Instant>>,
    validation: Validation,
}

/// What is sealed with a key's private part.
fn sealed_as(id: &str) -> String {
    format!("signing key/{id}")
}

/// Makes the first signing key, unless there is one. The caller holds the lock of the start.
pub async fn create_first(conn: &mut Connection, vault: &Vault) -> Result<()> {
    if signing_key::current(conn).await?.is_some() {
        return Ok(());
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(Error::internal)?;
    let key = SigningKey::from_bytes(&seed);
    let id = Uuid::now_v7().to_string();
    let public_jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id,
        "x": URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
    });
    let ciphertext = vault.seal(&sealed_as(&id), seed.as_slice())?;
    let row = signing_key::NewSigningKey { id: &id, alg: "EdDSA", public_jwk: &public_jwk, ciphertext: &ciphertext };
    Ok(signing_key::insert(conn, &row).await?)
}

impl SigningKeys {
    /// Loads the key to sign with, which `create_first` has made. `lifetime` is that of the tokens.
    pub async fn load(database: Database, vault: &Vault, issuer: &str, lifetime: Duration) -> Result<Self> {
        let row = signing_key::current(&*database.reads.get().await?).await?;
        let row = row.ok_or_else(|| Error::internal("there is no signing key"))?;
        let seed = Zeroizing::new(vault.open(&sealed_as(&row.id), &row.ciphertext)?);
        let seed = seed.as_slice().try_into().map_err(Error::internal)?;
        let der = SigningKey::from_bytes(seed).to_pkcs8_der().map_err(|error| Error::internal(error.to_string()))?;
        let known = HashMap::from([(row.id.clone(), Arc::new(public_part(&row.public_jwk)?))]);
        let mut validation = Validation::new(ALGORITHM);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.leeway = 0;
        Ok(Self {
            database,
            issuer: issuer.to_owned(),
            lifetime,
            id: row.id,
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            known: RwLock::new(known),
            last_look_up: Mutex::new(None),
            validation,
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
        let header = Header { kid: Some(self.id.clone()), ..Header::new(ALGORITHM) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing).map_err(Error::internal)?;
        Ok((token, claims.expire_time()))
    }

    /// What a token says, if one of our keys signed it and its time is not over. UNAUTHENTICATED `TOKEN_EXPIRED` or, for
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
            Ok(data) => Ok(data.claims),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(expired().into()),
            Err(_) => Err(unusable().into()),
        }
    }

    async fn key(&self, id: &str) -> Result<Arc<DecodingKey>> {
        if let Some(key) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(key.clone());
        }
        {
            let mut last = self.last_look_up.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() < LOOK_UP_PAUSE) {
                return Err(unusable().into());
            }
            *last = Some(Instant::now());
        }
        let conn = self.database.reads.get().await?;
        let row = signing_key::find(&conn, id).await?.ok_or_else(unusable)?;
        let key = Arc::new(public_part(&row.public_jwk)?);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(row.id, key.clone());
        Ok(key)
    }
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

fn public_part(jwk: &Value) -> Result<DecodingKey> {
    let x = jwk["x"].as_str().unwrap_or_default();
    DecodingKey::from_ed_components(x).map_err(Error::internal)
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
        SigningKeys::load(database.clone(), &vault(), ISSUER, Duration::from_secs(lifetime)).await.unwrap()
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
        assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::EdDSA, Some(keys.id.as_str())));
    }

    #[tokio::test]
    async fn forged_changed_and_expired_tokens_are_refused() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let keys = keys(&database, 900).await;
        let (token, _) = keys.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{}"}}"#, keys.id));
        let hs256 = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{}"}}"#, keys.id));
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
        let old = SigningKeys::load(database, &vault(), ISSUER, Duration::ZERO).await.unwrap();
        let (token, _) = old.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(reason(keys.verify(&token).await), Reason::TokenExpired);
    }

    #[tokio::test]
    async fn a_key_that_another_replica_made_is_found() {
        let test = TestDatabase::create().await;
        let database = test.connect().await;
        let first = keys(&database, 900).await;
        // A rotation: the first key is no longer the one to sign with, and still known.
        let mut tx = database.begin(TxScope::Worker).await.unwrap();
        let jwk = json!({"x": URL_SAFE_NO_PAD.encode(SigningKey::from_bytes(&[7; 32]).verifying_key().as_bytes())});
        let ciphertext = vault().seal(&sealed_as("zz"), &[7; 32]).unwrap();
        let row = signing_key::NewSigningKey { id: "zz", alg: "EdDSA", public_jwk: &jwk, ciphertext: &ciphertext };
        signing_key::insert(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
        let second = SigningKeys::load(database, &vault(), ISSUER, Duration::from_secs(900)).await.unwrap();
        assert_eq!(second.id, "zz");
        let (token, _) = second.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        first.verify(&token).await.unwrap();
        let (token, _) = first.sign(Uuid::nil(), Uuid::nil(), Uuid::nil()).unwrap();
        second.verify(&token).await.unwrap();
    }
}
