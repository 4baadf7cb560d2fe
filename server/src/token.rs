//! Opaque credentials: 256 random bits behind a prefix that scanners of repositories know, with a checksum that tells a
//! mistyped one without asking the database. Stored only as SHA-256: high entropy needs no slow hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flagstone_core::Error as CoreError;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Renews a session, once.
    Refresh,
    /// Opens the runner link.
    Runner,
    /// Lets a runner in, once.
    RunnerJoin,
    /// Accepts an invitation, once.
    Invitation,
    /// Sets a password, once.
    PasswordReset,
    /// Lets a program in.
    Api,
    /// Fetches the tokens of a device login, once.
    Device,
}

impl TokenKind {
    /// Every kind there is.
    #[cfg(test)]
    const ALL: [Self; 7] =
        [Self::Refresh, Self::Runner, Self::RunnerJoin, Self::Invitation, Self::PasswordReset, Self::Api, Self::Device];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "fls_rt_",
            Self::Runner => "fls_run_",
            Self::RunnerJoin => "fls_rjt_",
            Self::Invitation => "fls_inv_",
            Self::PasswordReset => "fls_pwr_",
            Self::Api => "fls_api_",
            Self::Device => "fls_dev_",
        }
    }
}

/// Characters of 32 bytes in base64url.
const BODY: usize = 43;

/// Characters of the checksum: 24 bits.
const CHECKSUM: usize = 4;

/// Characters behind the prefix that are shown to people: 24 bits of 256.
const SHOWN: usize = 4;

/// Makes a credential: the text for its holder, and the hash to store.
pub fn mint(kind: TokenKind) -> Result<(String, [u8; 32]), CoreError> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).map_err(CoreError::internal)?;
    let body = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(random.as_slice()));
    let token = format!("{body}{}", checksum(&body));
    let hash = Sha256::digest(token.as_bytes()).into();
    Ok((token, hash))
}

/// The beginning of a credential, by which people recognise it: too little to guess the rest.
pub fn shown_prefix(kind: TokenKind, token: &str) -> &str {
    token.get(..kind.prefix().len() + SHOWN).unwrap_or_default()
}

/// The hash to look a credential up by; `None` for a text that was never one of this kind.
pub fn hash(kind: TokenKind, token: &str) -> Option<[u8; 32]> {
    let rest = token.strip_prefix(kind.prefix())?;
    if rest.len() != BODY + CHECKSUM || !rest.is_ascii() {
        return None;
    }
    let (body, sum) = token.split_at(token.len() - CHECKSUM);
    (checksum(body) == sum).then(|| Sha256::digest(token.as_bytes()).into())
}

fn checksum(body: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(body.as_bytes())[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_minted_is_recognised_and_nothing_else() {
        for kind in TokenKind::ALL {
            let (token, stored) = mint(kind).unwrap();
            assert_eq!(hash(kind, &token), Some(stored));
            let changed = token.replacen(&token[10..11], if &token[10..11] == "A" { "B" } else { "A" }, 1);
            for wrong in [changed.as_str(), &token[1..], &token[..token.len() - 1], "", "fls_rt_", "fls_rt_é"] {
                assert_eq!(hash(kind, wrong), None, "{wrong}");
            }
        }
        assert_eq!(hash(TokenKind::Runner, &mint(TokenKind::Refresh).unwrap().0), None);
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(mint(TokenKind::Refresh).unwrap().0, mint(TokenKind::Refresh).unwrap().0);
    }
}
