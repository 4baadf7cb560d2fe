//! Names of what is of the organization or of one business unit: groups and role bindings.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{
    ANY, BusinessUnitId, BusinessUnitName, BusinessUnitParent, NameError, ResourceName, Slug, display, parse, segment,
    split, stored_segment,
};
use crate::Error;

/// What a name in a business unit begins with.
const IN_UNIT: &str = "businessUnits/";

/// Declares the type of one kind of name with its two forms.
macro_rules! scoped_name {
    ($(#[$meta:meta])* $name:ident($organization:literal, $unit:literal) $id_type:ty) => {
        $(#[$meta])*
        #[doc = concat!("\n\nThe form is `", $organization, "` or `", $unit, "`.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            business_unit: Option<BusinessUnitId>,
            id: $id_type,
        }

        impl $name {
            /// The name of something of the organization, or of a unit.
            pub fn new(business_unit: Option<&BusinessUnitName>, id: $id_type) -> Self {
                Self { business_unit: business_unit.map(|unit| unit.id().clone()), id }
            }

            /// The name with an id that was stored. One that breaks its grammar is our fault: INTERNAL.
            pub fn stored(business_unit: Option<&BusinessUnitName>, id: impl fmt::Display) -> Result<Self, Error> {
                Ok(Self::new(business_unit, stored_segment(&id)?))
            }

            /// The last segment.
            pub const fn id(&self) -> &$id_type {
                &self.id
            }

            /// The business unit that it is of; `None` for the organization.
            pub fn business_unit(&self) -> Option<BusinessUnitName> {
                self.business_unit.clone().map(BusinessUnitName::new)
            }
        }

        impl ResourceName for $name {
            const PATTERN: &'static str = concat!($organization, " or ", $unit);
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                let read = || {
                    if value.starts_with(IN_UNIT) {
                        let [unit, id] = split(value, $unit)?;
                        Ok(Self { business_unit: Some(segment(value, $unit, unit)?), id: segment(value, $unit, id)? })
                    } else {
                        let [id] = split(value, $organization)?;
                        Ok(Self { business_unit: None, id: segment(value, $organization, id)? })
                    }
                };
                read().map_err(|problem| both_forms(problem, Self::PATTERN))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.business_unit {
                    Some(unit) => display($unit, &[unit, &self.id], f),
                    None => display($organization, &[&self.id], f),
                }
            }
        }
    };
}

/// The same problem, told with every form that would be right.
fn both_forms(problem: NameError, pattern: &'static str) -> NameError {
    match problem {
        NameError::Empty { .. } => NameError::Empty { pattern },
        NameError::Shape { value, .. } => NameError::Shape { value, pattern },
        NameError::Segment { value, segment, rule, .. } => NameError::Segment { value, pattern, segment, rule },
        NameError::AnyBusinessUnit { value, .. } => NameError::AnyBusinessUnit { value, pattern },
    }
}

scoped_name! {
    /// Who may do things together.
    GroupName("groups/{group}", "businessUnits/{business_unit}/groups/{group}") Slug
}
scoped_name! {
    /// A role given to somebody.
    RoleBindingName("roleBindings/{role_binding}", "businessUnits/{business_unit}/roleBindings/{role_binding}") Uuid
}

/// The parent of a list of what is of the organization or of business units.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScopeParent {
    /// Empty: the organization itself.
    Organization,
    /// `businessUnits/-`: the organization and all its units, as far as the caller may read them.
    Any,
    /// One business unit.
    One(BusinessUnitName),
}

impl ResourceName for ScopeParent {
    const PATTERN: &'static str = "businessUnits/{business_unit}, businessUnits/- or nothing at all";
}

impl FromStr for ScopeParent {
    type Err = NameError;

    fn from_str(value: &str) -> Result<Self, NameError> {
        if value.is_empty() {
            return Ok(Self::Organization);
        }
        match value.parse() {
            Ok(BusinessUnitParent::One(name)) => Ok(Self::One(name)),
            Ok(BusinessUnitParent::Any) => Ok(Self::Any),
            Err(problem) => Err(both_forms(problem, Self::PATTERN)),
        }
    }
}

impl fmt::Display for ScopeParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => Ok(()),
            Self::Any => write!(f, "{IN_UNIT}{ANY}"),
            Self::One(name) => name.fmt(f),
        }
    }
}

/// Reads where something is made: in the unit that a caller sent in `field`, or, where that is empty, in the organization.
pub fn parse_scope(value: &str, field: &str) -> Result<Option<BusinessUnitName>, Error> {
    if value.is_empty() { Ok(None) } else { parse(value, field).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    #[test]
    fn both_forms_read_back_as_they_are_written() {
        for name in ["groups/admins", "businessUnits/pay/groups/admins"] {
            let read: GroupName = name.parse().unwrap();
            assert_eq!(read.to_string(), name);
            assert_eq!(read.business_unit().is_some(), name.starts_with("business"));
            assert_eq!(read.id().as_str(), "admins");
        }
        let id = Uuid::from_u128(7);
        for name in [format!("roleBindings/{id}"), format!("businessUnits/pay/roleBindings/{id}")] {
            assert_eq!(name.parse::<RoleBindingName>().unwrap().to_string(), name);
        }
        for parent in ["", "businessUnits/-", "businessUnits/pay"] {
            assert_eq!(parent.parse::<ScopeParent>().unwrap().to_string(), parent);
        }
    }

    #[test]
    fn anything_else_is_told_with_both_forms() {
        for name in [
            "",
            "groups",
            "groups/",
            "groups/A",
            "groups/a/b",
            "businessUnits/pay",
            "businessUnits/pay/groups/%",
            "teams/a",
        ] {
            let told = name.parse::<GroupName>().unwrap_err().to_string();
            assert!(told.contains(GroupName::PATTERN), "{name}: {told}");
        }
        let any = parse::<GroupName>("businessUnits/-/groups/admins", "name").unwrap_err();
        assert_eq!(any.reason, Reason::BusinessUnitRequired);
        assert!(parse_scope("", "parent").unwrap().is_none());
        assert_eq!(parse_scope("businessUnits/-", "parent").unwrap_err().reason, Reason::BusinessUnitRequired);
        assert!("teams/a".parse::<ScopeParent>().is_err());
    }
}
