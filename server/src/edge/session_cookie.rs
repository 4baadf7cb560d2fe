//! The refresh token of a browser: a cookie that no script can read.
//!
//! Our web client says what it is (`x-flagstone-client: web`, over gRPC-web). Its refresh token then travels in the cookie
//! alone, both ways, so that a script that somebody smuggled in finds nothing to take along. Every other client has the
//! token in the message, and its cookies are not looked at: what a browser sends by itself proves nothing about who asked.
//! That header cannot be sent from another origin without a preflight, and the origin is judged here once more.
//!
//! A second cookie binds a login through a provider to the browser that began it: whoever is lured to the end of somebody
//! else's login does not have it.

use std::time::Duration;

use flagstone_core::{Error as CoreError, Kind, Reason};
use http::HeaderMap;
use http::header::{COOKIE, HOST, ORIGIN};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use super::{Wire, client};
use crate::config::{Config, Mode};

/// The cookie.
const NAME: &str = "flagstone_refresh";

/// The only service that ever sees it.
const PATH: &str = "/flagstone.v1.AuthService";

/// The cookie of a login under way. With that prefix no neighbour under the same domain can set one.
const BINDING: &str = "flagstone_sso";
const BINDING_SECURE: &str = "__Host-flagstone_sso";

/// Where a page is that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Page {
    /// On our own origin, or not in a page at all.
    Ours,
    /// On an origin of `FLAGSTONE_CORS_ORIGINS`.
    Listed,
    /// Anywhere else.
    Foreign(String),
}

/// What a call of our web client has to do with the cookie.
#[derive(Debug)]
pub struct Browser {
    /// The refresh token that came in the cookie.
    pub token: Option<String>,
    /// What binds the browser to the login that it began.
    pub binding: Option<String>,
    page: Page,
    https: bool,
    lifetime: Duration,
}

impl Browser {
    /// `None` for every other client.
    pub fn of<T>(config: &Config, request: &Request<T>) -> Option<Self> {
        let headers = request.metadata().as_ref();
        let ours = request.extensions().get() == Some(&Wire::GrpcWeb) && client::name(headers) == Some("web");
        ours.then(|| Self {
            token: cookie(headers, NAME),
            binding: cookie(headers, binding_name(config.is_https())),
            page: page(config, headers),
            https: config.is_https(),
            lifetime: config.tokens.refresh,
        })
    }

    /// A browser that a provider sends back: it comes by itself and says nothing of a page.
    pub fn returning(config: &Config, headers: &HeaderMap) -> Self {
        Self {
            token: None,
            binding: cookie(headers, binding_name(config.is_https())),
            page: Page::Ours,
            https: config.is_https(),
            lifetime: config.tokens.refresh,
        }
    }

    /// Refuses a page of a foreign origin: its cookie is neither read nor set.
    pub fn admit(&self) -> Result<(), CoreError> {
        let Page::Foreign(origin) = &self.page else { return Ok(()) };
        let message = "Pages of this origin may not use sessions of this server. If people reach the server there, set \
                       FLAGSTONE_PUBLIC_URL to it; if the page is somewhere else, list its origin in FLAGSTONE_CORS_ORIGINS.";
        Err(CoreError::new(Kind::Denied, Reason::AccessDenied, message).with("origin", origin))
    }

    /// Makes the browser keep a token in place of the one it has.
    pub fn keep(&self, token: &str, headers: &mut MetadataMap) {
        self.set(NAME, token, PATH, self.lifetime, headers);
    }

    /// Makes the browser forget its token.
    pub fn forget(&self, headers: &mut MetadataMap) {
        self.set(NAME, "", PATH, Duration::ZERO, headers);
    }

    /// Binds the browser to a login in place of the one it began before; `""` to none.
    pub fn bind(&self, binding: &str, lifetime: Duration, headers: &mut MetadataMap) {
        let lifetime = if binding.is_empty() { Duration::ZERO } else { lifetime };
        self.set(binding_name(self.https), binding, "/", lifetime, headers);
    }

    fn set(&self, name: &str, value: &str, path: &str, lifetime: Duration, headers: &mut MetadataMap) {
        let scope = match (&self.page, self.https) {
            // Browsers take such a cookie over TLS only, whatever the public URL says.
            (Page::Listed, _) => "SameSite=None; Secure",
            (_, true) => "SameSite=Lax; Secure",
            (_, false) => "SameSite=Lax",
        };
        let seconds = lifetime.as_secs();
        let cookie = format!("{name}={value}; HttpOnly; {scope}; Path={path}; Max-Age={seconds}");
        // Only a token that we did not mint could have characters that no header takes.
        if let Ok(mut value) = MetadataValue::<Ascii>::try_from(cookie) {
            // Neither printed with the headers nor kept in the compression table of the connection.
            value.set_sensitive(true);
            headers.append("set-cookie", value);
        }
    }
}

const fn binding_name(https: bool) -> &'static str {
    if https { BINDING_SECURE } else { BINDING }
}

/// The value of a cookie. Of several, none: a neighbour under the same domain can add one of its own, and nothing tells
/// which is which.
fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == wanted);
    match (found.next(), found.next()) {
        (Some((_, value)), None) if !value.is_empty() => Some(value.to_owned()),
        _ => None,
    }
}

