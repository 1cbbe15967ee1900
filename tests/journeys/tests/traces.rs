//! Traces: the spans of a request, the trace they belong to, and that tracing never delays a request.

use kayan_journeys::{Collector, Home, Kind, PASSWORD, Person, Service, ask, attribute, exchange};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::Value;

/// A caller's trace and span, and the headers it sends.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn caller(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A home whose service sends its traces to this collector; the last ones when it ends.
fn home(collector: &Collector) -> Home {
    Home::new().with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()).with("KAYAN_LOG_FORMAT", "json")
}

/// Ends a service, which delivers all its spans; returns its output.
async fn finish(service: Service) -> String {
    service.terminate();
    let (code, log, _) = service.ended().await;
    assert_eq!(code, 0, "{log}");
    log
}

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<Span> {
    spans.iter().filter(|span| span.kind == kind as i32).cloned().collect()
}

/// The spans of one trace.
fn of_trace(collector: &Collector, trace: &str) -> Vec<Span> {
    collector.spans().into_iter().filter(|span| hex(&span.trace_id) == trace).collect()
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_login_is_one_trace_down_to_each_statement() {
    let collector = Collector::start().await;
    let service = Service::start_in(home(&collector)).await;
    let ada = Person::register(&service.client(), "ada").await;
    let login = Person::login(&ada.client, &ada.email, PASSWORD);
    let login = login.header("traceparent", caller("01")).header("tracestate", "vendor=1");
    let answer = ask(login.header("x-request-id", "my-own-id").header("x-tenant-id", "default")).await.expect(200);
    assert_eq!(answer.header("x-request-id"), "my-own-id");
    finish(service).await;

    let spans = of_trace(&collector, TRACE);
    assert_eq!(names(&spans), ["POST /api/v1/login", "commit", "credentials.sign_in", "password.verify"]);
    let server = of_kind(&spans, SpanKind::Server).remove(0);
    assert_eq!((hex(&server.parent_span_id), &*server.trace_state), (CALLER.to_owned(), "vendor=1"));
    let told = |name: &str| attribute(&server.attributes, name);
    assert_eq!(
        ["http.request.method", "http.route", "http.response.status_code", "url.scheme"].map(told),
        ["POST", "/api/v1/login", "200", "http"]
    );
    assert_eq!(["kayan.tenant", "kayan.request_id"].map(told), ["default", "my-own-id"]);
    assert_eq!(server.status.unwrap_or_default().code(), StatusCode::Unset);
    for below in spans.iter().filter(|span| span.span_id != server.span_id) {
        assert_eq!(below.parent_span_id, server.span_id, "{}", below.name);
        let within = server.start_time_unix_nano..=server.end_time_unix_nano;
        assert!(within.contains(&below.start_time_unix_nano) && within.contains(&below.end_time_unix_nano));
    }
    let hash = of_kind(&spans, SpanKind::Internal).remove(0);
    assert_eq!(hash.events.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["begun"], "after the queue");
    let system = match Kind::chosen() {
        Kind::Sqlite => "sqlite",
        Kind::Postgres => "postgresql",
        Kind::Mysql => "mysql",
    };
    for statement in of_kind(&spans, SpanKind::Client) {
        let told = |name: &str| attribute(&statement.attributes, name);
        assert_eq!((told("db.system.name"), told("db.operation.name")), (system.to_owned(), statement.name.clone()));
        let summary = told("db.query.summary");
        if statement.name == "commit" {
            let statements: Vec<_> = summary.split(' ').collect();
            assert_eq!(told("db.operation.batch.size"), statements.len().to_string(), "{summary}");
            assert!(["sessions.open", "audit.record"].iter().all(|name| statements.contains(name)), "{summary}");
        } else {
            assert_eq!(summary, statement.name);
        }
    }

    let registration = collector.spans().into_iter().find(|span| span.name == "POST /api/v1/registration").unwrap();
    assert_ne!(hex(&registration.trace_id), TRACE);
    assert_eq!(hex(&registration.parent_span_id), "", "who names no trace begins one");
    let hashed = of_trace(&collector, &hex(&registration.trace_id));
    assert!(hashed.iter().any(|span| span.name == "password.hash"), "{:?}", names(&hashed));
    // Spans that belong to no request are not traced.
    for span in collector.spans().iter().filter(|span| span.parent_span_id.is_empty()) {
        assert_eq!(span.kind, SpanKind::Server as i32, "{}", span.name);
    }
}

#[tokio::test]
async fn only_what_the_service_fails_at_is_an_error() {
    let collector = Collector::start().await;
    let service = Service::start_in(home(&collector)).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    ask(client.get("/api/v1/whoami").bearer_auth("kys_nobody")).await.refused(401, "unauthorized");
    service.home().database().await.execute("ALTER TABLE sessions RENAME TO elsewhere").await;
    let broken = ask(Person::login(&client, &ada.email, PASSWORD)).await.status;
    assert!(broken >= 500, "{broken}");
    finish(service).await;
    let spans = collector.spans();
    let told = |span: &Span| {
        let error = span.status.clone().unwrap_or_default();
        (error.code(), error.message, attribute(&span.attributes, "error.type"))
    };
    let status = |name: &str| told(spans.iter().find(|span| span.name == name).unwrap());
    assert_eq!(status("GET /api/v1/whoami"), (StatusCode::Unset, String::new(), String::new()));
    assert_eq!(status("POST /api/v1/login"), (StatusCode::Error, String::new(), broken.to_string()));
    let failed = |span: &&Span| span.name == "commit" && !told(span).2.is_empty();
    let (code, message, kind) = told(spans.iter().find(failed).unwrap());
    assert_eq!((code, message), (StatusCode::Error, String::new()), "a message could quote values");
    assert!(["fault", "unavailable"].contains(&&*kind), "{kind}");
}

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
async fn a_trace_names_nobody_and_bears_nothing_that_opens_anything() {
    let collector = Collector::start().await;
    let home = home(&collector).with("KAYAN_TRUSTED_PROXIES", "127.0.0.1").with("KAYAN_LOCKOUT_ENABLED", "true");
    let service = Service::start_in(home).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    ask(Person::login(&client, &ada.email, "a wrong guess of hers")).await.refused(401, "invalid_credentials");
    let login = Person::login(&client, &ada.email, PASSWORD).header("x-forwarded-for", "203.0.113.77");
    let answer = ask(login.header("user-agent", "curious/1.0")).await.expect(200);
    let mut cookie = answer.cookies().remove(0);
    cookie.truncate(cookie.find(';').unwrap());
    ask(client.get("/api/v1/whoami").header("cookie", &cookie)).await.expect(200);
    ask(Person::refreshing(&client, &ada.refresh_token)).await.expect(200);
    ask(client.delete(&format!("/api/v1/sessions/{}?secret=hush", ada.id)).bearer_auth(&ada.session_token)).await;
    ask(client.get("/nowhere/hush")).await.refused(404, "not_found");
    exchange(service.address(), b"HUSH /hush HTTP/1.1\r\nhost: hush.example\r\nconnection: close\r\n\r\n").await;
    finish(service).await;
    let sent: Vec<u8> = collector.deliveries().into_iter().flat_map(|delivery| delivery.bytes).collect();
    let has = |text: &str| sent.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("POST /api/v1/login") && has("credentials.sign_in") && has("DELETE /api/v1/sessions/{id}"));
    assert!(has("_OTHER"), "a made-up method is told as such");
    let cookie = cookie.split_once('=').unwrap().1;
    let tokens = [&ada.session_token, &ada.refresh_token, &answer.at("/session_token"), &answer.at("/refresh_token")];
    let more =
        ["203.0.113", "127.0.0.1", "curious", "a wrong guess", "hush", "HUSH", "SELECT", "INSERT", "$2b$", "ada"];
    let secrets = [&ada.email, PASSWORD, &ada.id, cookie].into_iter().chain(tokens.map(|token| &**token));
    for secret in secrets.chain(more) {
        assert!(!secret.is_empty() && !has(secret), "{secret} is in a trace");
    }
}

