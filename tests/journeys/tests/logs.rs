//! The log: a line for each request, and the log level.

use std::sync::atomic::{AtomicU32, Ordering};

use kayan_journeys::{Client, Home, Person, Service, ask};
use reqwest::Method;
use serde_json::{Value, json};

/// How often the lines were requested.
static MARKERS: AtomicU32 = AtomicU32::new(0);

/// The access lines so far, without those of the requests made here.
async fn lines(service: &Service, client: &Client) -> Vec<Value> {
    // Lines are written in order, some milliseconds after the response: this one comes after all others.
    let marker = format!("marker-{}", MARKERS.fetch_add(1, Ordering::Relaxed));
    ask(client.get("/health/live").header("x-request-id", &marker)).await.expect(200);
    let log = service.log_with(&marker).await;
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    let is_marker = |line: &Value| line["request_id"].as_str().is_some_and(|id| id.starts_with("marker-"));
    lines.filter(|line: &Value| line["target"] == "kayan::access" && !is_marker(line)).collect()
}

#[tokio::test]
async fn every_request_has_one_access_line_with_its_route_and_nothing_of_what_it_bears() {
    let home = Home::new().with("KAYAN_LOG_FORMAT", "json").with("KAYAN_LOG_LEVEL", "info");
    let service = Service::start_in(home).await;
    let client = service.client();
    let before = lines(&service, &client).await.len();
    let ada = Person::register(&client, "ada").await;
    let other = "0190f5fe-7c00-7a00-8abc-0123456789ab";
    ask(client.delete(&format!("/api/v1/sessions/{other}?token=hush")).bearer_auth(&ada.session_token)).await;
    ask(client.get("/api/v1/whoami").header("x-tenant-id", "default").header("x-request-id", "my-own-id")).await;
    ask(client.get("/nowhere/hush")).await;
    ask(client.get("/openapi.json")).await.expect(200);
    ask(client.request(Method::OPTIONS, "/api/v1/whoami")).await;
    let lines = lines(&service, &client).await.split_off(before);
    let told = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        (text("method"), text("route"), line["status"].as_u64().unwrap(), text("tenant"))
    };
    let expected = [
        ("POST", "/api/v1/registration", 201, ""),
        ("DELETE", "/api/v1/sessions/{id}", 404, ""),
        ("GET", "/api/v1/whoami", 401, "default"),
        ("GET", "-", 404, ""),
        ("GET", "/openapi.json", 200, ""),
        ("OPTIONS", "-", 405, ""),
    ];
    let expected = expected.map(|(method, route, status, tenant)| (method.into(), route.into(), status, tenant.into()));
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(lines[2]["request_id"], "my-own-id");
    assert!(lines.iter().all(|line| line["ms"].is_f64() && line["timestamp"].is_string()), "{lines:?}");
    let log = service.log();
    for secret in ["hush", other, &ada.email, &ada.session_token] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_log_level_is_set_while_the_service_runs() {
    let home = Home::new().with("KAYAN_LOG_FORMAT", "json").with("KAYAN_LOG_LEVEL", "info");
    let service = Service::start_in(home).await;
    let client = service.client();
    let token = service.home().run("admin token create --permissions debug:write --ttl 1h").await;
    let token = token.stdout.trim();
    let set = |level: &str| {
        client.request(Method::PUT, "/admin/log-level").bearer_auth(token).json(&json!({ "level": level }))
    };
    let before = lines(&service, &client).await.len();
    ask(set("loud")).await.refused(400, "invalid_input");
    ask(set("error")).await.expect(200);
    ask(client.get("/health/live")).await.expect(200);
    ask(set("info")).await.expect(200);
    ask(client.get("/health/ready")).await.expect(200);
    let routes: Vec<_> =
        lines(&service, &client).await.split_off(before).iter().map(|line| line["route"].clone()).collect();
    assert_eq!(routes, ["/admin/log-level", "/admin/log-level", "/health/ready"], "what sets it is told, too");
    let bound = service.home().run("admin token create --permissions ** --ttl 1h --tenant default").await;
    let bound = client.request(Method::PUT, "/admin/log-level").bearer_auth(bound.stdout.trim());
    ask(bound.json(&json!({ "level": "debug" }))).await.refused(403, "forbidden");
    let told = "SELECT COUNT(*) FROM audit_events WHERE resource = 'log-level'";
    assert_eq!(kayan_journeys::count(&service.home().database().await, told).await, 2);
}
