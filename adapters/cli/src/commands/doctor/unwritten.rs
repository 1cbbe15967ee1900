//! A driver that reads, and discards writes.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, Statement, TakeRows,
};

/// Reports a batch as applied, so that keys can be decrypted without being wrapped again.
pub(crate) struct Unwritten(pub(crate) Arc<dyn Driver>);

#[async_trait]
impl Driver for Unwritten {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.0.read(query).await
    }

    async fn apply(&self, _: Vec<Statement>) -> Result<(), ApplyError> {
        Ok(())
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.0.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        Err(DriverError::Fault("migrations can't be applied here".to_owned()))
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.0.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.0.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        Ok(())
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.0.connections()
    }

    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
}
