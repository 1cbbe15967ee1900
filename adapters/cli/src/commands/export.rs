//! `kayan admin user export`: users as NDJSON, to standard output or a file that is written completely or not at all.

use std::io::{self, IsTerminal as _, Write};

use kayan_core::{ExportUsers, ExportUsersError, Operator};
use kayan_ports::Scope;

use crate::{
    args::transfer::Export,
    exit::Exit,
    output::{self, NewFile},
};

pub(crate) async fn run(args: Export) -> Result<(), Exit> {
    let Export { tenant, state, output, with_hashes } = args;
    if with_hashes && io::stderr().is_terminal() {
        output::note("kayan: warning: with these hashes, passwords can be guessed offline; keep them secret");
    }
    let failed = |error: io::Error| match &output {
        Some(path) => Exit::failed(format!("{} can't be written: {error}", path.display())),
        None => Exit::failed(format!("standard output can't be written: {error}")),
    };
    let mut file = output.as_deref().map(NewFile::begin).transpose().map_err(failed)?;
    let kayan = super::open().await?;
    let operator = Operator::at_the_command_line(tenant.map_or(Scope::System, Scope::Tenant));
    let cmd = ExportUsers { state, hashes: with_hashes };
    let mut export = kayan.export_users(&operator, cmd).await.map_err(|error| match error {
        ExportUsersError::NoTenant(_) => Exit::not_found(error),
        ExportUsersError::Denied(_) | ExportUsersError::Failed(_) => Exit::failed(error),
    })?;
    let bar = output::progress(None);
    while let Some(lines) = export.next().await.map_err(Exit::failed)? {
        bar.inc(lines.len() as u64);
        let written = match &mut file {
            Some(file) => file.write_all(&lines),
            None => io::stdout().write_all(&lines),
        };
        match written {
            // The reader has closed the pipe, as in `kayan … | head`.
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(failed)?,
        }
    }
    bar.finish_and_clear();
    match file {
        Some(file) => file.keep().map_err(failed),
        None => match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed.map_err(failed),
        },
    }
}
