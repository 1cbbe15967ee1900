//! `kayan backup create`: one snapshot of the database, in a file that appears when all of it is there.

use std::{io, ops::ControlFlow, path::Path};

use indicatif::ProgressBar;
use kayan_backup::{Encryption, FileKey, Header, Hex, Writer};
use kayan_sql::{
    Driver,
    backup::{self, Part},
};
use secrecy::ExposeSecret as _;

use crate::{
    args::Format,
    compose,
    config::{secret::Secret, settings::secrets},
    output::{self, NewFile},
    stop::Stop,
};

pub(super) async fn run(path: &Path, secret: Option<&Secret>, format: Format) -> Result<(), Stop> {
    let file = NewFile::named_by("--output", path)?;
    let config = super::super::settings()?;
    let driver = compose::database(&config)?;
    super::super::prepare(&config, &*driver).await?;
    let bar = output::progress(None);
    let mut making = Making { stage: Stage::Before(Box::new(file)), secret, driver: &*driver, bar: &bar, failed: None };
    let mut take = |part| making.take(part);
    let taken = tokio::select! {
        taken = backup::take_out(&*driver, &mut take) => taken.map_err(Stop::failed),
        _ = tokio::signal::ctrl_c() => Err(Stop::failed("interrupted")),
    };
    bar.finish_and_clear();
    let Making { stage, failed, .. } = making;
    if let Some(failed) = failed {
        return Err(failed);
    }
    taken?;
    let Stage::Within(header, writer) = stage else { return Err(Stop::failed("the database did not say what it is")) };
    let (file, summary) = writer.finish().map_err(|error| refused(&error))?;
    file.keep().map_err(|error| refused(&error))?;
    super::show(&header, &summary, format)?;
    if secret.is_none() {
        output::note(
            "kayan: warning: the file is not encrypted: whoever gets it can guess the passwords at leisure, and read every \
             user's data; keep it as a secret, or encrypt it with --key-file or KAYAN_BACKUP_KEY",
        );
    }
    let wrapping = if config.data_key.is_some() { secrets::DATA.name } else { secrets::SESSION.name };
    output::note(format_args!(
        "kayan: it does not hold {wrapping}, without which a service can't open the keys in it: keep that elsewhere"
    ));
    Ok(())
}

fn refused(error: &io::Error) -> Stop {
    let why = if error.kind() == io::ErrorKind::Other { error.to_string() } else { error.kind().to_string() };
    Stop::failed(format!("--output: writing failed: {why}; what was there before is still there"))
}

/// A backup in the making.
struct Making<'m> {
    stage: Stage,
    secret: Option<&'m Secret>,
    driver: &'m dyn Driver,
    bar: &'m ProgressBar,
    failed: Option<Stop>,
}

enum Stage {
    /// Nothing has come yet.
    Before(Box<NewFile>),
    /// The header is written.
    Within(Box<Header>, Box<Writer<NewFile>>),
    /// Something went wrong.
    Over,
}

impl Making<'_> {
    fn take(&mut self, part: Part) -> ControlFlow<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match self.step(stage, part) {
            Ok(stage) => {
                self.stage = stage;
                ControlFlow::Continue(())
            }
            Err(stop) => {
                self.failed = Some(stop);
                ControlFlow::Break(())
            }
        }
    }

    fn step(&self, stage: Stage, part: Part) -> Result<Stage, Stop> {
        match (stage, part) {
            (Stage::Before(file), Part::Version(schema_version)) => {
                let (header, key) = self.header(schema_version)?;
                let writer = Writer::begin(*file, &header, key).map_err(|error| refused(&error))?;
                Ok(Stage::Within(Box::new(header), Box::new(writer)))
            }
            (Stage::Within(header, mut writer), Part::Rows(table, rows)) => {
                writer.add(table, &rows).map_err(|error| refused(&error))?;
                self.bar.set_position(writer.written());
                Ok(Stage::Within(header, writer))
            }
            _ => Err(Stop::failed("the database's answers come in another order than they were asked for")),
        }
    }

    fn header(&self, schema_version: u32) -> Result<(Header, Option<FileKey>), Stop> {
        let sealing = |secret: &Secret| {
            let mut salt = [0; 32];
            compose::entropy().fill(&mut salt);
            FileKey::derive(secret.expose_secret(), &salt)
                .map(|key| (Encryption { salt: Hex(salt), check: Hex(key.check()) }, key))
        };
        let (encryption, key) = self.secret.map(sealing).transpose()?.unzip();
        let header = Header {
            schema_version,
            kayan: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: compose::clock().now(),
            database: self.driver.dialect().folder().to_owned(),
            encryption,
        };
        Ok((header, key))
    }
}
