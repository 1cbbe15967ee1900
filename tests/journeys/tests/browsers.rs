//! Requests from web pages: forged ones are refused (CSRF), those of allowed origins are shared (CORS).

use kayan_journeys::{Answer, Client, Home, Person, Service, ask};
use reqwest::{Method, RequestBuilder};

const APP: &str = "https://app.example.com";

async fn started() -> (Service, Person) {
    let home = Home::new().with("KAYAN_CORS_ORIGINS", format!("{APP}, http://localhost:3000"));
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    (service, ada)
}

fn by_cookie(person: &Person, method: Method, path: &str) -> RequestBuilder {
    person.client.request(method, path).header("Cookie", format!("kayan_session={}", person.session_token))
}

fn revoking(person: &Person) -> RequestBuilder {
    by_cookie(person, Method::DELETE, "/api/v1/sessions")
}

#[tokio::test]
async fn a_change_by_cookie_alone_must_come_from_an_allowed_origin() {
    let (service, ada) = started().await;
    let host = service.address();
    let own = [ada.client.origin().to_owned(), APP.to_owned(), "http://localhost:3000".to_owned()];
    for origin in &own {
        ask(revoking(&ada).header("Origin", origin)).await.expect(204);
    }
    ask(revoking(&ada).header("Sec-Fetch-Site", "same-origin")).await.expect(204);
    ask(revoking(&ada)).await.refused(403, "csrf_rejected");
    for foreign in [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        "http://app.example.com".to_owned(),
        format!("{APP}.evil.example"),
        format!("{APP}:444"),
        "https://evilapp.example.com".to_owned(),
        format!("https://{host}.evil.example"),
        format!("evil://{host}"),
        "https://APP.example.com".to_owned(),
        format!("{APP}/"),
        format!("{APP}, https://evil.example"),
        format!("http://user@{host}"),
    ] {
        let answer = ask(revoking(&ada).header("Origin", &foreign)).await;
        assert_eq!((answer.status, &*answer.at("/code")), (403, "csrf_rejected"), "{foreign}: {answer:?}");
        answer.assert_shape();
        // A page can't lie about its origin, but it may belong to a site that shares our domain.
        let both = revoking(&ada).header("Origin", &foreign).header("Sec-Fetch-Site", "same-origin");
        ask(both).await.refused(403, "csrf_rejected");
    }
    for site in ["cross-site", "same-site", "none", "nonsense"] {
        ask(revoking(&ada).header("Sec-Fetch-Site", site)).await.refused(403, "csrf_rejected");
    }
}

#[tokio::test]
async fn every_change_by_cookie_is_guarded_and_no_question_is() {
    let (_service, ada) = started().await;
    let json = "application/json";
    for (method, path) in [
        (Method::POST, "/api/v1/logout"),
        (Method::DELETE, "/api/v1/sessions"),
        (Method::DELETE, "/api/v1/sessions/01890000-0000-7000-8000-000000000000"),
        (Method::POST, "/api/v1/password"),
        (Method::PATCH, "/api/v1/me"),
        (Method::DELETE, "/api/v1/me"),
    ] {
        let forged = by_cookie(&ada, method.clone(), path).header("Origin", "https://evil.example");
        let answer = ask(forged.header("Content-Type", json).body("{}")).await;
        assert_eq!((answer.status, &*answer.at("/code")), (403, "csrf_rejected"), "{method} {path}: {answer:?}");
    }
    for path in ["/api/v1/whoami", "/api/v1/sessions", "/api/v1/me/export"] {
        ask(by_cookie(&ada, Method::GET, path)).await.expect(200);
        ask(by_cookie(&ada, Method::GET, path).header("Origin", "https://evil.example")).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_in_a_header_needs_no_origin_as_no_page_can_forge_it() {
    let (_service, ada) = started().await;
    let request = || ada.client.delete("/api/v1/sessions");
    ask(request().bearer_auth(&ada.session_token)).await.expect(204);
    ask(request().header("X-Session-Token", &ada.session_token).header("Origin", "https://evil.example"))
        .await
        .expect(204);
    ask(revoking(&ada).bearer_auth(&ada.session_token)).await.expect(204);
    // An invalid header does not make the cookie acceptable.
    ask(revoking(&ada).header("Authorization", "Basic eDp5")).await.refused(403, "csrf_rejected");
    ask(revoking(&ada).bearer_auth("kys_nonsense")).await.refused(401, "unauthorized");
    ask(revoking(&ada).header("X-Session-Token", "")).await.refused(401, "unauthorized");
}

fn preflight(client: &Client, origin: &str, path: &str) -> RequestBuilder {
    let request = client.request(Method::OPTIONS, path).header("Origin", origin);
    request.header("Access-Control-Request-Method", "PATCH").header("Access-Control-Request-Headers", "content-type")
}

fn shared(answer: &Answer) -> (String, String) {
    let header = |name: &str| answer.header(name).to_owned();
    (header("access-control-allow-origin"), header("access-control-allow-credentials"))
}

#[tokio::test]
async fn an_allowed_origins_page_may_read_answers_and_errors_and_no_other_may() {
    let (_service, ada) = started().await;
    let allowed = (APP.to_owned(), "true".to_owned());
    let (client, token) = (&ada.client, &ada.session_token);
    let fine = ask(Person::asking(client, token).header("Origin", APP)).await.expect(200);
    assert_eq!(shared(&fine), allowed);
    let exposed = fine.header("access-control-expose-headers");
    for name in ["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "ETag", "Content-Disposition"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
    }
    assert_eq!(fine.header("vary"), "Origin");
    let failed = ask(Person::asking(client, "kys_x").header("Origin", APP)).await.refused(401, "unauthorized");
    assert_eq!(shared(&failed), allowed);
    let lost = ask(client.get("/nowhere").header("Origin", APP)).await.refused(404, "not_found");
    assert_eq!(shared(&lost), allowed);
    for foreign in ["https://evil.example", "null", "https://app.example.com.evil.example", "*"] {
        let answer = ask(Person::asking(client, token).header("Origin", foreign)).await.expect(200);
        assert_eq!(shared(&answer), (String::new(), String::new()), "{foreign}");
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_only() {
    let (_service, ada) = started().await;
    let yes = ask(preflight(&ada.client, APP, "/api/v1/me")).await.expect(204);
    assert_eq!(shared(&yes), (APP.to_owned(), "true".to_owned()));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(yes.header("access-control-allow-methods").contains(method), "{method}: {yes:?}");
    }
    for name in [
        "Authorization",
        "Content-Type",
        "X-Session-Token",
        "X-Tenant-ID",
        "Idempotency-Key",
        "If-Match",
        "traceparent",
        "tracestate",
    ] {
        assert!(yes.header("access-control-allow-headers").contains(name), "{name}: {yes:?}");
    }
    let no = ask(preflight(&ada.client, "https://evil.example", "/api/v1/me")).await;
    assert_eq!((shared(&no), no.header("access-control-allow-methods")), ((String::new(), String::new()), ""));
    ada.who_am_i().await.expect(200);
}
