//! The checks of `/health`: the database and its schema.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_ports::{Condition, Probe};
use kayan_sql::{
    Driver, DriverError, READ_ONLY,
    migrate::{self, MigrationState, MigrationStatus},
};

const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the database answers and accepts writes.
pub(crate) struct DatabaseProbe(pub(crate) Arc<dyn Driver>);

/// Whether the schema is the one of this version.
pub(crate) struct MigrationsProbe(pub(crate) Arc<dyn Driver>);

#[async_trait]
impl Probe for DatabaseProbe {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Condition {
        match tokio::time::timeout(PATIENCE, self.0.writable()).await {
            Ok(Ok(())) => Condition::Healthy,
            Ok(Err(DriverError::Unavailable(why))) if why == READ_ONLY => Condition::Unhealthy(why),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                Condition::Unhealthy("does not answer".to_owned())
            }
            Err(_elapsed) => Condition::Unhealthy("does not answer within a second".to_owned()),
        }
    }
}

#[async_trait]
impl Probe for MigrationsProbe {
    fn name(&self) -> &'static str {
        "migrations"
    }

    async fn check(&self) -> Condition {
        let known = migrate::embedded(self.0.dialect());
        match tokio::time::timeout(PATIENCE, migrate::recorded_status(&*self.0, known)).await {
            Ok(Ok(lines)) => judge(&lines),
            Ok(Err(_)) | Err(_) => Condition::Unhealthy("can't be read".to_owned()),
        }
    }
}

fn judge(lines: &[MigrationStatus]) -> Condition {
    let named = |state: MigrationState| {
        let found = lines.iter().filter(|line| line.state == state);
        let names: Vec<String> = found.map(|line| format!("{:04}_{}", line.version, line.name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = named(MigrationState::Pending) {
        return Condition::Unhealthy(format!("pending: {names}; run `kayan migrate up`"));
    }
    if let Some(names) = named(MigrationState::Edited) {
        return Condition::Degraded(format!("edited after they were applied: {names}"));
    }
    // Replicas of the previous version keep running while new ones are rolled out.
    match named(MigrationState::Unknown) {
        Some(names) => Condition::Degraded(format!("applied by a newer version: {names}")),
        None => Condition::Healthy,
    }
}
