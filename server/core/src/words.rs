//! Closed sets of words: states, kinds, tiers. Each is an enum whose members have one spelling, the same in the
//! database, in JSON and, with the enum's prefix, in the contract.

use std::fmt;

/// A stored or sent word that is not one of its set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a {what}; the known ones are {}", known.join(", "))]
pub struct UnknownWord {
    /// What the set holds, for instance `job state`.
    pub what: &'static str,
    /// The word that was found.
    pub value: String,
    /// Every word of the set.
    pub known: &'static [&'static str],
}

impl UnknownWord {
    /// `value` is none of `known`. Long values are cut, since the error is shown to people.
    pub fn new(what: &'static str, value: &str, known: &'static [&'static str]) -> Self {
        Self { what, value: Excerpt(value).to_string(), known }
    }
}

/// Shows at most the first 80 characters of what somebody sent, so that a message stays readable and small.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(80) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

/// Declares an enum of words: `ALL`, `WORDS`, `as_str`, `parse`, `FromStr`, `Display` and serde, all in the one
/// spelling given.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident: $what:literal {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every member, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The spelling of every member, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The spelling in the database and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Reads what a caller sent in `field`; another word is a violation of that field that lists the known
            /// ones.
            pub fn parse(value: &str, field: &str) -> Result<Self, $crate::Error> {
                value.parse().map_err(|unknown: $crate::words::UnknownWord| $crate::Error::field(field, unknown.to_string()))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                match value {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord::new($what, value, Self::WORDS)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares public sets")]
mod tests {
    words! {
        /// A set for the tests.
        pub enum Fruit: "fruit" {
            Apple = "APPLE",
            DragonFruit = "DRAGON_FRUIT",
        }
    }

    #[test]
    fn every_spelling_reads_back() {
        for (fruit, word) in Fruit::ALL.iter().zip(Fruit::WORDS) {
            assert_eq!(fruit.as_str(), *word);
            assert_eq!(word.parse(), Ok(*fruit));
            assert_eq!(serde_json::to_value(fruit).unwrap(), *word);
            assert_eq!(serde_json::from_value::<Fruit>((*word).into()).unwrap(), *fruit);
        }
    }

    #[test]
    fn an_unknown_word_is_told_with_the_known_ones() {
        let error = Fruit::parse("apple", "fruit").unwrap_err();
        assert_eq!(error.fields[0].field, "fruit");
        assert_eq!(error.fields[0].message, "`apple` is not a fruit; the known ones are APPLE, DRAGON_FRUIT");
        assert!(Fruit::parse(&"é".repeat(10_000), "fruit").unwrap_err().message.len() < 300);
    }
}
