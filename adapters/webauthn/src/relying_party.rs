//! Whom passkeys are made for: a domain, and the origins that may use them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::{Host, Position, Url};

use crate::options;

/// What the origin of an Android application begins with. The rest is the SHA-256 of its signing certificate.
const ANDROID: &str = "android:apk-key-hash:";

/// A relying party: its id, and the origins that may use its passkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    name: String,
    /// As browsers send them.
    origins: Vec<String>,
    /// The same for the library.
    urls: Vec<Url>,
    /// Those of other domains.
    related: Vec<String>,
}

/// Why there is no such relying party.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelyingPartyError {
    /// Its id is an IP address.
    #[error("is an IP address, and browsers allow passkeys for domains only; use the service's domain, or localhost")]
    Address,
    /// Its id is no domain.
    #[error(
        "is not a domain in the form that browsers use; use one such as example.com, in lower case and Punycode, without scheme, port and path"
    )]
    NotADomain,
    /// An origin can't use passkeys.
    #[error("{origin:?} {why}")]
    Origin {
        /// Which.
        origin: String,
        /// Why not.
        why: OriginError,
    },
    /// All origins are of other domains.
    #[error("none of the origins belongs to it: one must be https:// with the domain {0:?} or one below it")]
    NoOrigin(String),
}

/// Why an origin can't use passkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is no URL, or one with a path, a query or a user.
    #[error("is not an origin; use one such as https://example.com, or android:apk-key-hash: and the hash of an app")]
    NotAnOrigin,
    /// Its host is an IP address.
    #[error("has an IP address, and browsers allow passkeys for domains only; use a domain")]
    Address,
    /// It is not encrypted.
    #[error("is not https, and browsers allow passkeys without it on localhost only; use https")]
    NotSecure,
    /// The hash of its certificate is malformed.
    #[error(
        "has no hash of a certificate; use the SHA-256 of the app's signing certificate in base64url, without padding"
    )]
    NotAHash,
}

impl RelyingParty {
    /// The relying party with this id, and these origins: of the id's domain or one below it, of other domains, which a
    /// browser allows if they are listed at `/.well-known/webauthn` of the id's domain, and of Android applications.
    pub fn new<T: AsRef<str>>(id: &str, name: &str, origins: &[T]) -> Result<Self, RelyingPartyError> {
        match Host::parse(id) {
            Ok(Host::Domain(domain)) if domain == id && is_domain(id) => {}
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(RelyingPartyError::Address),
            Ok(Host::Domain(_)) | Err(_) => return Err(RelyingPartyError::NotADomain),
        }
        let name = options::name([name, id]).to_owned();
        let mut party = Self { id: id.to_owned(), name, origins: Vec::new(), urls: Vec::new(), related: Vec::new() };
        for origin in origins.iter().map(AsRef::as_ref) {
            party.add(origin).map_err(|why| RelyingPartyError::Origin { origin: origin.to_owned(), why })?;
        }
        if party.related.len() == party.origins.len() {
            return Err(RelyingPartyError::NoOrigin(party.id));
        }
        Ok(party)
    }

    fn add(&mut self, origin: &str) -> Result<(), OriginError> {
        let url = Url::parse(origin).map_err(|_| OriginError::NotAnOrigin)?;
        let (origin, is_related) = match origin.strip_prefix(ANDROID) {
            Some(hash) if URL_SAFE_NO_PAD.decode(hash).is_ok_and(|hash| hash.len() == 32) => (origin.to_owned(), false),
            Some(_) => return Err(OriginError::NotAHash),
            None => (url.origin().ascii_serialization(), !self.owns(web_host(&url)?)),
        };
        if self.origins.contains(&origin) {
            return Ok(());
        }
        self.related.extend(is_related.then(|| origin.clone()));
        self.origins.push(origin);
        self.urls.push(url);
        Ok(())
    }

    /// Whether a host is the id's domain, or below it.
    fn owns(&self, host: &str) -> bool {
        host.strip_suffix(&*self.id).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }

    /// The domain.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What authenticators call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origins of other domains, for `/.well-known/webauthn` (section 5.11).
    pub fn related_origins(&self) -> &[String] {
        &self.related
    }

    pub(crate) fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// Whether a page or an application of this origin may use passkeys.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|it| it == origin)
    }
}

/// A URL may have more for a host: `*`, an underscore, an empty label.
fn is_domain(host: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    host.split('.').all(is_label)
}

