//! The database server: version, privileges, isolation, connections, clock, and the schema.

use kayan_ports::Timestamp;
use kayan_sql::{
    Dialect, Driver, DriverError, READ_ONLY,
    examine::{self as server, ConnectionLimits, Fitness, Rights, Version},
    migrate::{self as migrations, MigrateError, MigrationState, MigrationStatus},
};
use time::Duration;

use super::{
    Case, Series,
    database::why,
    finding::{AGAIN, Finding},
};
use crate::{compose, config::Statements};

pub(super) const VERSION: &str = "database.version";
pub(super) const RIGHTS: &str = "database.rights";
pub(super) const ISOLATION: &str = "database.isolation";
pub(super) const CONNECTIONS: &str = "database.connections";
pub(super) const CLOCK: &str = "database.clock";
pub(super) const PENDING: &str = "migrations.pending";
pub(super) const ROWS: &str = "database.rows";
const FOREIGN: &str = "migrations.foreign";
const ENCODING: &str = "database.encoding";
const BINLOG: &str = "database.binlog";
const EDITED: &str = "migrations.edited";
const UNKNOWN: &str = "migrations.unknown";

/// Clocks that differ by more than this are not synchronized.
const APART: Duration = Duration::seconds(2);
/// Events of a clock that is off by more than this are too late to be sealed, or in the future.
const FAR_APART: Duration = Duration::seconds(30);

pub(super) async fn examine(case: &Case, driver: &dyn Driver, series: &mut Series) {
    series.add(VERSION, version(driver)).await;
    series.add(RIGHTS, rights(driver)).await;
    series.add(ISOLATION, isolation(driver)).await;
    series.add(CONNECTIONS, connections(case, driver)).await;
    series.add(CLOCK, clock(driver)).await;
    series.add(BINLOG, binlog(driver)).await;
    series.add(PENDING, schema(case, driver)).await;
    series.add(ROWS, damaged(driver)).await;
}

fn unanswered(check: &'static str, error: &DriverError) -> Vec<Finding> {
    let hint = match error {
        DriverError::Unavailable(_) => AGAIN,
        DriverError::Nul | DriverError::Fault(_) => "see database.rights, and the database's log",
    };
    vec![Finding::failed(check, why(error), hint)]
}

async fn version(driver: &dyn Driver) -> Vec<Finding> {
    match server::version(driver).await {
        Ok(version) => vec![judge_version(&version)],
        Err(error) => unanswered(VERSION, &error),
    }
}

fn judge_version(version: &Version) -> Finding {
    let Version { product, text, wanted, fitness } = version;
    let told = format!("{product} {text}");
    match fitness {
        Fitness::Supported => Finding::ok(VERSION, told),
        Fitness::TooOld => {
            let told = format!("{told} is older than what Kayan works with");
            Finding::failed(VERSION, told, format!("upgrade it to {wanted}"))
        }
        Fitness::Unusable(why) => {
            Finding::failed(VERSION, format!("Kayan can't work with {told}: {why}"), format!("use {wanted}"))
        }
    }
}

/// That the server is none that Kayan can work with: then nothing else about it matters.
pub(super) async fn unusable(driver: &dyn Driver) -> Option<Finding> {
    let version = server::version(driver).await.ok()?;
    matches!(version.fitness, Fitness::Unusable(_)).then(|| judge_version(&version))
}

async fn rights(driver: &dyn Driver) -> Vec<Finding> {
    if driver.dialect() == Dialect::Sqlite {
        return vec![Finding::ok(RIGHTS, "a file has no users: see files.database")];
    }
    match server::rights(driver).await {
        Ok(rights) => vec![judge(&rights)],
        Err(error) => unanswered(RIGHTS, &error),
    }
}

fn judge(rights: &Rights) -> Finding {
    let Rights { closed, foreign, may_create, is_read_only } = rights;
    if *is_read_only {
        let hint = "set KAYAN_DB_DSN to the primary, or make the database writable";
        return Finding::failed(RIGHTS, READ_ONLY, hint);
    }
    if !closed.is_empty() {
        let told = format!("the user lacks read or write privileges on {}", closed.join(", "));
        let hint = "grant SELECT, INSERT, UPDATE and DELETE on all tables to the user in KAYAN_DB_DSN";
        return Finding::failed(RIGHTS, told, hint);
    }
    if *may_create == Some(false) {
        let told = "the user can't create or alter tables: it can serve, but not migrate";
        let hint = "grant it CREATE on the schema (MySQL: all rights on the database), or migrate as another user";
        return Finding::warning(RIGHTS, told, hint);
    }
    if !foreign.is_empty() {
        let told = format!("the user does not own {}: it can serve, but not migrate", foreign.join(", "));
        return Finding::warning(RIGHTS, told, "make it their owner, or migrate as their owner");
    }
    match may_create {
        Some(_) => Finding::ok(RIGHTS, "the user can read and write all tables, and migrate"),
        None => Finding::ok(RIGHTS, "the user can read and write; whether it can migrate by a role is unknown"),
    }
}

