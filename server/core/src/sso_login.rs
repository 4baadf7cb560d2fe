//! A login through a provider: where it may lead back to, and what somebody whom a provider vouches for is here.

use crate::names::Username;
use crate::sso_provider::SsoProviderKind;

/// Longest path to go back to, in bytes.
const PATH_MAX: usize = 2_000;

/// Longest name of a person, in characters.
const NAME_MAX: usize = 255;

/// Longest e-mail address, in bytes.
const EMAIL_MAX: usize = 320;

/// Longest subject, in bytes, as OpenID Connect has it.
const SUBJECT_MAX: usize = 255;

/// What a provider says of a person. Nothing in it is trusted before [`Profile::accept`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Who it is at the provider, for good.
    pub subject: String,
    pub email: Option<String>,
    /// What the provider says of the address; `None` where it says nothing.
    pub email_verified: Option<bool>,
    pub preferred_username: Option<String>,
    pub full_name: Option<String>,
    pub profile_url: Option<String>,
}

/// A profile as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub subject: String,
    /// In lower case; `None` unless the provider vouches for it.
    pub verified_email: Option<String>,
    /// In lower case; empty where there is none.
    pub email: String,
    pub full_name: String,
    /// What the username is made of.
    pub username: String,
    pub profile_url: String,
}

impl Profile {
    /// Reads what a provider of this kind said. `None` where the subject is no subject.
    pub fn accept(self, kind: SsoProviderKind) -> Option<Person> {
        let subject =
            Some(self.subject).filter(|subject| (1..=SUBJECT_MAX).contains(&subject.len()) && clean(subject))?;
        let email = self.email.map(|email| email.to_lowercase()).filter(|email| is_email(email));
        let vouched = match (kind, self.email_verified) {
            (_, Some(said)) => said,
            // A tenant's own directory. What it says otherwise, by `xms_edov`, was read already.
            (SsoProviderKind::Entra, None) => true,
            (_, None) => false,
        };
        let username = username(self.preferred_username.as_deref(), email.as_deref());
        let full_name: String = self.full_name.unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        let full_name: String = full_name.trim().chars().take(NAME_MAX).collect();
        Some(Person {
            subject,
            verified_email: email.clone().filter(|_| vouched),
            email: email.unwrap_or_default(),
            full_name: if full_name.is_empty() { username.clone() } else { full_name },
            username,
            profile_url: self
                .profile_url
                .filter(|url| url.starts_with("https://") && url.len() <= 500 && clean(url))
                .unwrap_or_default(),
        })
    }
}

fn clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// One local part, one domain, nothing that could be taken for something else.
fn is_email(text: &str) -> bool {
    let ascii = text.len() <= EMAIL_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    let plain = !text.bytes().any(|byte| b",;:<>()[]\\\"".contains(&byte));
    ascii
        && plain
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.len() > 2
                && !domain.contains('@')
                && domain.contains('.')
                && !domain.starts_with('.')
        })
}

/// What a username is made of: the name that the provider uses, else that of the address, in our letters.
fn username(preferred: Option<&str>, email: Option<&str>) -> String {
    let of = |text: &str| {
        let local = text.split('@').next().unwrap_or_default().to_lowercase();
        let ours = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let name: String = local.chars().filter(|c| ours(*c)).collect();
        // Room for a number.
        let name: String = name.trim_start_matches(['.', '_', '-']).chars().take(56).collect();
        Some(name).filter(|name| name.parse::<Username>().is_ok() && name != "me")
    };
    preferred.and_then(of).or_else(|| email.and_then(of)).unwrap_or_else(|| "user".to_owned())
}

/// Whether a text is a path of ours that a browser cannot take for anything else: one slash first, nothing that makes
/// another host of it, nothing invisible.
pub fn is_local_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= PATH_MAX
        && bytes.next() == Some(b'/')
        // `//host` and `/\host` are other hosts.
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        // Browsers drop tabs and line breaks, and take a backslash for a slash.
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// A path of ours with one more parameter.
pub fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(path, fragment)| (path, Some(fragment)));
    let sign = if path.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{path}{sign}{name}={value}{fragment}")
}

#[cfg(test)]
mod tests;
