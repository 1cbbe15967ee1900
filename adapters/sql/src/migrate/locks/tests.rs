//! What is known of the statements of the migrations that there are, and of others.

use super::*;
use crate::migrate::embedded;

fn judged(dialect: Dialect, script: &str) -> Vec<Touching> {
    touching(dialect, script, &Indexes::of(embedded(dialect)))
}

fn kinds(dialect: Dialect, script: &str) -> Vec<(String, &'static str)> {
    let locks = judged(dialect, script).into_iter().flat_map(|statement| statement.locks.unwrap());
    locks.map(|lock| (lock.on, lock.kind)).collect()
}

#[test]
fn every_statement_of_every_embedded_migration_is_classified() {
    for dialect in Dialect::ALL {
        let known = embedded(dialect);
        assert!(!known.is_empty());
        for migration in known {
            for script in [migration.up, migration.down] {
                for statement in judged(dialect, script) {
                    assert!(statement.locks.is_some(), "{dialect:?} {}: {}", migration.name, statement.sql);
                }
            }
        }
    }
}

#[test]
fn a_statement_that_may_do_more_than_is_known_is_unknown() {
    for dialect in Dialect::ALL {
        for sql in [
            "VACUUM FULL identities",
            "ALTER TABLE tenants ALTER COLUMN name TYPE varchar(9)",
            "ALTER TABLE tenants ADD COLUMN a text DEFAULT gen_random_uuid()",
            "ALTER TABLE tenants ADD COLUMN a text DEFAULT ('a' || 'b')",
            "ALTER TABLE tenants ADD COLUMN a text UNIQUE",
            "ALTER TABLE tenants ADD COLUMN a text, RENAME TO b",
            "CREATE INDEX CONCURRENTLY a ON tenants (id)",
            "CREATE TABLE a AS SELECT * FROM tenants",
            "DROP TABLE tenants CASCADE",
            "SELECT something(1)",
            "EXECUTE never_prepared",
            "SET @a = IF(1, 'DO 0', 'OPTIMIZE TABLE tenants')",
        ] {
            let judged = judged(dialect, sql);
            assert!(matches!(judged.as_slice(), [Touching { locks: None, .. }]), "{dialect:?}: {judged:?}");
        }
    }
}

#[test]
fn a_lock_is_named_as_its_database_names_it() {
    let script = "ALTER TABLE tenants ADD COLUMN a text DEFAULT '(';\nCREATE INDEX b ON sessions (id);";
    let on = |table: &str, kind| (table.to_owned(), kind);
    assert_eq!(kinds(Dialect::Postgres, script), [on("tenants", "ACCESS EXCLUSIVE"), on("sessions", "SHARE")]);
    assert_eq!(
        kinds(Dialect::MySql, script),
        [on("tenants", "instant: metadata, exclusive"), on("sessions", "inplace: metadata, shared")]
    );
    assert_eq!(kinds(Dialect::Sqlite, script), [on("database", "RESERVED"), on("database", "RESERVED")]);
}

#[test]
fn what_is_prepared_counts_where_it_is_executed() {
    let script =
        "SET @a = IF(EXISTS (SELECT 1 FROM b), 'DO 0', 'ALTER TABLE tenants ADD COLUMN c text DEFAULT \\'\\'');
PREPARE d FROM @a; EXECUTE d; DEALLOCATE PREPARE d;";
    let judged = judged(Dialect::MySql, script);
    let tables: Vec<_> = judged.iter().map(|statement| statement.tables.join(",")).collect();
    assert_eq!(tables, ["", "", "tenants", ""]);
    assert!(judged.iter().all(|statement| statement.locks.is_some()), "{judged:?}");
}

#[test]
fn a_removed_index_is_looked_up_and_what_is_read_is_touched_as_well() {
    let script =
        "DROP INDEX sessions_by_token; INSERT INTO roles SELECT 1 FROM identities i, tenants t, json_each(i.a) j;";
    let judged = judged(Dialect::Postgres, script);
    let tables: Vec<_> = judged.iter().map(|statement| statement.tables.join(",")).collect();
    assert_eq!(tables, ["sessions", "roles,identities,tenants"]);
}
