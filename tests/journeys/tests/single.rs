//! A build for one database: its version, and its errors for the other databases.
//!
//! `cargo xtask ci --only databases` runs these with such builds; they don't apply to a build with all databases.

use kayan_journeys::{Done, Home, Kind};

/// A DSN of each kind, with a password where possible.
const DATABASES: [(Kind, &str); 3] = [
    (Kind::Sqlite, "file:other.db"),
    (Kind::Postgres, "postgres://kayan:hunter2@127.0.0.1:1/kayan"),
    (Kind::Mysql, "kayan:hunter2@tcp(127.0.0.1:1)/kayan"),
];

/// Asserts an error that names the setting, the supported databases, and the feature to build with.
#[track_caller]
fn refused(done: &Done, setting: &str, missing: Kind) {
    let feature = format!("--features {}", missing.name());
    let there = format!("has: {}", Kind::chosen().name());
    assert_eq!(done.code, 78, "{done:?}");
    for part in [setting, "is not available in this build", &there, &feature] {
        assert!(done.stderr.contains(part), "{part}: {done:?}");
    }
    assert!(!done.stderr.contains("hunter2") && !done.stderr.contains("panicked"), "{done:?}");
}

#[tokio::test]
async fn the_version_names_the_one_database() {
    let version = Home::newcomers().run("version").await;
    let there = format!("backends: {}", Kind::chosen().name());
    assert_eq!(version.stdout.lines().nth(1), Some(&*there), "{version:?}");
}

#[tokio::test]
async fn a_database_that_is_not_built_in_is_refused_with_the_feature_to_build_with() {
    for (missing, dsn) in DATABASES.into_iter().filter(|(kind, _)| *kind != Kind::chosen()) {
        for line in ["serve", "migrate status", "admin user list"] {
            let spoken = Home::newcomers().with("KAYAN_DB_DSN", dsn);
            refused(&spoken.run(line).await, "KAYAN_DB_DSN", missing);
            let named = spoken.with("KAYAN_DB_TYPE", missing.name());
            refused(&named.run(line).await, "KAYAN_DB_TYPE", missing);
        }
    }
}

#[tokio::test]
async fn with_nothing_set_it_starts_on_sqlite_or_says_that_this_is_not_built_in() {
    let done = Home::newcomers().run("migrate status").await;
    match Kind::chosen() {
        Kind::Sqlite => assert_eq!(done.code, 3, "{done:?}"),
        Kind::Postgres | Kind::Mysql => refused(&done, "KAYAN_DB_TYPE", Kind::Sqlite),
    }
}
