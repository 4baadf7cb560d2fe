//! The code that a device shows and a person types (RFC 8628, section 6.1): consonants only, so that it spells no word and
//! no letter looks like a digit.

use crate::Error;

/// The letters of a code. Twenty of them: eight make 34 bits, which the limit of attempts and ten minutes protect.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of a code.
const LENGTH: usize = 8;

/// Bytes from this one on would make some letters likelier than others.
const FAIR: u8 = 240;

/// Makes a code out of random bytes; `None` where too few of them were of use. Sixteen nearly always do.
pub fn user_code(random: &[u8]) -> Option<String> {
    let letters: String = random
        .iter()
        .filter(|byte| **byte < FAIR)
        .take(LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect();
    (letters.len() == LENGTH).then(|| show(&letters))
}

/// Reads what a person typed: in any case, with or without hyphen and blanks.
pub fn parse(typed: &str) -> Result<String, Error> {
    let letters: String = typed
        .chars()
        .filter(|letter| !matches!(letter, '-' | ' '))
        .map(|letter| letter.to_ascii_uppercase())
        .take(LENGTH + 1)
        .collect();
    let is_code = letters.len() == LENGTH && letters.bytes().all(|byte| ALPHABET.contains(&byte));
    if is_code {
        Ok(show(&letters))
    } else {
        Err(Error::field("user_code", "Give the eight letters that the device shows, such as BCDF-GHJK."))
    }
}

fn show(letters: &str) -> String {
    let (first, second) = letters.split_at(LENGTH / 2);
    format!("{first}-{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_again_however_it_is_typed() {
        let code = user_code(&[0, 1, 255, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(code, "BCDF-GHJK");
        for typed in ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b-c-d-f-g-h-j-k"] {
            assert_eq!(parse(typed).unwrap(), code, "{typed}");
        }
        assert_eq!(user_code(&[250; 16]), None);
    }

    #[test]
    fn nothing_else_is_a_code() {
        let long = "B".repeat(1_000_000);
        for typed in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "ACDF-GHJK",
            "BCDF-GHJ1",
            "BCDF_GHJK",
            "BCDF-GHJ\0",
            "BCDFGHJ\u{202e}",
            "%%%%%%%%",
            &long,
        ] {
            assert!(parse(typed).is_err(), "{typed:.20}");
        }
    }
}
