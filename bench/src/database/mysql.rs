//! A database on a `MariaDB` server, filled through LOAD DATA LOCAL.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use indicatif::ProgressBar;
use mysql_async::{Conn, OptsBuilder, prelude::Queryable as _};

use crate::{
    failure::Failure,
    people::{HASHES, People, TABLES},
};

/// One of them.
pub(super) struct Database {
    server: Conn,
    name: String,
    dsn: String,
}

impl Database {
    /// Makes it, beside the one that the DSN of a user who may do everything names.
    pub(super) async fn create(server: &str) -> Result<Self, Failure> {
        let form = || Failure::Wrong("a DSN must be of the form USER:PASSWORD@tcp(HOST:PORT)/NAME".to_owned());
        let (address, _) = server.rsplit_once(")/").ok_or_else(form)?;
        let name = super::new_name();
        let mut connection = Conn::new(options(address).ok_or_else(form)?).await.map_err(failed("connecting"))?;
        run(&mut connection, &format!("CREATE DATABASE {name}")).await?;
        run(&mut connection, &format!("USE {name}")).await?;
        let dsn = format!("{address})/{name}");
        Ok(Self { server: connection, name, dsn })
    }

    pub(super) async fn remove(mut self) -> Result<(), Failure> {
        run(&mut self.server, &format!("DROP DATABASE {}", self.name)).await?;
        self.server.disconnect().await.map_err(failed("disconnecting"))
    }

    pub(super) fn dsn(&self) -> &str {
        &self.dsn
    }

    pub(super) async fn description(&mut self) -> Result<String, Failure> {
        let ask = "SELECT VERSION(), CAST(@@innodb_flush_log_at_trx_commit AS CHAR)";
        let said: Option<(String, String)> = self.server.query_first(ask).await.map_err(failed(ask))?;
        let (version, flush) = said.unwrap_or_default();
        Ok(format!("{version} (innodb_flush_log_at_trx_commit {flush})"))
    }

    pub(super) async fn fill(
        &mut self,
        people: &People,
        numbers: Range<u32>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        run(&mut self.server, "SET foreign_key_checks = 0, unique_checks = 0").await?;
        for chunk in super::chunks(numbers, bar) {
            for ((table, columns), lines) in TABLES.iter().zip(super::lines(people, chunk, "")) {
                self.server.set_infile_handler(async move { Ok(stream::iter([Ok(Bytes::from(lines))]).boxed()) });
                run(&mut self.server, &load(table, columns)).await?;
            }
        }
        let tables = TABLES.map(|(table, _)| table).join(", ");
        // The export is never made: asking for it has all their pages written now instead of while it is measured.
        for settling in
            [&*format!("ANALYZE TABLE {tables}"), &*format!("FLUSH TABLES {tables} FOR EXPORT"), "UNLOCK TABLES"]
        {
            run(&mut self.server, settling).await?;
        }
        Ok(())
    }

    pub(super) async fn queue(&mut self, count: u32) -> Result<(), Failure> {
        let queue = format!(
            "INSERT INTO messages (id, tenant_id, kind, channel, recipient, languages, data, state, attempts, due_at, created_at)
             SELECT UUID(), 'default', 'recovery', 'mail', CONCAT('reader', seq, '@example.com'), 'en', REPEAT('x', 200), 'due', 1,
               UTC_TIMESTAMP(6) + INTERVAL 1 HOUR + INTERVAL seq MICROSECOND, UTC_TIMESTAMP(6)
             FROM seq_1_to_{count}"
        );
        for statement in [&*queue, "ANALYZE TABLE messages", "FLUSH TABLES messages FOR EXPORT", "UNLOCK TABLES"] {
            run(&mut self.server, statement).await?;
        }
        Ok(())
    }
}

/// Bytes come as their digits.
fn load(table: &str, columns: &str) -> String {
    let hash = columns.split(", ").find(|column| HASHES.contains(column));
    let into = |column: &str| if Some(column) == hash { "@digits".to_owned() } else { column.to_owned() };
    let into: Vec<String> = columns.split(", ").map(into).collect();
    let set = hash.map_or_else(String::new, |column| format!(" SET {column} = UNHEX(@digits)"));
    format!("LOAD DATA LOCAL INFILE 'people' INTO TABLE {table} CHARACTER SET utf8mb4 ({}){set}", into.join(", "))
}

fn options(address: &str) -> Option<OptsBuilder> {
    let (login, place) = address.rsplit_once("@tcp(")?;
    let (user, password) = login.split_once(':')?;
    let (host, port) = place.rsplit_once(':')?;
    let to = OptsBuilder::default().ip_or_hostname(host).tcp_port(port.parse().ok()?).prefer_socket(false);
    Some(to.user(Some(user)).pass(Some(password)))
}

async fn run(connection: &mut Conn, statement: &str) -> Result<(), Failure> {
    connection.query_drop(statement).await.map_err(failed(statement))
}

fn failed(doing: &str) -> impl FnOnce(mysql_async::Error) -> Failure {
    move |error| Failure::Wrong(format!("MariaDB: {doing}: {error}"))
}