fn page(config: &Config, headers: &HeaderMap) -> Page {
    // Browsers send it with every POST; without it, no page asks.
    let Some(value) = headers.get(ORIGIN) else { return Page::Ours };
    let origin = String::from_utf8_lossy(value.as_bytes()).into_owned();
    // A developer reaches `dev` under many names: forwarded ports, the server of Vite in front.
    let by_host = config.mode == Mode::Development
        && headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        });
    if by_host || origin.eq_ignore_ascii_case(origin_of(&config.public_url)) {
        Page::Ours
    } else if config.edge.cors_origins.contains(&origin) {
        Page::Listed
    } else {
        Page::Foreign(origin)
    }
}

/// The origin of an address, as browsers spell it but for the case: without path and without the usual port.
fn origin_of(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual).unwrap_or(authority);
    // Both are parts of the same text, one behind the other.
    &url[..url.len() - rest.len() + authority.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const TOKEN: &str = "fls_rt_x";

    fn config(mode: Mode, public_url: &str) -> Config {
        let mut config = Config::new(mode, "postgres://x/y", Secret::new("x"), "x".into());
        config.public_url = public_url.to_owned();
        config.edge.cors_origins = vec!["https://portal.example.org".to_owned()];
        config
    }

    fn request(headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        request.extensions_mut().insert(Wire::GrpcWeb);
        for (name, value) in headers {
            request.metadata_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn browser(config: &Config, origin: &str) -> Browser {
        let headers = [("x-flagstone-client", "web/0.1.0"), ("origin", origin), ("host", "localhost:7480")];
        Browser::of(config, &request(&headers)).unwrap()
    }

    #[test]
    fn only_our_web_client_has_a_cookie() {
        let config = config(Mode::Production, "https://flagstone.example.org");
        assert!(Browser::of(&config, &request(&[("x-flagstone-client", "web")])).is_some());
        for other in ["cli/0.1.0", "website", ""] {
            assert!(Browser::of(&config, &request(&[("x-flagstone-client", other)])).is_none(), "{other}");
        }
        assert!(Browser::of(&config, &request(&[])).is_none());
        let mut native = request(&[("x-flagstone-client", "web")]);
        native.extensions_mut().insert(Wire::Grpc);
        assert!(Browser::of(&config, &native).is_none());
    }

    #[test]
    fn the_token_is_found_among_other_cookies_and_two_are_none() {
        let of = |cookies: &[&str]| {
            let headers: Vec<_> = cookies.iter().map(|cookie| ("cookie", *cookie)).collect();
            cookie(request(&headers).metadata().as_ref(), NAME)
        };
        for cookies in [&["flagstone_refresh=x"][..], &["a=b; flagstone_refresh=x;c"], &["a=b", "flagstone_refresh=x"]]
        {
            assert_eq!(of(cookies).as_deref(), Some("x"), "{cookies:?}");
        }
        for cookies in [
            &[][..],
            &["flagstone_refresh="],
            &["flagstone_refreshed=x"],
            &["flagstone_refresh=x; flagstone_refresh=y"],
            &["flagstone_refresh=x", "flagstone_refresh=x"],
        ] {
            assert_eq!(of(cookies), None, "{cookies:?}");
        }
    }

    #[test]
    fn our_own_origin_and_listed_ones_are_admitted() {
        let production = config(Mode::Production, "https://Flagstone.example.org:443/platform");
        let dev = config(Mode::Development, "http://127.0.0.1:7400");
        for (config, origin, admitted) in [
            (&production, "https://flagstone.example.org", true),
            (&production, "https://portal.example.org", true),
            (&production, "http://flagstone.example.org", false),
            (&production, "https://flagstone.example.org.evil.org", false),
            (&production, "http://localhost:7480", false),
            (&production, "null", false),
            (&dev, "http://127.0.0.1:7400", true),
            (&dev, "http://localhost:7480", true),
            (&dev, "http://localhost:7481", false),
            (&dev, "null", false),
        ] {
            assert_eq!(browser(config, origin).admit().is_ok(), admitted, "{origin}");
        }
    }

    #[test]
    fn the_cookie_is_as_strict_as_the_way_to_the_server_allows() {
        let set = |browser: &Browser| {
            let mut headers = MetadataMap::new();
            browser.keep(TOKEN, &mut headers);
            let value = headers.get("set-cookie").unwrap();
            assert!(value.is_sensitive());
            value.to_str().unwrap().to_owned()
        };
        let week = "Path=/flagstone.v1.AuthService; Max-Age=604800";
        let dev = config(Mode::Development, "http://127.0.0.1:7400");
        assert_eq!(
            set(&browser(&dev, "http://127.0.0.1:7400")),
            format!("flagstone_refresh={TOKEN}; HttpOnly; SameSite=Lax; {week}")
        );
        let https = config(Mode::Production, "https://flagstone.example.org");
        assert_eq!(
            set(&browser(&https, "https://flagstone.example.org")),
            format!("flagstone_refresh={TOKEN}; HttpOnly; SameSite=Lax; Secure; {week}")
        );
        for config in [&dev, &https] {
            assert_eq!(
                set(&browser(config, "https://portal.example.org")),
                format!("flagstone_refresh={TOKEN}; HttpOnly; SameSite=None; Secure; {week}")
            );
        }
        let mut headers = MetadataMap::new();
        browser(&https, "https://flagstone.example.org").forget(&mut headers);
        let gone = "flagstone_refresh=; HttpOnly; SameSite=Lax; Secure; Path=/flagstone.v1.AuthService; Max-Age=0";
        assert_eq!(headers.get("set-cookie").unwrap(), gone);
    }
}
