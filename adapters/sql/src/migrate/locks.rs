//! What each statement of a migration locks, on each dialect; what is not known for certain is left open.

use std::collections::BTreeMap;

use super::{
    Migration,
    deeds::{Deed, read},
    statements::split,
};
use crate::Dialect;

/// A lock that a statement takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The table, or `database`.
    pub on: String,
    /// Its kind, in the words of the dialect.
    pub kind: &'static str,
    /// Who waits for it, and for how long.
    pub effect: &'static str,
}

/// One statement and what it touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touching {
    /// The statement, as it stands in the script.
    pub sql: String,
    /// The tables, each once.
    pub tables: Vec<String>,
    /// What it locks; nothing when that is not known.
    pub locks: Option<Vec<Lock>>,
}

/// The one table that a function of the schema works on, and the part of it that it takes rows from.
const PARTITIONED: (&str, &str) = ("audit_events", "audit_events_default");
const MAKES_PARTITIONS: &str = "make_audit_partitions";

/// For which table each index is made; a statement that removes one need not say it.
pub(super) struct Indexes(BTreeMap<String, String>);

impl Indexes {
    /// Those of these migrations.
    pub(super) fn of(known: &[Migration]) -> Self {
        let mut indexes = BTreeMap::new();
        for statement in known.iter().flat_map(|migration| split(migration.up)) {
            if let Some(Deed::CreateIndex { index, table }) = read(&statement.tokens) {
                indexes.insert(index.to_owned(), table.to_owned());
            }
        }
        Self(indexes)
    }
}

/// The tables that these migrations make, each once.
pub fn tables(known: &[Migration]) -> Vec<&str> {
    let made = known.iter().flat_map(|migration| split(migration.up)).filter_map(|it| match read(&it.tokens) {
        Some(Deed::CreateTable { table, .. }) => Some(table),
        _ => None,
    });
    let mut tables: Vec<&str> = made.collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// What the statements of a script touch, in their order.
pub(super) fn touching(dialect: Dialect, script: &str, indexes: &Indexes) -> Vec<Touching> {
    let mut judge = Judge { dialect, indexes, variables: BTreeMap::new(), prepared: BTreeMap::new() };
    let judged = split(script).into_iter().map(|statement| {
        let locks = read(&statement.tokens).and_then(|deed| judge.locks(deed));
        (statement.sql, locks)
    });
    judged
        .map(|(sql, touched)| {
            let (tables, locks) = touched.map_or((Vec::new(), None), |Touched { tables, locks }| (tables, Some(locks)));
            Touching { sql: sql.to_owned(), tables, locks }
        })
        .collect()
}

/// Tables and locks.
#[derive(Debug, Clone, Default)]
struct Touched {
    tables: Vec<String>,
    locks: Vec<Lock>,
}

impl Touched {
    /// A table, and what is locked of it.
    fn and(mut self, table: &str, (kind, effect): (&'static str, &'static str)) -> Self {
        if !self.tables.iter().any(|known| known == table) {
            self.tables.push(table.to_owned());
        }
        self.locks.push(Lock { on: table.to_owned(), kind, effect });
        self
    }

    fn all(self, tables: &[&str], lock: (&'static str, &'static str)) -> Self {
        tables.iter().fold(self, |touched, table| touched.and(table, lock))
    }
}

/// Goes through a script, and remembers which statements it has put into variables and prepared.
struct Judge<'i> {
    dialect: Dialect,
    indexes: &'i Indexes,
    variables: BTreeMap<String, Touched>,
    prepared: BTreeMap<String, Touched>,
}

impl Judge<'_> {
    fn locks(&mut self, deed: Deed<'_>) -> Option<Touched> {
        match deed {
            Deed::Choose { variable, statements } => {
                let mut all = Touched::default();
                for text in statements {
                    let text = text.replace("\\'", "'");
                    for statement in split(&text) {
                        let Touched { tables, locks } = self.locks(read(&statement.tokens)?)?;
                        all.tables.extend(tables);
                        all.locks.extend(locks);
                    }
                }
                self.variables.insert(variable.to_owned(), all);
                Some(Touched::default())
            }
            Deed::Prepare { name, variable } => {
                self.prepared.insert(name.to_owned(), self.variables.get(variable)?.clone());
                Some(Touched::default())
            }
            Deed::Execute { name } => self.prepared.get(name).cloned(),
            deed => match self.dialect {
                Dialect::Sqlite => sqlite(&deed, self.indexes),
                Dialect::Postgres => postgres(&deed, self.indexes),
                Dialect::MySql => mysql(&deed),
            },
        }
    }
}

impl Indexes {
    fn table(&self, index: &str) -> Option<&str> {
        self.0.get(index).map(String::as_str)
    }
}

