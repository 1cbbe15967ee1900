//! What is the same on every database: what a profile holds, and who a proxy is.

use std::{fs, process::Command};

use futures_util::future::join_all;
use kayan_journeys::{Home, Person, Service, ask};

use super::production;

/// What the usual reader of such profiles makes of one.
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
    let client = service.client();
    // The allocator keeps for a while what 32 bodies of almost a mebibyte took.
    let body = format!("{{\"identifier\": \"{}\"}}", "x".repeat(1_000_000));
    let requests = (0..32)
        .map(|_| ask(client.post("/api/v1/login").header("content-type", "application/json").body(body.clone())));
    for answer in join_all(requests).await {
        answer.expect(400);
    }
    let said = ask(client.post("/debug/gc")).await.expect(200).json();
    let (before, after) = (said["resident_before"].as_u64().unwrap(), said["resident_after"].as_u64().unwrap());
    assert!(after > 1 << 20 && after + (1 << 20) < before, "at least a mebibyte is given back: {said}");
}

#[tokio::test]
async fn a_trusted_proxys_address_reads_metrics_only_if_it_is_named_by_itself() {
    for (allowed, status) in [("127.0.0.0/8", 401), ("10.0.0.0/8, 127.0.0.1", 200)] {
        let service = Service::start_in(production().with("KAYAN_METRICS_ALLOW", allowed)).await;
        ask(service.client().get("/metrics")).await.expect(status);
        ask(service.client().get("/metrics").header("X-Forwarded-For", "127.0.0.1")).await.refused(401, "unauthorized");
    }
}