async fn isolation(driver: &dyn Driver) -> Vec<Finding> {
    let level = match server::isolation(driver).await {
        Ok(level) => level,
        Err(error) => return unanswered(ISOLATION, &error),
    };
    let own = "Kayan's transactions set READ COMMITTED themselves";
    vec![match (level.as_str(), driver.dialect()) {
        (_, Dialect::Sqlite) => Finding::ok(ISOLATION, "one writer at a time"),
        // Every session sets it here.
        (_, Dialect::MySql) | ("read committed", _) => Finding::ok(ISOLATION, format!("the default is {level}; {own}")),
        (level, _) => Finding::warning(
            ISOLATION,
            format!("the default is {level}: single queries may fail during concurrent writes. {own}"),
            "as superuser: ALTER ROLE … SET default_transaction_isolation = 'read committed', for the user in KAYAN_DB_DSN",
        ),
    }]
}

async fn connections(case: &Case, driver: &dyn Driver) -> Vec<Finding> {
    let limits = match server::connection_limits(driver).await {
        Ok(Some(limits)) => limits,
        Ok(None) => return vec![Finding::ok(CONNECTIONS, "a file has no connection limit")],
        Err(error) => return unanswered(CONNECTIONS, &error),
    };
    if case.config.database.statements == Statements::Unnamed {
        let why = "with KAYAN_DB_STATEMENTS=unnamed, a pooler in front of the database has limits of its own";
        return vec![Finding::skipped(CONNECTIONS, why)];
    }
    vec![enough(limits, case.config.database.max_open, case.replicas)]
}

fn enough(limits: ConnectionLimits, max_open: u32, replicas: u32) -> Finding {
    let ConnectionLimits { server, own } = limits;
    let most = own.map_or(server, |own| own.min(server));
    let (needed, each) = (i64::from(max_open) * i64::from(replicas), most / i64::from(replicas));
    let whose = if most == server { "the server's max_connections" } else { "the limit of this user or database" };
    let told =
        format!("{replicas} × KAYAN_DB_MAX_OPEN_CONNS={max_open} need {needed} connections, and {whose} allows {most}");
    if needed > most {
        let hint =
            format!("set KAYAN_DB_MAX_OPEN_CONNS to {} or less, raise that limit, or use PgBouncer", each.max(1));
        return Finding::failed(CONNECTIONS, told, hint);
    }
    Finding::ok(CONNECTIONS, told)
}

async fn clock(driver: &dyn Driver) -> Vec<Finding> {
    let before = compose::clock().now();
    match server::clock(driver).await {
        Ok(Some(there)) => vec![skew(CLOCK, "the database", before, there)],
        Ok(None) => vec![Finding::ok(CLOCK, "the clock of this machine")],
        Err(error) => unanswered(CLOCK, &error),
    }
}

/// The difference of a clock to this machine's: it was read after `before`, and has just answered.
pub(super) fn skew(check: &'static str, whose: &str, before: Timestamp, there: Timestamp) -> Finding {
    let after = compose::clock().now();
    let apart = if there < before { before - there } else { there - after.min(there) };
    let told = format!("the clocks of {whose} and this machine differ by {:.1} s", apart.as_seconds_f64());
    let hint = "synchronize both by NTP: timedatectl set-ntp true";
    match apart {
        apart if apart > FAR_APART => Finding::failed(check, told, hint),
        apart if apart > APART => Finding::warning(check, told, hint),
        _ => Finding::ok(check, told),
    }
}

/// All other checks of the schema would be about another program's tables.
fn not_ours(check: &'static str, error: &MigrateError) -> Vec<Finding> {
    vec![
        Finding::failed(check, error.to_string(), "set KAYAN_DB_DSN to another database"),
        Finding::skipped(PENDING, "the database is not Kayan's"),
    ]
}

