//! `kayan audit export`: streams events to a file or to standard output.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use kayan_core::{EventExport, ExportEvents, ExportFormat};
use kayan_ports::timestamp;

use super::asked;
use crate::{
    args::{Which, Written},
    exit::Exit,
    output::{self, NewFile},
};

/// The destination of an export.
enum Sink {
    Stdout,
    File(NewFile),
}

/// How an export ended.
enum End {
    /// Everything was written.
    Whole,
    /// The reader has closed the pipe, as in `kayan audit export … | head`.
    Enough,
}

pub(super) async fn run(which: Which, written: Written, output: Option<PathBuf>) -> Result<(), Exit> {
    let (operator, query) = asked(which)?;
    let format = match written {
        Written::Json => ExportFormat::Json,
        Written::Csv => ExportFormat::Csv,
        Written::Ndjson => ExportFormat::Ndjson,
    };
    let mut sink = match &output {
        None => Sink::Stdout,
        Some(path) => Sink::File(NewFile::named_by("--output", path)?),
    };
    let kayan = crate::commands::open().await?;
    let mut export = kayan.export_events(&operator, ExportEvents { query, format }).await?;
    let ended = tokio::select! {
        ended = stream(&mut export, &mut sink) => ended,
        _ = tokio::signal::ctrl_c() => Err(Exit::failed("interrupted")),
    };
    let noted = kayan.end_export(&operator, &export).await;
    // The file gets its final name only when it is complete and the end of the export is audited.
    let end = ended?;
    noted?;
    sink.finish()?;
    if let End::Whole = end {
        let until = timestamp::text(export.complete_until());
        output::note(format_args!("{} events; no event from before {until} is missing", export.count()));
    }
    Ok(())
}

async fn stream(export: &mut EventExport, sink: &mut Sink) -> Result<End, Exit> {
    let (bar, mut piece) = (sink.progress(), Vec::new());
    while export.next(&mut piece).await? {
        match sink.write(&piece) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(End::Enough),
            Err(error) => return Err(sink.refused(&error)),
        }
        piece.clear();
        bar.set_position(export.count());
    }
    bar.finish_and_clear();
    Ok(End::Whole)
}

impl Sink {
    /// Shown only on a terminal that the export is not written to.
    fn progress(&self) -> ProgressBar {
        if matches!(self, Self::Stdout) || !io::stdout().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        match ProgressStyle::with_template("{spinner} {human_pos} events, {per_sec}, {elapsed}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(piece).and_then(|()| out.flush())
            }
            Self::File(file) => file.write_all(piece),
        }
    }

    fn finish(self) -> Result<(), Exit> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(file) => file.keep().map_err(|error| refused(&error)),
        }
    }

    fn refused(&self, error: &io::Error) -> Exit {
        match self {
            Self::Stdout => Exit::failed(format!("standard output can't be written: {}", error.kind())),
            Self::File(_) => refused(error),
        }
    }
}

fn refused(error: &io::Error) -> Exit {
    Exit::failed(format!("--output: writing failed: {}; the previous file is unchanged", error.kind()))
}
