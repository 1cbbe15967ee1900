//! The changes of a restore: an audit event, and the revocation of all sessions unless they are kept.

use kayan_ports::{Change, EventType, Scope, TenantId, Timestamp, timestamp};

use crate::{Kayan, Operator};

/// The restored backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredBackup {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Its digest, in hexadecimal.
    pub sha256: String,
    /// The kind of database it was taken from.
    pub database: String,
    /// The number of the last migration that the database had.
    pub schema_version: u32,
}

impl Kayan {
    /// The changes to commit with the restore. All sessions are revoked unless they are kept (I-25).
    pub fn after_restore(&self, operator: &Operator, backup: &RestoredBackup, keep_sessions: bool) -> Vec<Change> {
        let (tenant, now) = (TenantId::default(), self.clock.now());
        let message = "the database was restored from a backup";
        let event = self
            .operator_event(operator, &tenant, EventType::BackupRestored, now, message)
            .with("taken_at", timestamp::text(backup.taken_at))
            .with("sha256", &*backup.sha256)
            .with("database", &*backup.database)
            .with("schema_version", backup.schema_version)
            .with("sessions", if keep_sessions { "kept" } else { "ended" });
        let end = (!keep_sessions).then(|| self.end_all_sessions(Scope::System));
        end.into_iter().chain([event.record()]).collect()
    }
}