#[tokio::test]
async fn every_line_of_a_request_names_the_trace_that_is_sent() {
    for format in ["json", "text"] {
        let collector = Collector::start().await;
        let service = Service::start_in(home(&collector).with("KAYAN_LOG_FORMAT", format)).await;
        let ada = Person::register(&service.client(), "ada").await;
        service.home().database().await.execute("ALTER TABLE sessions RENAME TO elsewhere").await;
        let login = Person::login(&ada.client, &ada.email, PASSWORD).header("x-request-id", "my-own-id");
        let broken = ask(login).await;
        assert!(broken.status >= 500, "{broken:?}");
        let log = finish(service).await;
        let login = collector.spans().into_iter().find(|span| span.name == "POST /api/v1/login").unwrap();
        let trace = hex(&login.trace_id);
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("my-own-id")).collect();
        assert_eq!(lines.len(), 2, "what went wrong, and the access line: {log}");
        for line in lines {
            let named = match serde_json::from_str::<Value>(line) {
                Ok(line) => line["trace_id"] == *trace,
                Err(_) => format == "text" && line.ends_with(&format!(" trace_id={trace}")),
            };
            assert!(named, "{line}");
        }
        let stopped = log.lines().find(|line| line.contains("stopped")).unwrap();
        assert!(!stopped.contains("trace_id"), "{stopped}");
    }
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
    // Not in the environment, from which a library could read it.
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
