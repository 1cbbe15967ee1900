//! The database: whether it can be reached, and the checks that need it.

use std::sync::Arc;

use kayan_sql::{Driver, DriverError};

use super::{Case, Series, audit, factors, finding::Finding, keys, server, within};
use crate::{
    compose,
    config::settings::database::{DSN, MAX_OPEN_CONNS, READ_DSN, STATEMENTS, TYPE},
};

const REACHABLE: &str = "database.reachable";
const REPLICA: &str = "database.replica";
/// The checks that need a reachable database.
const RESTING: [&str; 15] = [
    server::VERSION,
    server::RIGHTS,
    server::ISOLATION,
    server::CONNECTIONS,
    server::CLOCK,
    server::PENDING,
    server::ROWS,
    audit::KEYS,
    audit::SEALING,
    audit::SEALS,
    audit::CLOCK,
    factors::REQUIRED,
    factors::SECRETS,
    keys::AGE,
    audit::RESTORED,
];

pub(super) async fn examine(case: &Case) -> Vec<Finding> {
    let settings = [TYPE.name, DSN.name, MAX_OPEN_CONNS.name, STATEMENTS.name];
    if let Some(setting) = case.unusable(&settings) {
        return [REACHABLE].into_iter().chain(RESTING).map(|check| Finding::rests_on(check, setting)).collect();
    }
    let driver = match compose::look(&case.config) {
        Ok(driver) => driver,
        Err(exit) => return unreachable(exit.reason()),
    };
    let told = format!("the {} database answers", case.config.database.kind.as_str());
    if let Err(error) = answers(&*driver).await {
        return unreachable(why(&error));
    }
    if let Some(unusable) = server::unusable(&*driver).await {
        let resting = RESTING.into_iter().filter(|check| *check != server::VERSION);
        let resting = resting.map(|check| Finding::skipped(check, "Kayan can't work with this server"));
        return [Finding::ok(REACHABLE, told), unusable].into_iter().chain(resting).collect();
    }
    let asked = async {
        let mut series = Series::default();
        server::examine(case, &*driver, &mut series).await;
        audit::examine(case, &driver, &mut series).await;
        series.findings
    };
    let (asked, replica) = tokio::join!(asked, replica(case));
    [Finding::ok(REACHABLE, told)].into_iter().chain(replica).chain(asked).collect()
}

/// Pings twice, because the first answer of a busy server may be late.
async fn answers(driver: &dyn Driver) -> Result<(), DriverError> {
    match driver.ping().await {
        Ok(()) => Ok(()),
        Err(_) => driver.ping().await,
    }
}

/// The reason of an error, without the sentence around it.
pub(super) fn why(error: &DriverError) -> &str {
    match error {
        DriverError::Unavailable(why) | DriverError::Fault(why) => why,
        DriverError::Nul => "a text holds a NUL character",
    }
}

fn unreachable(why: &str) -> Vec<Finding> {
    let hint = "check that it runs, and that KAYAN_DB_DSN has the right host, port, user, password and database";
    let resting = RESTING.map(|check| Finding::skipped(check, "the database can't be reached"));
    [Finding::failed(REACHABLE, why, hint)].into_iter().chain(resting).collect()
}

/// A replica that lags is fine; one that does not answer is a failure.
async fn replica(case: &Case) -> Vec<Finding> {
    if case.config.database.read_dsn.is_none() {
        return Vec::new();
    }
    if let Some(setting) = case.unusable(&[READ_DSN.name]) {
        return vec![Finding::rests_on(REPLICA, setting)];
    }
    let hint = "check that it runs, and that KAYAN_DB_READ_DSN is right; or unset it";
    let looked = async {
        let replica: Arc<dyn Driver> = match compose::replica(&case.config) {
            Ok(Some(replica)) => replica,
            Ok(None) => return Vec::new(),
            Err(exit) => return vec![Finding::failed(REPLICA, exit.reason(), hint)],
        };
        vec![match answers(&*replica).await {
            Ok(()) => Finding::ok(REPLICA, "the replica answers"),
            Err(error) => {
                // The driver always names the setting of the primary.
                Finding::failed(REPLICA, why(&error).replace(DSN.name, READ_DSN.name), hint)
            }
        }]
    };
    within(REPLICA, looked).await
}
