//! Look-ups by key: by themselves while few ask, and together when many do.

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

/// The place of a question that is under way. Whoever waits has it next, and also when the asker leaves.
struct Place {
    database: Arc<Database>,
    sql: &'static str,
}

/// Reads a row or a few, maybe in one statement with others that ask the same of other keys.
pub(crate) async fn look_up(
    database: &Arc<Database>,
    query: &Query,
    deadline: Instant,
) -> Result<Vec<Row>, DriverError> {
    // Without parameters there is nothing that could be gathered.
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
            // One of those who were asked together may have spoiled it for all.
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
            // Nobody can wait any more, so this ends when nobody is left.
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
    // An error is told to those who then ask by themselves and meet it.
    for (answer, rows) in answers.into_iter().zip(answered.unwrap_or_default()) {
        // Whoever has left wants no answer.
        drop(answer.send(rows));
    }
}
