//! The pages that document the API.

use std::io::Read as _;

use flate2::read::GzDecoder;
use kayan_journeys::{Answer, Home, Service, ask};
use reqwest::RequestBuilder;

use crate::presenting::production;

const PATHS: [&str; 3] = ["/docs", "/openapi.json", "/openapi.yaml"];
/// The page to try logging in on, and its files.
const TRIAL: [(&str, &str); 3] = [
    ("/docs/passkeys", "text/html; charset=utf-8"),
    ("/docs/passkeys.js", "text/javascript; charset=utf-8"),
    ("/docs/passkeys.css", "text/css; charset=utf-8"),
];

async fn packed(request: RequestBuilder) -> Answer {
    ask(request.header("Accept-Encoding", "br, gzip")).await
}

#[tokio::test]
async fn a_page_is_compressed_for_who_takes_that_and_not_sent_twice() {
    let service = Service::start().await;
    let client = service.client();
    for path in PATHS {
        let plain = ask(client.get(path)).await.expect(200);
        let small = packed(client.get(path)).await.expect(200);
        assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"), "{path}");
        let mut read = Vec::new();
        GzDecoder::new(&*small.body).read_to_end(&mut read).unwrap();
        assert!(read == plain.body && small.body.len() * 3 < plain.body.len(), "{path}: {}", small.body.len());
        assert_eq!(plain.header("content-length"), plain.body.len().to_string());
        for answer in [&plain, &small] {
            assert_eq!(answer.header("vary"), "Accept-Encoding", "{path}");
        }
        assert_ne!(plain.header("etag"), small.header("etag"), "two forms are two things: {path}");
        let again = ask(client.get(path).header("If-None-Match", plain.header("etag"))).await.expect(304);
        assert!(again.body.is_empty() && again.header("etag") == plain.header("etag"), "{again:?}");
        let again = packed(client.get(path).header("If-None-Match", small.header("etag"))).await.expect(304);
        assert!(again.body.is_empty() && again.header("etag") == small.header("etag"), "{again:?}");
    }
}

#[tokio::test]
async fn i_40_pages_count_against_the_limit() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let service = Service::start_in(home.with("KAYAN_RATE_LIMIT_REQUESTS", "3")).await;
    let client = service.client();
    for path in PATHS {
        let answer = ask(client.get(path)).await.expect(200);
        assert!(answer.header("ratelimit").starts_with("\"ip\";r="), "{answer:?}");
    }
    for path in PATHS {
        ask(client.get(path)).await.refused(429, "rate_limited");
    }
}

#[tokio::test]
async fn behind_a_path_the_document_says_where_the_api_is() {
    let home = Home::new().with("KAYAN_PUBLIC_URL", "https://example.com/auth/");
    let service = Service::start_in(home).await;
    let document = ask(service.client().get("/openapi.json")).await.expect(200).json();
    assert_eq!(document["servers"][0]["url"], "/auth");
    // Swagger UI sends its requests to the server named by the document in the page.
    let page = ask(service.client().get("/docs")).await.expect(200).text();
    let page = page.split_whitespace().collect::<String>();
    assert!(page.contains(r#""servers":[{"url":"/auth"}]"#), "{} bytes", page.len());
}

#[tokio::test]
async fn the_page_to_try_logging_in_on_is_served_in_development_only() {
    let (service, strict) = (Service::start().await, Service::start_in(production("https://id.example.com")).await);
    for (path, kind) in TRIAL {
        let page = ask(service.client().get(path)).await.expect(200);
        assert_eq!((page.header("content-type"), page.header("cache-control")), (kind, "no-cache"), "{path}");
        let refused = ask(service.client().post(path)).await.refused(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), "GET, HEAD");
        ask(strict.client().get(path)).await.refused(404, "not_found");
        ask(strict.client().post(path)).await.refused(404, "not_found");
    }
    ask(strict.client().get("/docs")).await.expect(200);
}

#[tokio::test]
async fn the_page_to_try_logging_in_on_runs_and_loads_only_its_own_files() {
    let service = Service::start().await;
    let page = ask(service.client().get("/docs/passkeys")).await.expect(200);
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'none'"] {
        assert!(policy.split("; ").any(|given| given == part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for (path, _) in TRIAL {
        let text = ask(service.client().get(path)).await.expect(200).text().to_lowercase();
        // In the script, the address of this very page at localhost.
        let elsewhere = text.replace("http://localhost", "").contains("://");
        let inline = ["<style", " style=", " onclick=", "innerhtml", "eval("].iter().find(|part| text.contains(**part));
        assert!(!elsewhere && inline.is_none(), "{path}: {inline:?}");
    }
}
