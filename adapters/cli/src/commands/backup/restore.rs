//! `kayan backup restore`: loads a file that was verified as a whole into an empty database, in one transaction.

use std::{
    io::{Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use kayan_backup::LoadError;
use kayan_core::{Operator, RestoredBackup};
use kayan_ports::{KeyError, Scope};
use kayan_sql::{Driver, backup::RestoreError};

use super::{Opened, show, unreadable};
use crate::{
    args::Format,
    compose,
    config::{Config, secret::Secret},
    exit::Exit,
    output,
};

pub(super) async fn run(path: &Path, key: Option<&Secret>, keep_sessions: bool, format: Format) -> Result<(), Exit> {
    let mut file = Opened::open(path, 2)?;
    let verified = kayan_backup::verify_for_restore(file.input(), key).map_err(|error| unreadable(path, &error))?;
    let config = super::super::told(super::super::load(Vec::new(), super::super::Purpose::Change))?;
    let driver = compose::database(&config)?;
    let kayan = compose::looking(&config, &driver)?;
    file.file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(path, &error.into()))?;
    let loaded = verified.load(file.input(), &*driver, compose::clock().now()).await;
    let mut restore = loaded.map_err(|error| match error {
        LoadError::File(error) => unreadable(path, &error),
        LoadError::Database(error) => refused(error),
    })?;
    let (header, summary) = (&verified.contents.header, &verified.contents.summary);
    let backup = RestoredBackup {
        taken_at: header.created_at,
        sha256: summary.digest.to_string(),
        database: header.database.clone(),
        schema_version: header.schema_version,
    };
    let also = kayan.after_restore(&Operator::at_the_command_line(Scope::System), &backup, keep_sessions);
    if !keep_sessions {
        restore.end_admin_tokens().await.map_err(|error| refused(error.into()))?;
        restore.end_issuer_keys().await.map_err(|error| refused(error.into()))?;
    }
    restore.finish(also.clone()).await.map_err(refused)?;
    file.bar.finish_and_clear();
    if let Some(log) = compose::audit_log_of_a_command(&config)? {
        log.record(&also);
    }
    show(&verified.contents, format)?;
    tell(&config, &driver, keep_sessions).await
}

async fn tell(config: &Config, driver: &Arc<dyn Driver>, keep_sessions: bool) -> Result<(), Exit> {
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

fn refused(error: RestoreError) -> Exit {
    let empty = "a backup goes into an empty database: name another one with KAYAN_DB_DSN, which may not exist yet for SQLite \
                 and comes from CREATE DATABASE otherwise";
    match error {
        RestoreError::NotEmpty { .. } => Exit::failed(format!("the database is in use: {error}; {empty}")),
        RestoreError::Ahead { .. } => Exit::failed(format!("the database is not new: {error}; {empty}")),
        RestoreError::Migrate(error) => error.into(),
        RestoreError::Lost { .. } | RestoreError::Store(_) => {
            Exit::failed(format!("{error}; nothing was restored, and the same again may succeed"))
        }
    }
}
