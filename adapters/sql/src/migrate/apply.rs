//! Applies migrations and takes them back.

use kayan_ports::Timestamp;

use super::{
    MigrateError, Migration,
    bookkeeping::{applied_query, bookkeeping_table, check, decode},
    foreign, newest_of,
};
use crate::{Dialect, Driver, Expect, MigrationLock, Statement, Value};

/// Applies what is pending, up to and including version `to`, and returns the number. `done` is called for each.
///
/// Safe in parallel: one process waits for the other and finds nothing left to do.
pub async fn up(
    driver: &dyn Driver,
    known: &[Migration],
    to: Option<u32>,
    at: Timestamp,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    let to = check_version(known, to)?;
    foreign::look(driver, known).await?;
    let mut lock = driver.lock().await?;
    let outcome = up_locked(&mut *lock, driver.dialect(), known, (to, at), done).await;
    let released = lock.release().await;
    let count = outcome?;
    released?;
    Ok(count)
}

/// The version to stop at: `to`, if there is such a one, or the newest.
pub(super) fn check_version(known: &[Migration], to: Option<u32>) -> Result<u32, MigrateError> {
    let newest = newest_of(known);
    match to {
        Some(asked) if asked > newest => Err(MigrateError::NoSuchVersion { asked, known: newest }),
        to => Ok(to.unwrap_or(newest)),
    }
}

/// Applies what is pending up to this version, for a caller that holds the lock and keeps it.
pub(crate) async fn up_locked(
    lock: &mut dyn MigrationLock,
    dialect: Dialect,
    known: &[Migration],
    (to, at): (u32, Timestamp),
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    lock.run(bookkeeping_table(dialect), None).await?;
    let applied = decode(lock.read(applied_query()).await?)?;
    check(&applied, known)?;
    let mut count = 0;
    for migration in known.iter().filter(|m| m.version <= to && !applied.contains_key(&m.version)) {
        let params =
            vec![Value::Int(migration.version.into()), migration.name.into(), migration.checksum().into(), at.into()];
        let sql = "-- migrations.applied
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)";
        step(lock, migration, migration.up, Statement { sql, params, expect: Expect::One }).await?;
        done(migration);
        count += 1;
    }
    Ok(count)
}

/// Takes back the newest `steps` migrations, newest first, and returns the number. `done` is called for each.
pub async fn down(
    driver: &dyn Driver,
    known: &[Migration],
    steps: u32,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    foreign::look(driver, known).await?;
    let mut lock = driver.lock().await?;
    let outcome = down_locked(&mut *lock, driver.dialect(), known, steps, done).await;
    let released = lock.release().await;
    let count = outcome?;
    released?;
    Ok(count)
}

async fn down_locked(
    lock: &mut dyn MigrationLock,
    dialect: Dialect,
    known: &[Migration],
    steps: u32,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    lock.run(bookkeeping_table(dialect), None).await?;
    let applied = decode(lock.read(applied_query()).await?)?;
    check(&applied, known)?;
    let mut count = 0;
    let newest_first = known.iter().rev().filter(|m| applied.contains_key(&m.version));
    for migration in newest_first.take(usize::try_from(steps).unwrap_or(usize::MAX)) {
        let sql = "-- migrations.taken_back
DELETE FROM schema_migrations WHERE version = ?";
        let params = vec![Value::Int(migration.version.into())];
        step(lock, migration, migration.down, Statement { sql, params, expect: Expect::One }).await?;
        done(migration);
        count += 1;
    }
    Ok(count)
}

async fn step(
    lock: &mut dyn MigrationLock,
    migration: &Migration,
    script: &str,
    bookkeeping: Statement,
) -> Result<(), MigrateError> {
    lock.run(script, Some(bookkeeping)).await.map_err(|why| MigrateError::Failed {
        version: migration.version,
        name: migration.name.to_owned(),
        why,
    })
}
