//! Every migration declares at least the locks that it takes on a real server with rows in its tables.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a database that cannot be set up breaks the test")]

mod base;
mod mysql;
#[path = "../tampering/mysql_database.rs"]
mod mysql_database;
mod postgres;
mod sqlite;

use std::collections::BTreeSet;

use base::{Base, scan};
use kayan_sql::{
    Dialect,
    migrate::{self, Header, lock_kinds},
};

/// What a script was seen to do.
#[derive(Debug, Default)]
struct Observed {
    /// The tables that were there before.
    before: BTreeSet<String>,
    /// Tables that were there before, and the kinds of locks on them.
    locks: BTreeSet<(String, String)>,
    /// Tables that were there before and were read row by row.
    reads: BTreeSet<String>,
    /// Tables that were there before and were written row by row.
    writes: BTreeSet<String>,
    /// Tables that were not there before.
    makes: BTreeSet<String>,
}

/// What a header leaves out, or says of tables that are not there. A stronger lock covers a weaker one.
fn faults(dialect: Dialect, header: &Header, observed: &Observed) -> Vec<String> {
    let strength = |kind: &str| lock_kinds(dialect).iter().position(|(known, _)| *known == kind);
    let mut faults = Vec::new();
    for (table, kind) in &observed.locks {
        let mut declared = header.locks.iter().filter(|lock| lock.on == table).map(|lock| lock.kind);
        // Locked rows of MySQL are locked for longer than the table, so a lock of that says nothing of them.
        let covers = |own: &str| own == kind || kind != "ROWS" && strength(own) >= strength(kind);
        if !declared.any(covers) && strength(kind).is_some() {
            faults.push(format!("add `-- locks: {table} {kind}`"));
        }
    }
    // What is written is read as well.
    let reads =
        observed.reads.iter().filter(|it| ![&header.reads, &header.writes].iter().any(|all| all.contains(&&***it)));
    faults.extend(reads.map(|table| format!("add `-- reads: {table}`")));
    let writes = observed.writes.iter().filter(|it| !header.writes.contains(&it.as_str()));
    faults.extend(writes.map(|table| format!("add `-- writes: {table}`")));
    let makes = observed.makes.iter().filter(|it| !header.makes.contains(&it.as_str()));
    faults.extend(makes.map(|table| format!("add `-- makes: {table}`")));
    let locks = header.locks.iter().map(|lock| lock.on).filter(|on| *on != "database");
    let named = locks.chain(header.reads.iter().copied()).chain(header.writes.iter().copied());
    faults.extend(named.filter(|it| !observed.before.contains(*it)).map(|it| format!("there is no table {it}")));
    faults
}

async fn observe(base: &Base, dialect: Dialect, script: &str) -> Observed {
    match dialect {
        Dialect::Sqlite => sqlite::observe(base, script).await,
        Dialect::Postgres => postgres::observe(base, script).await,
        Dialect::MySql => mysql::observe(base, script).await,
    }
}

/// From the newest on, each is taken back, applied and taken back again: so tables of earlier ones have their rows.
async fn every_lock_is_declared(dialect: Dialect) {
    let base = Base::furnished(dialect).await;
    for table in migrate::tables(migrate::embedded(dialect)) {
        let found = base.driver.read(scan(format!("SELECT 1 FROM {table} LIMIT 1").leak())).await.unwrap();
        assert!(!found.is_empty(), "{dialect:?}: {table} has no row");
    }
    let mut offences = Vec::new();
    for migration in migrate::embedded(dialect).iter().rev() {
        for (way, script) in [("down", migration.down), ("up", migration.up)] {
            let observed = observe(&base, dialect, script).await;
            let header = Header::of(dialect, script).unwrap();
            let file = format!("migrations/{}/{:04}_{}.{way}.sql", dialect.folder(), migration.version, migration.name);
            offences.extend(faults(dialect, &header, &observed).into_iter().map(|fault| format!("{file}: {fault}")));
        }
        let mut lock = base.driver.lock().await.unwrap();
        lock.run(migration.down, None).await.unwrap();
        lock.release().await.unwrap();
    }
    assert!(offences.is_empty(), "headers that declare less than happens:\n{}", offences.join("\n"));
}

#[tokio::test]
async fn every_lock_of_a_migration_is_declared_on_sqlite() {
    every_lock_is_declared(Dialect::Sqlite).await;
}

#[tokio::test]
async fn every_lock_of_a_migration_is_declared_on_postgresql() {
    every_lock_is_declared(Dialect::Postgres).await;
}

#[tokio::test]
async fn every_lock_of_a_migration_is_declared_on_mariadb() {
    every_lock_is_declared(Dialect::MySql).await;
}

#[tokio::test]
async fn a_table_that_is_written_anew_is_seen() {
    for (dialect, script, kind) in [
        (Dialect::Postgres, "ALTER TABLE roles ALTER COLUMN version TYPE integer", "ACCESS EXCLUSIVE"),
        (Dialect::MySql, "ALTER TABLE roles MODIFY version int NOT NULL, ALGORITHM=COPY", "COPY"),
        (Dialect::MySql, "ALTER TABLE roles FORCE, ALGORITHM=INPLACE", "INPLACE"),
    ] {
        let observed = observe(&Base::furnished(dialect).await, dialect, script).await;
        assert!(observed.locks.contains(&("roles".to_owned(), kind.to_owned())), "{script}: {observed:?}");
        assert_eq!(observed.writes, BTreeSet::from(["roles".to_owned()]), "{script}");
    }
}

#[test]
fn a_header_that_declares_less_is_found() {
    let header = Header::of(Dialect::Postgres, "-- locks: a SHARE\n-- locks: z SHARE\n-- reads: a\nSELECT 1").unwrap();
    let of = |tables: &[&str]| tables.iter().map(|&table| table.to_owned()).collect::<BTreeSet<_>>();
    let locks = [("a", "ROW SHARE"), ("a", "SHARE"), ("a", "EXCLUSIVE"), ("b", "SHARE"), ("b", "ACCESS SHARE")];
    let observed = Observed {
        before: of(&["a", "b"]),
        locks: locks.map(|(table, kind)| (table.to_owned(), kind.to_owned())).into(),
        reads: of(&["a", "b"]),
        writes: of(&["a"]),
        makes: of(&["c"]),
    };
    let expected = [
        "add `-- locks: a EXCLUSIVE`",
        "add `-- locks: b SHARE`",
        "add `-- reads: b`",
        "add `-- writes: a`",
        "add `-- makes: c`",
        "there is no table z",
    ];
    assert_eq!(faults(Dialect::Postgres, &header, &observed), expected);
}
