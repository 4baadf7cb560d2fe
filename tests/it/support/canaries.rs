//! Secrets that a test plants, and the search for them in what the run leaves behind.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;
use uuid::Uuid;

/// Of each secret this many characters are looked for: enough that nothing else is like them, few enough that a part of a
/// secret is found, too.
const LOOKED_FOR: usize = 16;

/// Of a token people are shown this many characters behind its prefix.
const SHOWN: usize = 4;

/// What was planted, and what those were told who were refused.
#[derive(Default)]
pub struct Canaries {
    planted: Mutex<Vec<Planted>>,
    told: Mutex<Vec<u8>>,
}

/// One secret.
#[derive(Clone, Debug)]
struct Planted {
    /// What it is, such as `API token`.
    what: &'static str,
    secret: String,
}

impl Canaries {
    /// Notes a secret, and gives it back.
    pub fn plant(&self, what: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        let planted = Planted { what, secret: secret.clone() };
        self.planted.lock().unwrap_or_else(PoisonError::into_inner).push(planted);
        secret
    }

    /// A secret that nobody has: good as a password, too.
    pub fn fresh(&self, what: &'static str) -> String {
        self.plant(what, Uuid::new_v4().simple().to_string())
    }

    /// Notes what somebody was told who was refused: the message, the details and the metadata.
    pub fn refused(&self, status: &Status) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend_from_slice(status.message().as_bytes());
        told.extend_from_slice(status.details());
        told.extend_from_slice(format!("{:?}\n", status.metadata()).as_bytes());
    }

    /// Notes what an answer shows to people.
    pub fn shown(&self, answer: &impl std::fmt::Debug) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend_from_slice(format!("{answer:?}\n").as_bytes());
    }

    /// What everybody was told.
    pub fn told(&self) -> Vec<u8> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there are of each.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for planted in self.planted.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *counts.entry(planted.what).or_default() += 1;
        }
        counts
    }

    /// The secrets that a text holds: as they are, as hexadecimal digits, and tokens as the bytes that they spell.
    pub fn found_in(&self, text: &[u8]) -> Vec<String> {
        let planted = self.planted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut needles = HashMap::<u64, Vec<(Vec<u8>, &Planted)>>::new();
        // A page of bits over the ends of all needles keeps the map out of the way of nearly every byte.
        let mut ends = vec![false; 1 << 16];
        for planted in planted.iter() {
            for needle in spellings(&planted.secret) {
                let end = needle[needle.len() - 8..].iter().fold(0, |end, byte| end << 8 | u64::from(*byte));
                ends[place(end)] = true;
                needles.entry(end).or_default().push((needle, planted));
            }
        }
        let (mut found, mut end) = (Vec::new(), 0_u64);
        for (at, byte) in text.iter().enumerate() {
            end = end << 8 | u64::from(*byte);
            if !ends[place(end)] {
                continue;
            }
            for (needle, planted) in needles.get(&end).into_iter().flatten() {
                if text[..=at].ends_with(needle) {
                    let from = at.saturating_sub(160);
                    let around = String::from_utf8_lossy(&text[from..text.len().min(at + 60)]);
                    found.push(format!("{} {}: …{around}…", planted.what, planted.secret));
                }
            }
        }
        found
    }
}

/// Where the page has the bit of an end.
fn place(end: u64) -> usize {
    usize::from(u16::try_from(end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48).unwrap_or_default())
}

/// What is looked for of a secret.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let body = match secret.strip_prefix("fls_") {
        Some(token) => &token[token.find('_').map_or(0, |at| at + 1) + SHOWN..],
        // Of a signed token the signature: the rest is no secret.
        None if secret.matches('.').count() == 2 => &secret[secret.len() - LOOKED_FOR..],
        None => secret,
    };
    assert!(body.len() >= LOOKED_FOR, "{secret} is too short to be told from anything else");
    let part = &body[..LOOKED_FOR];
    let spelt = URL_SAFE_NO_PAD.decode(part).ok().map(hex::encode);
    [Some(part.to_owned()), Some(hex::encode(part)), spelt].into_iter().flatten().map(String::into_bytes).collect()
}
