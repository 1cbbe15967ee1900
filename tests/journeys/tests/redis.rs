//! A Redis that crashes, freezes and comes back while users continue.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kayan_journeys::{Collector, Home, PASSWORD, Person, Redis, Service, ask, attribute};
use rustix::process::Signal;
use tokio::{process::Command, time::timeout};

use crate::doctor::doctor;

/// The time limit of a request: a second more than the promised two, for a busy machine.
const ENOUGH: Duration = Duration::from_secs(3);
/// How soon after Redis is back the service must use it.
const RECOVERY: Duration = Duration::from_secs(5);

/// Eight users log in, call `whoami` and refresh once; no request is refused or slow.
async fn everybody_goes_on(people: &[Person]) {
    let each = people.iter().map(async |person| {
        let began = Instant::now();
        person.who_am_i().await.expect(200);
        let answer = ask(Person::login(&person.client, &person.email, PASSWORD)).await.expect(200);
        let client = &person.client;
        ask(Person::refreshing(client, &answer.at("/refresh_token"))).await.expect(200);
        assert!(began.elapsed() < ENOUGH * 3, "three requests took {:?}", began.elapsed());
    });
    join_all(each).await;
}

/// Polls the health report until Redis is in this condition.
async fn health(service: &Service, redis: &str) {
    let began = Instant::now();
    loop {
        let health = ask(service.client().get("/health")).await.expect(200);
        if health.text().contains(&format!(r#""name":"redis","status":"{redis}""#)) {
            return;
        }
        assert!(began.elapsed() < RECOVERY, "Redis is not {redis}: {health:?}");
    }
}

#[tokio::test]
async fn people_go_on_while_redis_dies_stands_still_and_comes_back() {
    let mut redis = Redis::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", redis.url());
    let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "1000000");
    let service = Service::start_in(home.with("KAYAN_LOCKOUT_ENABLED", "true")).await;
    let names: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    let people = join_all(names.iter().map(async |name| Person::register(&service.client(), name).await)).await;
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;

    redis.kill();
    everybody_goes_on(&people).await;
    health(&service, "degraded").await;
    redis.revive().await;
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;

    redis.signal(Signal::STOP);
    everybody_goes_on(&people).await;
    health(&service, "degraded").await;
    redis.signal(Signal::CONT);
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;
}

#[tokio::test]
async fn lockout_holds_while_redis_is_away() {
    let mut redis = Redis::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", redis.url());
    let service = Service::start_in(home.with("KAYAN_LOCKOUT_ENABLED", "true")).await;
    let ada = Person::register(&service.client(), "ada").await;
    redis.kill();
    for _ in 0..5 {
        ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
}

#[tokio::test]
async fn doctor_finds_a_redis_that_forgets_is_closed_stands_still_or_is_dead() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let home = Home::new().with("KAYAN_REDIS_URL", &*url);
    let found = doctor(&home, "--replicas 2").await;
    assert_eq!(found.code, 0, "{found:#?}");
    for check in ["redis.reachable", "redis.version", "redis.eviction", "redis.clock"] {
        found.is(check, "ok");
    }
    redis.tell("CONFIG SET maxmemory-policy allkeys-lru").await;
    doctor(&home, "").await.is("redis.eviction", "warning");
    redis.tell("CONFIG SET maxmemory 100mb").await;
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("redis.eviction", "failed").contains("set maxmemory-policy noeviction"));

    redis.tell("ACL SETUSER kayan on >hunter2 ~kayan:* &kayan:sessions +@all -info -time").await;
    let home = home.with("KAYAN_REDIS_URL", url.replace("127", "kayan:hunter2@127"));
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    found.is("redis.reachable", "ok");
    for check in ["redis.version", "redis.eviction", "redis.clock"] {
        assert!(found.is(check, "skipped").contains("has no permission"), "{found:#?}");
    }
    redis.tell("ACL SETUSER kayan >other <hunter2").await;
    doctor(&home, "").await.is("redis.reachable", "failed");
    redis.signal(Signal::STOP);
    let frozen = doctor(&home, "").await;
    redis.signal(Signal::CONT);
    assert_eq!(frozen.code, 1, "{frozen:#?}");
    frozen.is("redis.reachable", "failed");
    frozen.is("database.reachable", "ok");
    redis.kill();
    let dead = doctor(&home, "").await;
    assert!(!dead.is("redis.reachable", "failed").contains("hunter2"), "{dead:#?}");
    redis.revive().await;
}

/// The connections that the service keeps, without the one for announcements.
async fn kept(redis: &Redis) -> usize {
    let mut list = Command::new("redis-cli");
    let list = list.args(["-u", &redis.url(), "client", "list"]).output().await.unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines().filter(|line| line.contains(" sub=0 ") && !line.contains("cmd=client")).count()
}

