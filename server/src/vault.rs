//! Encryption at rest: an envelope around every secret.
//!
//! Each secret has a data key of its own, which encrypts it with AES-256-GCM. The data key is wrapped by the
//! key-encryption key, which is derived from the master key and exists only in memory. A new master key means wrapping
//! the data keys anew, not the secrets.
//!
//! What belongs to a secret (its organization, kind and name) is authenticated with it: ciphertext that was moved to
//! another row does not open.
//!
//! The layout, version 1:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | id of the key-encryption key: the start of its SHA-256 |
//! | 12 + 32 + 16 | nonce, wrapped data key, tag |
//! | 12 + n + 16 | nonce, ciphertext, tag |

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use flagstone_core::{Error, Kind, Reason};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The first byte of everything that is sealed.
const VERSION: u8 = 1;

const KEY_ID: usize = 8;
const NONCE: usize = 12;
const KEY: usize = 32;
const TAG: usize = 16;

/// Version and key id.
const HEADER: usize = 1 + KEY_ID;

/// Where the secret's own nonce begins.
const BODY: usize = HEADER + NONCE + KEY + TAG;

/// Seals and opens what is stored encrypted. Made once from the master key; holds no key that could decrypt anything
/// without the database.
pub struct Vault {
    /// From which the keys of other purposes are derived.
    root: Hkdf<Sha256>,
    wrapping: Aes256Gcm,
    key_id: [u8; KEY_ID],
}

impl Vault {
    /// The vault of a master key of any length. Whether the key is strong is checked where it is read (`config`).
    pub fn from_master_key(master_key: &[u8]) -> Self {
        let root = Hkdf::<Sha256>::new(Some(b"flagstone"), master_key);
        let key = expand(&root, "key-encryption-key/1");
        let key_id = Sha256::digest(key.as_slice())[..KEY_ID].try_into().unwrap_or_default();
        Self { wrapping: cipher(&key), root, key_id }
    }

    /// Encrypts `plaintext` so that it opens only with the same `aad`, which names what it is, for instance
    /// `{organization}/plan/{id}`. Fails only when the system has no randomness.
    pub fn seal(&self, aad: &str, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut key = Zeroizing::new([0; KEY]);
        let (mut key_nonce, mut nonce) = ([0; NONCE], [0; NONCE]);
        for random in [key.as_mut_slice(), &mut key_nonce, &mut nonce] {
            getrandom::fill(random).map_err(Error::internal)?;
        }
        let mut sealed = Vec::with_capacity(BODY + NONCE + plaintext.len() + TAG);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.key_id);
        let bound = bound(&sealed, aad);
        sealed.extend_from_slice(&key_nonce);
        sealed.extend_from_slice(&encrypt(&self.wrapping, &key_nonce, key.as_slice(), &bound)?);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypt(&cipher(&key), &nonce, plaintext, &bound)?);
        Ok(sealed)
    }

    /// Decrypts what was sealed with the same `aad`. Fails with DATA_LOSS when a bit changed, it was sealed as
    /// something else, or with another master key.
    pub fn open(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        if sealed.len() < BODY + NONCE + TAG || sealed[0] != VERSION {
            return Err(unreadable(aad, "it is not of a known form"));
        }
        if sealed[1..HEADER] != self.key_id {
            return Err(unreadable(aad, "it was sealed with another master key"));
        }
        let bound = bound(&sealed[..HEADER], aad);
        let (key_nonce, wrapped) = sealed[HEADER..BODY].split_at(NONCE);
        let key = Zeroizing::new(decrypt(&self.wrapping, key_nonce, wrapped, &bound, aad)?);
        let key = key.as_slice().try_into().map(Zeroizing::new).map_err(|_| unreadable(aad, "its key is too short"))?;
        let (nonce, ciphertext) = sealed[BODY..].split_at(NONCE);
        decrypt(&cipher(&key), nonce, ciphertext, &bound, aad)
    }

    /// A key of its own for another purpose, for instance `page tokens`: the same for every process with this master
    /// key, and of no use for any other label.
    pub fn derive_key(&self, label: &str) -> [u8; 32] {
        *expand(&self.root, &format!("derived/{label}"))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("key_id", &hex::encode(self.key_id)).finish_non_exhaustive()
    }
}

