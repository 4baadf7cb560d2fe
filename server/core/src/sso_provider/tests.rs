use super::*;

fn provider(kind: SsoProviderKind, issuer: &str) -> SsoProvider {
    let mut provider = SsoProvider {
        kind,
        display_name: " Example ".to_owned(),
        issuer: issuer.to_owned(),
        client_id: "flagstone".to_owned(),
        scopes: Vec::new(),
        email_domains: Vec::new(),
        active: true,
    };
    provider.complete();
    provider
}

fn faults(provider: &SsoProvider, dev: bool) -> Vec<String> {
    provider.check("p", dev).into_iter().map(|fault| fault.field).collect()
}

#[test]
fn issuers_are_https_and_of_their_kind() {
    use SsoProviderKind::{Entra, Github, Google, Oidc};
    let tenant = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
    for (kind, issuer, production, dev) in [
        (Oidc, "https://login.example.org", true, true),
        (Oidc, "https://login.example.org/realms/main/", true, true),
        (Oidc, "", false, false),
        (Oidc, "http://login.example.org", false, false),
        (Oidc, "http://127.0.0.1:9000", false, true),
        (Oidc, "http://[::1]:9000/x", false, true),
        (Oidc, "http://127.0.0.1.evil.org", false, false),
        (Oidc, "https://user@login.example.org", false, false),
        (Oidc, "https://login.example.org?x=1", false, false),
        (Oidc, "https://login.example.org#x", false, false),
        (Oidc, "https://login\\.example.org", false, false),
        (Oidc, "https://", false, false),
        (Oidc, "ftp://login.example.org", false, false),
        (Oidc, "https://login.example.org/\0", false, false),
        (Google, "", true, true),
        (Google, "https://accounts.evil.org", false, false),
        (Github, "", true, true),
        (Github, "https://github.example.org", true, true),
        (Github, "https://github.example.org/", false, false),
        (Entra, tenant, true, true),
        (Entra, "", false, false),
        (Entra, "https://login.microsoftonline.com/common/v2.0", false, false),
        (Entra, "https://login.microsoftonline.com/organizations/v2.0", false, false),
        (Entra, "https://login.evil.org/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", false, false),
    ] {
        let provider = provider(kind, issuer);
        let of = |ok| if ok { vec![] } else { vec!["p.issuer".to_owned()] };
        assert_eq!(faults(&provider, false), of(production), "{kind} {issuer}");
        assert_eq!(faults(&provider, true), of(dev), "{kind} {issuer} in dev");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut provider = provider(SsoProviderKind::Oidc, "https://login.example.org");
    assert_eq!(provider.display_name, "Example");
    assert_eq!(provider.scopes, ["openid", "profile", "email"]);
    provider.display_name = "a\u{202e}b".into();
    provider.client_id = "a b".into();
    provider.scopes = vec!["openid".into(), "a b".into(), "a\"".into()];
    provider.email_domains = vec!["example.org".into(), "@example.org".into(), "*.example.org".into(), "org".into()];
    assert_eq!(
        faults(&provider, false),
        [
            "p.display_name",
            "p.client_id",
            "p.scopes[1]",
            "p.scopes[2]",
            "p.email_domains[1]",
            "p.email_domains[2]",
            "p.email_domains[3]"
        ]
    );
    for name in ["", "\0", &"x".repeat(101), "a\nb"] {
        provider.display_name = name.to_owned();
        assert_eq!(faults(&provider, false)[0], "p.display_name", "{name:?}");
    }
    assert!(secret_fault(&"x".repeat(1_025)).is_some());
    assert!(secret_fault("a\u{0}").is_some());
    assert_eq!(secret_fault("a%_~ 1"), None);
}

#[test]
fn a_scope_of_openid_is_always_asked_for_but_not_of_github() {
    for (kind, scopes, expected) in [
        (SsoProviderKind::Oidc, vec!["email"], vec!["email", "openid"]),
        (SsoProviderKind::Oidc, vec!["email", "openid"], vec!["email", "openid"]),
        (SsoProviderKind::Github, vec![], vec!["read:user", "user:email"]),
        (SsoProviderKind::Github, vec!["user:email"], vec!["user:email"]),
    ] {
        let mut provider = provider(kind, "https://login.example.org");
        provider.scopes = scopes.into_iter().map(str::to_owned).collect();
        provider.complete();
        assert_eq!(provider.scopes, expected);
    }
}

#[test]
fn only_addresses_of_the_domains_get_an_account() {
    let mut provider = provider(SsoProviderKind::Oidc, "https://login.example.org");
    assert!(provider.admits("ada@anywhere.org"));
    assert!(!provider.admits("ada"));
    provider.email_domains = vec!["example.org".into()];
    for (email, admitted) in [
        ("ada@example.org", true),
        ("ada@EXAMPLE.org", true),
        ("ada@sub.example.org", false),
        ("ada@example.org.evil.org", false),
        ("ada@evil.org@example.org", true),
        ("ada@notexample.org", false),
    ] {
        assert_eq!(provider.admits(email), admitted, "{email}");
    }
    for kind in [SsoProviderKind::Google, SsoProviderKind::Github] {
        let mut open = self::provider(kind, "");
        assert!(!open.admits("ada@gmail.com"), "everybody has an account there");
        open.email_domains = vec!["example.org".into()];
        assert!(open.admits("ada@example.org"));
    }
}

#[test]
fn inner_networks_are_not_public() {
    for (ip, public) in [
        ("8.8.8.8", true),
        ("127.0.0.1", false),
        ("10.1.2.3", false),
        ("172.16.0.1", false),
        ("172.32.0.1", true),
        ("192.168.1.1", false),
        ("169.254.169.254", false),
        ("100.64.0.1", false),
        ("0.0.0.0", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("198.18.0.1", false),
        ("192.0.0.170", false),
        ("2606:4700::1111", true),
        ("::1", false),
        ("::", false),
        ("fe80::1", false),
        ("fd00::1", false),
        ("ff02::1", false),
        ("::ffff:10.0.0.1", false),
        ("::ffff:8.8.8.8", true),
        ("::127.0.0.1", false),
        ("64:ff9b::7f00:1", false),
        ("2002:7f00:1::", false),
        ("2001::1", false),
        ("2001:db8::1", false),
        ("fd00:ec2::254", false),
    ] {
        assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
    }
}
