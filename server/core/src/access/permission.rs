//! Permissions: the grammar `scope:resource:action[:qualifier]` (R042), the registry built from the catalogue (R041), and
//! the two forms in which they travel: one [`Permission`] and a [`PermissionSet`].

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use super::catalogue::{DEFINITIONS, Qualifier};
use crate::tier::Tier;

/// What a permission acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PermissionScope {
    /// The organization as a whole.
    Platform,
    /// One business unit.
    BusinessUnit,
    /// The caller's own person or objects.
    User,
}

impl PermissionScope {
    /// The first segment of the slug.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::BusinessUnit => "business_unit",
            Self::User => "user",
        }
    }
}

/// What the registry knows of one permission.
#[derive(Debug)]
pub struct PermissionInfo {
    /// `scope:resource:action[:qualifier]`, the name that roles store.
    pub slug: String,
    /// What people read.
    pub display_name: String,
    /// What it allows, as a sentence.
    pub description: String,
    /// The heading it is listed under.
    pub category: &'static str,
    /// The second segment of the slug.
    pub resource: &'static str,
    /// The third segment of the slug.
    pub action: &'static str,
    /// The tier of the objects it is about, where it is qualified by one.
    pub tier: Option<Tier>,
    /// True where it covers only objects that the caller created (qualifier `own`).
    pub own: bool,
    /// The first segment of the slug.
    pub scope: PermissionScope,
    /// Name of a Lucide icon.
    pub icon: &'static str,
    /// The registry also has `user:<resource>:<action>:own` (rule 7).
    has_own_counterpart: bool,
}

/// One permission of the registry: its index there, so that sets are bits and comparing costs nothing. Ordered by slug.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission(u16);

/// By slug; the index is the value of a [`Permission`].
static REGISTRY: LazyLock<Vec<PermissionInfo>> = LazyLock::new(build);

static BY_SLUG: LazyLock<HashMap<&'static str, Permission>> =
    LazyLock::new(|| Permission::all().map(|permission| (permission.slug(), permission)).collect());

/// Expands the catalogue: a definition that is qualified by tier gives one permission for each tier.
fn build() -> Vec<PermissionInfo> {
    let mut entries: Vec<PermissionInfo> = Vec::with_capacity(DEFINITIONS.len() + 16);
    for definition in DEFINITIONS {
        let base = format!("{}:{}:{}", definition.scope.as_str(), definition.resource, definition.action);
        let mut add = |slug: String, display_name: String, description: String, tier: Option<Tier>, own: bool| {
            entries.push(PermissionInfo {
                slug,
                display_name,
                description,
                category: definition.category,
                resource: definition.resource,
                action: definition.action,
                tier,
                own,
                scope: definition.scope,
                icon: definition.icon,
                has_own_counterpart: DEFINITIONS.iter().any(|other| {
                    other.qualifier == Qualifier::Own
                        && other.resource == definition.resource
                        && other.action == definition.action
                }),
            });
        };
        let (name, description) = (definition.display_name, definition.description);
        match definition.qualifier {
            Qualifier::Unqualified => add(base, name.to_owned(), format!("{description}."), None, false),
            Qualifier::Own => add(format!("{base}:own"), name.to_owned(), format!("{description}."), None, true),
            Qualifier::PerTier => {
                for tier in Tier::ALL {
                    let segment = tier.permission_segment();
                    add(
                        format!("{base}:{segment}"),
                        format!("{name} ({segment})"),
                        format!("{description} in {segment}."),
                        Some(tier),
                        false,
                    );
                }
            }
        }
    }
    entries.sort_by(|a, b| a.slug.cmp(&b.slug));
    entries
}

