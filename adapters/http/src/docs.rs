//! Swagger UI and the OpenAPI document, served from the binary with no request to another host.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{
    Endpoint, IntoResponse, Response,
    endpoint::make_sync,
    http::{HeaderValue, header},
};
use sha2::{Digest, Sha256};

/// The endpoints of the page, the JSON and the YAML document. The page is put together when first asked for: most
/// processes never are.
pub(crate) fn endpoints(
    html: String,
    json: String,
    yaml: String,
) -> (impl Endpoint<Output = Response>, impl Endpoint<Output = Response>, impl Endpoint<Output = Response>) {
    let page: OnceLock<(String, HeaderValue)> = OnceLock::new();
    let ui = make_sync(move |_| {
        let (html, policy) = page.get_or_init(|| page_and_policy(&html));
        let mut response = answer("text/html; charset=utf-8", html.clone());
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        response
    });
    let json = make_sync(move |_| answer("application/json", json.clone()));
    let yaml = make_sync(move |_| answer("application/yaml", yaml.clone()));
    (ui, json, yaml)
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
