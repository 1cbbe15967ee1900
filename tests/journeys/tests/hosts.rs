//! The host of a request, in each way to name it.

use kayan_journeys::{Home, PASSWORD, Person, Service, ask, exchange};
use serde_json::json;

const ACME: &str = "login.acme.example";

async fn with_tenant_by_host() -> Service {
    let service = Service::start_in(Home::new().with("KAYAN_TENANT_HOSTS", format!("{ACME}=acme"))).await;
    assert_eq!(service.home().run("admin tenant create --id acme").await.code, 0);
    service
}

/// A client that speaks HTTP/2 from the first byte, and reaches this service as that host.
fn client_of_http_2(service: &Service) -> reqwest::Client {
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().http2_prior_knowledge();
    http.resolve(ACME, service.address()).build().unwrap()
}

#[tokio::test]
async fn i_29_the_authority_of_http_2_and_of_an_absolute_target_name_the_tenant() {
    let service = with_tenant_by_host().await;
    let origin = format!("http://{ACME}:{}", service.address().port());
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let client = client_of_http_2(&service);
    let registered = ask(client.post(format!("{origin}/api/v1/registration")).json(&body)).await.expect(201);
    assert_eq!(registered.at("/identity/tenant_id"), "acme");

    let body = json!({ "traits": { "email": "bert@example.com" }, "password": PASSWORD }).to_string();
    let request = format!(
        "POST http://{ACME}/api/v1/registration HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let registered = exchange(service.address(), request.as_bytes()).await.unwrap().expect(201);
    assert_eq!(registered.at("/identity/tenant_id"), "acme");
}

#[tokio::test]
async fn a_change_by_cookie_over_http_2_comes_from_the_page_of_its_authority() {
    let service = with_tenant_by_host().await;
    let origin = format!("http://{ACME}:{}", service.address().port());
    let client = client_of_http_2(&service);
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let registered = ask(client.post(format!("{origin}/api/v1/registration")).json(&body)).await.expect(201);
    let cookie = format!("kayan_session={}", registered.at("/session/session_token"));
    let revoking = |page: &str| {
        client.delete(format!("{origin}/api/v1/sessions")).header("Cookie", &cookie).header("Origin", page)
    };
    ask(revoking(&origin)).await.expect(204);
    ask(revoking("http://evil.example")).await.refused(403, "csrf_rejected");
}

#[tokio::test]
async fn i_29_a_host_or_a_tenant_that_is_named_twice_is_refused() {
    let service = with_tenant_by_host().await;
    for (lines, name) in [
        (format!("Host: localhost\r\nHost: {ACME}"), "Host"),
        ("Host: localhost\r\nHost: localhost".to_owned(), "Host"),
        ("Host: localhost\r\nX-Tenant-ID: acme\r\nX-Tenant-ID: default".to_owned(), "X-Tenant-ID"),
    ] {
        for path in ["/api/v1/whoami", "/health/live", "/docs"] {
            let request = format!("GET {path} HTTP/1.1\r\n{lines}\r\nConnection: close\r\n\r\n");
            let answer = exchange(service.address(), request.as_bytes()).await.unwrap().refused(400, "invalid_input");
            assert!(answer.at("/message").contains(name), "{answer:?}");
        }
    }
    let ada = Person::register(&service.client(), "ada").await;
    ask(Person::asking(&ada.client, &ada.session_token).header("X-Tenant-ID", "default")).await.expect(200);
}
