//! What stands in the audit trail, read from the database itself.

use crate::Database;

/// How many rows a query counts; it selects one number.
pub async fn count(database: &Database, sql: &str) -> i64 {
    let number = database.texts(sql).await;
    let number = number.first().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("it does not select a number: {sql}"))
}

/// How many events of a type tell that something was done to an identity; what was tried in vain does not count.
pub async fn events(database: &Database, kind: &str, subject: &str) -> i64 {
    let such = format!("type = '{kind}' AND subject = '{subject}' AND status = 'success'");
    count(database, &format!("SELECT COUNT(*) FROM audit_events WHERE {such}")).await
}
