//! The cost of a password hash on this machine.

use std::time::{Duration, Instant};

use kayan_ports::{HashFormat, Password, PasswordHasher as _, TenantId};

use super::{Case, PATIENCE, finding::Finding};
use crate::{
    compose,
    config::settings::passwords::{BCRYPT_COST, HASHER},
};

const COST: &str = "hashing.cost";
/// Cheaper hashes are too fast to guess.
const LEAST: Duration = Duration::from_millis(50);
/// More costly hashes make users wait, and keep a core busy.
const MOST: Duration = Duration::from_secs(1);

pub(super) async fn examine(case: &Case) -> Vec<Finding> {
    if let Some(setting) = case.unusable(&[HASHER.name, BCRYPT_COST.name]) {
        return vec![Finding::rests_on(COST, setting)];
    }
    let (format, setting) = match case.config.hashing.format {
        HashFormat::Bcrypt { cost } => (format!("bcrypt at cost {cost}"), BCRYPT_COST.name),
        HashFormat::Argon2id => ("argon2id".to_owned(), HASHER.name),
        HashFormat::Scrypt => ("scrypt".to_owned(), HASHER.name),
    };
    let hasher = match compose::hasher(&case.config) {
        Ok(hasher) => hasher,
        Err(exit) => return vec![Finding::failed(COST, exit.reason(), format!("change {setting}"))],
    };
    let began = Instant::now();
    let (tenant, password) = (TenantId::default(), Password::from("how long does this take?"));
    let hashed = tokio::time::timeout(PATIENCE, hasher.hash(&tenant, &password)).await;
    let took = began.elapsed();
    let told = format!("{format} takes {} ms on this machine", took.as_millis());
    vec![match hashed {
        Err(_elapsed) => Finding::warning(
            COST,
            format!("{format} takes more than {} seconds on this machine", PATIENCE.as_secs()),
            format!("lower {setting}, so that a login takes less than a second"),
        ),
        Ok(Err(error)) => Finding::failed(COST, format!("{format}: {error}"), format!("change {setting}")),
        Ok(Ok(_)) if took < LEAST => Finding::warning(
            COST,
            format!("{told}: if the hashes leak, passwords are guessed fast"),
            format!("raise {setting} until it takes {} ms or more", LEAST.as_millis()),
        ),
        Ok(Ok(_)) if took > MOST => Finding::warning(
            COST,
            format!("{told}: users wait, and a few logins keep every core busy"),
            format!("lower {setting}, or use a faster machine; other load on the machine distorts the measurement"),
        ),
        Ok(Ok(_)) => Finding::ok(COST, told),
    }]
}
