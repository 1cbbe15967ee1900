//! What is the same on every database: which traces are sent, when, and where to.

use kayan_journeys::{Collector, Home, PASSWORD, Person, Service, ask};

use super::{TRACE, caller, finish, hex, home, of_trace};

#[tokio::test]
async fn whoever_decided_against_a_trace_gets_none_and_garbage_decides_nothing() {
    let collector = Collector::start().await;
    let service = Service::start_in(home(&collector)).await;
    let ada = Person::register(&service.client(), "ada").await;
    let asking = |parent: String| Person::asking(&ada.client, &ada.session_token).header("traceparent", parent);
    ask(asking(caller("00"))).await.expect(200);
    let garbage = ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-00"].map(str::to_owned);
    for parent in garbage.into_iter().chain([caller("00-more"), caller("00").to_uppercase()]) {
        ask(asking(parent)).await.expect(200);
    }
    let log = finish(service).await;
    assert!(of_trace(&collector, TRACE).is_empty());
    assert!(log.contains(&format!("\"trace_id\":\"{TRACE}\"")), "the log knows the caller's trace all the same: {log}");
    let asked: Vec<_> = collector.spans().into_iter().filter(|span| span.name == "GET /api/v1/whoami").collect();
    assert_eq!(asked.len(), 5, "each begins a trace of its own");
    assert!(asked.iter().all(|span| span.parent_span_id.is_empty()));
}

#[tokio::test]
async fn without_a_collector_or_when_switched_off_there_is_no_trace_and_no_thread_for_any() {
    let collector = Collector::start().await;
    let on = Service::start_in(home(&collector)).await;
    assert!(on.threads().iter().any(|name| name.starts_with("OpenTelemetry")), "{:?}", on.threads());
    drop(on);
    let off = [
        home(&collector).without("OTEL_EXPORTER_OTLP_ENDPOINT"),
        home(&collector).with("OTEL_SDK_DISABLED", "true"),
        home(&collector).with("OTEL_TRACES_EXPORTER", "none"),
    ];
    for home in off {
        let before = collector.spans().len();
        let service = Service::start_in(home).await;
        let ada = Person::register(&service.client(), "ada").await;
        ask(Person::asking(&ada.client, &ada.session_token).header("traceparent", caller("01"))).await.expect(200);
        let threads = service.threads();
        assert!(
            !threads.iter().any(|name| name.starts_with("OpenTelemetry") || name.contains("reqwest")),
            "{threads:?}"
        );
        let log = finish(service).await;
        assert!(!log.contains("trace_id") && !log.contains(TRACE), "{log}");
        assert_eq!(collector.spans().len(), before);
    }
}

#[tokio::test]
async fn the_sampler_decides_what_is_sent() {
    let ratio = |part| [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", part)];
    let whatever = |part| [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", part)];
    for (settings, own, callers) in [
        (ratio("0"), false, true),
        (ratio("1"), true, true),
        (whatever("0"), false, false),
        ([("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_TRACES_SAMPLER_ARG", "1")], false, false),
        ([("OTEL_TRACES_SAMPLER", "parentbased_always_off"), ("OTEL_TRACES_SAMPLER_ARG", "1")], false, true),
    ] {
        let collector = Collector::start().await;
        let home = settings.iter().fold(home(&collector), |home, (name, value)| home.with(name, *value));
        let service = Service::start_in(home).await;
        let ada = Person::register(&service.client(), "ada").await;
        ask(Person::login(&ada.client, &ada.email, PASSWORD).header("traceparent", caller("01"))).await.expect(200);
        finish(service).await;
        let (of_caller, others): (Vec<_>, Vec<_>) =
            collector.spans().into_iter().partition(|span| hex(&span.trace_id) == TRACE);
        assert_eq!((!others.is_empty(), !of_caller.is_empty()), (own, callers), "{settings:?}");
    }
}

#[tokio::test]
async fn a_collector_is_sent_its_headers_compressed_if_it_likes_and_who_sends() {
    let collector = Collector::start().await;
    let home = Home::new()
        .with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/own/path", collector.endpoint()))
        .with("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .with("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=a%20test")
        .with("OTEL_SERVICE_NAME", "identity")
        .with("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
        .with("KAYAN_LOG_LEVEL", "debug");
    // Not in the environment, from which a library could take it by itself.
    let headers = "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20hush-hush,x-team=1";
    std::fs::write(home.path(".env"), headers).unwrap();
    let check = home.run("config check").await;
    assert!(check.code == 0 && !check.stdout.contains("hush"), "{}{}", check.stdout, check.stderr);
    let service = Service::start_in(home).await;
    let log = finish(service).await;
    assert!(!log.contains("hush"), "{log}");
    let mut deliveries = collector.deliveries();
    assert!(deliveries.iter().all(|delivery| delivery.spans.len() == 1), "{deliveries:?}");
    let delivery = deliveries.remove(0);
    for line in [
        "post /own/path http/1.1",
        "authorization: bearer hush-hush",
        "x-team: 1",
        "content-type: application/x-protobuf",
        "content-encoding: gzip",
    ] {
        assert!(delivery.head.lines().any(|told| told == line), "{line}: {}", delivery.head);
    }
    for (name, value) in [("service.name", "identity"), ("deployment.environment.name", "a test")] {
        assert!(delivery.resource.contains(&(name.to_owned(), value.to_owned())), "{:?}", delivery.resource);
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_of_once_and_used_again_when_it_is_back() {
    let collector = Collector::start().await;
    let address = collector.address();
    let home = home(&collector).with("OTEL_EXPORTER_OTLP_TIMEOUT", "1").with("OTEL_BSP_SCHEDULE_DELAY", "1");
    drop(collector);
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    let warnings = |log: &str| log.lines().filter(|line| line.contains("don't reach the collector")).count();
    while warnings(&service.log()) == 0 {
        ada.who_am_i().await.expect(200);
    }
    for _ in 0..200 {
        ada.who_am_i().await.expect(200);
    }
    assert_eq!(warnings(&service.log()), 1, "{}", service.log());
    let back = Collector::at(address, true).await;
    while back.spans().is_empty() {
        ada.who_am_i().await.expect(200);
    }
    finish(service).await;
}

#[tokio::test]
async fn a_collector_that_never_answers_keeps_nobody_waiting() {
    let collector = Collector::silent().await;
    let home = home(&collector)
        .with("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")
        .with("OTEL_BSP_SCHEDULE_DELAY", "1")
        .with("OTEL_BSP_MAX_QUEUE_SIZE", "10");
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    collector.hears().await;
    for _ in 0..100 {
        ada.who_am_i().await.expect(200);
    }
    ada.log_in().await;
    let log = finish(service).await;
    assert!(log.contains("the last spans may not have reached the collector"), "{log}");
    assert_eq!(collector.deliveries().len(), 1);
}

#[tokio::test]
async fn wrong_settings_of_traces_are_named_all_at_once_and_show_no_secret() {
    let wrong = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "is not a URL"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://u:hush@collector", "more than scheme, host, port and path"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "use one of: http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=ok,hush", "at place 2"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "from 0 to 1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "novalue", "at place 1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "from 1 to 100000"),
    ];
    let home = wrong.iter().fold(Home::new(), |home, (name, value, _)| home.with(name, *value));
    let done = home.run("serve").await;
    assert_eq!(done.code, 78, "{}", done.stderr);
    for (name, _, what) in wrong {
        let named = done.stderr.lines().any(|line| line.trim_start().starts_with(name) && line.contains(what));
        assert!(named, "{name}: {}", done.stderr);
    }
    assert!(!done.stderr.contains("hush"), "{}", done.stderr);
}
