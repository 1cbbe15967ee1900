//! Refuses texts with a NUL character on every database alike: PostgreSQL refuses them, the others would store them.

use async_trait::async_trait;

use crate::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, Statement, TakeRows, Value,
};

/// Checks each text before it is passed to `D`.
#[derive(Debug)]
pub(crate) struct Checked<D>(pub(crate) D);

fn check(params: &[Value]) -> Result<(), DriverError> {
    let has_nul = |value: &Value| matches!(value, Value::Text(text) if text.contains('\0'));
    if params.iter().any(has_nul) { Err(DriverError::Nul) } else { Ok(()) }
}

#[async_trait]
impl<D: Driver> Driver for Checked<D> {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        check(&query.params)?;
        self.0.read(query).await
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        batch.iter().try_for_each(|statement| check(&statement.params))?;
        self.0.apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.0.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        self.0.lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.0.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.0.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        self.0.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.0.connections()
    }

    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
}