impl Permission {
    /// Every permission of the registry, in the order of their slugs.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(REGISTRY.len()).map(Self)
    }

    /// Finds a permission by its slug. The message of the error says whether the form is wrong or the permission unknown.
    pub fn parse(slug: &str) -> Result<Self, UnknownPermission> {
        BY_SLUG.get(slug).copied().ok_or_else(|| UnknownPermission {
            slug: slug.chars().take(200).collect(),
            well_formed: is_well_formed(slug),
        })
    }

    /// What the registry knows of it.
    pub fn info(self) -> &'static PermissionInfo {
        &REGISTRY[usize::from(self.0)]
    }

    /// `scope:resource:action[:qualifier]`.
    pub fn slug(self) -> &'static str {
        &self.info().slug
    }

    /// What it acts on.
    pub fn scope(self) -> PermissionScope {
        self.info().scope
    }

    /// True for the actions `list` and `read`, which the restriction OWN_TEAM leaves alone (rule 8).
    pub fn is_list_or_read(self) -> bool {
        matches!(self.info().action, "list" | "read")
    }

    /// True where a permission `user:<resource>:<action>:own` exists: it lifts OWN_TEAM for the caller's own objects, and
    /// nothing else (rule 7).
    pub fn has_own_counterpart(self) -> bool {
        self.info().has_own_counterpart
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permission({})", self.slug())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(slug: &str) -> Result<Self, UnknownPermission> {
        Self::parse(slug)
    }
}

/// A slug that is not in the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct UnknownPermission {
    slug: String,
    well_formed: bool,
}

impl UnknownPermission {
    fn sentence(&self) -> String {
        let Self { slug, well_formed } = self;
        if *well_formed {
            format!("`{slug}` is not a permission that this server knows. Choose one that the registry lists.")
        } else {
            format!(
                "`{slug}` is not the form of a permission. It is `scope:resource:action`, or \
                 `scope:resource:action:qualifier`, where the scope is platform, business_unit or user, the qualifier a \
                 tier in lower case or `own` (scope user only), and each segment consists of a-z and underscores."
            )
        }
    }
}

/// Whether a slug follows the grammar, known or not.
fn is_well_formed(slug: &str) -> bool {
    let segments: Vec<&str> = slug.split(':').collect();
    let word = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !segments.iter().all(|segment| word(segment)) {
        return false;
    }
    let known_scope = matches!(segments.first(), Some(&("platform" | "business_unit" | "user")));
    let qualified = match segments.get(3) {
        None => true,
        Some(&"own") => segments[0] == "user",
        Some(qualifier) => Tier::ALL.iter().any(|tier| tier.permission_segment() == *qualifier),
    };
    known_scope && qualified && (3..=4).contains(&segments.len())
}

/// What a method option names: one permission, or one for each tier where the last segment is `<tier>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionPattern {
    /// Just this one.
    Exact(Permission),
    /// The one of the object's tier. In the order of [`Tier::ALL`].
    PerTier([Permission; 3]),
}

impl PermissionPattern {
    /// Parses a method option such as `business_unit:deployments:create:<tier>`.
    pub fn parse(text: &str) -> Result<Self, UnknownPermission> {
        let Some(base) = text.strip_suffix(":<tier>") else {
            return Permission::parse(text).map(Self::Exact);
        };
        let of = |tier: Tier| Permission::parse(&format!("{base}:{}", tier.permission_segment()));
        let [first, second, third] = Tier::ALL.map(of);
        Ok(Self::PerTier([first?, second?, third?]))
    }

    /// The permission that is needed for an object of this tier.
    pub fn with_tier(&self, tier: Tier) -> Permission {
        match self {
            Self::Exact(permission) => *permission,
            Self::PerTier([development, staging, production]) => match tier {
                Tier::Development => *development,
                Tier::Staging => *staging,
                Tier::Production => *production,
            },
        }
    }

    /// Every permission it can stand for.
    pub fn permissions(&self) -> &[Permission] {
        match self {
            Self::Exact(permission) => std::slice::from_ref(permission),
            Self::PerTier(permissions) => permissions,
        }
    }
}

impl From<Permission> for PermissionPattern {
    fn from(permission: Permission) -> Self {
        Self::Exact(permission)
    }
}

impl fmt::Display for PermissionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(permission) => permission.fmt(f),
            Self::PerTier([first, ..]) => {
                let info = first.info();
                write!(f, "{}:{}:{}:<tier>", info.scope.as_str(), info.resource, info.action)
            }
        }
    }
}

/// Words of a set. Six hold 384 permissions; the finished catalogue has about 300. A test compares it with the registry.
const WORDS: usize = 6;

