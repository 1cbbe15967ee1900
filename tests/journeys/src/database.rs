//! A connection to the database beside the service, with SQL that all three kinds support.

use std::{fmt, time::Duration};

use mysql_async::{
    OptsBuilder, Value,
    consts::ColumnType,
    prelude::{Query as _, Queryable as _},
};
use rusqlite::types::ValueRef;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::Kind;

/// The character set of columns that hold bytes.
const BINARY: u16 = 63;

/// A row: each cell as text, bytes in hexadecimal digits, `None` for null.
pub type Row = Vec<Option<String>>;

/// A connection.
pub struct Database(Client);

enum Client {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
    Mysql(tokio::sync::Mutex<mysql_async::Conn>),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.kind())
    }
}

impl Database {
    /// Connects without encryption; the DSN of an `SQLite` database is a path.
    pub async fn connect(kind: Kind, dsn: &str) -> Result<Self, String> {
        Ok(Self(match kind {
            Kind::Sqlite => {
                let connection = rusqlite::Connection::open(dsn).map_err(|error| error.to_string())?;
                connection.busy_timeout(Duration::from_secs(10)).map_err(|error| error.to_string())?;
                Client::Sqlite(connection)
            }
            Kind::Postgres => {
                let (client, connection) =
                    tokio_postgres::connect(dsn, NoTls).await.map_err(|error| error.to_string())?;
                tokio::spawn(connection);
                Client::Postgres(client)
            }
            Kind::Mysql => {
                let to = mysql_address(dsn).ok_or("it is not of the form USER:PASSWORD@tcp(HOST:PORT)/DATABASE")?;
                Client::Mysql(mysql_async::Conn::new(to).await.map_err(|error| error.to_string())?.into())
            }
        }))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Client::Sqlite(_) => Kind::Sqlite,
            Client::Postgres(_) => Kind::Postgres,
            Client::Mysql(_) => Kind::Mysql,
        }
    }

    /// Runs one statement; returns the number of changed rows.
    pub async fn execute(&self, sql: &str) -> u64 {
        match &self.0 {
            Client::Sqlite(connection) => {
                connection.execute(sql, ()).map_err(|error| error.to_string()).map(|n| n as u64)
            }
            Client::Postgres(client) => client.simple_query(sql).await.map_err(told).map(|messages| {
                let done = |message: &SimpleQueryMessage| match message {
                    SimpleQueryMessage::CommandComplete(rows) => *rows,
                    _ => 0,
                };
                messages.iter().map(done).sum()
            }),
            Client::Mysql(connection) => {
                let mut connection = connection.lock().await;
                let ran = connection.query_drop(sql).await.map_err(|error| error.to_string());
                ran.map(|()| connection.affected_rows())
            }
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The rows that a query selects.
    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        match &self.0 {
            Client::Sqlite(connection) => sqlite_rows(connection, sql).map_err(|error| error.to_string()),
            Client::Postgres(client) => client.simple_query(sql).await.map_err(told).map(|messages| {
                let row = |message| match message {
                    SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(unescaped)).collect()),
                    _ => None,
                };
                messages.into_iter().filter_map(row).collect()
            }),
            Client::Mysql(connection) => {
                let rows: Result<Vec<mysql_async::Row>, _> = sql.fetch(&mut *connection.lock().await).await;
                rows.map_err(|error| error.to_string()).map(|rows| rows.into_iter().map(mysql_row).collect())
            }
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The first column of a query, without nulls.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().filter_map(|row| row.into_iter().next()?).collect()
    }

    /// An expression for the time in a column, this many seconds earlier.
    pub fn earlier(&self, column: &str, seconds: u32) -> String {
        match self.kind() {
            Kind::Sqlite => format!("{column} - {seconds} * 1000000"),
            Kind::Postgres | Kind::Mysql => format!("{column} - INTERVAL '{seconds}' SECOND"),
        }
    }

    /// Asserts that the database itself finds no damage in these tables.
    pub async fn assert_undamaged(&self, tables: &[&str]) {
        let complaints = match self.kind() {
            Kind::Sqlite => {
                let whole = "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
                let keys = "SELECT \"table\" FROM pragma_foreign_key_check";
                [self.texts(whole).await, self.texts(keys).await].concat()
            }
            Kind::Postgres => {
                self.execute("CREATE EXTENSION IF NOT EXISTS amcheck").await;
                let names: Vec<String> = tables.iter().map(|table| format!("'{table}'::regclass")).collect();
                let names = names.join(", ");
                // It fails with the reason when an index disagrees with its table.
                self.rows(&format!(
                    "SELECT bt_index_check(indexrelid, true) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
                     WHERE relkind = 'i' AND indrelid IN ({names})"
                ))
                .await;
                Vec::new()
            }
            Kind::Mysql => {
                let verdicts = self.rows(&format!("CHECK TABLE {}", tables.join(", "))).await;
                let verdict = |row: Row| row.into_iter().next_back().flatten().unwrap_or_default();
                verdicts.into_iter().map(verdict).filter(|verdict| verdict != "OK").collect()
            }
        };
        assert_eq!(complaints, Vec::<String>::new());
    }
}

fn mysql_address(dsn: &str) -> Option<OptsBuilder> {
    let (address, _) = dsn.split_once('?').unwrap_or((dsn, ""));
    let (login, place) = address.rsplit_once("@tcp(")?;
    let (user, password) = login.split_once(':')?;
    let (place, database) = place.split_once(")/")?;
    let (host, port) = place.rsplit_once(':')?;
    let to = OptsBuilder::default().ip_or_hostname(host).tcp_port(port.parse().ok()?).prefer_socket(false);
    Some(to.user(Some(user)).pass(Some(password)).db_name(Some(database)))
}

/// The server's message, which the error's own text leaves out.
fn told(error: tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Bytes come as `\x` and their digits.
fn unescaped(cell: &str) -> String {
    cell.strip_prefix("\\x").unwrap_or(cell).to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn sqlite_rows(connection: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<Row>> {
    let mut query = connection.prepare(sql)?;
    let columns = query.column_count();
    let cell = |cell: ValueRef<'_>| match cell {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(hexadecimal(bytes)),
    };
    let rows = query.query_map((), |row| (0..columns).map(|at| Ok(cell(row.get_ref(at)?))).collect())?;
    rows.collect()
}

fn mysql_row(row: mysql_async::Row) -> Row {
    let columns = row.columns();
    let cell = |(column, value): (&mysql_async::Column, Value)| {
        let text = [ColumnType::MYSQL_TYPE_STRING, ColumnType::MYSQL_TYPE_VAR_STRING, ColumnType::MYSQL_TYPE_BLOB];
        match value {
            Value::Bytes(bytes) if column.character_set() == BINARY && text.contains(&column.column_type()) => {
                Some(hexadecimal(&bytes))
            }
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            // Everything else comes in the text protocol as bytes, too.
            _ => None,
        }
    };
    columns.iter().zip(row.unwrap()).map(cell).collect()
}
