//! What is left when migrations are taken back can be read by the version before.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a database that cannot be set up breaks the test")]

#[path = "migration_locks/base.rs"]
mod base;
#[path = "tampering/mysql_database.rs"]
mod mysql_database;

use base::{Base, NOW, scan};
use kayan_sql::{Dialect, Value, migrate};
use uuid::Uuid;

impl Base {
    async fn texts(&self, sql: &'static str) -> Vec<String> {
        let rows = self.driver.read(scan(sql)).await.unwrap();
        rows.into_iter().map(|mut row| row.document().unwrap()).collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        self.driver.read(scan(sql)).await.unwrap().pop().unwrap().int().unwrap()
    }

    async fn two_sessions(&self) -> [Uuid; 2] {
        let rows = self.driver.read(scan("SELECT id FROM sessions ORDER BY id LIMIT 2")).await.unwrap();
        let ids: Vec<_> = rows.into_iter().map(|mut row| row.uuid().unwrap()).collect();
        ids.try_into().unwrap()
    }

    /// Takes back the migrations from this number on.
    async fn take_back(&self, number: u32) {
        let known = migrate::embedded(self.driver.dialect());
        let steps = known.iter().filter(|migration| migration.version >= number).count();
        migrate::down(&*self.driver, known, u32::try_from(steps).unwrap(), &mut |_| {}).await.unwrap();
    }
}

const SESSIONS: &str = "SELECT COUNT(*) FROM sessions";

async fn nothing_names_passkeys_once_they_are_taken_back(dialect: Dialect) {
    let base = Base::furnished(dialect).await;
    for (number, settings) in [
        (1, r#"{"methods":["password","webauthn"],"session_ttl":60}"#),
        (2, r#"{"methods":["webauthn","password"]}"#),
        (3, r#"{"methods":["webauthn"]}"#),
        (4, r#"{"methods":["password"]}"#),
    ] {
        let sql = "INSERT INTO tenants (id, active, created_at, settings) VALUES (?, TRUE, ?, ?)";
        base.write(sql, vec![format!("s{number}").into(), NOW.into(), Value::Json(settings.to_owned())]).await;
    }
    let sessions = base.count(SESSIONS).await;
    let [session, stepped_up] = base.two_sessions().await;
    let methods = Value::Json(r#"[{"method":"webauthn","completed_at":"2026-01-01T00:00:00Z"}]"#.to_owned());
    base.write("UPDATE sessions SET methods = ? WHERE id = ?", vec![methods, session.into()]).await;

    base.write("UPDATE sessions SET aal = 'aal2' WHERE id = ?", vec![stepped_up.into()]).await;
    base.take_back(13).await;
    let settings = base.texts("SELECT settings FROM tenants WHERE id LIKE 's_' ORDER BY id").await;
    assert_eq!(
        settings,
        [
            r#"{"methods":["password"],"session_ttl":60}"#,
            r#"{"methods":["password"]}"#,
            // Nobody can log in, rather than with what the tenant does not allow.
            r#"{"methods":[]}"#,
            r#"{"methods":["password"]}"#,
        ]
    );
    assert_eq!(base.count(SESSIONS).await, sessions - 1);
    for (left, sql) in [
        (0, "SELECT COUNT(*) FROM credentials WHERE kind = 'webauthn'"),
        (3, "SELECT COUNT(*) FROM credentials WHERE kind = 'recovery_code'"),
        (0, "SELECT COUNT(*) FROM one_time_tokens"),
    ] {
        assert_eq!(base.count(sql).await, left, "{sql}");
    }
    base.take_back(12).await;
    assert_eq!(base.count(SESSIONS).await, sessions - 2, "one was at aal2");
    migrate::up(&*base.driver, migrate::embedded(dialect), None, NOW, &mut |_| {}).await.unwrap();
}

#[tokio::test]
async fn nothing_names_passkeys_once_they_are_taken_back_on_sqlite() {
    nothing_names_passkeys_once_they_are_taken_back(Dialect::Sqlite).await;
}

#[tokio::test]
async fn nothing_names_passkeys_once_they_are_taken_back_on_postgresql() {
    nothing_names_passkeys_once_they_are_taken_back(Dialect::Postgres).await;
}

#[tokio::test]
async fn nothing_names_passkeys_once_they_are_taken_back_on_mariadb() {
    nothing_names_passkeys_once_they_are_taken_back(Dialect::MySql).await;
}
