//! Aborted exports: over HTTP the client notices and the log says so; a command exits with 1 and leaves no file.

use std::fs;

use kayan_journeys::{Client, Database, Home, Kind, Metrics, PASSWORD, Proxy, Server, Service};
use reqwest::RequestBuilder;

const BROKEN: &str = "kayan_http_broken_answers_total{operation=\"exportAuditEvents\"}";
/// How often the number of events is doubled, to make several pages.
const DOUBLED: u32 = 12;

/// Far more events than are read at a time.
pub(crate) async fn with_many_events(home: &Home) -> Database {
    assert_eq!(home.run("migrate up").await.code, 0);
    let create = "admin user create --email ada@example.com --password-stdin";
    assert_eq!(home.run_with(create, &format!("{PASSWORD}\n")).await.code, 0);
    let database = home.database().await;
    let part = |bytes: u32| format!("lower(hex(randomblob({bytes})))");
    let id = match database.kind() {
        Kind::Sqlite => [4, 2, 2, 2, 6].map(part).join(" || '-' || "),
        Kind::Postgres => "gen_random_uuid()".to_owned(),
        Kind::Mysql => "UUID()".to_owned(),
    };
    let others = "tenant_id, type, status, message, metadata, risk_score, created_at";
    let double = format!("INSERT INTO audit_events (id, {others}) SELECT {id}, {others} FROM audit_events");
    for _ in 0..DOUBLED {
        database.execute(&double).await;
    }
    database
}

/// Damages one of the last events, so that it can't be read.
pub(crate) async fn damage_a_late_event(database: &Database) {
    let ids = database.texts("SELECT id FROM audit_events ORDER BY created_at DESC, id DESC LIMIT 100").await;
    let last = &ids[99];
    assert_eq!(database.execute(&format!("UPDATE audit_events SET type = 'no.type' WHERE id = '{last}'")).await, 1);
}

/// An admin token that may export.
pub(crate) async fn token(home: &Home) -> String {
    let made = home.run("admin token create --permissions audit:read,audit:export --ttl 1h").await;
    assert_eq!(made.code, 0, "{made:?}");
    made.stdout.trim().to_owned()
}

/// A request on its own connection.
pub(crate) fn over_http_2(client: &Client, path: &str) -> RequestBuilder {
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().http2_prior_knowledge().build().unwrap();
    http.get(format!("{}{path}", client.origin()))
}

/// Asserts that a response starts well and is then aborted visibly.
async fn breaks_off(request: RequestBuilder, id: &str) {
    let answer = request.header("X-Request-Id", id).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let whole = answer.bytes().await;
    assert!(whole.is_err(), "{id}: it looks whole, with {} bytes", whole.unwrap().len());
}

/// Asserts that a command exits with 1, and leaves neither the file nor a part of it.
async fn leaves_no_file(home: &Home, line: &str) {
    let done = home.run(line).await;
    assert!(done.code == 1 && !done.stderr.contains("panicked"), "{line}: {done:?}");
    let names = fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names.filter(|name| name.starts_with("taken")).collect();
    assert_eq!(left, Vec::<String>::new(), "{line}");
}

#[tokio::test]
async fn i_35_an_export_whose_source_fails_breaks_off_and_is_logged_and_counted() {
    let home = Home::new();
    let database = with_many_events(&home).await;
    damage_a_late_event(&database).await;
    let token = token(&home).await;
    let service = Service::start_in(home).await;
    let client = service.client();
    assert_eq!(Metrics::of(&client).await.count(BROKEN), Some(0));
    for format in ["json", "csv", "ndjson"] {
        let path = format!("/admin/audit/export?format={format}");
        let id = format!("export-{format}");
        breaks_off(over_http_2(&client, &path).bearer_auth(&token), &id).await;
        let log = service.log_with(&id).await;
        assert!(log.lines().any(|line| line.contains("a response was aborted") && line.contains(&id)), "{id}: {log}");
    }
    assert_eq!(Metrics::of(&client).await.count(BROKEN), Some(3));
    let told = database.texts("SELECT metadata FROM audit_events WHERE type = 'admin.action'").await;
    assert_eq!(told.iter().filter(|event| event.contains("whole") && event.contains("false")).count(), 3, "{told:?}");
}

#[tokio::test]
async fn i_35_over_http_1_an_export_whose_source_fails_has_no_last_chunk() {
    let home = Home::new();
    let database = with_many_events(&home).await;
    damage_a_late_event(&database).await;
    let token = token(&home).await;
    let service = Service::start_in(home).await;
    for format in ["json", "csv", "ndjson"] {
        let path = format!("/admin/audit/export?format={format}");
        breaks_off(service.client().get(&path).bearer_auth(&token), &format!("export-{format}")).await;
    }
}

#[tokio::test]
async fn i_35_a_command_whose_export_fails_exits_with_1_and_leaves_no_file() {
    let home = Home::new();
    let database = with_many_events(&home).await;
    damage_a_late_event(&database).await;
    for format in ["json", "csv", "ndjson"] {
        leaves_no_file(&home, &format!("audit export --format {format} --output taken")).await;
    }
    let shown = home.run("audit export --format ndjson").await;
    assert!(shown.code == 1 && !shown.stdout.is_empty(), "{} bytes: {}", shown.stdout.len(), shown.stderr);
    database.execute("ALTER TABLE audit_seals RENAME TO elsewhere").await;
    leaves_no_file(&home, "audit export --bundle taken").await;
    leaves_no_file(&home, "backup create --output taken").await;
    database.execute("ALTER TABLE identities RENAME TO elsewhere_too").await;
    leaves_no_file(&home, "admin user export --output taken").await;
}

/// The connection to the server is cut during the export, and no new one can be made.
pub(crate) async fn survives_no_cut(kind: Kind) {
    let server = Server::start(kind).await;
    with_many_events(&Home::at(kind, &server.dsn())).await;
    let proxy = Proxy::to(server.port()).await;
    let home = Home::at(kind, &server.dsn_at(proxy.port()));
    let token = token(&home).await;
    let service = Service::start_in(home).await;
    let client = service.client();
    proxy.cut_after(1_000_000);
    breaks_off(over_http_2(&client, "/admin/audit/export").bearer_auth(&token), "export-cut").await;
    service.log_with("a response was aborted").await;
    proxy.cut_after(u64::MAX);
    assert_eq!(Metrics::of(&client).await.count(BROKEN), Some(1));
    for line in ["audit export --output taken", "backup create --output taken", "audit export --bundle taken"] {
        proxy.cut_after(1_000_000);
        leaves_no_file(service.home(), line).await;
        proxy.cut_after(u64::MAX);
    }
}
