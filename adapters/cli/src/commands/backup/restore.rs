//! `kayan backup restore`: a file that was checked whole, into an empty database, in one transaction.

use std::{
    collections::BTreeSet,
    io::{Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use kayan_backup::{Damage, Header, Item, Summary, TableHead, read_all};
use kayan_core::{Operator, RestoredBackup};
use kayan_ports::{KeyError, Scope};
use kayan_sql::{
    Driver, Value,
    backup::{self, Kind, Loading, Restore, RestoreError, TABLES, Table},
    migrate,
};

use super::{Opened, broken, show};
use crate::{
    args::Format,
    compose,
    config::{Config, secret::Secret},
    output,
    stop::Stop,
};

/// The months, by year and number, that events of the trail are of.
type Months = BTreeSet<(i32, u8)>;

/// Columns of a table, and what each holds.
type Columns = Vec<(&'static str, Kind)>;

pub(super) async fn run(path: &Path, key: Option<&Secret>, keep_sessions: bool, format: Format) -> Result<(), Stop> {
    let mut file = Opened::open(path, 2)?;
    let (header, summary, months) = check(&mut file, key)?;
    let config = super::super::told(super::super::load(Vec::new(), super::super::Purpose::Change))?;
    let driver = compose::database(&config)?;
    let kayan = compose::looking(&config, &driver)?;
    let mut restore = Restore::begin(&*driver, header.schema_version, compose::clock().now()).await.map_err(refused)?;
    restore.make_months(&months).await.map_err(|error| refused(error.into()))?;
    file.file.seek(SeekFrom::Start(0)).map_err(|error| broken(path, &Damage::Unreadable(error)))?;
    load(&mut restore, &mut file, key, &summary).await?;
    let backup = RestoredBackup {
        taken_at: header.created_at,
        sha256: summary.digest.to_string(),
        database: header.database.clone(),
        schema_version: header.schema_version,
    };
    let also = kayan.after_restore(&Operator::at_the_command_line(Scope::System), &backup, keep_sessions);
    if !keep_sessions {
        restore.end_admin_tokens().await.map_err(|error| refused(error.into()))?;
    }
    restore.finish(also.clone()).await.map_err(refused)?;
    file.bar.finish_and_clear();
    if let Some(log) = compose::audit_log_of_a_command(&config)? {
        log.record(&also);
    }
    show(&header, &summary, format)?;
    tell(&config, &driver, keep_sessions).await
}

/// Reads all of it, and what has to be known of it before.
fn check(file: &mut Opened<'_>, key: Option<&Secret>) -> Result<(Header, Summary, Months), Stop> {
    let path = file.path;
    let reader = file.reader(key)?;
    let (version, kayan) = (reader.header().schema_version, reader.header().kayan.clone());
    let newest = migrate::newest();
    if !(backup::OLDEST..=newest).contains(&version) {
        let (oldest, path) = (backup::OLDEST, path.display());
        return Err(Stop::failed(format!(
            "{path}: its schema is at version {version}, and this program knows versions {oldest} to {newest}; restore it \
             with kayan {kayan}, which has written it, or a newer one"
        )));
    }
    let (mut months, mut created_at) = (Months::new(), None);
    let look = |item: &Item| {
        match item {
            Item::Table(head) => {
                let (table, columns) = known(head)?;
                created_at = columns.iter().position(|(name, _)| (table, *name) == ("audit_events", "created_at"));
            }
            Item::Rows(rows) => {
                let moments = rows.iter().filter_map(|row| row.get(created_at?));
                months.extend(moments.filter_map(|value| match value {
                    Value::Time(at) => Some((at.year(), u8::from(at.month()))),
                    _ => None,
                }));
            }
            Item::End(_) => {}
        }
        Ok(())
    };
    let (header, summary) = read_all(reader, look).map_err(|damage| broken(path, &damage))?;
    Ok((header, summary, months))
}

/// The table and the columns that the file names, as this program has them.
fn known(head: &TableHead) -> Result<(&'static str, Columns), Damage> {
    let find = || {
        let table: &Table = TABLES.iter().find(|table| table.name == head.table)?;
        let column = |(name, kind): &(String, String)| {
            table.columns.iter().find(|(known, of)| known == name && of.as_str() == kind).copied()
        };
        Some((table.name, head.columns.iter().map(column).collect::<Option<Vec<_>>>()?))
    };
    find().ok_or(Damage::UnknownTable)
}

async fn load(
    restore: &mut Restore,
    file: &mut Opened<'_>,
    key: Option<&Secret>,
    checked: &Summary,
) -> Result<(), Stop> {
    let path = file.path;
    let mut reader = file.reader(key)?;
    let mut into: Option<Loading> = None;
    loop {
        match reader.next().map_err(|damage| broken(path, &damage))? {
            Item::Table(head) => {
                if let Some(full) = into.take() {
                    restore.check(&full).await.map_err(refused)?;
                }
                let (table, columns) = known(&head).map_err(|damage| broken(path, &damage))?;
                into = Some(Restore::loading(table, &columns));
            }
            Item::Rows(rows) => {
                let Some(into) = &mut into else { return Err(broken(path, &Damage::UnknownTable)) };
                restore.load(into, rows).await.map_err(|error| refused(error.into()))?;
            }
            Item::End(summary) if summary == *checked => break,
            Item::End(_) => return Err(Stop::failed(format!("{}: it was changed meanwhile", path.display()))),
        }
    }
    match into {
        Some(full) => restore.check(&full).await.map_err(refused),
        None => Ok(()),
    }
}

async fn tell(config: &Config, driver: &Arc<dyn Driver>, keep_sessions: bool) -> Result<(), Stop> {
    output::note(format_args!(
        "kayan: {}",
        if keep_sessions {
            "sessions and admin tokens of the time of the backup are good again, also those that were revoked since"
        } else {
            "all sessions are ended, and all admin tokens are dead: people log in again, and programs need new tokens"
        }
    ));
    match compose::keys(config, driver)?.unlock().await {
        Err(KeyError::Locked(why)) => output::note(format_args!("kayan: warning: the service will not start: {why}")),
        Err(other) => return Err(other.into()),
        Ok(()) => {}
    }
    Ok(())
}

fn refused(error: RestoreError) -> Stop {
    let empty = "a backup goes into an empty database: name another one with KAYAN_DB_DSN, which may not exist yet for SQLite \
                 and comes from CREATE DATABASE otherwise";
    match error {
        RestoreError::NotEmpty { .. } => Stop::failed(format!("the database is in use: {error}; {empty}")),
        RestoreError::Ahead { .. } => Stop::failed(format!("the database is not new: {error}; {empty}")),
        RestoreError::Migrate(error) => error.into(),
        RestoreError::Lost { .. } | RestoreError::Store(_) => {
            Stop::failed(format!("{error}; nothing was restored, and the same again may succeed"))
        }
    }
}
