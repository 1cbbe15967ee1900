//! Profiles of a running process.

use std::{fs, process::Command};

use kayan_journeys::{Client, Home, Person, Service, ask};
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

/// The output of `go tool pprof` for a profile.
fn read_by_pprof(profile: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kayan.prof");
    fs::write(&path, profile).unwrap();
    let mut pprof = Command::new("go");
    pprof.args(["tool", "pprof", "-top", "-cum", "-nodecount=300"]).arg(&path);
    let said = pprof.env("HOME", folder.path()).output().expect("go, from Debian's package golang-go");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[tokio::test]
async fn a_heap_profile_is_read_by_go_tool_pprof() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    ada.who_am_i().await.expect(200);
    let profile = ask(service.client().get("/debug/pprof/heap")).await.expect(200);
    assert_eq!(profile.header("content-type"), "application/octet-stream");
    let read = read_by_pprof(&profile.body);
    assert!(read.contains("Type: inuse_space") && read.contains("kayan"), "{read}");
    assert!(!read.contains("prof_backtrace"), "the allocator's own part of each stack is left out: {read}");
}

#[tokio::test]
async fn a_processor_profile_is_read_by_go_tool_pprof_and_one_is_taken_at_a_time() {
    let service = Service::start_in(Home::new().with("KAYAN_BCRYPT_COST", "12")).await;
    let client = service.client();
    let take = || ask(client.get("/debug/pprof/profile?seconds=4"));
    let work = async {
        for number in 0..4 {
            Person::register(&client, &format!("p{number}")).await;
        }
    };
    let (one, other, ()) = tokio::join!(take(), take(), work);
    let (taken, busy) = if one.status == 200 { (one, other) } else { (other, one) };
    busy.refused(409, "in_use");
    let read = read_by_pprof(&taken.expect(200).body);
    // flat, flat%, sum%, cum, cum%, name
    let shares = read.lines().filter(|line| line.contains("bcrypt")).filter_map(|line| line.split_whitespace().nth(4));
    let most = shares.filter_map(|share| share.strip_suffix('%')?.parse().ok()).fold(0.0, f64::max);
    assert!(read.contains("Type: cpu") && most > 50.0, "hashing is what there is to do: {read}");
    assert!(!read.contains("pprof::"), "the sampler's own part of each stack is left out: {read}");
    ask(client.get("/debug/pprof/profile?seconds=0")).await.refused(400, "invalid_input");
    ask(client.get("/debug/pprof/profile?seconds=61")).await.refused(400, "invalid_input");
}

#[tokio::test]
async fn memory_that_nobody_uses_is_given_back() {
    let service = Service::start().await;
    let said = ask(service.client().post("/debug/gc")).await.expect(200).json();
    let (before, after) = (said["resident_before"].as_u64().unwrap(), said["resident_after"].as_u64().unwrap());
    assert!(before > 1 << 20 && after > 1 << 20 && after <= before, "{said}");
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
async fn a_trusted_proxys_address_reads_metrics_only_if_it_is_named_by_itself() {
    for (allowed, status) in [("127.0.0.0/8", 401), ("10.0.0.0/8, 127.0.0.1", 200)] {
        let service = Service::start_in(production().with("KAYAN_METRICS_ALLOW", allowed)).await;
        ask(service.client().get("/metrics")).await.expect(status);
        ask(service.client().get("/metrics").header("X-Forwarded-For", "127.0.0.1")).await.refused(401, "unauthorized");
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
