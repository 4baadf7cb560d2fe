//! The signed head of a tree: a C2SP `signed-note` whose text is a C2SP `tlog-checkpoint`.
//!
//! ```text
//! flagstone/organizations/<organization>/audit
//! <size of the tree>
//! <root hash, base64>
//! time <when it was signed, RFC 3339>
//! purged <so many entries from the first on were purged>
//!
//! — flagstone/<kid> <base64 of four bytes of the key's id and the Ed25519 signature>
//! ```

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::tree::Hash;
use crate::{decode, encode};

/// What begins the name of a key.
const KEY_NAME: &str = "flagstone/";

/// C2SP's number for Ed25519.
const ED25519: u8 = 1;

/// The head of an organization's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Row id of the organization.
    pub organization: String,
    /// Entries in the tree.
    pub size: u64,
    pub root: Hash,
    /// RFC 3339, in UTC.
    pub time: String,
    /// The events of so many entries from the first on had their time; their hashes are kept.
    pub purged: u64,
}

/// Why a note is no checkpoint of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It does not have the form.
    #[error("The checkpoint cannot be read: {0}.")]
    Form(&'static str),
    /// None of its signatures is by a given key.
    #[error("The checkpoint is signed by {0}, which is none of the given keys.")]
    UnknownKey(String),
    /// A given key should have signed it and did not.
    #[error("The signature of the checkpoint is wrong: somebody changed it.")]
    Signature,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!(
            "flagstone/organizations/{}/audit\n{}\n{}\ntime {}\npurged {}\n",
            self.organization,
            self.size,
            encode(&self.root),
            self.time,
            self.purged
        )
    }

    /// The note, signed.
    pub fn sign(&self, kid: &str, key: &SigningKey) -> String {
        let text = self.text();
        let name = format!("{KEY_NAME}{kid}");
        let mut signature = key_id(&name, &key.verifying_key()).to_vec();
        signature.extend(key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(signature))
    }

    /// Reads a note and checks that one of these keys signed it.
    pub fn open(note: &str, keys: &Keys) -> Result<Self, NoteError> {
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Form("it has no signature"))?;
        let text = format!("{text}\n");
        let checkpoint = Self::read(&text)?;
        let mut names = Vec::new();
        for line in signatures.lines() {
            let mut parts = line.strip_prefix("\u{2014} ").unwrap_or_default().split(' ');
            let (Some(name), Some(signature), None) = (parts.next(), parts.next(), parts.next()) else {
                return Err(NoteError::Form("a line of its signatures"));
            };
            let signature = STANDARD.decode(signature).map_err(|_| NoteError::Form("a signature is no base64"))?;
            let Some((id, signature)) = signature.split_at_checked(4) else {
                return Err(NoteError::Form("a signature is too short"));
            };
            if let Some(key) = keys.0.iter().find(|key| key_id(name, key) == id) {
                let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
                return match key.verify(text.as_bytes(), &signature) {
                    Ok(()) => Ok(checkpoint),
                    Err(_) => Err(NoteError::Signature),
                };
            }
            names.push(name.to_owned());
        }
        Err(NoteError::UnknownKey(names.join(", ")))
    }

    fn read(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let mut line = |what| lines.next().ok_or(NoteError::Form(what));
        let origin = line("it has no origin")?;
        let organization = origin.strip_prefix("flagstone/organizations/").and_then(|rest| rest.strip_suffix("/audit"));
        let number = |text: &str| text.parse::<u64>().ok().filter(|number| number.to_string() == text);
        let read = Self {
            organization: organization.ok_or(NoteError::Form("its origin is not Flagstone's"))?.to_owned(),
            size: number(line("it has no size")?).ok_or(NoteError::Form("its size is no number"))?,
            root: decode(line("it has no root")?).ok_or(NoteError::Form("its root is no hash"))?,
            time: line("it has no time")?.strip_prefix("time ").ok_or(NoteError::Form("it has no time"))?.to_owned(),
            purged: line("it does not say what was purged")?
                .strip_prefix("purged ")
                .and_then(number)
                .ok_or(NoteError::Form("it does not say what was purged"))?,
        };
        // What was signed has one spelling.
        if read.text() == text { Ok(read) } else { Err(NoteError::Form("it says more than a checkpoint does")) }
    }
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The keys that may have signed.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<VerifyingKey>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
}

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl Keys {
    /// Adds a public key.
    pub fn add(&mut self, key: &[u8; 32]) -> bool {
        VerifyingKey::from_bytes(key).map(|key| self.0.push(key)).is_ok()
    }

    /// Reads a JWKS, one JWK or a PEM file. Keys of other kinds are passed over; `None` where there is no Ed25519 key.
    pub fn read(text: &str) -> Option<Self> {
        let mut keys = Self::default();
        if let Some((_, rest)) = text.split_once("-----BEGIN PUBLIC KEY-----") {
            let body: String = rest.split("-----").next()?.split_whitespace().collect();
            keys.add(STANDARD.decode(body).ok()?.strip_prefix(&SPKI)?.try_into().ok()?);
        } else {
            let jwks = serde_json::from_str::<Jwks>(text).map(|jwks| jwks.keys);
            let jwks = jwks.or_else(|_| serde_json::from_str::<Jwk>(text).map(|jwk| vec![jwk])).ok()?;
            for jwk in jwks.iter().filter(|jwk| jwk.crv == "Ed25519") {
                if let Some(key) = URL_SAFE_NO_PAD.decode(&jwk.x).ok().and_then(|key| key.try_into().ok()) {
                    keys.add(&key);
                }
            }
        }
        (!keys.0.is_empty()).then_some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            organization: "0198c0de".into(),
            size: 300,
            root: [7; 32],
            time: "2026-11-20T16:39:40.123456Z".into(),
            purged: 12,
        }
    }

    fn keys(seed: u8) -> (SigningKey, Keys) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let mut keys = Keys::default();
        assert!(keys.add(key.verifying_key().as_bytes()));
        (key, keys)
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let (key, keys) = keys(1);
        let note = checkpoint().sign("k1", &key);
        assert!(note.starts_with("flagstone/organizations/0198c0de/audit\n300\nBwcH"), "{note}");
        assert_eq!(Checkpoint::open(&note, &keys), Ok(checkpoint()));
    }

    #[test]
    fn what_was_changed_or_signed_by_others_is_refused() {
        let (key, own) = keys(1);
        let note = checkpoint().sign("k1", &key);
        for (from, to) in [("300", "301"), ("BwcH", "BwcI"), ("purged 12", "purged 13"), ("0198", "0199")] {
            assert_eq!(Checkpoint::open(&note.replace(from, to), &own), Err(NoteError::Signature), "{from}");
        }
        assert_eq!(
            Checkpoint::open(&note, &keys(2).1),
            Err(NoteError::UnknownKey("flagstone/k1".into())),
            "another server's key"
        );
        for wrong in ["", "x", "a\n\n", "a\nb\n\n\u{2014} x y\n", &note.replace("300", "0300")] {
            assert!(matches!(Checkpoint::open(wrong, &own), Err(NoteError::Form(_))), "{wrong}");
        }
    }

    #[test]
    fn keys_are_read_from_jwks_jwk_and_pem() {
        let (key, _) = keys(1);
        let note = checkpoint().sign("k1", &key);
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"k1"}}"#);
        let jwks = format!(r#"{{"keys":[{{"kty":"RSA","n":"x"}},{jwk}]}}"#);
        let der = [SPKI.as_slice(), key.verifying_key().as_bytes()].concat();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        for text in [jwk, jwks, pem] {
            let keys = Keys::read(&text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(Checkpoint::open(&note, &keys), Ok(checkpoint()), "{text}");
        }
        for text in ["", "{}", r#"{"keys":[]}"#, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert!(Keys::read(text).is_none(), "{text}");
        }
    }
}
