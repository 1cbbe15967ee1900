//! A database on a `PostgreSQL` server, filled through COPY.

use std::ops::Range;

use futures_util::SinkExt as _;
use indicatif::ProgressBar;
use tokio_postgres::{Client, NoTls};

use crate::{
    failure::Failure,
    people::{People, TABLES},
};

/// One of them.
pub(super) struct Database {
    server: Client,
    name: String,
    dsn: String,
}

impl Database {
    /// Makes it, beside the one that the DSN of a superuser names.
    pub(super) async fn create(server: &str) -> Result<Self, Failure> {
        let (address, _) = server
            .rsplit_once('/')
            .filter(|(address, _)| address.contains('@'))
            .ok_or_else(|| Failure::Wrong("a DSN must be of the form postgres://USER:PASSWORD@HOST/NAME".to_owned()))?;
        let name = super::new_name();
        // Without TLS, as all others: what is measured is the database.
        let dsn = format!("{address}/{name}?sslmode=disable");
        let server = connect(server).await?;
        run(&server, &format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server, name, dsn })
    }

    pub(super) async fn remove(self) -> Result<(), Failure> {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }

    pub(super) fn dsn(&self) -> &str {
        &self.dsn
    }

    pub(super) async fn description(&self) -> Result<String, Failure> {
        let ask = "SELECT format('PostgreSQL %s (fsync %s, synchronous_commit %s)', current_setting('server_version'), \
                   current_setting('fsync'), current_setting('synchronous_commit'))";
        let row = self.server.query_one(ask, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(failed(ask))
    }

    pub(super) async fn fill(&self, people: &People, numbers: Range<u32>, bar: &ProgressBar) -> Result<(), Failure> {
        let client = connect(&self.dsn).await?;
        // As a replica, it takes the references for granted.
        run(&client, "SET session_replication_role = replica; SET synchronous_commit = off; SET timezone = 'UTC'")
            .await?;
        for chunk in super::chunks(numbers, bar) {
            for ((table, columns), lines) in TABLES.iter().zip(super::lines(people, chunk, "\\\\x")) {
                let copy = format!("COPY {table} ({columns}) FROM STDIN");
                let mut sink = Box::pin(client.copy_in(&copy).await.map_err(failed(&copy))?);
                sink.send(bytes::Bytes::from(lines)).await.map_err(failed(&copy))?;
                sink.close().await.map_err(failed(&copy))?;
            }
        }
        for settling in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            run(&client, settling).await?;
        }
        Ok(())
    }

    pub(super) async fn queue(&self, count: u32) -> Result<(), Failure> {
        let client = connect(&self.dsn).await?;
        let queue = format!(
            "INSERT INTO messages (id, tenant_id, kind, channel, recipient, languages, data, state, attempts, due_at, created_at)
             SELECT gen_random_uuid(), 'default', 'recovery', 'mail', 'reader' || n || '@example.com', 'en',
               decode(repeat('ab', 200), 'hex'), 'due', 1, now() + interval '1 hour' + n * interval '1 microsecond', now()
             FROM generate_series(1, {count}) AS n"
        );
        for statement in [&*queue, "VACUUM (ANALYZE)", "CHECKPOINT"] {
            run(&client, statement).await?;
        }
        Ok(())
    }
}

async fn connect(dsn: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.map_err(failed("connecting"))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn run(client: &Client, statement: &str) -> Result<(), Failure> {
    client.batch_execute(statement).await.map_err(failed(statement))
}

/// With the server's own words, which the error leaves out.
fn failed(doing: &str) -> impl FnOnce(tokio_postgres::Error) -> Failure {
    move |error| {
        let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
        Failure::Wrong(format!("PostgreSQL: {doing}: {said}"))
    }
}
