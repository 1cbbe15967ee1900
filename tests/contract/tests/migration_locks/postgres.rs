//! What a migration does on PostgreSQL, which says so within the migration's transaction.

use std::collections::BTreeMap;

use kayan_sql::DriverError;
use kayan_sql::{MigrationLock, Row};

use crate::{
    Observed,
    base::{Base, scan},
};

/// A partition counts as the table that it is a part of.
const TABLES: &str = "SELECT c.oid::bigint, COALESCE(pg_partition_root(c.oid), c.oid)::regclass::text
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations'";
/// `AccessShareLock` is `ACCESS SHARE` in the manual.
const LOCKS: &str = r"SELECT relation::bigint, upper(regexp_replace(replace(mode, 'Lock', ''), '([a-z])([A-Z])', '\1 \2', 'g'))
FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation'";
const READ: &str = "SELECT relid::bigint, seq_tup_read FROM pg_stat_xact_user_tables";
const WRITTEN: &str = "SELECT relid::bigint, n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables";
/// A table that is written anew gets another file.
const FILES: &str = "SELECT oid::bigint, relfilenode::bigint FROM pg_class WHERE relkind = 'r'";

/// Runs a script, and looks before it is committed.
pub(crate) async fn observe(base: &Base, script: &str) -> Observed {
    let mut lock = base.driver.lock().await.unwrap();
    let tables = names(lock.read(scan(TABLES)).await);
    let before =
        [numbers(&mut *lock, READ).await, numbers(&mut *lock, WRITTEN).await, numbers(&mut *lock, FILES).await];
    lock.run(script, None).await.unwrap();
    let after = [numbers(&mut *lock, READ).await, numbers(&mut *lock, WRITTEN).await, numbers(&mut *lock, FILES).await];
    let locks = lock.read(scan(LOCKS)).await.unwrap();
    let made = names(lock.read(scan(TABLES)).await);
    lock.release().await.unwrap();

    let mut observed = Observed { before: tables.values().cloned().collect(), ..Observed::default() };
    for mut lock in locks {
        if let (Some(table), kind) = (tables.get(&lock.int().unwrap()), lock.text().unwrap()) {
            observed.locks.insert((table.clone(), kind));
        }
    }
    let ([reads, writes, files], [now_reads, now_writes, now_files]) = (&before, &after);
    let of = |ids: Vec<i64>| ids.into_iter().filter_map(|id| tables.get(&id).cloned()).collect::<Vec<_>>();
    observed.reads = of(changed(reads, now_reads)).into_iter().collect();
    observed.writes = of([changed(writes, now_writes), changed(files, now_files)].concat()).into_iter().collect();
    observed.makes = made.into_iter().filter(|(id, _)| !tables.contains_key(id)).map(|(_, table)| table).collect();
    observed
}

/// Where there is another number now; where there was none, it was 0.
fn changed(before: &BTreeMap<i64, i64>, after: &BTreeMap<i64, i64>) -> Vec<i64> {
    after.iter().filter(|(id, now)| before.get(*id).unwrap_or(&0) != *now).map(|(id, _)| *id).collect()
}

async fn numbers(lock: &mut dyn MigrationLock, sql: &'static str) -> BTreeMap<i64, i64> {
    let rows = lock.read(scan(sql)).await.unwrap();
    rows.into_iter().map(|mut row| (row.int().unwrap(), row.int().unwrap())).collect()
}

fn names(rows: Result<Vec<Row>, DriverError>) -> BTreeMap<i64, String> {
    rows.unwrap().into_iter().map(|mut row| (row.int().unwrap(), row.text().unwrap())).collect()
}
