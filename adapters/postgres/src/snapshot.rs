//! Reads many rows as of one moment, and hands them over while the server still sends them.

use std::{ops::ControlFlow, pin::pin, time::Duration};

use futures_util::TryStreamExt as _;
use kayan_sql::{DriverError, PIECE, Query, TakeRows};
use tokio::time::{Instant, timeout};
use tokio_postgres::Error;

use crate::{
    errors::store_error,
    pool::{Connections, Lease},
    statements::numbered,
    values::{self, Bound},
};

/// The server may have been told to end what is slow or idle, and a snapshot is as slow as the disk that it is written to.
const BEGIN: &str = "-- database.snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0";

const END: &str = "-- database.end_snapshot
COMMIT";

/// Reads in one transaction, which sees the database as of its first query. Cancelled, it closes the connection.
pub(crate) async fn read(
    connections: &Connections,
    patience: Duration,
    questions: &[Query],
    take: &mut TakeRows<'_>,
) -> Result<(), DriverError> {
    let mut lease = connections.lease(Instant::now() + patience).await?;
    lease.keep_to_oneself();
    control(&lease, patience, BEGIN).await?;
    for (position, query) in questions.iter().enumerate() {
        if one(&lease, position, query, take).await?.is_break() {
            return Ok(());
        }
    }
    control(&lease, patience, END).await?;
    lease.settle();
    Ok(())
}

async fn one(
    lease: &Lease,
    position: usize,
    query: &Query,
    take: &mut TakeRows<'_>,
) -> Result<ControlFlow<()>, DriverError> {
    let failed = |error: Error| store_error(&error, query.sql);
    let params = query.params.iter().map(|value| (Bound(value), Bound(value).ty()));
    let mut rows = pin!(lease.client()?.query_typed_raw(&numbered(query.sql), params).await.map_err(failed)?);
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(found) = rows.try_next().await.map_err(failed)? {
        piece.push(values::row(&found, 0).map_err(failed)?);
        if piece.len() == PIECE && take(position, std::mem::take(&mut piece)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(if piece.is_empty() { ControlFlow::Continue(()) } else { take(position, piece) })
}

async fn control(lease: &Lease, patience: Duration, sql: &'static str) -> Result<(), DriverError> {
    let done = timeout(patience, lease.client()?.batch_execute(sql)).await;
    let late = || DriverError::Unavailable("the database does not answer".to_owned());
    done.map_err(|_elapsed| late())?.map_err(|error| store_error(&error, sql))
}
