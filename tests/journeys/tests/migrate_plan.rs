//! The output of `kayan migrate plan`, and that it changes nothing.

use std::fs;

use kayan_journeys::{Home, Kind, Person, Service};
use serde_json::Value;

use crate::starting::files;

/// The planned migrations.
async fn planned(home: &Home, line: &str) -> Vec<Value> {
    let done = home.run(&format!("{line} --format json")).await;
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

/// The entries of one list of every migration, such as `locks`.
fn all_of<'p>(plan: &'p [Value], list: &str) -> Vec<&'p Value> {
    plan.iter().flat_map(|migration| migration[list].as_array().unwrap()).collect()
}

/// All locks of a plan, as table and kind.
fn locks(plan: &[Value]) -> Vec<(&str, &str)> {
    all_of(plan, "locks").iter().map(|lock| (lock["on"].as_str().unwrap(), lock["kind"].as_str().unwrap())).collect()
}

/// The existing tables.
async fn tables(home: &Home) -> Vec<String> {
    let database = home.database().await;
    database
        .texts(match database.kind() {
            Kind::Sqlite => "SELECT name FROM sqlite_schema",
            Kind::Postgres => "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
            Kind::Mysql => "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        })
        .await
}

/// Plans on an empty database, then from a version with rows, then with nothing pending.
pub(crate) async fn tells_all_and_changes_nothing(kind: Kind) {
    let home = Home::on(kind);
    let all = planned(&home, "migrate plan").await;
    assert_eq!(all[0]["version"], "0001");
    assert!(all_of(&all, "locks").iter().all(|lock| !lock["effect"].as_str().unwrap().is_empty()), "{all:?}");
    for list in ["locks", "reads", "writes"] {
        let tables = all_of(&all, list);
        assert!(!tables.is_empty() && tables.iter().all(|table| table["rows"].is_null()), "{list}: {tables:?}");
    }
    assert!(all_of(&all, "makes").contains(&&Value::from("identities")), "{all:?}");
    assert_eq!(planned(&home, "migrate plan --to 2").await.len(), 2);
    assert_eq!(tables(&home).await, Vec::<String>::new());

    let status = home.run("migrate status --format json").await;
    let status: Vec<Value> = serde_json::from_str(&status.stdout).unwrap();
    let versions = |list: &[Value]| list.iter().map(|it| it["version"].clone()).collect::<Vec<_>>();
    assert_eq!(versions(&all), versions(&status));

    let service = Service::start_in(home).await;
    for name in ["ada", "bert", "cleo"] {
        Person::register(&service.client(), name).await;
    }
    service.terminate();
    let (_, _, home) = service.ended().await;
    let newest = all.last().unwrap()["version"].as_str().unwrap().parse::<usize>().unwrap();
    assert_eq!(home.run(&format!("migrate down --steps {}", newest - 2)).await.code, 0);
    if kind == Kind::Postgres {
        home.database().await.execute("ANALYZE").await;
    }
    let before = tables(&home).await;
    let plan = planned(&home, "migrate plan").await;
    let identities = all_of(&plan, "reads").into_iter().filter(|table| table["name"] == "identities");
    let identities = identities.map(|table| table["rows"].as_i64());
    let counted: Vec<_> = identities.collect();
    assert!(!counted.is_empty());
    match kind {
        // An estimate may be off; MySQL and MariaDB update theirs from time to time.
        Kind::Mysql => assert!(counted.iter().all(Option::is_some), "{counted:?}"),
        _ => assert!(counted.iter().all(|rows| *rows == Some(3)), "{counted:?}"),
    }
    let expected = match kind {
        Kind::Sqlite => ("database", "RESERVED"),
        Kind::Postgres => ("tenants", "ACCESS EXCLUSIVE"),
        Kind::Mysql => ("tenants", "INSTANT"),
    };
    assert!(locks(&plan).contains(&expected), "{plan:?}");
    let text = home.run("migrate plan").await;
    assert_eq!(text.code, 0, "{text:?}");
    for part in ["-- 0003_administration", "writes tenants, ", "tenants ADD COLUMN sessions_epoch bigint"] {
        let part = if kind == Kind::Sqlite { part.replace("bigint", "INTEGER") } else { part.to_owned() };
        assert!(text.stdout.contains(&part), "{part}: {text:?}");
    }
    assert!(!text.stdout.contains("-- 0002_"), "{text:?}");
    assert_eq!(tables(&home).await, before);
    assert_eq!(planned(&home, "migrate plan").await, plan);

    assert_eq!(home.run("migrate up").await.code, 0);
    let nothing = home.run("migrate plan").await;
    assert_eq!((nothing.code, nothing.stdout.trim()), (0, "nothing is pending"), "{nothing:?}");
    assert!(planned(&home, "migrate plan").await.is_empty());
}

#[tokio::test]
async fn a_plan_tells_locks_tables_rows_and_sql_and_changes_nothing() {
    tells_all_and_changes_nothing(Kind::chosen()).await;
}

#[tokio::test]
async fn a_plan_is_refused_where_up_would_be() {
    let home = Home::new();
    let unknown = home.run("migrate plan --to 99").await;
    assert!(unknown.code == 2 && unknown.stderr.contains("there is no migration 99"), "{unknown:?}");
    assert_eq!(home.run("migrate up").await.code, 0);
    let database = home.database().await;
    database.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 2").await;
    let edited = home.run("migrate plan").await;
    assert!(edited.code == 1 && edited.stderr.contains("0002_lockout was edited"), "{edited:?}");
    database.execute("UPDATE schema_migrations SET version = 77 WHERE version = 2").await;
    let newer = home.run("migrate plan").await;
    assert!(newer.code == 1 && newer.stderr.contains("version 77"), "{newer:?}");
}

pub(crate) async fn a_file_is_neither_made_nor_changed() {
    let home = Home::on(Kind::Sqlite);
    assert_eq!(planned(&home, "migrate plan").await[0]["name"], "initial");
    assert_eq!(files(&home), Vec::new());
    assert_eq!(home.run("migrate up --to 3").await.code, 0);
    let before = fs::read(home.path("kayan.db")).unwrap();
    assert_eq!(planned(&home, "migrate plan").await[0]["version"], "0004");
    assert!(fs::read(home.path("kayan.db")).unwrap() == before);
}
