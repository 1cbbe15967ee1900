//! `kayan migrate`: applies, reverts, plans, lists and creates migrations.

mod plan;

use std::{path::Path, sync::Arc};

use kayan_ports::timestamp;
use kayan_sql::{
    Driver,
    migrate::{self as migrations, MigrateError, Migration, MigrationState, MigrationStatus},
};
use serde::Serialize;

use crate::{
    args::{Format, Migrate},
    compose,
    exit::Exit,
    output,
};

/// Runs the command.
pub(crate) fn run(action: Migrate) -> Result<(), Exit> {
    match action {
        Migrate::Create { name } => create(&name),
        Migrate::Up { to } => super::block_on(up(to)),
        Migrate::Down { steps } => super::block_on(down(steps)),
        Migrate::Plan { to, output } => super::block_on(plan::run(to, output.format)),
        Migrate::Status { format } => super::block_on(status(format)),
    }
}

fn create(name: &str) -> Result<(), Exit> {
    let written = migrations::create(Path::new("migrations"), name).map_err(exit)?;
    written.iter().try_for_each(|path| output::line(&path.display().to_string()))
}

fn database() -> Result<Arc<dyn Driver>, Exit> {
    compose::database(&super::settings()?)
}

async fn up(to: Option<u32>) -> Result<(), Exit> {
    let driver = database()?;
    let known = migrations::embedded(driver.dialect());
    let mut told =
        |migration: &Migration| output::note(format_args!("applied {:04}_{}", migration.version, migration.name));
    let count = migrations::up(&*driver, known, to, compose::clock().now(), &mut told).await.map_err(exit)?;
    output::note(format_args!(
        "{}",
        if count == 0 { "nothing is pending".to_owned() } else { format!("{count} applied") }
    ));
    Ok(())
}

async fn down(steps: u32) -> Result<(), Exit> {
    let driver = database()?;
    let known = migrations::embedded(driver.dialect());
    let mut told =
        |migration: &Migration| output::note(format_args!("reverted {:04}_{}", migration.version, migration.name));
    let count = migrations::down(&*driver, known, steps, &mut told).await.map_err(exit)?;
    output::note(format_args!(
        "{}",
        if count == 0 { "nothing is applied".to_owned() } else { format!("{count} reverted") }
    ));
    Ok(())
}

#[derive(Serialize)]
struct Line {
    version: String,
    name: String,
    applied_at: Option<String>,
    state: &'static str,
    checksum: String,
}

impl From<MigrationStatus> for Line {
    fn from(status: MigrationStatus) -> Self {
        Self {
            version: format!("{:04}", status.version),
            name: status.name,
            applied_at: status.applied_at.map(timestamp::text),
            state: status.state.as_str(),
            checksum: status.checksum,
        }
    }
}

async fn status(format: Format) -> Result<(), Exit> {
    let driver = database()?;
    let statuses = migrations::status(&*driver, migrations::embedded(driver.dialect())).await.map_err(exit)?;
    let pending = statuses.iter().filter(|status| status.state == MigrationState::Pending).count();
    let lines: Vec<Line> = statuses.into_iter().map(Line::from).collect();
    match format {
        Format::Json => output::json(&lines)?,
        Format::Table => {
            let rows = lines.into_iter().map(|line| {
                let short = line.checksum.chars().take(12).collect();
                vec![line.version, line.name, line.applied_at.unwrap_or_default(), line.state.to_owned(), short]
            });
            output::table(&["version", "name", "applied at", "state", "checksum"], rows.collect())?;
        }
    }
    match pending {
        0 => Ok(()),
        pending => Err(Exit::pending(format!("{pending} pending; run `kayan migrate up`"))),
    }
}

fn exit(error: MigrateError) -> Exit {
    match error {
        MigrateError::BadName { .. } | MigrateError::NoSuchVersion { .. } => Exit::usage(error),
        _ => Exit::failed(error),
    }
}
