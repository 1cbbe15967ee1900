//! What a migration declares in the comment lines at its top: what it locks, and what its time grows with.
//!
//! ```text
//! -- locks: sessions SHARE          a table that was there before and the strongest lock on it, `ROWS` of MySQL beside it;
//!                                   `nothing` if there is none, `database` on SQLite
//! -- reads: identities, sessions    tables that it reads row by row
//! -- writes: tenants                tables that it writes row by row
//! -- makes: roles, identity_roles   new tables
//! ```
//!
//! `tests/contract/tests/migration_locks` runs each migration on a real server and fails if it locks more. The header is not
//! part of the checksum, so that it may be corrected after the migration was applied.

use super::Migration;
use crate::Dialect;

const LOCKS: &str = "locks";
const READS: &str = "reads";
const WRITES: &str = "writes";
const MAKES: &str = "makes";

const SQLITE: &[(&str, &str)] = &[("RESERVED", "other writers wait; readers go on")];
/// The modes of `LOCK TABLE`, without `ACCESS SHARE`: no reader or writer waits for it.
const POSTGRES: &[(&str, &str)] = &[
    ("ROW SHARE", "deletions of the same rows wait; all others go on"),
    ("ROW EXCLUSIVE", "writers of the same rows wait; all others go on"),
    ("SHARE UPDATE EXCLUSIVE", "readers and writers go on"),
    ("SHARE", "writers wait; readers go on"),
    ("SHARE ROW EXCLUSIVE", "writers wait; readers go on"),
    ("EXCLUSIVE", "writers wait; readers go on"),
    ("ACCESS EXCLUSIVE", "readers and writers wait"),
];
/// Row locks, an exclusive metadata lock alone, and the algorithms of `ALTER TABLE`, which take one as well.
const MYSQL: &[(&str, &str)] = &[
    ("ROWS", "writers of the same rows wait; all others go on"),
    ("EXCLUSIVE", "readers and writers wait briefly"),
    ("INSTANT", "readers and writers wait briefly"),
    ("INPLACE", "readers and writers go on, and wait briefly at its start and its end"),
    ("COPY", "writers wait while the table is copied; readers go on, and wait briefly at its end"),
];

/// A lock that a migration takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// The table, or `database`.
    pub on: &'static str,
    /// Its kind, in the words of the database.
    pub kind: &'static str,
    /// Who waits for it.
    pub effect: &'static str,
}

/// What a script declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The strongest lock on each table that was there before.
    pub locks: Vec<Lock>,
    /// Tables that it reads row by row.
    pub reads: Vec<&'static str>,
    /// Tables that it writes row by row.
    pub writes: Vec<&'static str>,
    /// New tables.
    pub makes: Vec<&'static str>,
}

impl Header {
    /// Reads the header of a script; the error says what is wrong with it.
    pub fn of(dialect: Dialect, script: &'static str) -> Result<Self, String> {
        let mut header = Self::default();
        let mut says_locks = false;
        for (key, value) in fields(script) {
            match key {
                LOCKS => {
                    says_locks = true;
                    header.locks.extend(lock(dialect, value)?);
                }
                READS => header.reads.extend(names(value)?),
                WRITES => header.writes.extend(names(value)?),
                _ => header.makes.extend(names(value)?),
            }
        }
        if says_locks { Ok(header) } else { Err("it does not begin with `-- locks: TABLE KIND`".to_owned()) }
    }

    /// The tables that it locks, reads or writes; one may be there more than once.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static str> {
        let locked = self.locks.iter().map(|lock| lock.on);
        locked.chain(self.reads.iter().copied()).chain(self.writes.iter().copied())
    }
}

/// The kinds of locks there are, with who waits for them, weakest first.
pub fn lock_kinds(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
    }
}

/// The script without its header.
pub(super) fn body(script: &str) -> &str {
    let mut rest = script;
    while let Some((line, behind)) = rest.split_once('\n')
        && field(line).is_some()
    {
        rest = behind;
    }
    rest
}

/// The tables that these migrations make, each once.
pub fn tables(known: &[Migration]) -> Vec<&'static str> {
    let made = known.iter().flat_map(|migration| fields(migration.up)).filter(|(key, _)| *key == MAKES);
    let mut tables: Vec<&str> = made.flat_map(|(_, value)| value.split(", ")).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// The lines of a new migration's header, to be filled in or removed. Until then they are no valid header.
pub(super) fn skeleton(dialect: Dialect, is_up: bool) -> String {
    let lock = if dialect == Dialect::Sqlite { "database RESERVED" } else { "TABLE KIND" };
    let makes = if is_up { format!("-- {MAKES}: TABLE\n") } else { String::new() };
    format!("-- {LOCKS}: {lock}\n-- {READS}: TABLE\n-- {WRITES}: TABLE\n{makes}")
}

