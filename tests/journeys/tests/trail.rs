//! The audit trail: listed, exported, followed, purged, and written to a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use kayan_journeys::{Done, Home, PASSWORD, Person, Service, ask, count};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(45);

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

#[track_caller]
fn ended(done: &Done, code: i32, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(why), "{why}: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

/// Runs a bash script in the home's folder, in which `kayan` is the binary.
pub(crate) async fn bash(home: &Home, script: &str) -> Done {
    let output = timeout(PATIENCE, home.script(script).output()).await.expect("the script ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Done { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Moves all events so far to a day of January 2024.
pub(crate) async fn back_to_2024(home: &Home, day: u32) {
    let moment = format!("2024-01-{day:02} 12:00:00");
    let database = home.database().await;
    let at = match database.kind() {
        kayan_journeys::Kind::Sqlite => format!("unixepoch('{moment}') * 1000000"),
        kayan_journeys::Kind::Postgres => format!("'{moment}+00'"),
        kayan_journeys::Kind::Mysql => format!("'{moment}'"),
    };
    database.execute(&format!("UPDATE audit_events SET created_at = {at}")).await;
}

async fn rows(home: &Home, condition: &str) -> usize {
    let sql = format!("SELECT COUNT(*) FROM audit_events WHERE {condition}");
    usize::try_from(count(&home.database().await, &sql).await).unwrap()
}

#[tokio::test]
async fn both_exports_of_the_operations_guide_run_as_printed() {
    let service = Service::start().await;
    let (home, ada) = (service.home(), Person::register(&service.client(), "ada").await);
    let last_year = rows(home, "1 = 1").await;
    back_to_2024(home, 31).await;
    ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");

    let whole = "kayan audit export \\\n  --start \"2024-01-01\" \\\n  --end \"2024-01-31\" \\\n  --format json \\\n  \
                 --output audit-2024-01.json";
    let done = bash(home, whole).await;
    assert!(done.code == 0 && done.stdout.is_empty() && done.stderr.contains("events"), "{done:?}");
    let events = json(&fs::read_to_string(home.path("audit-2024-01.json")).unwrap());
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), last_year, "the last day counts whole, and nothing is there that came later");
    assert!(events.iter().all(|event| event["created_at"] == "2024-01-31T12:00:00.000000Z"), "{events:?}");

    let types = "kayan audit export \\\n  --types \"auth.login.failure,auth.login.blocked\" \\\n  --format csv";
    let done = bash(home, types).await;
    assert_eq!(done.code, 0, "{done:?}");
    let table: Vec<&str> = done.stdout.split("\r\n").collect();
    assert!(table[0].starts_with("id,type,tenant_id,actor,subject,status,message,"), "{table:?}");
    assert!(table.len() == 3 && table[1].contains(",auth.login.failure,") && table[2].is_empty(), "{table:?}");
    let told = home.database().await.texts("SELECT metadata FROM audit_events WHERE type = 'admin.action'").await;
    assert_eq!(told.iter().filter(|metadata| metadata.contains("audit.export")).count(), 4, "{told:?}");
}

#[tokio::test]
async fn an_export_holds_each_event_whole_in_every_format() {
    let service = Service::start().await;
    let (home, ada) = (service.home(), Person::register(&service.client(), "ada").await);
    ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    let array = json(&home.run("audit export").await.stdout);
    let all = array.as_array().unwrap();
    let ndjson = lines(&home.run("audit export --format ndjson").await.stdout);
    assert_eq!(ndjson[..all.len()], all[..]);
    assert!(all.len() >= 3, "{all:?}");
    for field in ["id", "type", "tenant_id", "actor", "subject", "status", "message", "metadata", "created_at"] {
        assert!(all.iter().all(|event| event.get(field).is_some()), "{field}");
    }
    assert_eq!(all.iter().filter(|event| event["type"] == "auth.login.failure").count(), 1);

    let mine = format!("audit export --format ndjson --subject {} --status success --types auth.login.success", ada.id);
    assert_eq!(lines(&home.run(&mine).await.stdout).len(), 0);
    ada.log_in().await;
    let found = lines(&home.run(&mine).await.stdout);
    assert!(found.len() == 1 && found[0]["actor"] == ada.id, "{found:?}");
    assert_eq!(home.run("audit export --tenant other").await.stdout, "[]\n");
    assert_eq!(home.run("audit export --end 2024-01-01").await.stdout, "[]\n");
}

#[tokio::test]
async fn every_mistake_in_an_export_is_told_and_the_old_file_stays() {
    let home = Home::new();
    fs::write(home.path("old.json"), "old").unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    for (line, code, why) in [
        ("audit export --start 2024-02-30", 2, "2024-02-30"),
        ("audit export --start yesterday --output old.json", 2, "yesterday"),
        ("audit export --start 2024-02-01 --end 2024-01-31 --output old.json", 2, "after the end"),
        ("audit export --types auth.login.failed", 2, "did you mean auth.login.failure?"),
        ("audit export --format xml", 2, "ndjson"),
        ("audit export --status maybe", 2, "success or failure"),
        ("audit export --tenant Ä", 2, "a tenant is"),
        ("audit export --output nowhere/audit.json", 1, "nowhere/audit.json"),
        ("audit export --output folder", 1, "folder"),
        ("audit query --limit 0", 2, "--limit"),
        ("audit purge", 2, "--before"),
        ("audit purge --before 2024-13-01", 2, "2024-13-01"),
        ("audit purge --before 2999-01-01", 2, "in the future"),
        ("audit nonsense", 2, "nonsense"),
    ] {
        let done = home.run(line).await;
        ended(&done, code, why);
        assert!(done.stdout.is_empty(), "{done:?}");
    }
    assert_eq!(fs::read_to_string(home.path("old.json")).unwrap(), "old");
    let full = bash(&home, "kayan audit export > /dev/full").await;
    ended(&full, 1, "standard output can't be written");
}

#[tokio::test]
async fn a_disk_that_fills_up_leaves_the_old_file() {
    let home = Home::new();
    fs::write(home.path("old.json"), "old").unwrap();
    assert_eq!(home.run("admin user create --email ada@example.com --no-password").await.code, 0);
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(400_000));
    home.database().await.execute(&format!("UPDATE audit_events SET metadata = '{long}'")).await;
    // A file can't grow beyond 300 KiB then, as on a full disk.
    let done = bash(&home, "trap '' XFSZ; ulimit -f 300; kayan audit export --output old.json").await;
    ended(&done, 1, "the previous file is unchanged");
    assert_eq!(fs::read_to_string(home.path("old.json")).unwrap(), "old");
    let files: Vec<_> = fs::read_dir(home.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{files:?}");
    let done = home.run("audit export --output old.json").await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(fs::read_to_string(home.path("old.json")).unwrap().len() > 400_000);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_mistake() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    for _ in 0..5 {
        ada.log_in().await;
    }
    let done = bash(service.home(), "kayan audit export --format ndjson | head -n 1 | grep -c created_at").await;
    assert_eq!((done.code, &*done.stdout), (0, "1\n"), "{done:?}");
    assert!(!done.stderr.contains("kayan: "), "{done:?}");
    let closed = bash(service.home(), "{ kayan audit export; echo $? >&2; } | true; sync").await;
    assert!(closed.stderr.ends_with("0\n"), "{closed:?}");
}

#[tokio::test]
async fn events_are_queried_newest_first_and_the_tail_is_the_last_of_them() {
    let service = Service::start().await;
    let (home, ada) = (service.home(), Person::register(&service.client(), "ada").await);
    ada.log_in().await;
    ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    let newest = json(&home.run("audit query --format json").await.stdout);
    let newest = newest.as_array().unwrap();
    assert_eq!(newest[0]["type"], "auth.login.failure");
    let times: Vec<&str> = newest.iter().filter_map(|event| event["created_at"].as_str()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    let two = json(&home.run("audit query --format json --limit 2").await.stdout);
    assert_eq!(two.as_array().unwrap()[..], newest[..2]);
    let failed = json(&home.run("audit query --format json --status failure --ip 127.0.0.1").await.stdout);
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{failed}");
    let table = home.run("audit query --types auth.login.failure").await.stdout;
    assert!(table.contains("auth.login.failure") && table.contains("failure") && !table.contains('\u{1b}'), "{table}");

    let mut last = lines(&home.run("audit tail -n 3 --format json").await.stdout);
    last.reverse();
    assert_eq!(last[..], newest[..3]);
    let line = home.run("audit tail -n 1").await.stdout;
    assert!(line.contains("auth.login.failure failure actor=- subject="), "{line}");
}

#[tokio::test]
async fn a_tail_that_follows_shows_what_happens_once() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let mut command = service.home().command(["audit", "tail", "-f", "-n", "1", "--format", "json"]);
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || json(&timeout(PATIENCE, out.next_line()).await.expect("a line").unwrap().unwrap());
    let mut seen = vec![next().await["id"].clone()];
    for _ in 0..3 {
        ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
        let event = next().await;
        assert_eq!(event["type"], "auth.login.failure", "{event}");
        assert!(!seen.contains(&event["id"]), "{event}");
        seen.push(event["id"].clone());
    }
    let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_purge_removes_what_is_older_says_how_many_and_leaves_word() {
    let service = Service::start().await;
    let (home, ada) = (service.home(), Person::register(&service.client(), "ada").await);
    let old = rows(home, "1 = 1").await;
    back_to_2024(home, 15).await;
    ada.log_in().await;
    let kept = rows(home, "1 = 1").await - old;
    assert_eq!(home.run("audit purge --before 2024-01-15").await.stdout, "0 events were purged\n");
    let done = home.run("audit purge --before 2024-01-16").await;
    assert_eq!((done.code, done.stdout), (0, format!("{old} events were purged\n")));
    assert_eq!(rows(home, "type NOT IN ('admin.action', 'audit.purged')").await, kept);
    let told = home.database().await.texts("SELECT metadata FROM audit_events WHERE type = 'audit.purged'").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let told = json(&told[0]);
    assert_eq!((&told["before"], &told["count"]), (&"2024-01-16T00:00:00.000000Z".into(), &old.into()));
}

fn types(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    lines(&text).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// Another process's output gives no event to wait for.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn i_34_the_guides_filters_find_in_the_audit_log_what_they_look_for() {
    let home = Home::new().with("KAYAN_AUDIT_LOG", "audit.log").with("KAYAN_LOCKOUT_ENABLED", "true");
    let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "10");
    let service = Service::start_in(home.with("KAYAN_RATE_LIMIT_WINDOW", "24h")).await;
    let ada = Person::register(&service.client(), "ada").await;
    for _ in 0..5 {
        ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
    while ada.who_am_i().await.status != 429 {}
    assert_eq!(service.home().run("admin user unlock --id ada@example.com").await.code, 0);
    service.terminate();
    let (code, log, home) = service.ended().await;
    assert_eq!(code, 0, "{log}");

    let path = home.path("audit.log");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0, "not for everybody");
    for (filter, expected) in [
        ("jq 'select(.type==\"auth.login.failure\")' /var/log/kayan/audit.log", 5),
        ("jq 'select(.type==\"auth.login.blocked\")' /var/log/kayan/audit.log", 1),
        ("jq 'select(.type==\"security.rate_limited\")' /var/log/kayan/audit.log", 1),
    ] {
        let filter = filter.replace("/var/log/kayan/audit.log", "audit.log");
        let done = bash(&home, &format!("{filter} | jq -c .")).await;
        assert_eq!((done.code, lines(&done.stdout).len()), (0, expected), "{filter}: {done:?}");
    }
    // The file and the table agree, including on the operator's own actions.
    let logged = lines(&fs::read_to_string(&path).unwrap());
    let mut ids: Vec<_> = logged.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    let mut rows = home.database().await.texts("SELECT id FROM audit_events").await;
    ids.sort_unstable();
    rows.sort_unstable();
    assert_eq!(ids, rows);
    assert!(types(&path).contains(&"admin.action".to_owned()));
}

#[tokio::test]
async fn the_audit_log_is_opened_anew_on_sighup() {
    let service = Service::start_in(Home::new().with("KAYAN_AUDIT_LOG", "audit.log")).await;
    let (log, moved) = (service.home().path("audit.log"), service.home().path("audit.log.1"));
    let ada = Person::register(&service.client(), "ada").await;
    until("the log is written", || !types(&log).is_empty()).await;
    fs::rename(&log, &moved).unwrap();
    let before = types(&moved);
    service.hang_up();
    until("the log is there again", || log.exists()).await;
    ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    until("the log is written again", || types(&log) == ["auth.login.failure"]).await;
    assert_eq!(types(&moved), before);
}

#[tokio::test]
async fn sighup_without_an_audit_log_ends_nothing() {
    let mut service = Service::start_in(Home::new().with("KAYAN_LOG_LEVEL", "info")).await;
    service.hang_up();
    service.log_with("SIGHUP received, but no audit log is configured").await;
    assert!(service.still_runs());
    ask(service.client().get("/health/ready")).await.expect(200);
}

#[tokio::test]
async fn an_audit_log_that_cannot_be_written_is_told_at_the_start() {
    let home = Home::new().with("KAYAN_AUDIT_LOG", "nowhere/audit.log");
    for line in ["serve", "admin user list"] {
        let done = home.run(line).await;
        ended(&done, 78, "KAYAN_AUDIT_LOG");
        ended(&done, 78, "its folder does not exist");
    }
    assert!(!home.path("nowhere").exists());
    let home = home.with("KAYAN_AUDIT_LOG", "stdout");
    let create = "admin user create --email ada@example.com --no-password --format json";
    let made = home.run(create).await;
    assert_eq!(json(&made.stdout)["state"], "active", "a command's output is its result: {made:?}");
}
