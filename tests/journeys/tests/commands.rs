//! The commands other than `serve` and `admin`.

use kayan_journeys::{Home, Kind, Service, ask};
use serde_json::Value;

#[tokio::test]
async fn migrations_go_up_and_down_and_their_status_says_what_is_pending() {
    let home = Home::new();
    let pending = home.run("migrate status --format json").await;
    assert_eq!(pending.code, 3, "{pending:?}");
    let lines: Value = serde_json::from_str(&pending.stdout).unwrap();
    assert_eq!(
        (&lines[0]["version"], &lines[0]["name"], &lines[0]["state"]),
        (&"0001".into(), &"initial".into(), &"pending".into())
    );
    let up = home.run("migrate up").await;
    assert!(up.code == 0 && up.stderr.contains("applied 0001_initial"), "{up:?}");
    let again = home.run("migrate up").await;
    assert!(again.code == 0 && again.stderr.contains("nothing is pending"), "{again:?}");
    let table = home.run("migrate status").await;
    assert!(table.code == 0 && table.stdout.contains("initial") && table.stdout.contains("applied"), "{table:?}");
    let down = home.run("migrate down --steps 16").await;
    assert!(down.code == 0 && down.stderr.contains("reverted 0001_initial"), "{down:?}");
    assert_eq!(home.run("migrate status").await.code, 3);
    assert_eq!(home.run("migrate up").await.code, 0);
}

#[tokio::test]
async fn two_processes_may_migrate_at_once() {
    for _ in 0..4 {
        let home = Home::new();
        let runs = futures_util::future::join_all((0..6).map(|_| home.run("migrate up"))).await;
        assert!(runs.iter().all(|done| done.code == 0), "{runs:?}");
        let did = runs.iter().filter(|done| done.stderr.contains("applied 0001_initial")).count();
        assert_eq!(did, 1, "{runs:?}");
    }
}

#[tokio::test]
async fn an_edited_migration_is_an_error_that_names_it() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    home.database().await.execute("UPDATE schema_migrations SET checksum = 'edited'").await;
    let up = home.run("migrate up").await;
    assert!(up.code == 1 && up.stderr.contains("0001_initial"), "{up:?}");
}