/// The domain of an origin of the web.
fn web_host(url: &Url) -> Result<&str, OriginError> {
    let is_bare = url.username().is_empty() && url.password().is_none() && &url[Position::BeforePath..] == "/";
    let host = match url.host() {
        Some(Host::Domain(host)) if is_bare && is_domain(host) => host,
        Some(Host::Ipv4(_) | Host::Ipv6(_)) if is_bare => return Err(OriginError::Address),
        _ => return Err(OriginError::NotAnOrigin),
    };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    match url.scheme() {
        "https" => Ok(host),
        "http" if is_local => Ok(host),
        "http" => Err(OriginError::NotSecure),
        _ => Err(OriginError::NotAnOrigin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "android:apk-key-hash:R5k9Z-zZ05CXIQGLyLCBCGrJvPCBpOWhzuAo39nOOUM";

    fn party(id: &str, origins: &[&str]) -> Result<RelyingParty, RelyingPartyError> {
        RelyingParty::new(id, "Example", origins)
    }

    #[test]
    fn a_relying_party_is_a_domain_with_origins_in_it() {
        for (id, origins) in [
            ("example.com", &["https://example.com"][..]),
            ("example.com", &["https://login.example.com", "https://a.b.example.com:8443"]),
            ("xn--bcher-kva.example", &["https://xn--bcher-kva.example", "https://www.bücher.example"]),
            ("localhost", &["http://localhost:8080", "https://localhost", "http://app.localhost"]),
            ("app.localhost", &["http://app.localhost:3000"]),
            ("intranet", &["https://intranet"]),
            ("example.com", &[APP]),
            ("example.com", &["https://example.com", APP]),
        ] {
            let party = party(id, origins).unwrap();
            assert_eq!((party.id(), party.related_origins().len()), (id, 0));
            assert_eq!(party.urls().len(), origins.len());
        }
    }

    #[test]
    fn an_origin_takes_the_form_that_browsers_send_and_counts_once() {
        let party = party("example.com", &["HTTPS://Login.Example.com:443/", "https://login.example.com"]).unwrap();
        assert!(party.allows("https://login.example.com") && !party.allows("https://login.example.com/"));
        assert_eq!(party.urls().len(), 1);
    }

    #[test]
    fn origins_of_other_domains_are_related() {
        let party = party(
            "example.com",
            &["https://example.org", "https://example.com", "https://notexample.com", "https://a.example.com", APP],
        );
        assert_eq!(party.unwrap().related_origins(), ["https://example.org", "https://notexample.com"]);
    }

    #[test]
    fn an_address_is_no_relying_party() {
        for id in ["127.0.0.1", "192.0.2.1", "[::1]", "2130706433", "0x7f.1"] {
            assert_eq!(party(id, &["https://example.com"]), Err(RelyingPartyError::Address), "{id}");
        }
    }

    #[test]
    fn what_is_no_domain_is_no_relying_party() {
        for id in [
            "",
            " example.com",
            "https://example.com",
            "example.com:443",
            "example.com/login",
            "Example.com",
            "bücher.example",
            "example.com.",
            "*.example.com",
            "a..example.com",
            "a_b.example.com",
            "::1",
            "a b",
        ] {
            assert_eq!(party(id, &["https://example.com"]), Err(RelyingPartyError::NotADomain), "{id:?}");
        }
    }

    #[test]
    fn an_origin_that_browsers_give_no_passkeys_to_is_refused() {
        for (origin, why) in [
            ("http://example.com", OriginError::NotSecure),
            ("http://localhost.example.com", OriginError::NotSecure),
            ("https://192.0.2.1", OriginError::Address),
            ("http://127.0.0.1:8080", OriginError::Address),
            ("https://[::1]", OriginError::Address),
            ("https://example.com/login", OriginError::NotAnOrigin),
            ("https://example.com?a", OriginError::NotAnOrigin),
            ("https://u@example.com", OriginError::NotAnOrigin),
            ("ftp://example.com", OriginError::NotAnOrigin),
            ("example.com", OriginError::NotAnOrigin),
            ("*", OriginError::NotAnOrigin),
            ("https://*.example.com", OriginError::NotAnOrigin),
            ("https://example.com.", OriginError::NotAnOrigin),
            ("", OriginError::NotAnOrigin),
            ("ios:bundle-id:com.example", OriginError::NotAnOrigin),
            ("android:apk-key-hash:", OriginError::NotAHash),
            ("android:apk-key-hash:AAAA", OriginError::NotAHash),
            ("android:apk-key-hash:R5k9Z+zZ05CXIQGLyLCBCGrJvPCBpOWhzuAo39nOOUM", OriginError::NotAHash),
            ("android:apk-key-hash:R5k9Z-zZ05CXIQGLyLCBCGrJvPCBpOWhzuAo39nOOUM=", OriginError::NotAHash),
        ] {
            let refused = Err(RelyingPartyError::Origin { origin: origin.to_owned(), why });
            assert_eq!(party("example.com", &["https://example.com", origin]), refused);
        }
    }

    #[test]
    fn origins_of_other_domains_alone_are_refused() {
        for origins in [&[][..], &["https://example.org"], &["https://com"], &["https://example.com.evil.example"]] {
            let refused = Err(RelyingPartyError::NoOrigin("example.com".to_owned()));
            assert_eq!(party("example.com", origins), refused);
        }
    }
}