/// A set of permissions, one bit each: 48 bytes, copied freely.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet([u64; WORDS]);

impl PermissionSet {
    /// How many permissions a set can tell apart.
    pub const CAPACITY: usize = WORDS * 64;

    /// Adds one.
    pub fn insert(&mut self, permission: Permission) {
        let (word, bit) = Self::place(permission);
        self.0[word] |= bit;
    }

    /// Whether it is in.
    pub fn contains(&self, permission: Permission) -> bool {
        let (word, bit) = Self::place(permission);
        self.0[word] & bit != 0
    }

    /// Adds all of another set.
    pub fn extend_from(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// True when nothing is in.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// What is in, in the order of the slugs.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        Permission::all().filter(|permission| self.contains(*permission))
    }

    fn place(permission: Permission) -> (usize, u64) {
        (usize::from(permission.0 / 64), 1 << (permission.0 % 64))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut set = Self::default();
        for permission in permissions {
            set.insert(permission);
        }
        set
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::slug)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_registry_fits_into_a_set_and_repeats_nothing() {
        let slugs: BTreeSet<&str> = Permission::all().map(Permission::slug).collect();
        assert_eq!(slugs.len(), Permission::all().count());
        assert!(slugs.len() <= PermissionSet::CAPACITY);
        assert!(Permission::all().map(Permission::slug).is_sorted());
    }

    #[test]
    fn every_slug_round_trips_and_says_what_it_is() {
        for permission in Permission::all() {
            assert_eq!(permission.to_string().parse::<Permission>().unwrap(), permission);
            let info = permission.info();
            assert!(is_well_formed(&info.slug), "{}", info.slug);
            assert!(info.description.ends_with('.') && !info.display_name.is_empty(), "{}", info.slug);
            assert!(info.slug.starts_with(info.scope.as_str()), "{}", info.slug);
            assert_eq!(info.own, info.slug.ends_with(":own"));
            assert!(!info.own || info.scope == PermissionScope::User);
            if let Some(tier) = info.tier {
                assert!(info.slug.ends_with(tier.permission_segment()));
            }
        }
    }

    #[test]
    fn the_grammar_tells_unknown_from_malformed() {
        for slug in ["platform:moons:read", "business_unit:deployments:paint:staging", "user:moods:read:own"] {
            assert!(Permission::parse(slug).unwrap_err().to_string().contains("not a permission"), "{slug}");
        }
        for slug in [
            "",
            ":",
            "platform",
            "platform:audit",
            "planet:audit:read",
            "platform:audit:read:own",
            "business_unit:deployments:create:DEVELOPMENT",
            "business_unit:deployments:create:moon",
            "business_unit:deployments:create:staging:own",
            "business_unit:deployments::staging",
            "Platform:audit:read",
            "platform:audit:read ",
        ] {
            assert!(Permission::parse(slug).unwrap_err().to_string().contains("not the form"), "{slug}");
        }
    }

    #[test]
    fn a_pattern_stands_for_one_permission_a_tier() {
        let pattern = PermissionPattern::parse("business_unit:deployments:create:<tier>").unwrap();
        assert_eq!(pattern.to_string(), "business_unit:deployments:create:<tier>");
        for tier in Tier::ALL {
            assert_eq!(pattern.with_tier(tier).info().tier, Some(tier));
        }
        let exact = PermissionPattern::parse("platform:audit:read").unwrap();
        assert_eq!(exact.with_tier(Tier::Staging).slug(), "platform:audit:read");
        assert!(PermissionPattern::parse("platform:audit:read:<tier>").is_err());
        assert!(PermissionPattern::parse("business_unit:deployments:create").is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_accepts_only_the_registry(text in "\\PC{0,60}") {
            if let Ok(permission) = Permission::parse(&text) {
                prop_assert_eq!(permission.slug(), text);
            }
        }

        #[test]
        fn a_set_holds_what_was_put_in(picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let all: Vec<Permission> = Permission::all().collect();
            let chosen: BTreeSet<Permission> = picks.iter().map(|pick| *pick.get(&all)).collect();
            let set: PermissionSet = chosen.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), chosen);
        }
    }
}