#[tokio::test]
async fn a_new_migration_is_a_pair_for_every_dialect_with_the_next_number() {
    let home = Home::new();
    for (number, name) in [("0001", "first"), ("0002", "second")] {
        let done = home.run(&format!("migrate create {name}")).await;
        assert_eq!((done.code, done.stdout.lines().count()), (0, 6), "{done:?}");
        for dialect in ["sqlite", "postgres", "mysql"] {
            for way in ["up", "down"] {
                let path = format!("migrations/{dialect}/{number}_{name}.{way}.sql");
                assert!(home.path(&path).is_file() && done.stdout.contains(&path), "{path}: {done:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_document_is_the_same_from_the_command_line_and_from_the_service() {
    let service = Service::start().await;
    let client = service.client();
    let home = service.home();
    let json = home.run("openapi").await;
    assert_eq!(json.stdout.trim_end(), ask(client.get("/openapi.json")).await.expect(200).text().trim_end());
    let yaml = home.run("openapi --format yaml").await;
    assert_eq!(yaml.stdout.trim_end(), ask(client.get("/openapi.yaml")).await.expect(200).text().trim_end());
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let docs = ask(client.get("/docs")).await.expect(200);
    assert!(docs.header("content-type").starts_with("text/html"), "{:?}", docs.headers);
    let policy = docs.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("http"), "{policy}");
}

#[tokio::test]
async fn the_health_probe_succeeds_exactly_when_the_service_is_ready() {
    let service = Service::start().await;
    let port = service.address().port().to_string();
    let url = format!("healthcheck --url http://localhost:{port}/health/ready");
    assert_eq!(service.home().run(&url).await.code, 0);
    let mut command = service.home().command(["healthcheck"]);
    let done = command.env("KAYAN_PORT", &port).output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    service.home().database().await.execute("DELETE FROM schema_migrations").await;
    let pending = service.home().run(&url).await;
    assert!(pending.code == 1 && pending.stderr.contains("0001_initial"), "{pending:?}");
    let home = service.kill().await;
    let gone = home.run(&url).await;
    assert!(gone.code == 1 && gone.stderr.contains("no answer"), "{gone:?}");
}

#[tokio::test]
async fn a_health_report_tells_each_part_and_what_is_wrong_with_it() {
    let service = Service::start().await;
    let client = service.client();
    let health = ask(client.get("/health")).await.expect(200).json();
    assert_eq!(health["status"], "healthy");
    let names: Vec<&str> =
        health["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!(names, ["database", "migrations"]);
    assert!(health["checks"][0]["latency_ms"].as_f64().is_some_and(|ms| ms >= 0.0));
    service.home().database().await.execute("DELETE FROM schema_migrations").await;
    let health = ask(client.get("/health")).await.expect(503).json();
    assert_eq!((&health["status"], &health["checks"][1]["status"]), (&"unhealthy".into(), &"unhealthy".into()));
    assert!(health["checks"][1]["message"].as_str().unwrap().contains("0001_initial"), "{health}");
    ask(client.get("/health/live")).await.expect(200);
}

#[tokio::test]
async fn the_settings_are_listed_with_their_sources_and_without_their_secrets() {
    let secret = "planted+session/secret+0123456789abcdefghij";
    let home =
        Home::new().with("KAYAN_SESSION_SECRET", secret).with("KAYAN_PROT", "9090").with("KAYAN_LOG_LEVEL", "warn");
    let done = home.run("config check --format json").await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!format!("{done:?}").contains(secret), "{done:?}");
    assert!(
        done.stderr.contains("KAYAN_PROT") && done.stderr.contains("KAYAN_PORT"),
        "the nearest name is told: {done:?}"
    );
    let rows: Value = serde_json::from_str(&done.stdout).unwrap();
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["setting"] == name).unwrap().clone();
    assert_eq!(
        (&row("KAYAN_LOG_LEVEL")["value"], &row("KAYAN_LOG_LEVEL")["source"]),
        (&"warn".into(), &"environment".into())
    );
    assert_eq!(row("KAYAN_HOST")["source"], "default");
    let table = home.run("config check").await;
    assert!(table.stdout.contains("KAYAN_DB_DSN") && !table.stdout.contains(secret), "{table:?}");
    // Reading changes nothing.
    let left: Vec<_> = std::fs::read_dir(home.path(".")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn version_completions_and_help_tell_what_there_is() {
    let home = Home::new();
    let version = home.run("version").await;
    assert!(
        version.code == 0 && version.stdout.contains("kayan ") && version.stdout.contains(Kind::chosen().name()),
        "{version:?}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let done = home.run(&format!("completions {shell}")).await;
        assert!(
            done.code == 0 && done.stdout.contains("kayan") && done.stdout.contains("serve"),
            "{shell}: {}",
            done.stderr
        );
    }
    let mut check = tokio::process::Command::new("bash");
    let script = home.run("completions bash").await.stdout;
    std::fs::write(home.path("kayan.bash"), script).unwrap();
    assert!(check.arg("-n").arg(home.path("kayan.bash")).status().await.unwrap().success(), "bash reads them");
    let help = home.run("serve --help").await;
    assert!(help.code == 0 && help.stdout.contains("--port") && help.stdout.contains("KAYAN_PORT"), "{help:?}");
}

#[tokio::test]
async fn a_setting_is_also_a_flag_and_the_flag_wins() {
    let home = Home::new();
    // Refused for the port, after the flag was read.
    let done = home.run("serve --port 70000").await;
    assert!(done.code == 78 && done.stderr.contains("KAYAN_PORT") && done.stderr.contains("flag"), "{done:?}");
    std::fs::write(home.path(".env"), "KAYAN_LOG_LEVEL=loud\n").unwrap();
    let done = home.run("config check").await;
    assert!(done.code == 78 && done.stdout.contains("loud"), "{done:?}");
}
