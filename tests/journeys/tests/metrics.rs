//! The metrics for Prometheus.

use futures_util::{StreamExt, stream};
use kayan_journeys::{Home, Metrics, PASSWORD, Person, Service, ask, promtool};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

/// The families in the operations guide, and one more that its alerts use.
const OF_THE_GUIDE: [(&str, &str); 11] = [
    ("kayan_login_total", "counter"),
    ("kayan_registration_total", "counter"),
    ("kayan_mfa_total", "counter"),
    ("kayan_rate_limit_hits_total", "counter"),
    ("kayan_lockout_events_total", "counter"),
    ("kayan_auth_duration_seconds", "summary"),
    ("kayan_auth_duration_hist_seconds", "histogram"),
    ("kayan_db_query_duration_seconds", "histogram"),
    ("kayan_active_sessions", "gauge"),
    ("kayan_session_refreshes_total", "counter"),
    ("kayan_health_status", "gauge"),
];

#[tokio::test]
async fn every_family_of_the_guide_is_exported_under_its_name() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_LOCKOUT_ENABLED", "true");
    let service = Service::start_in(home).await;
    let answer = ask(service.client().get("/metrics")).await.expect(200);
    assert_eq!(answer.header(CONTENT_TYPE.as_str()), "text/plain; version=0.0.4; charset=utf-8");
    let fresh = Metrics::of(&service.client()).await;
    for series in [
        r#"kayan_login_total{status="failure",strategy="password"}"#,
        r#"kayan_login_total{status="success",strategy="oidc"}"#,
        r#"kayan_mfa_total{status="failure",type="totp"}"#,
        r#"kayan_rate_limit_hits_total{key="login"}"#,
        r#"kayan_lockout_events_total{action="unlocked"}"#,
        "kayan_session_refreshes_total",
    ] {
        assert_eq!(fresh.count(series), Some(0), "{series} is there before anything happens");
    }
    let ada = Person::register(&service.client(), "ada").await;
    ada.log_in().await;
    let there = |metrics: &Metrics| metrics.series.keys().any(|series| series.starts_with("kayan_active_sessions"));
    // Sessions are counted when the service starts, and then twice a minute.
    let home = service.kill().await;
    let service = Service::start_in(home).await;
    let counted = Metrics::until(&service.client(), there).await;
    assert_eq!(counted.count(r#"kayan_active_sessions{tenant="default"}"#), Some(2), "right after a restart");
    ask(Person::login(&service.client(), &ada.email, PASSWORD)).await.expect(200);
    let metrics = Metrics::of(&service.client()).await;
    let families = metrics.families();
    for (name, kind) in OF_THE_GUIDE {
        assert_eq!(families.get(name), Some(&kind), "{name}");
    }
    let own = families.keys().filter(|name| name.starts_with("process_")).count();
    assert!(own >= 6, "{families:?}");
    assert_eq!(metrics.count("kayan_health_status"), Some(1));
    for quantile in ["0.5", "0.9", "0.99"] {
        let series = format!(r#"kayan_auth_duration_seconds{{strategy="password",quantile="{quantile}"}}"#);
        assert!(metrics.get(&series) > 0.0, "{series}");
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let home = Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "2");
    let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "7");
    let service = Service::start_in(home.with("KAYAN_RATE_LIMIT_WINDOW", "24h")).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    ask(Person::registration(&client, &ada.email)).await.refused(409, "already_exists");
    ask(client.tell("/api/v1/login", &json!({ "password": 7 }))).await.refused(400, "invalid_input");
    ada.log_in().await.refresh().await.expect(200);
    for _ in 0..2 {
        ask(Person::login(&client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    for _ in 0..4 {
        ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
    }
    ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(429, "rate_limited");
    ask(client.get("/nowhere")).await.refused(404, "not_found");
    let metrics = Metrics::of(&client).await;
    for (series, value) in [
        (r#"kayan_registration_total{status="success"}"#, 1),
        (r#"kayan_registration_total{status="failure"}"#, 1),
        (r#"kayan_login_total{status="success",strategy="password"}"#, 1),
        (r#"kayan_login_total{status="failure",strategy="password"}"#, 7),
        (r#"kayan_auth_duration_hist_seconds_count{strategy="password"}"#, 3),
        (r#"kayan_lockout_events_total{action="locked"}"#, 1),
        (r#"kayan_rate_limit_hits_total{key="login"}"#, 1),
        ("kayan_session_refreshes_total", 1),
        (r#"kayan_http_requests_total{operation="login",status="423"}"#, 4),
        (r#"kayan_http_requests_total{operation="none",status="404"}"#, 1),
    ] {
        assert_eq!(metrics.count(series), Some(value), "{series}");
    }
    let asked = metrics.get(r#"kayan_db_query_duration_seconds_count{operation="credentials.sign_in"}"#);
    assert!(asked >= 8.0, "each login looks once: {asked}");
    assert!(metrics.get(r#"kayan_db_query_duration_seconds_count{operation="commit"}"#) >= 5.0);
}

#[tokio::test]
async fn background_jobs_are_there_from_the_start_and_their_runs_are_counted() {
    let service = Service::start_in(Home::new().with("KAYAN_AUDIT_RETENTION", "365d")).await;
    let runs = |metrics: &Metrics, job: &str, status: &str| {
        metrics.count(&format!("kayan_job_runs_total{{job=\"{job}\",status=\"{status}\"}}"))
    };
    let at_start = [
        "check_health",
        "count_sessions",
        "deliver_messages",
        "measure_outbox",
        "measure_seal_lag",
        "seal_audit_trail",
        "watch_clock",
    ];
    let run = |metrics: &Metrics| at_start.iter().all(|job| runs(metrics, job, "success") > Some(0));
    let metrics = Metrics::until(&service.client(), run).await;
    let families = metrics.families();
    for (name, kind) in [
        ("kayan_job_runs_total", "counter"),
        ("kayan_job_duration_seconds", "histogram"),
        ("kayan_job_last_success_timestamp_seconds", "gauge"),
        ("kayan_job_interval_seconds", "gauge"),
    ] {
        assert_eq!(families.get(name), Some(&kind), "{name}");
    }
    let later = ["maintain_database", "purge_audit_trail", "record_refusals", "remove_outdated", "unlock_accounts"];
    for job in at_start.into_iter().chain(later) {
        assert_eq!(runs(&metrics, job, "failure"), Some(0), "{job}");
        let last = metrics.get(&format!("kayan_job_last_success_timestamp_seconds{{job=\"{job}\"}}"));
        let begun = metrics.get("process_start_time_seconds");
        assert!((begun - 1.0..begun + 300.0).contains(&last), "{job} at {last}, and the service began at {begun}");
    }
    let sealing = metrics.get(r#"kayan_job_duration_seconds_count{job="seal_audit_trail"}"#);
    assert!(sealing >= 1.0, "{}", metrics.text);
}

#[tokio::test]
async fn promtool_has_nothing_against_the_metrics() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    ada.log_in().await.refresh().await.expect(200);
    let metrics = Metrics::of(&service.client()).await;
    let (fine, said) = promtool(&["check", "metrics"], &metrics.text);
    assert!(fine && said.is_empty(), "{said}");
}

#[tokio::test]
async fn strangers_cannot_make_series() {
    let home = Home::new().with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32").with("KAYAN_RATE_LIMIT_ENABLED", "true");
    let service = Service::start_in(home).await;
    let client = service.client();
    let token = service.home().run("admin token create --permissions debug:read --ttl 1h").await.stdout;
    let scrape = async || Metrics::by_token(&client, token.trim()).await;
    // The series that 100 requests of these kinds create, 10,000 create as well.
    let rush = async |numbers: std::ops::Range<u32>| {
        let asking = stream::iter(numbers).map(|number| {
            let address = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            let request = match number % 4 {
                0 => Person::login(&client, &format!("p{number}@example.com"), "wrong"),
                1 => client.get(&format!("/nowhere/{number}")),
                2 => client.get(&format!("/admin/users/{number}")),
                _ => client.get("/api/v1/whoami").header("x-tenant-id", format!("t{number}")),
            };
            ask(request.header("x-forwarded-for", address))
        });
        asking.buffer_unordered(32).for_each(async |_| {}).await;
    };
    rush(0..100).await;
    scrape().await;
    let before = scrape().await;
    rush(100..10_100).await;
    let after = scrape().await;
    // A statement that runs rarely may have been added.
    let new: Vec<_> = after.series.keys().filter(|series| !before.series.contains_key(*series)).collect();
    let by_strangers = new.iter().filter(|series| !series.contains("kayan_db_query_duration")).count();
    assert_eq!(by_strangers, 0, "{new:?}");
    assert!(after.series.len() < 2_200, "{} series", after.series.len());
}
