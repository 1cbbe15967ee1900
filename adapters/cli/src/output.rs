//! Results on standard output: tables for people, JSON for scripts.

mod file;

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

pub(crate) use self::file::{NewFile, cannot_write, folder_of};
use crate::stop::Stop;

/// A table of texts, as wide as the terminal; without lines between columns when it goes into a pipe.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Result<(), Stop> {
    let mut table = Table::new();
    if io::stdout().is_terminal() {
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(presets::NOTHING);
    }
    table.set_header(header.to_vec());
    table.add_rows(rows);
    line(&table.trim_fmt())
}

/// Indented JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Stop> {
    line(&serde_json::to_string_pretty(value).map_err(Stop::failed)?)
}

/// A bar of so many bytes, or of how many there were; only where somebody sits before a terminal.
pub(crate) fn progress(length: Option<u64>) -> ProgressBar {
    if !io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = if length.is_some() {
        "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
    } else {
        "{spinner} {bytes} {bytes_per_sec}"
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// One line, or more.
pub(crate) fn line(text: &str) -> Result<(), Stop> {
    match writeln!(io::stdout(), "{text}") {
        // Whoever reads has seen enough, as in `kayan … | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Stop::failed),
    }
}
