//! Which server it is, and whether Kayan can work with it.

use super::ask;
use crate::{Dialect, Driver, DriverError};

/// Which server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// `SQLite`, `PostgreSQL`, `MySQL`, `MariaDB`, or another product that speaks the protocol of one of these.
    pub product: &'static str,
    /// As the server writes it.
    pub text: String,
    /// What Kayan works with, as in `PostgreSQL 13 or newer`.
    pub wanted: &'static str,
    /// Whether this is such a server.
    pub fitness: Fitness,
}

/// Whether Kayan works with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// It does.
    Supported,
    /// It works with newer versions.
    TooOld,
    /// It can't. Why.
    Unusable(&'static str),
}

const COCKROACH: &str =
    "its advisory locks lock nothing, so that two replicas would migrate at once, and it has no PARTITION OF";
const DSQL: &str = "it has no PL/pgSQL, no foreign keys and no partitions";
const VITESS: &str = "its foreign keys and transactions do not hold across shards";
const TIDB: &str = "it has no JSON_TABLE, which a migration needs";

/// Reads what a server says of itself: its version, and what PostgreSQL calls its version, or MySQL its comment.
type Judge = fn(String, &str) -> Version;

/// Queries the version.
pub async fn version(driver: &dyn Driver) -> Result<Version, DriverError> {
    let (sql, judge): (_, Judge) = match driver.dialect() {
        Dialect::Sqlite => ("-- server.version\nSELECT sqlite_version(), ''", sqlite),
        Dialect::Postgres => ("-- server.version\nSELECT current_setting('server_version'), version()", postgres),
        Dialect::MySql => ("-- server.version\nSELECT VERSION(), @@version_comment", mysql),
    };
    let mut row = ask(driver, sql, Vec::new()).await?;
    Ok(judge(row.text()?, &row.text()?))
}

fn sqlite(text: String, _: &str) -> Version {
    numbered("SQLite", text, "SQLite 3.37 or newer", [3, 37, 0])
}

fn postgres(text: String, description: &str) -> Version {
    let wanted = "PostgreSQL 13 or newer";
    // PostgreSQL itself says `PostgreSQL 16.3 on x86_64-pc-linux-gnu, …`.
    let is_bare = |version: &str| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    // What such a server gives as its number is that of the PostgreSQL which it resembles.
    if description.to_ascii_lowercase().contains("cockroachdb") {
        return unusable("CockroachDB", description, wanted, COCKROACH);
    }
    if description.strip_prefix("PostgreSQL ").is_some_and(is_bare) {
        return unusable("Aurora DSQL", description, wanted, DSQL);
    }
    numbered("PostgreSQL", text, wanted, [13, 0, 0])
}

fn mysql(text: String, comment: &str) -> Version {
    let wanted = "MySQL 8.0.17 or newer";
    let says = |name: &str| [&text, comment].iter().any(|it| it.to_ascii_lowercase().contains(name));
    if says("vitess") || says("planetscale") {
        return unusable("Vitess", &text, wanted, VITESS);
    }
    if says("tidb") {
        return unusable("TiDB", &text, wanted, TIDB);
    }
    if text.contains("MariaDB") {
        return numbered("MariaDB", text, "MariaDB 10.11 or newer", [10, 11, 0]);
    }
    numbered("MySQL", text, wanted, [8, 0, 17])
}

/// A product that only speaks the protocol.
fn unusable(product: &'static str, says: &str, wanted: &'static str, why: &'static str) -> Version {
    let text = says.trim_start_matches(product).trim_start().to_owned();
    Version { product, text, wanted, fitness: Fitness::Unusable(why) }
}

fn numbered(product: &'static str, text: String, wanted: &'static str, oldest: [u32; 3]) -> Version {
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0_u32));
    let number: [u32; 3] = std::array::from_fn(|_| parts.next().unwrap_or(0));
    let fitness = if number >= oldest { Fitness::Supported } else { Fitness::TooOld };
    Version { product, text, wanted, fitness }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_supported_from_its_oldest_version_on() {
        for (judge, text, product, supported) in [
            (postgres as Judge, "16.3 (Debian 16.3-1)", "PostgreSQL", true),
            (postgres as Judge, "13.0", "PostgreSQL", true),
            (postgres as Judge, "18beta1", "PostgreSQL", true),
            (postgres as Judge, "12.19", "PostgreSQL", false),
            (mysql as Judge, "10.11.6-MariaDB-0+deb12u1", "MariaDB", true),
            (mysql as Judge, "10.6.18-MariaDB", "MariaDB", false),
            (mysql as Judge, "8.0.17", "MySQL", true),
            (mysql as Judge, "8.0.16", "MySQL", false),
            (mysql as Judge, "5.7.44-log", "MySQL", false),
            (mysql as Judge, "9.1.0", "MySQL", true),
            (sqlite as Judge, "3.50.2", "SQLite", true),
        ] {
            let description = format!("PostgreSQL {text} on x86_64-pc-linux-gnu, compiled by gcc, 64-bit");
            let description = if product == "PostgreSQL" { &*description } else { "MySQL Community Server - GPL" };
            let version = judge(text.to_owned(), description);
            let fitness = if supported { Fitness::Supported } else { Fitness::TooOld };
            assert_eq!((version.product, version.fitness), (product, fitness), "{text}");
        }
    }

    #[test]
    fn a_product_that_only_speaks_the_protocol_is_told_from_the_database_itself() {
        let cockroach = "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15 21:28:29, go1.22.2)";
        let windows = "PostgreSQL 16.1, compiled by Visual C++ build 1937, 64-bit";
        let aurora = "PostgreSQL 15.4 on aarch64-unknown-linux-gnu, compiled by gcc, 64-bit";
        for (judge, text, description, product, fitness) in [
            (postgres as Judge, "13.0.0", cockroach, "CockroachDB", Fitness::Unusable(COCKROACH)),
            (postgres as Judge, "16", "PostgreSQL 16", "Aurora DSQL", Fitness::Unusable(DSQL)),
            (postgres as Judge, "16.1", windows, "PostgreSQL", Fitness::Supported),
            (postgres as Judge, "15.4", aurora, "PostgreSQL", Fitness::Supported),
            (mysql as Judge, "8.0.30-Vitess", "Version: 21.0.0", "Vitess", Fitness::Unusable(VITESS)),
            (mysql as Judge, "8.0.34", "PlanetScale", "Vitess", Fitness::Unusable(VITESS)),
            (mysql as Judge, "8.0.11-TiDB-v8.1.0", "TiDB Server", "TiDB", Fitness::Unusable(TIDB)),
            (mysql as Judge, "8.0.36", "Source distribution", "MySQL", Fitness::Supported),
        ] {
            let version = judge(text.to_owned(), description);
            assert_eq!((version.product, version.fitness), (product, fitness), "{description}");
        }
    }
}
