use proptest::prelude::*;

use super::*;

#[test]
fn only_paths_of_ours_are_gone_back_to() {
    for path in ["/", "/services", "/services?tier=production&x=1#top", "/a//b", "/%2F%2Fevil.org", "/@evil.org"] {
        assert!(is_local_path(path), "{path}");
    }
    for path in [
        "",
        "services",
        "//evil.org",
        "///evil.org",
        "/\\evil.org",
        "\\\\evil.org",
        "/a\\b",
        "https:evil.org",
        "https://evil.org",
        "javascript:alert(1)",
        "/\t/evil.org",
        "/\n/evil.org",
        "/a b",
        "/\0",
        "/\u{202e}",
        "/ä",
        &format!("/{}", "x".repeat(2_000)),
    ] {
        assert!(!is_local_path(path), "{path:?}");
    }
}

#[test]
fn a_parameter_goes_before_the_fragment() {
    assert_eq!(with_parameter("/profile", "error", "x"), "/profile?error=x");
    assert_eq!(with_parameter("/profile?a=b#c", "error", "x"), "/profile?a=b&error=x#c");
}

fn profile() -> Profile {
    Profile {
        subject: "42".into(),
        email: Some("Ada.Lovelace@Example.org".into()),
        email_verified: Some(true),
        preferred_username: Some("Ada@example.org".into()),
        full_name: Some(" Ada\nLovelace ".into()),
        profile_url: Some("https://example.org/ada".into()),
    }
}

#[test]
fn a_profile_is_stored_in_our_form() {
    let person = profile().accept(SsoProviderKind::Oidc).unwrap();
    assert_eq!(person.verified_email.as_deref(), Some("ada.lovelace@example.org"));
    assert_eq!((person.username.as_str(), person.full_name.as_str()), ("ada", "AdaLovelace"));
    let of = |change: fn(&mut Profile)| {
        let mut profile = profile();
        change(&mut profile);
        profile.accept(SsoProviderKind::Oidc)
    };
    assert_eq!(of(|profile| profile.subject.clear()), None);
    assert_eq!(of(|profile| profile.subject = "a\0".into()), None);
    assert_eq!(of(|profile| profile.subject = "x".repeat(256)), None);
    for (preferred, expected) in [
        (None, "ada.lovelace"),
        (Some("_Grace %"), "grace"),
        (Some("åäö"), "ada.lovelace"),
        (Some("me"), "ada.lovelace"),
    ] {
        let profile = Profile { preferred_username: preferred.map(str::to_owned), ..profile() };
        assert_eq!(profile.accept(SsoProviderKind::Oidc).unwrap().username, expected, "{preferred:?}");
    }
    assert_eq!(of(|profile| (profile.email, profile.preferred_username) = (None, None)).unwrap().username, "user");
    assert_eq!(of(|profile| profile.profile_url = Some("javascript:x".into())).unwrap().profile_url, "");
}

#[test]
fn an_address_counts_only_where_the_provider_vouches_for_it() {
    use SsoProviderKind::{Entra, Github, Google, Oidc};
    for (kind, said, counts) in [
        (Oidc, Some(true), true),
        (Oidc, Some(false), false),
        (Oidc, None, false),
        (Google, None, false),
        (Github, Some(true), true),
        (Github, None, false),
        (Entra, None, true),
        (Entra, Some(false), false),
    ] {
        let person = Profile { email_verified: said, ..profile() }.accept(kind).unwrap();
        assert_eq!(person.verified_email.is_some(), counts, "{kind} {said:?}");
    }
    for email in [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@org",
        "a@b.org@c.org",
        "a b@example.org",
        "\"a\"@example.org",
        "a@\u{430}.org",
    ] {
        let person = Profile { email: Some(email.into()), ..profile() }.accept(Oidc).unwrap();
        assert_eq!(person.verified_email, None, "{email}");
    }
}

proptest! {
    #[test]
    fn whatever_a_provider_says_becomes_a_username(preferred in "\\PC{0,80}", email in "\\PC{0,80}") {
        let profile = Profile { preferred_username: Some(preferred), email: Some(email), ..profile() };
        let person = profile.accept(SsoProviderKind::Oidc).unwrap();
        prop_assert!(person.username.parse::<Username>().is_ok(), "{}", person.username);
    }
}
