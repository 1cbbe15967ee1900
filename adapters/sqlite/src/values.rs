//! Values into a statement, rows out of it.

use std::ops::ControlFlow;

use kayan_ports::timestamp;
use kayan_sql::{Query, Row, Value};
use rusqlite::{CachedStatement, Connection, Result, types::Null, types::ValueRef};
use uuid::fmt::Hyphenated;

/// Prepares a statement, or takes it from the connection's cache, and binds its parameters.
pub(crate) fn bound<'c>(connection: &'c Connection, sql: &str, params: &[Value]) -> Result<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    let expected = statement.parameter_count();
    if params.len() != expected {
        return Err(rusqlite::Error::InvalidParameterCount(params.len(), expected));
    }
    for (position, value) in (1..).zip(params) {
        bind(&mut statement, position, value)?;
    }
    Ok(statement)
}

fn bind(statement: &mut CachedStatement<'_>, position: usize, value: &Value) -> Result<()> {
    match value {
        Value::Null => statement.raw_bind_parameter(position, Null),
        Value::Bool(truth) => statement.raw_bind_parameter(position, truth),
        Value::Int(number) => statement.raw_bind_parameter(position, number),
        Value::Text(text) => statement.raw_bind_parameter(position, &**text),
        Value::Json(text) => statement.raw_bind_parameter(position, text),
        Value::Bytes(bytes) => statement.raw_bind_parameter(position, bytes),
        Value::Uuid(id) => {
            let mut text = [0; Hyphenated::LENGTH];
            statement.raw_bind_parameter(position, &*id.hyphenated().encode_lower(&mut text))
        }
        Value::Time(moment) => statement.raw_bind_parameter(position, timestamp::micros(*moment)),
    }
}

/// Runs a query on this connection.
pub(crate) fn answer(connection: &Connection, query: &Query) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let all = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    each(connection, query, all).map(|_| rows)
}

/// Hands over the rows of the answer one by one, as long as they are wanted.
pub(crate) fn each(
    connection: &Connection,
    query: &Query,
    mut take: impl FnMut(Row) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut statement = bound(connection, query.sql, &query.params)?;
    let width = statement.column_count();
    let mut found = statement.raw_query();
    while let Some(row) = found.next()? {
        let mut columns = Vec::with_capacity(width);
        for position in 0..width {
            columns.push(owned(row.get_ref(position)?).map_err(|error| rusqlite::Error::Utf8Error(position, error))?);
        }
        if take(Row::new(columns)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn owned(value: ValueRef<'_>) -> std::result::Result<Value, std::str::Utf8Error> {
    Ok(match value {
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::text(std::str::from_utf8(text)?),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        // no column of the schema is a real number; its getter says so
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    })
}
