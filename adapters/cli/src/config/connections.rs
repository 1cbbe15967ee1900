//! The maximum number of client connections: fewer than the process may have open files.

use rustix::process::{Resource, getrlimit};

use super::{
    problem::Findings,
    settings::{database, http::MAX_CONNECTIONS, redis},
    values::{Source, Values},
};

/// Open files beside connections: the log, the database's own, what the process starts with.
const RESERVE: u64 = 64;
/// Files of an open `SQLite` connection: the database, its log and the log's index.
const PER_DATABASE: u64 = 3;
/// The bounds of the default, whatever the limit of open files is.
const FEWEST: u64 = 16;
const MOST: u64 = 10_000;

/// Computes the number if it is not set, and warns of one that can't be reached.
pub(crate) fn fill(values: &mut Values, findings: &mut Findings) {
    let (files, reserve) = (getrlimit(Resource::Nofile).current, reserve(values));
    if values.text(&MAX_CONNECTIONS).is_none() {
        values.fill(&MAX_CONNECTIONS, usual(files, reserve).to_string(), Source::Default);
    } else if let Some(files) = files
        && as_u64(values.get(&MAX_CONNECTIONS)).saturating_add(reserve) > files
    {
        let text = format!("is too high for a limit of {files} open files (`ulimit -n`): raise that, or lower this");
        findings.warn(MAX_CONNECTIONS.name, text);
    }
}

fn usual(files: Option<u64>, reserve: u64) -> u64 {
    files.map_or(MOST, |files| files.saturating_sub(reserve).clamp(FEWEST, MOST))
}

/// The files that databases, Redis and everything else need.
fn reserve(values: &Values) -> u64 {
    let databases = 1 + u64::from(values.given(&database::READ_DSN).is_some());
    let pool = if values.given(&redis::URL).is_some() { values.get(&redis::POOL_SIZE) } else { 0 };
    RESERVE + databases * PER_DATABASE * u64::from(values.get(&database::MAX_OPEN_CONNS)) + 2 * as_u64(pool)
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
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
