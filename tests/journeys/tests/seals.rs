//! The audit trail's seals, for operators and auditors.

use std::{fs, time::Duration};

use kayan_journeys::{Database, Done, Home, Kind, Metrics, PASSWORD, Person, Service};
use serde_json::Value;
use tokio::time::timeout;

use crate::doctor::doctor;

fn json(done: &Done) -> Value {
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// Some users, created an hour ago.
async fn with_events() -> (Home, Database) {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    for name in ["ada", "bob", "eve"] {
        let create = format!("admin user create --email {name}@example.com --password-stdin");
        assert_eq!(home.run_with(&create, &format!("{PASSWORD}\n")).await.code, 0);
    }
    let database = home.database().await;
    let earlier = database.earlier("created_at", 3_600);
    database.execute(&format!("UPDATE audit_events SET created_at = {earlier}")).await;
    (home, database)
}

#[tokio::test]
async fn a_sealed_trail_is_verified_in_the_database_and_from_a_bundle() {
    let (home, database) = with_events().await;
    let fresh = json(&home.run("audit verify --database --format json").await);
    assert_eq!((&fresh[0]["seals"], &fresh[0]["head"]), (&0.into(), &Value::Null), "nothing is sealed yet");
    let sealed = json(&home.run("audit seal --format json").await);
    assert_eq!(sealed["seals"], 1);
    let checked = home.run("audit verify --database --format json").await;
    let report = &json(&checked)[0];
    assert_eq!((&report["tenant_id"], &report["finding"]), (&"default".into(), &Value::Null));
    assert_eq!(report["events"], sealed["events"]);
    let head = report["head"].as_str().unwrap();
    let key = checked.stderr.lines().find_map(|line| line.strip_prefix("public key: ")).expect("the public key");

    assert_eq!(home.run("audit export --bundle trail.bundle").await.code, 0);
    let verify = format!("audit verify trail.bundle --format json --public-key {key} --expect-head {head}");
    assert_eq!(json(&home.run(&verify).await)[0]["events"], sealed["events"]);
    // The other trail's key, and a head that never existed.
    let other = format!("{}{}", if key.starts_with('A') { 'B' } else { 'A' }, &key[1..]);
    let forged = home.run(&format!("audit verify trail.bundle --public-key {other}")).await;
    assert!(forged.code == 1 && forged.stderr.contains("a key that is not trusted"), "{forged:?}");
    let missing = home.run(&format!("audit verify --database --expect-head {}", head.replace(":1:", ":2:"))).await;
    assert!(missing.code == 1 && missing.stderr.contains("seal 2 was there"), "{missing:?}");

    // An attacker edits the file, and the database.
    let path = home.path("trail.bundle");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"cli\"", "\"ada\"", 1)).unwrap();
    let id = database.texts("SELECT id FROM audit_events ORDER BY created_at, id").await[0].clone();
    let found = home.run("audit verify trail.bundle").await;
    assert!(found.code == 1 && found.stderr.contains(&format!("event {id} was edited")), "{found:?}");
    database.execute(&format!("UPDATE audit_events SET actor = 'ada' WHERE id = '{id}'")).await;
    let found = home.run("audit verify --database --format json").await;
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((found.code, &report[0]["finding"]["event"]), (1, &id.into()), "{found:?}");
    assert_eq!(report[0]["finding"]["kind"], "edited");
}

#[tokio::test]
async fn what_is_no_bundle_is_refused_with_the_line() {
    let home = Home::new();
    for (text, line) in
        [("", "line 1"), ("{}\n", "line 1"), ("{\"end\":{\"tenants\":0,\"seals\":0,\"events\":0}}\n", "line 1")]
    {
        fs::write(home.path("trail.bundle"), text).unwrap();
        let done = home.run("audit verify trail.bundle").await;
        assert!(done.code == 1 && done.stderr.contains(line), "{text}: {done:?}");
    }
    let nowhere = home.run("audit verify nowhere.bundle").await;
    assert!(nowhere.code == 1 && nowhere.stderr.contains("nowhere.bundle"), "{nowhere:?}");
    assert_eq!(home.run("audit verify").await.code, 2);
    assert_eq!(home.run("audit verify x --public-key short").await.code, 2);
}

#[tokio::test]
async fn a_purge_does_not_break_the_chain() {
    let (home, database) = with_events().await;
    let ids = database.texts("SELECT id FROM audit_events ORDER BY created_at, id").await;
    let long_ago = database.earlier("created_at", 400 * 86_400);
    let first = format!("id IN ('{}', '{}')", ids[0], ids[1]);
    database.execute(&format!("UPDATE audit_events SET created_at = {long_ago} WHERE {first}")).await;
    assert_eq!(json(&home.run("audit seal --format json").await)["seals"], 1);
    let purge = home.run("audit purge --before 2026-01-01").await;
    assert!(purge.code == 0 && purge.stdout.starts_with("2 events"), "{purge:?}");
    let checked = json(&home.run("audit verify --database --format json").await);
    assert_eq!((&checked[0]["purged"], &checked[0]["finding"]), (&2.into(), &Value::Null));
    database.execute(&format!("DELETE FROM audit_events WHERE id = '{}'", ids[2])).await;
    let found = home.run("audit verify --database").await;
    assert!(found.code == 1 && found.stderr.contains(&format!("event {} was removed", ids[2])), "{found:?}");
}

#[tokio::test]
async fn the_service_seals_by_itself() {
    let (home, database) = with_events().await;
    let _service = Service::start_in(home).await;
    let sealed = async {
        loop {
            if database.texts("SELECT number FROM audit_seals").await == ["1"] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), sealed).await.expect("a seal");
}

/// Pretends that everything is sealed up to an hour from now, as when the clock was put back since.
pub(crate) async fn seal_the_future(database: &Database) {
    let later = match database.kind() {
        Kind::Sqlite => "CAST((unixepoch('subsec') + 3600) * 1000000 AS INTEGER)",
        Kind::Postgres => "now() + interval '3600 s'",
        Kind::Mysql => "UTC_TIMESTAMP(6) + INTERVAL 3600 SECOND",
    };
    database.execute(&format!("UPDATE audit_sealing SET sealed_until = {later}")).await;
}

#[tokio::test]
async fn a_clock_behind_the_seals_is_told_and_no_event_is_dated_into_them() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    doctor(&home, "").await.is("audit.clock", "ok");
    let database = home.database().await;
    seal_the_future(&database).await;
    let told = doctor(&home, "").await.is("audit.clock", "failed");
    assert!(told.contains("behind the newest seal") && told.contains("NTP"), "{told}");

    let create = home.run_with("admin user create --email ada@example.com --password-stdin", PASSWORD).await;
    assert_eq!(create.code, 0, "{create:?}");
    let service = Service::start_in(home).await;
    let client = service.client();
    Person::register(&client, "bob").await;
    service.log_with("the clock was put back").await;
    let metrics = Metrics::until(&client, |it| it.count("kayan_clock_put_back_total") == Some(1)).await;
    assert!(metrics.get("kayan_clock_behind_seconds") > 3_000.0, "{}", metrics.text);
    let into = "SELECT id FROM audit_events WHERE created_at <= (SELECT sealed_until FROM audit_sealing)";
    assert_eq!(database.texts(into).await, Vec::<String>::new());
    let own = database.texts("SELECT metadata FROM audit_events").await;
    assert!(own.len() >= 2 && own.iter().all(|event| event.contains(r#""clock":"20"#)), "{own:?}");
}
