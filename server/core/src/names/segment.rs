//! The segments of names: ids that people choose, and ids that the platform gives.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;
use crate::words::Excerpt;

/// One variable segment of a name. What is read is displayed again byte for byte.
pub trait Segment: Sized + fmt::Display {
    /// The grammar, as the end of a sentence that begins with "it is not".
    const RULE: &'static str;
    /// True for the id of a business unit, where `-` means every one.
    const IS_BUSINESS_UNIT: bool = false;

    /// The segment, if the text keeps the grammar.
    fn read(text: &str) -> Option<Self>;
}

/// Declares an id that is a text with a grammar.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $rule:literal, $is_valid:expr $(, $constant:ident = $value:expr)?) => {
        $(#[$meta])*
        #[doc = concat!("\n\nIt is ", $rule, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Reads the id that a caller sent in `field`; what breaks the grammar is a violation of that field.
            pub fn parse(value: &str, field: &str) -> Result<Self, Error> {
                value.parse().map_err(|message: String| Error::field(field, message))
            }
        }

        impl Segment for $name {
            const RULE: &'static str = $rule;
            $(const $constant: bool = $value;)?

            fn read(text: &str) -> Option<Self> {
                let is_valid: fn(&str) -> bool = $is_valid;
                is_valid(text).then(|| Self(text.to_owned()))
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(value: &str) -> Result<Self, String> {
                Self::read(value).ok_or_else(|| format!("`{}` is not {}.", Excerpt(value), Self::RULE))
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(value: String) -> Result<Self, String> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The id of most things that people name.
    Slug, "2 to 63 of a-z, 0-9 and `-`, a letter first and no `-` at the end", |text| is_slug(text, 63)
}
text_id! {
    /// The id of an environment.
    EnvironmentId, "2 to 50 of a-z, 0-9 and `-`, a letter first and no `-` at the end", |text| is_slug(text, 50)
}
text_id! {
    /// The id of a business unit: its code in lower case.
    BusinessUnitId, "1 to 50 of a-z, 0-9 and `-`, a letter first", |text| is_business_unit(text), IS_BUSINESS_UNIT = true
}
text_id! {
    /// The id of a person.
    Username, "1 to 64 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first", |text| is_username(text)
}

fn is_slug(text: &str, longest: usize) -> bool {
    (2..=longest).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_business_unit(text: &str) -> bool {
    text.len() <= 50
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_username(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

impl Segment for Uuid {
    const RULE: &'static str = "a UUID in lower case with hyphens";

    fn read(text: &str) -> Option<Self> {
        Self::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
    }
}

/// The version of a template: MAJOR.MINOR.PATCH, with a pre-release where there is one.
///
/// Without build metadata: it does not count in comparisons, so two different versions would be equally new.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "semver::Version", try_from = "semver::Version")]
pub struct TemplateVersionNumber(semver::Version);

impl TemplateVersionNumber {
    /// The version, to compare by precedence.
    pub const fn version(&self) -> &semver::Version {
        &self.0
    }
}

impl TryFrom<semver::Version> for TemplateVersionNumber {
    type Error = String;

    fn try_from(version: semver::Version) -> Result<Self, String> {
        if version.build.is_empty() && version.to_string().len() <= 64 {
            Ok(Self(version))
        } else {
            Err(format!("`{}` is not {}.", Excerpt(&version.to_string()), Self::RULE))
        }
    }
}

impl From<TemplateVersionNumber> for semver::Version {
    fn from(version: TemplateVersionNumber) -> Self {
        version.0
    }
}

impl Segment for TemplateVersionNumber {
    const RULE: &'static str = "a semantic version such as 1.2.3, without build metadata, of at most 64 characters";

    fn read(text: &str) -> Option<Self> {
        semver::Version::parse(text).ok()?.try_into().ok()
    }
}

impl fmt::Display for TemplateVersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a revision: 1, 2, 3 … within its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionNumber(i32);

impl RevisionNumber {
    /// The number; at least 1.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl Segment for RevisionNumber {
    const RULE: &'static str = "a whole number from 1";

    fn read(text: &str) -> Option<Self> {
        read_ordinal(text).map(Self)
    }
}

impl fmt::Display for RevisionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a request is named: by its id, which answers carry, or by its short code, which people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestId {
    /// The id.
    Uuid(Uuid),
    /// The number of a code such as `R-42`; at least 1.
    Code(i64),
}

impl Segment for RequestId {
    const RULE: &'static str = "a UUID in lower case with hyphens, or a code such as R-42";

    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix("R-") {
            Some(number) => read_ordinal(number).map(Self::Code),
            None => <Uuid as Segment>::read(text).map(Self::Uuid),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Code(number) => write!(f, "R-{number}"),
        }
    }
}

/// A number from 1 in its one spelling: no sign, no leading zero.
fn read_ordinal<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}
