//! `kayan backup create`: one snapshot of the database, in a file that appears only when it is complete.

use std::{io, path::Path};

use kayan_backup::CreateError;

use crate::{
    args::Format,
    compose,
    config::{secret::Secret, settings::secrets},
    exit::Exit,
    output::{self, NewFile},
};

pub(super) async fn run(path: &Path, secret: Option<&Secret>, format: Format) -> Result<(), Exit> {
    let file = NewFile::named_by("--output", path)?;
    let config = super::super::settings()?;
    let driver = compose::database(&config)?;
    super::super::prepare(&config, &*driver).await?;
    let (clock, entropy, bar) = (compose::clock(), compose::entropy(), output::progress(None));
    let mut progress = |written| bar.set_position(written);
    let created = tokio::select! {
        created = kayan_backup::create(&*driver, secret, &*clock, &*entropy, file, &mut progress) => created.map_err(failed),
        _ = tokio::signal::ctrl_c() => Err(Exit::failed("interrupted")),
    };
    bar.finish_and_clear();
    let (file, contents) = created?;
    file.keep().map_err(|error| not_written(&error))?;
    super::show(&contents, format)?;
    if secret.is_none() {
        output::note(
            "kayan: warning: the file is not encrypted: anyone who gets it can guess passwords offline, and read every user's \
             data; keep it as a secret, or encrypt it with --key-file or KAYAN_BACKUP_KEY",
        );
    }
    let wrapping = if config.data_key.is_some() { secrets::DATA.name } else { secrets::SESSION.name };
    output::note(format_args!(
        "kayan: it does not hold {wrapping}, without which a service can't open the keys in it: keep that elsewhere"
    ));
    Ok(())
}

fn failed(error: CreateError) -> Exit {
    match error {
        CreateError::Failed(failure) => failure.into(),
        CreateError::Write(error) => not_written(&error),
    }
}

fn not_written(error: &io::Error) -> Exit {
    let why = if error.kind() == io::ErrorKind::Other { error.to_string() } else { error.kind().to_string() };
    Exit::failed(format!("--output: writing failed: {why}; what was there before is still there"))
}
