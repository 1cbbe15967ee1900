//! What opening says of files that won't do, and that it leaves them alone.

use std::{fs, path::Path};

use kayan_ports::{Accounts, Commit, Failure, IdentityId, Scope};
use kayan_sql::{Dialect, migrate};

use super::*;
use crate::samples::{file, migrated, raw, registration};

fn refusal(dsn: &str) -> OpenError {
    crate::open(dsn).err().unwrap_or_else(|| panic!("{dsn} was opened"))
}

/// Opens and asserts that neither the file nor the folder changed.
fn untouched(path: &str) -> OpenError {
    let folder = Path::new(path).parent().unwrap();
    let look = || {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        (names, fs::read(path).unwrap())
    };
    let before = look();
    let error = refusal(path);
    assert_eq!(look(), before);
    error
}

#[test]
fn a_path_that_cannot_be_a_database_is_refused_by_name() {
    let (folder, path) = file();
    assert!(matches!(refusal(folder.path().to_str().unwrap()), OpenError::NotAFile(_)));
    assert!(matches!(refusal("/dev/null"), OpenError::NotAFile(_)));
    let missing = folder.path().join("no/such/kayan.db");
    assert!(matches!(refusal(missing.to_str().unwrap()), OpenError::NoFolder(_)));
    assert!(matches!(refusal(&format!("{path}?mode=rw")), OpenError::Missing(_)));
    assert!(matches!(refusal(&format!("{path}?mode=ro")), OpenError::Missing(_)));
    assert!(matches!(refusal("postgres://localhost/kayan"), OpenError::Dsn(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "").unwrap();
    assert!(matches!(refusal(&format!("{path}/kayan.db")), OpenError::Denied { .. }));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    // even root makes no files there
    assert!(matches!(refusal("/proc/kayan.db"), OpenError::Denied { .. }));
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let (_folder, path) = file();
    for content in [b"not a database, but a diary".to_vec(), [b"x".repeat(8_192)].concat()] {
        fs::write(&path, content).unwrap();
        assert!(matches!(untouched(&path), OpenError::Damaged(_)));
    }
    fs::remove_file(&path).unwrap();
    raw(&path).execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4_000].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(untouched(&path), OpenError::Damaged(_)));
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let (_folder, path) = file();
    let other = raw(&path);
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    assert!(matches!(untouched(&path), OpenError::Foreign(_)));
    other.execute_batch("DROP TABLE notes; PRAGMA application_id = 1").unwrap();
    assert!(matches!(untouched(&path), OpenError::Foreign(_)));
}

#[tokio::test]
async fn a_database_restored_from_a_dump_is_adopted() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    raw(&path).execute_batch("PRAGMA journal_mode = DELETE; PRAGMA application_id = 0").unwrap();
    drop(crate::open(&path).unwrap());
    let id: u32 = raw(&path).pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    assert_eq!(id, APPLICATION_ID);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_and_its_log_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = file();
    let store = migrated(&path).await;
    store.commit(registration(1)).await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn a_database_opened_for_reading_is_read_and_never_written() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    let store = crate::open(&format!("{path}?mode=ro")).unwrap();
    let outcome = store.commit(registration(1)).await;
    assert!(matches!(outcome, Err(kayan_ports::CommitError::Failed(Failure::Unavailable(_)))), "{outcome:?}");
    assert_eq!(store.identity(&Scope::System, IdentityId(uuid::Uuid::nil())).await, Ok(None));
    let missing = migrate::status(store.driver(), migrate::embedded(Dialect::Sqlite)).await.unwrap();
    assert!(missing.iter().all(|line| line.state == migrate::MigrationState::Applied));
}

#[tokio::test]
async fn every_connection_is_as_safe_as_the_first() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let dsn: Dsn = path.parse().unwrap();
    let reader = Opener::new(&dsn, Duration::from_secs(1)).unwrap().reader().unwrap();
    let writer = store.driver().connection.lock().await;
    for connection in [&*writer, &reader] {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(pragma("synchronous"), 2, "FULL");
        assert_eq!(pragma("foreign_keys"), 1);
        assert_eq!(pragma("trusted_schema"), 0);
        assert!(pragma("busy_timeout") > 0);
        let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(journal, "wal");
    }
    assert!(reader.execute("DELETE FROM tenants", ()).is_err(), "readers cannot write");
}

#[test]
fn processes_that_make_the_same_file_at_once_all_open_it() {
    for _ in 0..20 {
        let (_folder, path) = file();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| drop(crate::open(&path).unwrap()));
            }
        });
    }
}