#[tokio::test]
async fn so_many_connections_are_kept_to_redis_and_no_more() {
    for size in [2, 7] {
        let redis = Redis::start().await;
        let home = Home::new().with("KAYAN_REDIS_URL", redis.url()).with("KAYAN_REDIS_POOL_SIZE", size.to_string());
        let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "1000000");
        let service = Service::start_in(home).await;
        let ada = Person::register(&service.client(), "ada").await;
        let full = async {
            while kept(&redis).await < size {
                join_all((0..64).map(|_| ada.who_am_i())).await;
            }
        };
        timeout(Duration::from_secs(45), full).await.unwrap_or_else(|_| panic!("there are never {size}"));
        join_all((0..64).map(|_| ada.who_am_i())).await;
        assert_eq!(kept(&redis).await, size);
    }
}

#[tokio::test]
async fn what_redis_is_asked_stands_in_the_trace_of_who_waits_for_it() {
    let redis = Redis::start().await;
    let collector = Collector::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", redis.url());
    let home = home.with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_RATE_LIMIT_ENABLED", "true");
    let service = Service::start_in(home.with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())).await;
    let ada = Person::register(&service.client(), "ada").await;
    ada.log_in().await;
    service.terminate();
    service.ended().await;
    let spans = collector.spans();
    let login = spans.iter().find(|span| span.name == "POST /api/v1/login").unwrap();
    let asked = spans.iter().filter(|span| attribute(&span.attributes, "db.system.name") == "redis");
    let mut asked: Vec<&str> =
        asked.filter(|span| span.parent_span_id == login.span_id).map(|span| &*span.name).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, ["redis.admit", "redis.forget", "redis.reserve"]);
}

/// Asserts that the service and `doctor` report this reason, until a command corrects it.
async fn refuses_until(service: &Service, redis: &Redis, why: &str, remedy: &str) {
    health(service, "degraded").await;
    let told = ask(service.client().get("/health")).await.expect(200).text();
    assert!(told.contains(why), "{why}: {told}");
    ask(service.client().get("/health/ready")).await.expect(200);
    let found = doctor(service.home(), "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("redis.writes", "failed").contains(why), "{found:#?}");
    redis.tell(remedy).await;
    health(service, "healthy").await;
    doctor(service.home(), "").await.is("redis.writes", "ok");
}

#[tokio::test]
async fn a_redis_that_answers_and_refuses_writes_or_announcements_is_degraded_and_says_why() {
    let redis = Redis::start().await;
    redis.tell("ACL SETUSER kayan on >hunter2 ~kayan:* resetchannels &kayan:sessions +@all").await;
    let home = Home::new().with("KAYAN_REDIS_URL", redis.url().replace("127", "kayan:hunter2@127"));
    let service = Service::start_in(home).await;
    health(&service, "healthy").await;
    redis.tell("CONFIG SET maxmemory 1").await;
    refuses_until(&service, &redis, "refuses writes: the server answers OOM", "CONFIG SET maxmemory 0").await;
    redis.tell("REPLICAOF 127.0.0.1 1").await;
    refuses_until(&service, &redis, "refuses writes: the server answers READONLY", "REPLICAOF NO ONE").await;
    redis.tell("ACL SETUSER kayan resetkeys ~other:*").await;
    refuses_until(&service, &redis, "refuses writes: the user may not do that", "ACL SETUSER kayan ~kayan:*").await;
    redis.tell("ACL SETUSER kayan resetchannels").await;
    let allow = "ACL SETUSER kayan &kayan:sessions";
    refuses_until(&service, &redis, "refuses announcements: the user may not do that", allow).await;
}

#[tokio::test]
async fn a_redis_for_sessions_alone_is_watched_as_well() {
    let (counting, announcing) = (Redis::start().await, Redis::start().await);
    announcing.tell("ACL SETUSER kayan on >hunter2 resetchannels +@all").await;
    let home = Home::new().with("KAYAN_REDIS_URL", counting.url());
    let home = home.with("KAYAN_REDIS_SESSION_URL", announcing.url().replace("127", "kayan:hunter2@127"));
    let service = Service::start_in(home).await;
    let told = ask(service.client().get("/health")).await.expect(200);
    let parts = told.json()["checks"].clone();
    let status = |name: &str| parts.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["status"].clone();
    assert_eq!((status("redis"), status("redis_sessions")), ("healthy".into(), "degraded".into()), "{told:?}");
    // This service counts nothing in Redis, so it needs no writes.
    announcing.tell("ACL SETUSER kayan &kayan:sessions").await;
    let well = ask(service.client().get("/health")).await.expect(200).text();
    assert!(well.contains(r#""name":"redis_sessions","status":"healthy""#), "{well}");
}
