//! What a sign-in provider may be: where it is, what it is asked for, and whom it may bring in.

use std::net::IpAddr;

use crate::error::{FieldViolation, Violations};
use crate::text::{is_title, title_rule};
use crate::words::words;

words! {
    /// What a provider speaks.
    pub enum SsoProviderKind: "kind of provider" {
        /// Microsoft Entra ID, one tenant.
        Entra = "ENTRA",
        Google = "GOOGLE",
        /// By OAuth: GitHub is no issuer of OpenID Connect for people.
        Github = "GITHUB",
        /// Any issuer with discovery.
        Oidc = "OIDC",
    }
}

/// Longest name, in characters.
const NAME_MAX: usize = 100;

/// Most scopes of a provider, and most domains.
const SCOPES_MAX: usize = 20;
const DOMAINS_MAX: usize = 50;

/// Longest secret, in bytes.
const SECRET_MAX: usize = 1_024;

impl SsoProviderKind {
    /// The one issuer of a kind, where nothing else is said.
    pub const fn usual_issuer(self) -> Option<&'static str> {
        match self {
            Self::Google => Some("https://accounts.google.com"),
            Self::Github => Some("https://github.com"),
            Self::Entra | Self::Oidc => None,
        }
    }

    /// What a login asks for where nothing else is said.
    pub const fn usual_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Github => &["read:user", "user:email"],
            Self::Entra | Self::Google | Self::Oidc => &["openid", "profile", "email"],
        }
    }

    /// Whether anybody in the world can have an account there.
    pub const fn is_open_to_all(self) -> bool {
        matches!(self, Self::Google | Self::Github)
    }
}

/// What an update can change of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsoProvider {
    pub kind: SsoProviderKind,
    pub display_name: String,
    pub issuer: String,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub email_domains: Vec<String>,
    pub active: bool,
}

impl SsoProvider {
    /// Fills in what was left empty and writes everything as it is compared.
    pub fn complete(&mut self) {
        self.display_name = self.display_name.trim().to_owned();
        if self.issuer.is_empty()
            && let Some(usual) = self.kind.usual_issuer()
        {
            usual.clone_into(&mut self.issuer);
        }
        if self.scopes.is_empty() {
            self.scopes = self.kind.usual_scopes().iter().map(|scope| (*scope).to_owned()).collect();
        } else if self.kind != SsoProviderKind::Github && !self.scopes.iter().any(|scope| scope == "openid") {
            self.scopes.push("openid".to_owned());
        }
        for domain in &mut self.email_domains {
            *domain = domain.to_ascii_lowercase();
        }
    }

    /// Everything that is wrong, below the path `at`. `dev` also takes http to this machine.
    pub fn check(&self, at: &str, dev: bool) -> Vec<FieldViolation> {
        let mut wrong = Violations::new();
        wrong.check(is_title(&self.display_name, NAME_MAX), format!("{at}.display_name"), title_rule(NAME_MAX));
        if let Err(message) = check_issuer(self.kind, &self.issuer, dev) {
            wrong.add(format!("{at}.issuer"), message);
        }
        let client_id =
            (1..=255).contains(&self.client_id.len()) && self.client_id.bytes().all(|byte| byte.is_ascii_graphic());
        wrong.check(client_id, format!("{at}.client_id"), "Give the id that the provider shows: 1 to 255 characters.");
        wrong.check(self.scopes.len() <= SCOPES_MAX, format!("{at}.scopes"), "At most 20 scopes.");
        for (index, scope) in self.scopes.iter().enumerate().take(SCOPES_MAX) {
            // RFC 6749, 3.3.
            let known = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            let ok = (1..=100).contains(&scope.len()) && scope.bytes().all(known);
            wrong.check(ok, format!("{at}.scopes[{index}]"), "Give one scope, without spaces and quotes.");
        }
        wrong.check(self.email_domains.len() <= DOMAINS_MAX, format!("{at}.email_domains"), "At most 50 domains.");
        for (index, domain) in self.email_domains.iter().enumerate().take(DOMAINS_MAX) {
            let message = "Give a domain such as example.org, without @ and without a star.";
            wrong.check(is_domain(domain), format!("{at}.email_domains[{index}]"), message);
        }
        wrong.finish().err().map(|error| error.fields).unwrap_or_default()
    }

    /// Whether an address gets an account at its first login.
    pub fn admits(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        match domain {
            Some(_) if self.email_domains.is_empty() => !self.kind.is_open_to_all(),
            Some(domain) => self.email_domains.contains(&domain),
            None => false,
        }
    }
}

/// What is wrong with a secret; `None` where nothing is.
pub fn secret_fault(secret: &str) -> Option<&'static str> {
    let ok = secret.len() <= SECRET_MAX && secret.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    (!ok).then_some("Give the secret as the provider shows it: at most 1,024 printable ASCII characters.")
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// Whether an issuer can be one of this kind: an https URL of a host, without user, query and fragment.
fn check_issuer(kind: SsoProviderKind, issuer: &str, dev: bool) -> Result<(), String> {
    let local = dev && (is_local(issuer, "http://") || is_local(issuer, "https://"));
    let plain = issuer.len() <= 500 && issuer.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\\".contains(&byte));
    let host = issuer.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default()).unwrap_or_default();
    if !plain || host.is_empty() || !(issuer.starts_with("https://") || local) {
        return Err("Give an https URL without query, for instance https://login.example.org.".to_owned());
    }
    let path =
        issuer.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path).unwrap_or_default();
    match kind {
        SsoProviderKind::Google if issuer != "https://accounts.google.com" && !local => {
            Err("Google has one issuer: leave this empty.".to_owned())
        }
        // `common` and `organizations` let every tenant of the world in.
        SsoProviderKind::Entra if !is_tenant(path) || !(is_entra(host) || local) => Err(
            "Give the issuer of your own tenant: https://login.microsoftonline.com/{tenant id}/v2.0, the id as a UUID."
                .to_owned(),
        ),
        SsoProviderKind::Github if issuer.ends_with('/') => Err("Leave out the slash at the end.".to_owned()),
        _ => Ok(()),
    }
}

fn is_entra(host: &str) -> bool {
    matches!(host, "login.microsoftonline.com" | "login.microsoftonline.us" | "login.partner.microsoftonline.cn")
}

fn is_tenant(path: &str) -> bool {
    path.split_once('/').is_some_and(|(tenant, rest)| rest == "v2.0" && uuid::Uuid::try_parse(tenant).is_ok())
}

/// An address of this very machine, in numbers.
fn is_local(url: &str, scheme: &str) -> bool {
    let Some(rest) = url.strip_prefix(scheme) else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether an address belongs to the internet at large, and not to some inner network, this machine or nobody.
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b)) // shared by customers of a carrier
                || (a == 192 && b == 0 && c == 0) // of protocols
                || (a == 192 && b == 88 && c == 99) // relays of 6to4
                || (a == 198 && (b == 18 || b == 19))) // of benchmarks
        }
        // Only what is handed out to networks; of that, neither tunnels, which lead to any IPv4, nor documentation.
        IpAddr::V6(ip) => {
            let [a, b, ..] = ip.segments();
            (0x2000..0x4000).contains(&a) && a != 0x2002 && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        }
    }
}

#[cfg(test)]
mod tests;
