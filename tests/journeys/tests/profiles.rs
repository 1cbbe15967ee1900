//! Profiles of a running process.

mod database_independent;

use kayan_journeys::{Client, Home, Service, ask};
use reqwest::Method;

/// A home whose service is configured for production; its own settings stay.
fn production() -> Home {
    Home::new().with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32")
}

async fn token(service: &Service, permissions: &str) -> String {
    let made = service.home().run(&format!("admin token create --permissions {permissions} --ttl 1h")).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim().to_owned()
}

#[tokio::test]
async fn from_outside_nobody_looks_in_without_being_let() {
    let service = Service::start_in(production()).await;
    let client = service.client();
    let from_outside = |client: &Client, method: Method, path: &str| {
        client.request(method, path).header("x-forwarded-for", "203.0.113.9")
    };
    let (reader, writer) = (token(&service, "debug:read").await, token(&service, "users:*").await);
    for (method, path) in [
        (Method::GET, "/debug/pprof/heap"),
        (Method::GET, "/debug/pprof/profile?seconds=1"),
        (Method::POST, "/debug/gc"),
        (Method::GET, "/metrics"),
    ] {
        ask(from_outside(&client, method.clone(), path)).await.refused(401, "unauthorized");
        let denied = ask(from_outside(&client, method.clone(), path).bearer_auth(&writer)).await;
        assert_eq!(denied.refused(403, "forbidden").at("/details/required"), "debug:read");
        ask(from_outside(&client, method, path).bearer_auth(&reader)).await.expect(200);
    }
    // A proxy that adds no header is still a proxy.
    ask(client.get("/metrics")).await.refused(401, "unauthorized");
    ask(client.get("/debug/pprof/heap")).await.refused(401, "unauthorized");
    // A proxy on the same machine is not a local client.
    ask(client.get("/metrics").header("x-forwarded-for", "127.0.0.1")).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn metrics_are_for_the_addresses_that_are_allowed_and_for_no_page_of_another_site() {
    let home = Home::new().with("KAYAN_METRICS_ALLOW", "192.0.2.0/24");
    let service = Service::start_in(home).await;
    ask(service.client().get("/metrics")).await.refused(401, "unauthorized");
    let reader = token(&service, "debug:read").await;
    ask(service.client().get("/metrics").bearer_auth(&reader)).await.expect(200);
    let home = service.kill().await.with("KAYAN_METRICS_ALLOW", "192.0.2.0/24, 127.0.0.1");
    let service = Service::start_in(home).await;
    ask(service.client().get("/metrics")).await.expect(200);
    for header in ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"] {
        ask(service.client().get("/metrics").header(header, "x")).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn another_sites_page_looks_into_nothing_by_a_developers_browser() {
    let service = Service::start().await;
    let client = service.client();
    for (method, path) in [(Method::POST, "/debug/gc"), (Method::GET, "/debug/pprof/heap"), (Method::GET, "/metrics")] {
        let request = || client.request(method.clone(), path);
        for site in ["cross-site", "same-site"] {
            ask(request().header("Sec-Fetch-Site", site)).await.refused(401, "unauthorized");
        }
        for origin in ["https://evil.example", "null"] {
            ask(request().header("Origin", origin)).await.refused(401, "unauthorized");
        }
        for own in [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none"), ("Origin", client.origin())] {
            ask(request().header(own.0, own.1)).await.expect(200);
        }
    }
}
