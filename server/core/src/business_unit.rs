//! Business units: what they may be called, and which roles their members have.

use crate::error::Violations;
use crate::names::BusinessUnitId;
use crate::text;

/// Longest code, in characters.
pub const CODE_MAX: usize = 50;

/// The role of whoever owns a unit (R026).
pub const OWNER_ROLE: &str = "bu-owner";

/// The role of whoever owned a unit and does not any more.
pub const FORMER_OWNER_ROLE: &str = "viewer";

/// The id of a unit with this code, its lower case; `None` for what is no code: a letter, then letters, digits and `-`.
pub fn id_of_code(code: &str) -> Option<BusinessUnitId> {
    // Lower case of ASCII only: there are letters whose lower case is in ASCII and who are not.
    code.is_ascii().then(|| code.to_ascii_lowercase().parse().ok()).flatten()
}

/// What people can write about a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessUnitText {
    pub display_name: String,
    pub description: String,
}

impl BusinessUnitText {
    /// Notes everything that is wrong with it, below `field`.
    pub fn check(&self, field: &str, wrong: &mut Violations) {
        wrong.check(text::is_title(&self.display_name, 255), format!("{field}.display_name"), text::title_rule(255));
        wrong.check(text::is_prose(&self.description, 1000), format!("{field}.description"), text::prose_rule(1000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_lower_case_of_the_code() {
        for (code, id) in [("ENG", "eng"), ("Data-Platform2", "data-platform2"), ("x", "x"), ("A-", "a-")] {
            assert_eq!(id_of_code(code).unwrap().as_str(), id);
        }
        assert!(id_of_code(&"A".repeat(CODE_MAX)).is_some());
    }

    #[test]
    fn what_is_no_code_has_no_id() {
        // The Kelvin sign, whose lower case is a `k`.
        for code in ["", "-", "1A", "-A", "A B", "A_B", "A.B", "Ä", "\u{212a}", "a%", "a\0", "a/b", &"A".repeat(51)] {
            assert_eq!(id_of_code(code), None, "{code:?}");
        }
    }
}
