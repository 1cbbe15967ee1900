//! Examines the database server itself, to find what is wrong. Changes nothing.

mod version;

use kayan_ports::Timestamp;

use crate::{
    ApplyError, Dialect, Driver, DriverError, Expect, Query, READ_ONLY, Reading, Row, Statement, Value, migrate,
};

pub use version::{Fitness, Version, version};

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Of all users that are not superusers.
    pub server: i64,
    /// Of this user, or to this database, if that is limited.
    pub own: Option<i64>,
}

/// What the configured user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Tables that it may not both read and write.
    pub closed: Vec<String>,
    /// Tables that it may not alter, as migrations do.
    pub foreign: Vec<String>,
    /// Whether it may create tables; `None` when that is not known.
    pub may_create: Option<bool>,
    /// Whether the server takes no writes: a standby, or made read-only.
    pub is_read_only: bool,
}

/// The time of the database's clock; `None` where that is this machine's.
pub async fn clock(driver: &dyn Driver) -> Result<Option<Timestamp>, DriverError> {
    let sql = match driver.dialect() {
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => "-- server.clock\nSELECT clock_timestamp()",
        Dialect::MySql => "-- server.clock\nSELECT UTC_TIMESTAMP(6)",
    };
    ask(driver, sql, Vec::new()).await?.time().map(Some)
}

/// The default isolation level, in lower case, as in `read committed`.
pub async fn isolation(driver: &dyn Driver) -> Result<String, DriverError> {
    let sql = match driver.dialect() {
        Dialect::Sqlite => return Ok("serializable".to_owned()),
        Dialect::Postgres => "-- server.isolation\nSELECT '', current_setting('default_transaction_isolation')",
        Dialect::MySql => {
            "-- server.isolation\nSHOW GLOBAL VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation')"
        }
    };
    let mut row = ask(driver, sql, Vec::new()).await?;
    row.text()?;
    Ok(row.text()?.to_ascii_lowercase().replace('-', " "))
}

/// Reads the limits; `None` where there are none.
pub async fn connection_limits(driver: &dyn Driver) -> Result<Option<ConnectionLimits>, DriverError> {
    let sql = match driver.dialect() {
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => {
            "-- server.connections
SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
         - COALESCE(current_setting('reserved_connections', true)::bigint, 0),
       LEAST((SELECT NULLIF(rolconnlimit, -1)::bigint FROM pg_roles WHERE rolname = current_user),
             (SELECT NULLIF(datconnlimit, -1)::bigint FROM pg_database WHERE datname = current_database()))"
        }
        Dialect::MySql => {
            "-- server.connections
SELECT @@global.max_connections, NULLIF(@@session.max_user_connections, 0)"
        }
    };
    let mut row = ask(driver, sql, Vec::new()).await?;
    let server = row.int()?;
    let own = if row.at_null() { None } else { Some(row.int()?) };
    Ok(Some(ConnectionLimits { server, own }))
}

/// The ids of identities that are damaged so that they can't be read, ten at most.
pub async fn damaged_identities(driver: &dyn Driver) -> Result<Vec<String>, DriverError> {
    let sql = match driver.dialect() {
        Dialect::Sqlite => {
            "-- server.damaged_identities
SELECT id FROM identities
WHERE CASE WHEN json_valid(traits) AND json_valid(verified) AND json_valid(roles)
      THEN json_type(traits) <> 'object' OR json_type(verified) <> 'array' OR json_type(roles) <> 'array'
      ELSE true END
LIMIT 10"
        }
        Dialect::Postgres => {
            "-- server.damaged_identities
SELECT id FROM identities
WHERE json_typeof(traits) <> 'object' OR json_typeof(verified) <> 'array' OR json_typeof(roles) <> 'array'
LIMIT 10"
        }
        Dialect::MySql => {
            "-- server.damaged_identities
SELECT id FROM identities
WHERE COALESCE(JSON_TYPE(traits), '') <> 'OBJECT' OR COALESCE(JSON_TYPE(verified), '') <> 'ARRAY'
  OR COALESCE(JSON_TYPE(roles), '') <> 'ARRAY'
LIMIT 10"
        }
    };
    let rows = driver.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await?;
    Ok(rows.iter().map(|row| row.label(0)).collect())
}

