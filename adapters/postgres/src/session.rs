//! What one connection runs: a query in one round trip, a batch in one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use deadpool_postgres::ClientWrapper;
use kayan_sql::{ApplyError, DriverError, Expect, Query, Row, Statement, Value};
use tokio::time::Instant;
use tokio_postgres::{
    Error,
    types::{ToSql, Type},
};

use crate::{
    errors,
    flight::{Flight, launch},
    statements::Statements,
    values::{self, Bound},
};

/// How statements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each is prepared once on each connection, and so planned once.
    Prepared,
    /// Each is sent whole every time: for a pooler in transaction mode, such as PgBouncer.
    Unnamed,
}

/// What sessions of one driver share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mode: Mode,
    pub(crate) statements: Statements,
    pub(crate) round_trips: AtomicU64,
}

/// Why a batch was not applied, and whether it may be sent again.
pub(crate) struct Refused {
    pub(crate) error: ApplyError,
    pub(crate) again: bool,
    /// Whether the server takes no writes.
    pub(crate) read_only: bool,
}

impl Shared {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, statements: Statements::default(), round_trips: AtomicU64::new(0) }
    }

    /// Runs a query.
    pub(crate) async fn read(&self, client: &ClientWrapper, query: &Query) -> Result<Vec<Row>, DriverError> {
        let sql = self.statements.question(query.sql);
        let mut answer = self.ask(client, &sql, &query.params).await;
        if answer.as_ref().err().is_some_and(errors::outdated) {
            client.statement_cache.clear();
            answer = self.ask(client, &sql, &query.params).await;
        }
        let rows = answer.and_then(|rows| rows.iter().map(|found| values::row(found, 0)).collect::<Result<_, _>>());
        rows.map_err(|error| errors::store_error(&error, query.sql))
    }

    /// Runs several queries that differ in their parameters as one statement. If one of them fails, all fail.
    pub(crate) async fn read_together(
        &self,
        client: &ClientWrapper,
        sql: &'static str,
        asked: &[Vec<Value>],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let known = client.statement_cache.size();
        let answer = self.ask_together(client, sql, asked).await;
        self.count(true);
        self.count(client.statement_cache.size() > known);
        if answer.as_ref().err().is_some_and(errors::outdated) {
            client.statement_cache.clear();
        }
        let mut answers: Vec<_> = asked.iter().map(|_| Vec::new()).collect();
        for found in &answer? {
            let position = usize::try_from(found.try_get::<_, i64>(0)?).unwrap_or_default();
            if let Some(rows) = position.checked_sub(1).and_then(|position| answers.get_mut(position)) {
                rows.push(values::row(found, 1)?);
            }
        }
        Ok(answers)
    }

    async fn ask_together(
        &self,
        client: &ClientWrapper,
        sql: &'static str,
        asked: &[Vec<Value>],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        // Its parameters' types are only known to the database.
        let alone = client.prepare_cached(&self.statements.question(sql)).await?;
        let statement = client.prepare_cached(&self.statements.together(sql, alone.params())).await?;
        let column = |number| asked.iter().filter_map(|params| params.get(number).map(Bound)).collect();
        let columns: Vec<Vec<Bound<'_>>> = (0..alone.params().len()).map(column).collect();
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        client.query(&statement, &params).await
    }

    /// Runs a statement once for each of these lists of parameters, without waiting for one answer before the next is sent.
    pub(crate) async fn write(
        &self,
        client: &ClientWrapper,
        sql: &'static str,
        rows: &[Vec<Value>],
    ) -> Result<(), DriverError> {
        let text = self.statements.question(sql);
        let mut flights = Vec::with_capacity(rows.len());
        for params in rows {
            flights.push(launch(send(client, self.mode, &text, params)).await);
        }
        let mut outcome = Ok(());
        for flight in flights {
            let answer = flight.land().await;
            // Later errors only say that the transaction has failed.
            outcome = outcome.and(answer.map(drop).map_err(|error| errors::store_error(&error, sql)));
        }
        outcome
    }

    async fn ask(
        &self,
        client: &ClientWrapper,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<tokio_postgres::Row>, Error> {
        let known = client.statement_cache.size();
        let answer = send(client, self.mode, sql, params).await;
        self.count(true);
        self.count(client.statement_cache.size() > known);
        answer
    }

    /// Applies the statements in one transaction, for a caller that waits until `deadline`.
    pub(crate) async fn apply(
        &self,
        client: &ClientWrapper,
        batch: &[Statement],
        deadline: Instant,
    ) -> Result<(), Refused> {
        let texts: Vec<Arc<str>> = batch.iter().map(|it| self.statements.write(it.sql, it.expect)).collect();
        let borrowed: Vec<&str> = texts.iter().map(|text| &**text).collect();
        let prepared = self.prepare(client, &borrowed).await;
        prepared.map_err(|error| refused(client, &error, errors::store_error(&error, "-- database.prepare").into()))?;

        // No await point until the COMMIT is queued: a caller that is cancelled leaves no transaction open.
        let begin = begin(deadline);
        let begin = launch(client.batch_execute(&begin)).await;
        let mut flights = Vec::with_capacity(batch.len());
        let mut sound = true;
        for (statement, sql) in batch.iter().zip(&borrowed) {
            let flight = launch(send(client, self.mode, sql, &statement.params)).await;
            // A parameter that can't be encoded drops its statement: then nothing of the batch may be committed.
            sound = !matches!(flight, Flight::Landed(Err(_)));
            flights.push((statement, flight));
            if !sound {
                break;
            }
        }
        let end = launch(client.batch_execute(if sound { "COMMIT" } else { "ROLLBACK" })).await;
        self.count(true);
        outcome(client, begin, flights, end).await
    }

    /// Prepares the statements that this connection has not prepared yet, in one round trip.
    async fn prepare(&self, client: &ClientWrapper, texts: &[&str]) -> Result<(), Error> {
        if self.mode == Mode::Unnamed {
            return Ok(());
        }
        let known = client.statement_cache.size();
        let mut flights: Vec<Flight<'_, Result<_, Error>>> = Vec::with_capacity(texts.len());
        for (position, sql) in texts.iter().enumerate() {
            if texts.get(..position).is_some_and(|before| !before.contains(sql)) {
                flights.push(launch(client.prepare_cached(sql)).await);
            }
        }
        for flight in flights {
            flight.land().await?;
        }
        self.count(client.statement_cache.size() > known);
        Ok(())
    }

    fn count(&self, waits: bool) {
        self.round_trips.fetch_add(u64::from(waits), Ordering::Relaxed);
    }
}

