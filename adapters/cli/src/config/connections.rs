//! How many connections clients may have: fewer than there may be open files.

use rustix::process::{Resource, getrlimit};

use super::{
    problem::Findings,
    values::{Source, Values},
};

const NAME: &str = "KAYAN_MAX_CONNECTIONS";
/// Open files beside connections: the log, the database's own, what the process begins with.
const RESERVE: u64 = 64;
/// Files that an open `SQLite` connection has: the database, its log and the log's index.
const PER_DATABASE: u64 = 3;
/// Without a setting there are no fewer and no more than this, whatever the limit of open files is.
const FEWEST: u64 = 16;
const MOST: u64 = 10_000;

/// Works out the number that is not set, and warns of one that can't be reached.
pub(crate) fn fill(values: &mut Values, findings: &mut Findings) {
    let (files, reserve) = (getrlimit(Resource::Nofile).current, reserve(values));
    if values.text(NAME).is_none() {
        values.fill(NAME, usual(files, reserve).to_string(), Source::Default);
    } else if let Some(files) = files
        && values.number::<u64>(NAME).saturating_add(reserve) > files
    {
        let told = format!("is too high for a limit of {files} open files (`ulimit -n`): raise that, or lower this");
        findings.warn(NAME, told);
    }
}

fn usual(files: Option<u64>, reserve: u64) -> u64 {
    files.map_or(MOST, |files| files.saturating_sub(reserve).clamp(FEWEST, MOST))
}

/// What databases and Redis need, and all else.
fn reserve(values: &Values) -> u64 {
    let databases = 1 + u64::from(values.given("KAYAN_DB_READ_DSN"));
    let pool: u64 = if values.given("KAYAN_REDIS_URL") { values.number("KAYAN_REDIS_POOL_SIZE") } else { 0 };
    RESERVE + databases * PER_DATABASE * values.number::<u64>("KAYAN_DB_MAX_OPEN_CONNS") + 2 * pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_setting_there_are_fewer_connections_than_files() {
        for (files, connections) in
            [(Some(1_024), 885), (Some(65_536), 10_000), (Some(139), 16), (Some(1), 16), (None, 10_000)]
        {
            assert_eq!(usual(files, 139), connections, "{files:?}");
        }
    }
}
