//! What is taken out of one database and put into another is all there was, as it was.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a database that cannot be set up breaks the test")]

#[path = "migration_locks/base.rs"]
mod base;
#[path = "tampering/mysql_database.rs"]
mod mysql_database;

use std::{collections::BTreeMap, ops::ControlFlow};

use base::{Base, NOW, scan};
use kayan_contract::furnish;
use kayan_sql::{
    Dialect, Driver as _, Value,
    backup::{self, LEFT_OUT, Part, Restore, RestoreError, TABLES},
    migrate,
};

impl Base {
    /// Everything, each table's rows in an order that is the same everywhere.
    async fn taken(&self) -> Taken {
        let mut taken = Taken::new();
        let mut take = |part| {
            add(&mut taken, part);
            ControlFlow::Continue(())
        };
        backup::take_out(&*self.driver, &mut take).await.unwrap();
        sorted(taken)
    }

    async fn begin(&self) -> Result<Restore, RestoreError> {
        Restore::begin(&*self.driver, migrate::newest(), NOW).await
    }
}

type Taken = BTreeMap<&'static str, Vec<Vec<Value>>>;

fn add(taken: &mut Taken, part: Part) {
    if let Part::Rows(table, rows) = part {
        taken.entry(table.name).or_default().extend(rows);
    }
}

fn sorted(mut taken: Taken) -> Taken {
    for rows in taken.values_mut() {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    taken
}

async fn put(taken: &Taken, restore: &mut Restore) {
    for table in TABLES {
        let mut loading = Restore::loading(table.name, table.columns);
        restore.load(&mut loading, taken.get(table.name).cloned().unwrap_or_default()).await.unwrap();
        restore.check(&loading).await.unwrap();
    }
}

/// Takes everything through all of these, and expects it to be the same at the end of each step.
async fn moved(through: [Dialect; 4]) {
    let [first, others @ ..] = through;
    let mut base = Base::furnished(first).await;
    let all = base.taken().await;
    let empty: Vec<_> = TABLES.iter().filter(|table| !all.contains_key(table.name)).map(|table| table.name).collect();
    assert!(empty.is_empty(), "nothing is proven of {empty:?}");
    for dialect in others {
        let taken = base.taken().await;
        base = Base::new(dialect).await;
        let mut restore = base.begin().await.unwrap();
        let months = [(2024, 12), (2025, 2), (2026, 3)].into_iter().collect();
        restore.make_months(&months).await.unwrap();
        put(&taken, &mut restore).await;
        restore.finish(Vec::new()).await.unwrap();
        let arrived = base.taken().await;
        for (table, rows) in &all {
            assert_eq!(arrived.get(table), Some(rows), "{table} on {dialect:?}");
        }
    }
    if let Dialect::Postgres = through[3] {
        let sql = "-- test.left_over\nSELECT COUNT(*) FROM audit_events_default";
        let left_over = base.driver.read(scan(sql)).await.unwrap().pop().unwrap().int().unwrap();
        assert_eq!(left_over, 0, "events of old months have partitions, too");
    }
}

#[tokio::test]
async fn everything_moves_from_sqlite_to_postgres_to_mysql_to_sqlite_as_it_was() {
    moved([Dialect::Sqlite, Dialect::Postgres, Dialect::MySql, Dialect::Sqlite]).await;
}

#[tokio::test]
async fn everything_moves_from_postgres_to_sqlite_to_mysql_to_postgres_as_it_was() {
    moved([Dialect::Postgres, Dialect::Sqlite, Dialect::MySql, Dialect::Postgres]).await;
}

/// Every column of every table there is.
async fn columns(dialect: Dialect) {
    let base = Base::migrated(dialect).await;
    let sql = match dialect {
        Dialect::Sqlite => {
            "-- test.columns
SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        }
        Dialect::Postgres => {
            "-- test.columns
SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped"
        }
        Dialect::MySql => {
            "-- test.columns
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        }
    };
    let rows = base.driver.read(scan(sql)).await.unwrap();
    let there = rows.into_iter().map(|mut row| (row.text().unwrap(), row.text().unwrap()));
    let mut there: Vec<_> = there.filter(|(table, _)| table != LEFT_OUT).collect();
    let named = |name: &str, of: &str| (name.to_owned(), of.to_owned());
    let listed = TABLES.iter().flat_map(|table| table.columns.iter().map(|(column, _)| named(table.name, column)));
    let mut listed: Vec<_> = listed.collect();
    there.sort();
    listed.sort();
    let missing: Vec<_> = there.iter().filter(|column| !listed.contains(column)).collect();
    assert!(missing.is_empty(), "in no backup: {missing:?}; list them in adapters/sql/src/backup/tables.rs");
    assert_eq!(listed, there);
}

async fn users_of_no_tenant(base: &Base, all: &Taken) -> Result<(), RestoreError> {
    let mut restore = base.begin().await?;
    let table = TABLES.iter().find(|table| table.name == "identities").unwrap();
    let mut loading = Restore::loading(table.name, table.columns);
    restore.load(&mut loading, all["identities"].clone()).await?;
    restore.finish(Vec::new()).await
}

/// A restore that ends before its end, however far it was.
async fn broken_off(dialect: Dialect) {
    let all = Base::furnished(dialect).await.taken().await;
    let base = Base::new(dialect).await;
    let mut restore = base.begin().await.unwrap();
    put(&all, &mut restore).await;
    drop(restore);
    // The same again, and then something that can't be: a user of no tenant.
    assert!(users_of_no_tenant(&base, &all).await.is_err(), "{dialect:?}");
    let mut restore = base.begin().await.unwrap();
    put(&all, &mut restore).await;
    restore.finish(Vec::new()).await.unwrap();
    assert_eq!(base.taken().await, all);
    let again = base.begin().await;
    assert!(matches!(again, Err(RestoreError::NotEmpty { table: "identities", rows: 6 })), "{:?}", again.err());
}

/// What is written while a snapshot is read.
async fn as_of_one_moment(dialect: Dialect) {
    let base = Base::furnished(dialect).await;
    let (before, mut taken) = (base.taken().await, Taken::new());
    let mut take = |part| {
        if let Part::Version(_) = part {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(furnish(&base)));
        }
        add(&mut taken, part);
        ControlFlow::Continue(())
    };
    backup::take_out(&*base.driver, &mut take).await.unwrap();
    assert_eq!(sorted(taken), before, "{dialect:?}");
    assert_ne!(base.taken().await, before, "something was written meanwhile");
}

macro_rules! on_each {
    ($($database:ident = $dialect:expr),+) => {
        $(mod $database {
            use kayan_sql::Dialect;

            #[tokio::test]
            async fn every_table_and_column_is_in_a_backup() {
                super::columns($dialect).await;
            }

            #[tokio::test]
            async fn a_restore_that_is_broken_off_leaves_an_empty_database() {
                super::broken_off($dialect).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_backup_holds_nothing_that_was_written_while_it_was_made() {
                super::as_of_one_moment($dialect).await;
            }
        })+
    };
}

on_each!(sqlite = Dialect::Sqlite, postgres = Dialect::Postgres, mysql = Dialect::MySql);
