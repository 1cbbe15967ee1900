//! Lookups by key: one by one under low load, batched under high load.

use std::sync::Arc;

use kayan_sql::{DriverError, Query, Row};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use crate::{
    Database,
    gathering::{Turn, Waiting},
    silent,
};

/// The slot of a lookup that is running. When it is dropped, also by a cancelled request, the waiting lookups get it.
struct Place {
    database: Arc<Database>,
    sql: &'static str,
}

/// Runs a lookup, possibly in one statement with others that differ in the key.
pub(crate) async fn look_up(
    database: &Arc<Database>,
    query: &Query,
    deadline: Instant,
) -> Result<Vec<Row>, DriverError> {
    // Without parameters there is nothing to batch.
    if query.params.is_empty() {
        return database.ask(query, deadline).await;
    }
    match database.gathering.come(query) {
        Turn::Now => {
            let _place = Place { database: Arc::clone(database), sql: query.sql };
            database.ask(query, deadline).await
        }
        Turn::Later(hears) => match timeout_at(deadline, hears).await {
            Ok(Ok(rows)) => Ok(rows),
            // The batch failed, maybe because of another lookup in it.
            Ok(Err(_unheard)) => database.ask(query, deadline).await,
            Err(_elapsed) => Err(silent()),
        },
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = self.database.gathering.leave(self.sql);
        if next.is_empty() {
            return;
        }
        let place = Self { database: Arc::clone(&self.database), sql: self.sql };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(ask_together(place, next))),
            // The runtime has ended, and every waiting lookup with it.
            Err(_ended) => drop(place),
        }
    }
}

async fn ask_together(place: Place, asked: Vec<Waiting>) {
    let Place { database, sql } = &place;
    let deadline = Instant::now() + database.patience;
    let Ok(mut lease) = database.connections.lease(deadline).await else { return };
    let Ok(client) = lease.client() else { return };
    let (params, answers): (Vec<_>, Vec<_>) = asked.into_iter().map(|one| (one.params, one.answer)).unzip();
    let Ok(answered) = timeout_at(deadline, database.shared.read_together(client, sql, &params)).await else { return };
    lease.settle();
    // On an error, each lookup runs again by itself, and gets its own error.
    for (answer, rows) in answers.into_iter().zip(answered.unwrap_or_default()) {
        // The receiver of a cancelled lookup is gone.
        drop(answer.send(rows));
    }
}
