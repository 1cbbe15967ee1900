//! Reads many rows as of one moment, and hands them over while the server still sends them.

use std::ops::ControlFlow;

use kayan_sql::{DriverError, PIECE, Query, TakeRows};
use mysql_async::{Conn, Error, prelude::Queryable as _};

use crate::{
    dial::Dialer,
    errors::{lost, store_error},
    literals::written,
    pool::Connection,
    rows,
};

/// Only this isolation keeps the snapshot for longer than a statement. A disk that is slow to take the rows is waited for.
const BEGIN: &str = "-- database.snapshot
SET SESSION net_write_timeout = 600;
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Reads on a connection of its own beside the pool, which ends with the snapshot.
pub(crate) async fn read(dialer: &Dialer, questions: &[Query], take: &mut TakeRows<'_>) -> Result<(), DriverError> {
    let mut connection = Connection::new(dialer.dial_to_migrate().await?);
    let session = connection.get().ok_or_else(lost)?;
    session.query_drop(BEGIN).await.map_err(|error| store_error(&error, BEGIN))?;
    for (position, query) in questions.iter().enumerate() {
        if one(session, position, query, take).await?.is_break() {
            break;
        }
    }
    Ok(())
}

async fn one(
    session: &mut Conn,
    position: usize,
    query: &Query,
    take: &mut TakeRows<'_>,
) -> Result<ControlFlow<()>, DriverError> {
    let failed = |error: Error| store_error(&error, query.sql);
    let mut found = session.query_iter(written(query.sql, &query.params)?).await.map_err(failed)?;
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(row) = found.next().await.map_err(failed)? {
        piece.push(rows::decode(row)?);
        if piece.len() == PIECE && take(position, std::mem::take(&mut piece)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(if piece.is_empty() { ControlFlow::Continue(()) } else { take(position, piece) })
}