/// There is one lock, for all that is written.
fn sqlite(deed: &Deed<'_>, indexes: &Indexes) -> Option<Touched> {
    const BRIEF: &str = "other writers wait until all is done; readers go on";
    const READS: &str = "other writers wait while the table is read, and until all is done; readers go on";
    const WRITES: &str = "other writers wait while the table is written anew, and until all is done; readers go on";
    let (tables, effect) = match deed {
        Deed::CreateTable { table, parent: None, .. } | Deed::DropTable { table } | Deed::ExtendTable { table } => {
            (vec![*table], BRIEF)
        }
        Deed::CreateIndex { table, .. } => (vec![*table], READS),
        Deed::DropIndex { index, table: None } => (vec![indexes.table(index)?], BRIEF),
        Deed::DropColumns { table } => (vec![*table], WRITES),
        Deed::Insert { table, sources } | Deed::Change { table, sources } => {
            (std::iter::once(*table).chain(sources.iter().copied()).collect(), READS)
        }
        _ => return None,
    };
    let lock = Lock { on: "database".to_owned(), kind: "RESERVED", effect };
    Some(Touched { tables: tables.into_iter().map(str::to_owned).collect(), locks: vec![lock] })
}

/// As in its manual, "Explicit Locking" and the pages of the statements.
fn postgres(deed: &Deed<'_>, indexes: &Indexes) -> Option<Touched> {
    const NEW: (&str, &str) = ("ACCESS EXCLUSIVE", "nobody waits: it is new");
    const WHOLE: (&str, &str) = ("ACCESS EXCLUSIVE", "brief; readers and writers wait");
    const REFERRED: (&str, &str) = ("SHARE ROW EXCLUSIVE", "brief; writers wait, readers go on");
    const INDEXED: (&str, &str) = ("SHARE", "writers wait as long as it takes to read the table; readers go on");
    const WRITTEN: (&str, &str) = ("ROW EXCLUSIVE", "writers of the same rows wait; all others go on");
    const ADDED: (&str, &str) = ("ROW EXCLUSIVE", "nobody waits who reads or writes");
    const READ: (&str, &str) = ("ACCESS SHARE", "nobody waits who reads or writes");
    const ATTACHED: (&str, &str) = ("SHARE UPDATE EXCLUSIVE", "nobody waits who reads or writes");
    const EMPTIED: (&str, &str) =
        ("ACCESS EXCLUSIVE", "readers and writers wait while it is read; it holds what no month has a partition for");
    let touched = Touched::default();
    Some(match deed {
        Deed::CreateTable { table, refers, parent } => {
            let touched = touched.and(table, NEW).all(refers, REFERRED);
            touched.all(parent.as_slice(), WHOLE)
        }
        Deed::CreateIndex { table, .. } => touched.and(table, INDEXED),
        Deed::DropIndex { index, table: None } => touched.and(indexes.table(index)?, WHOLE),
        Deed::DropTable { table } | Deed::ExtendTable { table } | Deed::DropColumns { table } => {
            touched.and(table, WHOLE)
        }
        Deed::Insert { table, sources } => touched.and(table, ADDED).all(sources, READ),
        Deed::Change { table, sources } => touched.and(table, WRITTEN).all(sources, READ),
        Deed::Call { function } if *function == MAKES_PARTITIONS => {
            touched.and(PARTITIONED.0, ATTACHED).and(PARTITIONED.1, EMPTIED)
        }
        Deed::KeepWritersOut { table } => touched.and(table, ("SHARE ROW EXCLUSIVE", "writers wait; readers go on")),
        Deed::Nothing => touched,
        _ => return None,
    })
}

/// As in the manuals of both servers, "Online DDL". Each statement also waits for transactions that use the table.
fn mysql(deed: &Deed<'_>) -> Option<Touched> {
    const NEW: (&str, &str) = ("metadata, exclusive", "nobody waits: it is new");
    const WHOLE: (&str, &str) = ("metadata, exclusive", "brief; readers and writers wait");
    const INSTANT: (&str, &str) = ("instant: metadata, exclusive", "brief; readers and writers wait");
    const INDEXED: (&str, &str) = (
        "inplace: metadata, shared",
        "readers and writers go on while the table is read, and wait briefly at both ends",
    );
    const DROPPED: (&str, &str) = (
        "instant: metadata, exclusive",
        "brief; readers and writers wait; before MySQL 8.0.29 inplace: they go on while the table is written anew",
    );
    const WRITTEN: (&str, &str) = ("rows, exclusive", "writers of the same rows wait; all others go on");
    const ADDED: (&str, &str) = ("rows, exclusive", "nobody waits who reads or writes other rows");
    const READ: (&str, &str) = ("metadata, shared", "nobody waits who reads or writes");
    let touched = Touched::default();
    Some(match deed {
        Deed::CreateTable { table, refers, parent: None } => touched.and(table, NEW).all(refers, WHOLE),
        Deed::CreateIndex { table, .. } => touched.and(table, INDEXED),
        Deed::DropIndex { table: Some(table), .. } | Deed::ExtendTable { table } => touched.and(table, INSTANT),
        Deed::DropTable { table } => touched.and(table, WHOLE),
        Deed::DropColumns { table } => touched.and(table, DROPPED),
        Deed::Insert { table, sources } => touched.and(table, ADDED).all(sources, READ),
        Deed::Change { table, sources } => touched.and(table, WRITTEN).all(sources, READ),
        Deed::Nothing => touched,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
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
}
