//! The pages of the service, served from the binary with no request to another host.

use std::{fmt::Display, io::Read as _};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use flate2::{Compression, read::GzEncoder};
use poem::{
    IntoResponse, Response, Result,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use sha2::{Digest, Sha256};
use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::{
    HttpSettings,
    api::document,
    wire::{codes::Code, problem::Problem},
};

/// The path and the type of each page: Swagger UI, the OpenAPI document, the pages that links in mails open, and a page to try
/// logging in on. The last one calls for changes of accounts without the look and the words of the service around it, so it is served in development only.
const PAGES: [(&str, &str, Audience); 16] = [
    ("/docs", HTML, Audience::All),
    ("/openapi.json", "application/json", Audience::All),
    ("/openapi.yaml", "application/yaml", Audience::All),
    ("/flow/verification", HTML, Audience::All),
    ("/flow/recovery", HTML, Audience::All),
    ("/flow/magic-link", HTML, Audience::All),
    ("/flow/email-change", HTML, Audience::All),
    ("/flow/email-revert", HTML, Audience::All),
    ("/flow/invitation", HTML, Audience::All),
    ("/flow/account-deletion", HTML, Audience::All),
    ("/flow/page.js", SCRIPT, Audience::All),
    ("/flow/work.js", SCRIPT, Audience::All),
    ("/flow/page.css", STYLE, Audience::All),
    ("/docs/passkeys", HTML, Audience::Developers),
    ("/docs/passkeys.js", SCRIPT, Audience::Developers),
    ("/docs/passkeys.css", STYLE, Audience::Developers),
];
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The pages. They are megabytes, and most processes never serve them, so each is made at its first request; all responses
/// share its bytes.
pub(crate) struct Pages {
    /// The path prefix that clients use, which is empty or, for example, `/auth`.
    path: String,
    audience: Audience,
    made: [OnceCell<Page>; PAGES.len()],
}

/// Who gets a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Audience {
    /// Everyone.
    All,
    /// Those who run the service in development.
    Developers,
}

/// A page, plain and compressed.
struct Page {
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    /// The entity tag (RFC 9110, section 8.8.3), without quotes.
    tag: String,
    policy: Option<HeaderValue>,
}

impl Pages {
    /// The pages that are served with these settings.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let audience = if settings.development { Audience::Developers } else { Audience::All };
        Self { path: settings.public_path.clone(), audience, made: Default::default() }
    }

    /// The paths of the pages that are served.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        PAGES.into_iter().filter(|(_, _, audience)| *audience <= self.audience).map(|(path, ..)| path)
    }

    /// The path of the page that is requested, if it is one of these.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&'static str> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        self.paths().find(|page| is_read && *page == path)
    }

    /// The page at that path, compressed if the client accepts that; 304 if the client has it already (RFC 9110, section
    /// 13.1.2).
    pub(crate) async fn answer(&self, path: &'static str, headers: &HeaderMap) -> Result<Response> {
        let found = PAGES.into_iter().zip(&self.made).find(|((page, ..), _)| *page == path);
        let ((_, kind, _), made) = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        let page = made.get_or_try_init(|| Page::make(path, self.path.clone())).await?;
        let is_packed = takes_gzip(headers);
        let tag = if is_packed { format!("\"{}-gzip\"", page.tag) } else { format!("\"{}\"", page.tag) };
        let mut response = if has(headers, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if is_packed {
            page.packed().await?.clone().into_response().with_header(header::CONTENT_ENCODING, "gzip").into_response()
        } else {
            page.plain.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(policy) = &page.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        }
        Ok(response)
    }
}

