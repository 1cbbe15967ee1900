//! The commands, one file each, and what several of them share.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod serve;
pub(crate) mod version;

use std::{future::Future, sync::Arc};

use kayan_core::Kayan;
use kayan_sql::{
    Driver,
    migrate::{self as migrations, MigrateError, MigrationState},
};

use crate::{
    compose,
    config::{
        Config,
        load::{Inputs, Loaded, Problems},
    },
    exit::Exit,
    output,
};

/// The purpose for which the settings are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To serve: secrets are generated and stored in development, and all files of the service must exist.
    Serve,
    /// To check whether the service could start: the same, but nothing is written.
    Check,
    /// To change data: secrets are generated and stored in development.
    Change,
    /// To read only.
    Look,
}

/// Reads the settings.
fn load(flags: Vec<(String, String)>, purpose: Purpose) -> Result<Loaded, Problems> {
    let environment: Vec<_> = std::env::vars_os().collect();
    let folder = std::env::current_dir().unwrap_or_default();
    let entropy = compose::entropy();
    let backends = compose::BACKENDS;
    Config::load(&Inputs {
        flags,
        environment: &environment,
        folder: &folder,
        backends,
        entropy: &*entropy,
        validators: compose::VALIDATORS,
        keep_secrets: matches!(purpose, Purpose::Serve | Purpose::Change),
        files: matches!(purpose, Purpose::Serve | Purpose::Check),
    })
}

/// Reads the settings from the environment, for a command other than `serve`.
fn settings() -> Result<Config, Exit> {
    told(load(Vec::new(), Purpose::Look))
}

fn told(loaded: Result<Loaded, Problems>) -> Result<Config, Exit> {
    let loaded = loaded.map_err(Exit::config)?;
    for warning in &loaded.warnings {
        output::note(format_args!("kayan: warning: {warning}"));
    }
    Ok(loaded.config)
}

/// Runs a command on a single-threaded runtime.
fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    runtime.block_on(work)
}

/// Migrates the schema if `auto_migrate` is set, and refuses an outdated or newer one.
async fn prepare(config: &Config, driver: &dyn Driver) -> Result<(), Exit> {
    let known = migrations::embedded(driver.dialect());
    if config.auto_migrate {
        let mut told = |migration: &migrations::Migration| {
            tracing::info!(version = migration.version, name = migration.name, "migrated");
        };
        migrations::up(driver, known, None, compose::clock().now(), &mut told).await?;
        return Ok(());
    }
    let lines = migrations::status(driver, known).await?;
    if let Some(newer) = lines.iter().rfind(|line| line.state == MigrationState::Unknown) {
        let known = known.last().map_or(0, |migration| migration.version);
        return Err(Exit::failed(MigrateError::Newer { database: newer.version, known }));
    }
    if lines.iter().any(|line| line.state == MigrationState::Pending) {
        return Err(Exit::pending("migrations are pending; run `kayan migrate up`"));
    }
    Ok(())
}

/// The use-cases over the configured database, migrated. In development, generated secrets are stored, as by the service,
/// which must open what a command seals.
async fn open() -> Result<Kayan, Exit> {
    let config = told(load(Vec::new(), Purpose::Change))?;
    let driver: Arc<dyn Driver> = compose::database(&config)?;
    prepare(&config, &*driver).await?;
    let kayan = compose::kayan(&config, &driver)?;
    kayan.learn_seals().await?;
    Ok(kayan)
}
