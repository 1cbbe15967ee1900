//! What stands in the audit trail, read from the database itself.

use rusqlite::Connection;

/// How many rows a query counts; it selects one number.
pub fn count(database: &Connection, sql: &str) -> i64 {
    database.query_row(sql, (), |row| row.get(0)).expect("a query that selects one number")
}

/// How many events of a type tell that something was done to an identity; what was tried in vain does not count.
pub fn events(database: &Connection, kind: &str, subject: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM audit_events WHERE type = ?1 AND subject = ?2 AND status = 'success'";
    database.query_row(sql, (kind, subject), |row| row.get(0)).expect("the audit trail can be read")
}
