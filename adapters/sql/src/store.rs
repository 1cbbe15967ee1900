//! The store: a file for each family, with its statements, its reads and its changes.

/// Names a list of columns: `columns!(seal = "number, …")` makes `seal!()`, which `concat!` puts into each statement that
/// is read by that list. What reads it stands beside it. With `pub`, other files use it too.
macro_rules! columns {
    (pub $name:ident = $list:literal) => {
        columns!($name = $list);
        pub(crate) use $name;
    };
    ($name:ident = $list:literal) => {
        macro_rules! $name {
            () => {
                $list
            };
        }
    };
}

pub(crate) mod accounts;
pub(crate) mod admin_tokens;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod cleanup;
pub(crate) mod credentials;
pub(crate) mod devices;
pub(crate) mod factors;
pub(crate) mod idempotency;
pub(crate) mod issuer_keys;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod one_time;
pub(crate) mod outbox;
pub(crate) mod passkeys;
pub(crate) mod roles;
pub(crate) mod seals;
pub(crate) mod sessions;
pub(crate) mod tenants;

use async_trait::async_trait;
use kayan_ports::{Change, Commit, CommitError, Scope};

use crate::{Driver, Value, changes, checked::Checked};

/// The store over a database that `D` speaks to.
#[derive(Debug)]
pub struct SqlStore<D> {
    driver: Checked<D>,
    replica: Option<Checked<D>>,
}

impl<D: Driver> SqlStore<D> {
    /// A store over this driver.
    pub fn new(driver: D) -> Self {
        Self { driver: Checked(driver), replica: None }
    }

    /// Sends reads that may lag, because no decision depends on them, to this replica.
    #[must_use]
    pub fn with_replica(self, replica: D) -> Self {
        Self { replica: Some(Checked(replica)), ..self }
    }

    /// Where to send reads that may lag.
    fn lagging(&self) -> &Checked<D> {
        self.replica.as_ref().unwrap_or(&self.driver)
    }

    /// The driver, for migrations and health.
    pub fn driver(&self) -> &D {
        &self.driver.0
    }
}

#[async_trait]
impl<D: Driver> Commit for SqlStore<D> {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        changes::commit(&self.driver, changes).await
    }
}

/// The tenant for `tenant_id = COALESCE(?, tenant_id)`, or NULL for any. No database uses an index for this condition, so it
/// stands only where another key finds the rows.
fn tenant_or_any(scope: &Scope) -> Value {
    scope.tenant().map(|tenant| Value::text(tenant.as_str())).into()
}
