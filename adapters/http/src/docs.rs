//! Swagger UI and the OpenAPI document, served from the binary with no request to another host.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{
    IntoResponse, Response,
    http::{HeaderValue, Method, header},
};
use sha2::{Digest, Sha256};

/// The page with its policy, and the document as JSON and as YAML. They are megabytes, and most processes are never asked
/// for them, so each is put together when it first is.
pub(crate) struct Pages {
    page: LazyLock<(String, HeaderValue)>,
    documents: LazyLock<(String, String)>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { page: LazyLock::new(|| page_and_policy(&crate::page())), documents: LazyLock::new(crate::documents) }
    }
}

impl Pages {
    /// Where they are.
    pub(crate) const PATHS: [&str; 3] = ["/docs", "/openapi.json", "/openapi.yaml"];

    /// The document as JSON.
    pub(crate) fn document(&self) -> &str {
        &self.documents.0
    }

    /// What is asked for, if it is one of these.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Response> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        match path {
            "/docs" => {
                let (page, policy) = &*self.page;
                let mut response = answer("text/html; charset=utf-8", page.clone());
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
                Some(response)
            }
            "/openapi.json" => Some(answer("application/json", self.documents.0.clone())),
            "/openapi.yaml" => Some(answer("application/yaml", self.documents.1.clone())),
            _ => None,
        }
    }
}

fn answer(content_type: &'static str, body: String) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The page with the remote validator switched off, and a policy that runs its scripts alone, known by their hashes.
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

/// The scripts within a page. The text of one may look like the beginning of another, so each is read to its end first.
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

    #[test]
    fn a_script_that_speaks_of_scripts_is_one() {
        let page = "<script a='b'>x('<script>')</script><p></p><script>y</script>";
        assert_eq!(scripts(page).collect::<Vec<_>>(), ["x('<script>')", "y"]);
    }
}