fn fields(script: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    script.lines().map_while(field)
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.strip_prefix("-- ")?.split_once(": ")?;
    [LOCKS, READS, WRITES, MAKES].contains(&key).then_some((key, value.trim_end()))
}

fn lock(dialect: Dialect, value: &'static str) -> Result<Option<Lock>, String> {
    if value == "nothing" {
        return Ok(None);
    }
    let (on, kind) = value.split_once(' ').unwrap_or((value, ""));
    let known = lock_kinds(dialect).iter().find(|(known, _)| *known == kind);
    let (kind, effect) = known.ok_or_else(|| format!("`{kind}` is no kind of lock here, as in `-- locks: {value}`"))?;
    Ok(Some(Lock { on: table(on)?, kind, effect }))
}

fn names(value: &'static str) -> Result<Vec<&'static str>, String> {
    value.split(", ").map(table).collect()
}

fn table(name: &'static str) -> Result<&'static str, String> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_name { Ok(name) } else { Err(format!("`{name}` is no table's name")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::embedded;

    #[test]
    fn every_embedded_migration_declares_what_it_locks() {
        for dialect in Dialect::ALL {
            let known = embedded(dialect);
            assert!(!known.is_empty());
            for migration in known {
                for script in [migration.up, migration.down] {
                    let header = Header::of(dialect, script);
                    assert!(header.is_ok(), "{dialect:?} {:04}_{}: {header:?}", migration.version, migration.name);
                }
            }
        }
    }

    #[test]
    fn a_migration_that_may_have_been_applied_keeps_its_checksum() {
        for line in include_str!("../../../../migrations/checksums.txt").lines() {
            let (file, expected) = line.split_once(' ').unwrap();
            let is_of = |dialect: &Dialect, name: &str| file == format!("{}/{name}", dialect.folder());
            let found = Dialect::ALL.iter().find_map(|dialect| {
                embedded(*dialect).iter().find(|m| is_of(dialect, &format!("{:04}_{}", m.version, m.name)))
            });
            assert_eq!(found.map(Migration::checksum).as_deref(), Some(expected), "{file}");
        }
    }

    #[test]
    fn a_header_says_locks_reads_writes_and_new_tables() {
        let script = "-- locks: sessions SHARE ROW EXCLUSIVE\n-- locks: tenants ACCESS EXCLUSIVE\n\
                      -- reads: a, b\n-- writes: c\n-- makes: d, e\nSELECT 1";
        let header = Header::of(Dialect::Postgres, script).unwrap();
        let locks: Vec<_> = header.locks.iter().map(|lock| (lock.on, lock.kind)).collect();
        assert_eq!(locks, [("sessions", "SHARE ROW EXCLUSIVE"), ("tenants", "ACCESS EXCLUSIVE")]);
        assert_eq!((header.reads, header.writes, header.makes), (vec!["a", "b"], vec!["c"], vec!["d", "e"]));
        let nothing = Header::of(Dialect::MySql, "-- locks: nothing\nSELECT 1").unwrap();
        assert_eq!(nothing, Header::default());
    }

    #[test]
    fn a_header_ends_at_the_first_other_line_and_is_no_part_of_the_checksum() {
        let plain = "-- Forgets all.\n-- reads: not any more\nDROP TABLE a;";
        let of = |up: &'static str| Migration { version: 1, name: "a", up, down: "" };
        let declared = "-- locks: a EXCLUSIVE\n-- reads: a\n-- Forgets all.\n-- reads: not any more\nDROP TABLE a;";
        assert_eq!(body(declared), plain);
        assert_eq!(body(plain), plain);
        assert_eq!(of(declared).checksum(), of(plain).checksum());
        assert_eq!(Header::of(Dialect::MySql, declared).unwrap().reads, ["a"]);
    }

    #[test]
    fn a_header_that_is_missing_or_not_filled_in_is_an_error() {
        for script in [
            "DROP TABLE a;",
            "-- Forgets all.\n-- locks: a EXCLUSIVE\nDROP TABLE a;",
            "-- reads: a\nSELECT 1",
            "-- locks: a\nSELECT 1",
            "-- locks: a SHARE\nSELECT 1",
            "-- locks: TABLE ROWS\nSELECT 1",
            "-- locks: a ROWS\n-- reads: a,b\nSELECT 1",
        ] {
            assert!(Header::of(Dialect::MySql, script).is_err(), "{script}");
        }
        for dialect in Dialect::ALL {
            let script: &'static str = skeleton(dialect, true).leak();
            assert!(Header::of(dialect, script).is_err(), "{script}");
            assert_eq!(body(script), "");
        }
    }
}