impl Page {
    /// Makes a page, which takes a while.
    async fn make(path: &'static str, public: String) -> Result<Self> {
        let made = spawn_blocking(move || {
            let (text, policy) = match path {
                "/docs" => {
                    let (page, policy) = page_and_policy(&document::swagger_ui(&public));
                    (page, Some(policy))
                }
                "/docs/passkeys" => (include_str!("docs/passkeys.html").to_owned(), Some(OWN_FILES_ONLY)),
                "/docs/passkeys.js" => (include_str!("docs/passkeys.js").to_owned(), None),
                "/docs/passkeys.css" => (styled(include_str!("docs/passkeys.css")), None),
                "/flow/page.js" => (include_str!("docs/flow/page.js").to_owned(), None),
                "/flow/work.js" => (include_str!("docs/flow/work.js").to_owned(), None),
                "/flow/page.css" => (styled(include_str!("docs/flow/page.css")), None),
                flow if flow.starts_with("/flow/") => {
                    (include_str!("docs/flow/page.html").to_owned(), Some(OWN_FILES_ONLY))
                }
                "/openapi.json" => (document::json(&public), None),
                _ => (document::yaml(&public), None),
            };
            let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
            Self { plain: text.into(), gzip: OnceCell::new(), tag, policy }
        });
        Ok(made.await.map_err(failed)?)
    }

    /// The compressed page, which is made once.
    async fn packed(&self) -> Result<&Bytes> {
        let pack = async || {
            let plain = self.plain.clone();
            let packing = spawn_blocking(move || {
                let mut packed = Vec::new();
                GzEncoder::new(&*plain, Compression::best()).read_to_end(&mut packed).map(|_| packed)
            });
            let packed = packing.await.map_err(failed)?.map_err(failed)?;
            Ok(Bytes::from(packed))
        };
        self.gzip.get_or_try_init(pack).await
    }
}

/// The policy of a page whose script and style are files of this service. An image may also be part of the page: a QR code is.
const OWN_FILES_ONLY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The style of a page, with the colours that all pages share.
fn styled(own: &str) -> String {
    [include_str!("docs/base.css"), own].concat()
}

fn failed(error: impl Display) -> Problem {
    Problem::new(Code::Internal).because(error.to_string())
}

/// Whether the client accepts gzip (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut any = false;
    for (coding, weight) in
        lines.flat_map(|line| line.split(',')).map(|item| item.split_once(';').unwrap_or((item, "")))
    {
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
        let taken = weight.is_ok_and(|weight: f32| weight > 0.0);
        match coding.trim() {
            coding if ["gzip", "x-gzip"].iter().any(|gzip| coding.eq_ignore_ascii_case(gzip)) => return taken,
            "*" => any = taken,
            _ => {}
        }
    }
    any
}

/// Whether the client already has the page with this tag.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The page without the remote validator, and a policy that allows only its own scripts, by their hashes.
fn page_and_policy(html: &str) -> (String, HeaderValue) {
    let html = html
        .replacen("<title>Swagger UI</title>", "<title>Kayan API</title><link rel=\"icon\" href=\"data:,\">", 1)
        .replacen("deepLinking: true,", "deepLinking: true, validatorUrl: null, persistAuthorization: true,", 1);
    let html = if html.trim_start().starts_with("<!") { html } else { format!("<!DOCTYPE html>{html}") };
    let hashes: Vec<String> = scripts(&html)
        .map(|script| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes()))))
        .collect();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hashes.join(" ")
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    (html, policy)
}

/// The scripts in a page. A script may contain the text `<script`, so each is read to its end first.
fn scripts(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once("<script")?;
        let (_, body) = tag.split_once('>')?;
        let (script, after) = body.split_once("</script>")?;
        rest = after;
        Some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn gzip_is_for_clients_that_take_it() {
        for line in ["gzip", "br, GZIP;q=0.5", "x-gzip", "*", "deflate;q=0, *;q=0.1", "gzip, identity;q=0"] {
            assert!(takes_gzip(&headers(header::ACCEPT_ENCODING, &[line])), "{line}");
        }
        for line in ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "gzip;q=x"] {
            assert!(!takes_gzip(&headers(header::ACCEPT_ENCODING, &[line])), "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_page_that_the_client_has_is_known_by_its_tag() {
        for line in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(has(&headers(header::IF_NONE_MATCH, &[line]), "\"a\""), "{line}");
        }
        assert!(!has(&headers(header::IF_NONE_MATCH, &["\"a-gzip\""]), "\"a\""));
    }

    #[test]
    fn a_script_that_speaks_of_scripts_is_one() {
        let page = "<script a='b'>x('<script>')</script><p></p><script>y</script>";
        assert_eq!(scripts(page).collect::<Vec<_>>(), ["x('<script>')", "y"]);
    }
}
