//! Pages of a list: the size rule and the tokens that lead from one page to the next.
//!
//! Paging is by key: a token holds the ordering values of the last row, and the next page begins after them. A token
//! is `base64url(tag ‖ scope ‖ key)`, where `scope` is a hash of everything else in the call and `tag` an HMAC-SHA256
//! over both. It is signed, not encrypted: it holds nothing that its page did not show.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{Error, Reason};

/// Rows on a page if the call does not say.
pub const DEFAULT_SIZE: u32 = 50;

/// Most rows on a page.
pub const MAX_SIZE: u32 = 200;

/// A token longer than this is none of ours.
const MAX_TOKEN: usize = 4096;

/// Separates these tags from anything else that might be signed with the same key.
const DOMAIN: &[u8] = b"flagstone page token 1";

/// The rows a page gets: 0 means [`DEFAULT_SIZE`], more than [`MAX_SIZE`] means [`MAX_SIZE`], and fewer than none is a
/// violation of `page_size`.
pub fn page_size(asked: i32) -> Result<u32, Error> {
    match u32::try_from(asked) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(Error::field(
            "page_size",
            format!("A page cannot have {asked} rows. Send 1 to {MAX_SIZE}, or 0 for {DEFAULT_SIZE}."),
        )),
    }
}

/// Where a page ended: the ordering values of its last row, the one that decides last at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageKey {
    /// In the order of the list's ORDER BY.
    pub values: Vec<KeyPart>,
}

/// One ordering value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPart {
    /// A point in time, to the nanosecond.
    #[serde(rename = "t")]
    Time(DateTime<Utc>),
    /// A whole number.
    #[serde(rename = "i")]
    Int(i64),
    /// A text.
    #[serde(rename = "s")]
    Text(String),
    /// An id.
    #[serde(rename = "u")]
    Uuid(Uuid),
}

/// What a token is bound to: the hash of everything in a list call that decides which rows come in which order.
///
/// `arguments` are the resolved parent, the filter, the order and whatever else the list takes, always in the same
/// order; not the page size, which may change from page to page.
pub fn scope_hash(organization: Uuid, method: &str, arguments: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(organization.as_bytes());
    for part in [method].iter().chain(arguments) {
        // With the length before it, no two lists of arguments read the same.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The tokens between the pages of a list.
pub struct PageToken;

impl PageToken {
    /// The token of the page after `key`, for a call with this scope (see [`scope_hash`]).
    pub fn seal(key_material: &[u8; 32], scope_hash: [u8; 32], key: &PageKey) -> Result<String, Error> {
        let key = serde_json::to_vec(key).map_err(Error::internal)?;
        let mut token = tag(key_material, &scope_hash, &key).to_vec();
        token.extend_from_slice(&scope_hash);
        token.extend_from_slice(&key);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// Where the page before ended. A token that was altered, made elsewhere or made for other arguments is
    /// `PAGE_TOKEN_INVALID`.
    pub fn open(key_material: &[u8; 32], scope_hash: [u8; 32], token: &str) -> Result<PageKey, Error> {
        let altered = || refusal("The page token is not one of ours. Send it exactly as it was received.");
        if token.len() > MAX_TOKEN {
            return Err(altered());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| altered())?;
        let (sent_tag, rest) = bytes.split_first_chunk::<32>().ok_or_else(altered)?;
        let (sent_scope, key) = rest.split_first_chunk::<32>().ok_or_else(altered)?;
        if !bool::from(tag(key_material, sent_scope, key).ct_eq(sent_tag)) {
            return Err(altered());
        }
        if !bool::from(sent_scope.ct_eq(&scope_hash)) {
            return Err(refusal(
                "The page token belongs to a call with other arguments. Keep the parent, filter and order of the \
                 first page, or start again without a token.",
            ));
        }
        serde_json::from_slice(key).map_err(|_| altered())
    }
}

fn tag(key_material: &[u8; 32], scope_hash: &[u8; 32], key: &[u8]) -> [u8; 32] {
    // HMAC fills a short key up to its block with zeros; doing so here leaves nothing that could fail.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key_material);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(DOMAIN);
    mac.update(scope_hash);
    mac.update(key);
    mac.finalize().into_bytes().into()
}

fn refusal(message: &str) -> Error {
    let mut error = Error::field("page_token", message);
    error.reason = Reason::PageTokenInvalid;
    error
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIGNING_KEY: [u8; 32] = [7; 32];

    fn key() -> PageKey {
        PageKey {
            values: vec![
                KeyPart::Time(DateTime::from_timestamp_nanos(1_763_632_800_123_456_789)),
                KeyPart::Int(-3),
                KeyPart::Text("ü\"\n".to_owned()),
                KeyPart::Uuid(Uuid::from_u128(5)),
            ],
        }
    }

    fn refused(token: &str, signing_key: &[u8; 32], scope: [u8; 32]) -> bool {
        matches!(PageToken::open(signing_key, scope, token), Err(error)
            if error.reason == Reason::PageTokenInvalid && error.fields[0].field == "page_token")
    }

    #[test]
    fn the_size_has_a_default_a_limit_and_no_sign() {
        for (asked, size) in [(0, 50), (1, 1), (200, 200), (201, 200), (i32::MAX, 200)] {
            assert_eq!(page_size(asked).unwrap(), size);
        }
        for asked in [-1, i32::MIN] {
            assert_eq!(page_size(asked).unwrap_err().fields[0].field, "page_size");
        }
    }

    #[test]
    fn a_token_opens_with_its_own_key_and_scope_only() {
        let scope = scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/-", "", ""]);
        let token = PageToken::seal(&SIGNING_KEY, scope, &key()).unwrap();
        assert_eq!(PageToken::open(&SIGNING_KEY, scope, &token).unwrap(), key());
        assert!(refused(&token, &[8; 32], scope));
        for other in [
            scope_hash(Uuid::from_u128(1), "ListJobs", &["businessUnits/-", "", ""]),
            scope_hash(Uuid::nil(), "ListRequests", &["businessUnits/-", "", ""]),
            scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/a", "", ""]),
            scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/-", "a", ""]),
            scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/-", "", "a"]),
            scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/", "-", ""]),
            scope_hash(Uuid::nil(), "ListJobs", &["businessUnits/-", ""]),
        ] {
            assert!(refused(&token, &SIGNING_KEY, other));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["", "x", "é", &"A".repeat(86), &"A".repeat(100_000)] {
            assert!(refused(token, &SIGNING_KEY, [0; 32]), "{token}");
        }
    }

    proptest! {
        #[test]
        fn any_altered_byte_is_refused(place: prop::sample::Index, byte in 0x20..0x7f_u8) {
            let token = PageToken::seal(&SIGNING_KEY, [1; 32], &key()).unwrap();
            let mut altered = token.clone().into_bytes();
            let place = place.index(altered.len());
            prop_assume!(altered[place] != byte);
            altered[place] = byte;
            prop_assert!(refused(std::str::from_utf8(&altered).unwrap(), &SIGNING_KEY, [1; 32]));
        }

        #[test]
        fn any_cut_or_addition_is_refused(place: prop::sample::Index, more in "[A-Za-z0-9_=-]{1,4}") {
            let token = PageToken::seal(&SIGNING_KEY, [1; 32], &key()).unwrap();
            prop_assert!(refused(&token[..place.index(token.len())], &SIGNING_KEY, [1; 32]));
            prop_assert!(refused(&(token + &more), &SIGNING_KEY, [1; 32]));
        }
    }
}