/// Whether the server's binary log is statement-based, in which transactions at READ COMMITTED can't be logged.
pub async fn logs_statements_only(driver: &dyn Driver) -> Result<bool, DriverError> {
    if driver.dialect() != Dialect::MySql {
        return Ok(false);
    }
    let sql = "-- server.binlog\nSELECT @@global.log_bin, @@global.binlog_format";
    let mut row = ask(driver, sql, Vec::new()).await?;
    Ok(row.boolean()? && row.text()? == "STATEMENT")
}

/// Reads the rights of the user on the existing tables of the schema.
pub async fn rights(driver: &dyn Driver) -> Result<Rights, DriverError> {
    match driver.dialect() {
        Dialect::Sqlite => Ok(Rights { may_create: Some(true), ..Rights::default() }),
        Dialect::Postgres => rights_on_postgres(driver).await,
        Dialect::MySql => rights_on_mysql(driver).await,
    }
}

async fn rights_on_postgres(driver: &dyn Driver) -> Result<Rights, DriverError> {
    let sql = "-- server.schema_rights
SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false),
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'";
    let mut row = ask(driver, sql, Vec::new()).await?;
    let (may_create, is_read_only) = (Some(row.boolean()?), row.boolean()?);
    let mut rights = Rights { may_create, is_read_only, ..Rights::default() };
    let sql = "-- server.table_rights
SELECT c.relname::text,
       has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
         AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'),
       pg_has_role(c.relowner, 'USAGE')
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname IN (SELECT json_array_elements_text(?::json))
ORDER BY c.relname";
    let params = vec![Value::json(&migrate::tables(migrate::embedded(Dialect::Postgres)))?];
    for mut row in driver.read(Query { sql, params, reading: Reading::Scan }).await? {
        let (table, open, own) = (row.text()?, row.boolean()?, row.boolean()?);
        if !open {
            rights.closed.push(table.clone());
        }
        if !own {
            rights.foreign.push(table);
        }
    }
    Ok(rights)
}

/// Grants to roles, patterns and single tables can't be read in one place there, so statements that match no row are tried.
async fn rights_on_mysql(driver: &dyn Driver) -> Result<Rights, DriverError> {
    let sql = "-- server.granted
SELECT COUNT(DISTINCT p.privilege_type), COALESCE(CURRENT_ROLE(), 'NONE')
FROM (SELECT grantee, privilege_type FROM information_schema.user_privileges
      UNION ALL
      SELECT grantee, privilege_type FROM information_schema.schema_privileges WHERE DATABASE() LIKE table_schema) p
WHERE p.privilege_type IN ('ALTER', 'CREATE', 'DROP', 'INDEX', 'REFERENCES')
  AND p.grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''',
                         SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
    let mut row = ask(driver, sql, Vec::new()).await?;
    let (granted, role) = (row.int()?, row.text()?);
    let may_create = if granted < 5 && role != "NONE" { None } else { Some(granted == 5) };
    let mut rights = Rights { may_create, ..Rights::default() };
    for (table, statements) in TRIED {
        let batch = statements.map(|sql| Statement { sql, params: Vec::new(), expect: Expect::Any });
        match driver.apply(batch.into()).await {
            Ok(()) => {}
            Err(ApplyError::Unavailable(why)) if why == READ_ONLY => rights.is_read_only = true,
            Err(ApplyError::Unavailable(why)) if why.contains("not migrated") => {}
            Err(ApplyError::Unavailable(why)) => return Err(DriverError::Unavailable(why)),
            Err(_) => rights.closed.push(table.to_owned()),
        }
    }
    Ok(rights)
}

/// One table whose rows change, and one whose rows are only added and purged.
const TRIED: [(&str, [&str; 3]); 2] = [
    (
        "sessions",
        [
            "-- server.try_add_session\nINSERT INTO sessions SELECT * FROM sessions WHERE 1 = 0",
            "-- server.try_change_session\nUPDATE sessions SET active = active WHERE 1 = 0",
            "-- server.try_remove_session\nDELETE FROM sessions WHERE 1 = 0",
        ],
    ),
    (
        "audit_events",
        [
            "-- server.try_add_event\nINSERT INTO audit_events SELECT * FROM audit_events WHERE 1 = 0",
            "-- server.try_change_event\nUPDATE audit_events SET message = message WHERE 1 = 0",
            "-- server.try_remove_event\nDELETE FROM audit_events WHERE 1 = 0",
        ],
    ),
];

async fn ask(driver: &dyn Driver, sql: &'static str, params: Vec<Value>) -> Result<Row, DriverError> {
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().next().ok_or_else(|| DriverError::Fault("there is no answer".to_owned()))
}
