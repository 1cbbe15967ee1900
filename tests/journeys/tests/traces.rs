//! Traces: the spans of a request, the trace they belong to, and that tracing never delays a request.

mod database_independent;

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