/// At READ COMMITTED, MySQL can only log rows.
async fn binlog(driver: &dyn Driver) -> Vec<Finding> {
    match server::logs_statements_only(driver).await {
        Ok(false) => Vec::new(),
        Ok(true) => vec![Finding::failed(
            BINLOG,
            "the server logs statements (binlog_format=STATEMENT) and refuses every write at READ COMMITTED",
            "SET GLOBAL binlog_format = 'ROW' (or 'MIXED'), add it to the server's configuration, restart Kayan",
        )],
        Err(error) => unanswered(BINLOG, &error),
    }
}

async fn damaged(driver: &dyn Driver) -> Vec<Finding> {
    match server::damaged_identities(driver).await {
        Ok(ids) if ids.is_empty() => vec![Finding::ok(ROWS, "every user can be read")],
        Ok(ids) => vec![Finding::failed(
            ROWS,
            format!("left out of lists because they are damaged: the users {}", ids.join(", ")),
            "restore their rows in `identities` from a backup, or delete them",
        )],
        Err(DriverError::Unavailable(why)) if why.contains("not migrated") => {
            vec![Finding::skipped(ROWS, "the schema is not migrated")]
        }
        Err(error) => unanswered(ROWS, &error),
    }
}

async fn schema(case: &Case, driver: &dyn Driver) -> Vec<Finding> {
    let known = migrations::embedded(driver.dialect());
    let lines = match migrations::status(driver, known).await {
        Ok(lines) => lines,
        Err(MigrateError::Store(error)) => return unanswered(PENDING, &error),
        Err(error @ MigrateError::ForeignTable { .. }) => return not_ours(FOREIGN, &error),
        Err(error @ MigrateError::Encoding { .. }) => return not_ours(ENCODING, &error),
        Err(error) => return vec![Finding::failed(PENDING, error.to_string(), "run kayan migrate status")],
    };
    let may_migrate = match server::rights(driver).await {
        Ok(rights) => rights.may_create != Some(false) && rights.foreign.is_empty() && !rights.is_read_only,
        Err(error) => return unanswered(PENDING, &error),
    };
    let named = |state: MigrationState| {
        let found = lines.iter().filter(|line| line.state == state);
        let name = |line: &MigrationStatus| format!("{:04}_{}", line.version, line.name);
        Some(found.map(name).collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
    };
    let mut findings = vec![match named(MigrationState::Pending) {
        None => Finding::ok(PENDING, "nothing is pending"),
        Some(names) if !may_migrate => Finding::failed(
            PENDING,
            format!("pending: {names}; the user in KAYAN_DB_DSN lacks the privileges to apply them"),
            "see database.rights; then run kayan migrate up",
        ),
        Some(names) if case.config.auto_migrate => Finding::warning(
            PENDING,
            format!("pending: {names}"),
            "kayan serve applies them at start; or run kayan migrate up",
        ),
        Some(names) => {
            Finding::failed(PENDING, format!("pending: {names}"), "check kayan migrate plan, then run kayan migrate up")
        }
    }];
    findings.extend(named(MigrationState::Edited).map(|names| {
        let hint = "restore the files, and put the change into a new migration: kayan migrate create NAME";
        Finding::failed(EDITED, format!("edited after they were applied: {names}"), hint)
    }));
    findings.extend(named(MigrationState::Unknown).map(|names| {
        let hint = "run the newer version, or use it to run kayan migrate down first";
        Finding::failed(UNKNOWN, format!("applied by a newer version: {names}"), hint)
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Status;

    #[test]
    fn clocks_are_compared_with_the_time_that_the_question_took() {
        let asked = compose::clock().now() - Duration::seconds(10);
        let status = |there| skew(CLOCK, "the database", asked, there).status;
        assert_eq!(status(asked), Status::Ok);
        assert_eq!(status(asked + Duration::seconds(5)), Status::Ok);
        assert_eq!(status(asked - Duration::seconds(3)), Status::Warning);
        assert_eq!(status(asked - Duration::minutes(1)), Status::Failed);
        assert_eq!(status(asked + Duration::minutes(5)), Status::Failed);
    }

    #[test]
    fn the_pools_of_all_replicas_must_fit() {
        let limits = ConnectionLimits { server: 97, own: None };
        assert_eq!(enough(limits, 25, 3).status, Status::Ok);
        let many = enough(limits, 25, 4);
        assert_eq!(many.status, Status::Failed);
        assert!(many.hint.unwrap().contains("to 24 or less"), "{}", many.message);
        assert_eq!(enough(ConnectionLimits { own: Some(20), ..limits }, 25, 1).status, Status::Failed);
    }
}