/// Begins a transaction. The lock timeout is two thirds of the time that is left, so that the database gives up before the
/// caller does: what was reported as not applied must not be applied later.
fn begin(deadline: Instant) -> String {
    let wait = deadline.saturating_duration_since(Instant::now()) * 2 / 3;
    format!(
        "-- database.begin\nBEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}",
        wait.as_millis().max(1)
    )
}

/// Sends a statement and everything that the database needs for it.
async fn send(
    client: &ClientWrapper,
    mode: Mode,
    sql: &str,
    params: &[Value],
) -> Result<Vec<tokio_postgres::Row>, Error> {
    let bound: Vec<Bound<'_>> = params.iter().map(Bound).collect();
    match mode {
        Mode::Prepared => {
            let statement = client.prepare_cached(sql).await?;
            let params: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
            client.query(&statement, &params).await
        }
        Mode::Unnamed => {
            let params: Vec<(&(dyn ToSql + Sync), Type)> = bound.iter().map(|value| (value as _, value.ty())).collect();
            client.query_typed(sql, &params).await
        }
    }
}

type Answer = Result<Vec<tokio_postgres::Row>, Error>;

/// Reads every answer and returns the first error: later ones only say that the transaction has failed.
async fn outcome(
    client: &ClientWrapper,
    begin: Flight<'_, Result<(), Error>>,
    flights: Vec<(&Statement, Flight<'_, Answer>)>,
    end: Flight<'_, Result<(), Error>>,
) -> Result<(), Refused> {
    let failed = |error: Error, sql: &str, at: Option<(usize, Expect)>| {
        let meaning = match at {
            Some(at) => errors::apply_error(&error, sql, at),
            None => errors::store_error(&error, sql).into(),
        };
        refused(client, &error, meaning)
    };
    let mut first = begin.land().await.map_err(|error| failed(error, "-- database.begin", None));
    for (position, (statement, flight)) in flights.into_iter().enumerate() {
        let answer = flight.land().await;
        first = first.and_then(|()| match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(error, statement.sql, Some((position, statement.expect)))),
        });
    }
    let ended = end.land().await;
    first.and_then(|()| ended.map_err(|error| failed(error, "-- database.commit", None)))
}

fn refused(client: &ClientWrapper, error: &Error, meaning: ApplyError) -> Refused {
    let outdated = errors::outdated(error);
    if outdated {
        client.statement_cache.clear();
    }
    Refused { error: meaning, again: outdated || errors::passes(error), read_only: errors::read_only(error) }
}
