//! The checks of `/health`: the database and its schema, the mail server, and the webhook for SMS.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use kayan_ports::{Condition, Mailer, Probe};
use kayan_sql::{
    Driver, DriverError, READ_ONLY,
    migrate::{self, MigrationState, MigrationStatus},
};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the database answers and accepts writes.
pub(crate) struct DatabaseProbe(pub(crate) Arc<dyn Driver>);

/// Whether the schema is the one of this version.
pub(crate) struct MigrationsProbe(pub(crate) Arc<dyn Driver>);

/// How long a mail server is believed to be as it was: each look is a login, which providers count.
const BELIEVED: Duration = Duration::from_mins(1);

/// Whether the mail server lets the service log in, or the webhook for SMS can be reached. Without it the service works, but for
/// what needs messages.
pub(crate) struct DeliveryProbe {
    name: &'static str,
    mailer: Arc<dyn Mailer>,
    look: Arc<Mutex<Look>>,
}

/// The last look at the mail server.
#[derive(Default)]
struct Look {
    /// When it ended, and what it found.
    last: Option<(Instant, Condition)>,
    /// Whether there is one under way.
    is_under_way: bool,
}

impl DeliveryProbe {
    /// The probe of what delivers messages.
    pub(crate) fn new(name: &'static str, mailer: Arc<dyn Mailer>) -> Self {
        Self { name, mailer, look: Arc::default() }
    }

    /// Looks at it, however long that takes.
    async fn look(name: &'static str, mailer: Arc<dyn Mailer>, look: Arc<Mutex<Look>>) -> Condition {
        let condition = match mailer.check().await {
            Ok(()) => Condition::Healthy,
            Err(error) => {
                tracing::warn!(part = name, %error, "what delivers messages can't be used");
                Condition::Degraded(format!("can't be used: {}", error.why.as_str().replace('_', " ")))
            }
        };
        *locked(&look) = Look { last: Some((Instant::now(), condition.clone())), is_under_way: false };
        condition
    }
}

fn locked(look: &Mutex<Look>) -> MutexGuard<'_, Look> {
    look.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Probe for DeliveryProbe {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn check(&self) -> Condition {
        let (begins, last) = {
            let mut look = locked(&self.look);
            let begins = !look.is_under_way && look.last.as_ref().is_none_or(|(at, _)| at.elapsed() >= BELIEVED);
            look.is_under_way |= begins;
            (begins, look.last.clone().map(|(_, condition)| condition))
        };
        if begins {
            let looking = tokio::spawn(Self::look(self.name, self.mailer.clone(), self.look.clone()));
            if let Ok(Ok(condition)) = tokio::time::timeout(PATIENCE, looking).await {
                return condition;
            }
        }
        last.unwrap_or_else(|| Condition::Degraded("has not answered yet".to_owned()))
    }
}

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