/// What is authenticated beside the ciphertext: the header, so that it cannot be changed, and what the secret is.
fn bound(header: &[u8], aad: &str) -> Vec<u8> {
    [header, aad.as_bytes()].concat()
}

fn expand(root: &Hkdf<Sha256>, label: &str) -> Zeroizing<[u8; KEY]> {
    let mut key = Zeroizing::new([0; KEY]);
    root.expand(label.as_bytes(), key.as_mut_slice()).expect("HKDF-SHA256 gives up to 8,160 bytes");
    key
}

fn cipher(key: &[u8; KEY]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

fn encrypt(cipher: &Aes256Gcm, nonce: &[u8; NONCE], plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
    let payload = Payload { msg: plaintext, aad };
    cipher.encrypt(&Nonce::from(*nonce), payload).map_err(|_| Error::internal("a secret of more than 64 GiB"))
}

fn decrypt(cipher: &Aes256Gcm, nonce: &[u8], ciphertext: &[u8], bound: &[u8], aad: &str) -> Result<Vec<u8>, Error> {
    let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| unreadable(aad, "it is cut short"))?;
    let payload = Payload { msg: ciphertext, aad: bound };
    cipher
        .decrypt(&Nonce::from(nonce), payload)
        .map_err(|_| unreadable(aad, "it was changed, or sealed as something else"))
}

fn unreadable(aad: &str, why: &str) -> Error {
    Error::new(
        Kind::DataLoss,
        Reason::ChecksumMismatch,
        "What is stored encrypted cannot be read. Report the correlation id to the operator of this installation.",
    )
    .caused_by(format!("the sealed `{aad}` does not open: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault() -> Vault {
        Vault::from_master_key(b"a master key of at least 32 bytes")
    }

    #[test]
    fn every_seal_is_different() {
        let sealed = [(); 2].map(|()| vault().seal("a", b"secret").unwrap());
        assert_ne!(sealed[0], sealed[1]);
        assert_ne!(sealed[0][HEADER..BODY], sealed[1][HEADER..BODY]);
    }

    #[test]
    fn another_master_key_is_told_apart() {
        let sealed = vault().seal("a", b"secret").unwrap();
        let error = Vault::from_master_key(b"another master key of 32 bytes..").open("a", &sealed).unwrap_err();
        assert_eq!(error.kind, Kind::DataLoss);
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("another master key"));
    }

    #[test]
    fn derived_keys_differ_by_label_and_master_key() {
        let one = vault();
        assert_eq!(one.derive_key("a"), vault().derive_key("a"));
        assert_ne!(one.derive_key("a"), one.derive_key("b"));
        assert_ne!(one.derive_key("a"), Vault::from_master_key(b"other").derive_key("a"));
    }

    #[test]
    fn nothing_shows_the_key() {
        assert!(!format!("{:?}", vault()).contains("master key"));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(plaintext in prop::collection::vec(any::<u8>(), 0..300), aad in "\\PC{0,40}") {
            let sealed = vault().seal(&aad, &plaintext).unwrap();
            prop_assert_eq!(vault().open(&aad, &sealed).unwrap(), plaintext);
        }

        #[test]
        fn what_was_moved_does_not_open(aad in "[a-z/]{0,20}", other in "[a-z/]{0,20}") {
            prop_assume!(aad != other);
            let sealed = vault().seal(&aad, b"secret").unwrap();
            prop_assert!(vault().open(&other, &sealed).is_err());
        }

        #[test]
        fn one_changed_bit_is_noticed(plaintext in prop::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, bit in 0..8u8) {
            let mut sealed = vault().seal("a", &plaintext).unwrap();
            let index = at.index(sealed.len());
            sealed[index] ^= 1 << bit;
            prop_assert!(vault().open("a", &sealed).is_err());
        }

        #[test]
        fn what_was_cut_does_not_open(at: prop::sample::Index) {
            let sealed = vault().seal("a", b"secret").unwrap();
            prop_assert!(vault().open("a", &sealed[..at.index(sealed.len())]).is_err());
        }
    }
}
