//! Reads the audit trail from the database itself.

use crate::Database;

/// How many rows a query counts; it selects one number.
pub async fn count(database: &Database, sql: &str) -> i64 {
    let number = database.texts(sql).await;
    let number = number.first().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("it does not select a number: {sql}"))
}

/// How many events of this type record a success concerning an identity.
pub async fn events(database: &Database, kind: &str, subject: &str) -> i64 {
    let such = format!("type = '{kind}' AND subject = '{subject}' AND status = 'success'");
    count(database, &format!("SELECT COUNT(*) FROM audit_events WHERE {such}")).await
}
