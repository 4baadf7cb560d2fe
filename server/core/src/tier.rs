//! The classes of environments. Permissions, policies and approvals depend on the tier, not on the environment.

use std::str::FromStr;

use crate::Error;
use crate::words::UnknownWord;

/// Class of an environment, ordered by promotion: what is proven in one may go to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Tier {
    /// For trying.
    Development,
    /// For proving.
    Staging,
    /// For customers.
    Production,
}

impl Tier {
    /// Every tier, from low to high.
    pub const ALL: [Self; 3] = [Self::Development, Self::Staging, Self::Production];
    /// The spelling of every tier, in the same order.
    pub const WORDS: &'static [&'static str] = &["DEVELOPMENT", "STAGING", "PRODUCTION"];

    /// The spelling in the database and in JSON, for instance `DEVELOPMENT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "DEVELOPMENT",
            Self::Staging => "STAGING",
            Self::Production => "PRODUCTION",
        }
    }

    /// The last segment of a tier-qualified permission, for instance `development`.
    pub const fn permission_segment(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// What people read.
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Development => "Development",
            Self::Staging => "Staging",
            Self::Production => "Production",
        }
    }

    /// What the tier is for, as a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Development => "For trying things out. Changes usually need no approval.",
            Self::Staging => "For proving a change under conditions like those of production.",
            Self::Production => "For what customers use. Changes need the approval of another person.",
        }
    }

    /// Promotion goes from lower to higher. The ranks leave room for the environments between.
    pub const fn rank(self) -> i32 {
        match self {
            Self::Development => 100,
            Self::Staging => 200,
            Self::Production => 300,
        }
    }

    /// Other spellings accepted on input, in any case.
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Development => &["dev"],
            Self::Staging => &["stage"],
            Self::Production => &["prod"],
        }
    }

    /// Reads what a caller sent in `field`: the name or an alias, in any case.
    pub fn parse(value: &str, field: &str) -> Result<Self, Error> {
        value.parse().map_err(|unknown: UnknownWord| Error::field(field, unknown.to_string()))
    }
}

impl FromStr for Tier {
    type Err = UnknownWord;

    /// The name or an alias, in any case.
    fn from_str(value: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|tier| {
                tier.as_str().eq_ignore_ascii_case(value)
                    || tier.aliases().iter().any(|alias| alias.eq_ignore_ascii_case(value))
            })
            .ok_or_else(|| UnknownWord::new("tier", value, Self::WORDS))
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_read_in_any_case() {
        for (text, tier) in [
            ("DEVELOPMENT", Tier::Development),
            ("dev", Tier::Development),
            ("Stage", Tier::Staging),
            ("staging", Tier::Staging),
            ("PROD", Tier::Production),
            ("production", Tier::Production),
        ] {
            assert_eq!(Tier::parse(text, "tier").unwrap(), tier);
        }
        let error = Tier::parse("live", "tier").unwrap_err();
        assert_eq!(
            error.fields[0].message,
            "`live` is not a tier; the known ones are DEVELOPMENT, STAGING, PRODUCTION"
        );
    }

    #[test]
    fn json_order_and_rank_agree_with_the_names() {
        for (tier, word) in Tier::ALL.into_iter().zip(Tier::WORDS) {
            assert_eq!(serde_json::to_value(tier).unwrap(), *word);
            assert_eq!(tier.permission_segment(), word.to_ascii_lowercase());
        }
        assert!(Tier::ALL.windows(2).all(|pair| pair[0] < pair[1] && pair[0].rank() < pair[1].rank()));
    }
}
