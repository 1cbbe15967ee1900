//! Results go to standard output, as tables for people or JSON for scripts; everything else goes to standard error.
//!
//! A closed pipe does not interrupt work that has begun. Text from clients is escaped, so that a terminal does not
//! interpret it.

mod file;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kayan_ports::terminal;
use serde::Serialize;

pub(crate) use self::file::{NewFile, cannot_write, folder_of};
use crate::exit::Exit;

/// Prints a table as wide as the terminal, or without column borders into a pipe.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Result<(), Exit> {
    let mut table = Table::new();
    if io::stdout().is_terminal() {
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(presets::NOTHING);
    }
    table.set_header(header.to_vec());
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| terminal::one_line(cell))));
    line(&table.trim_fmt())
}

/// Prints indented JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Exit> {
    print(&terminal::json(&serde_json::to_string_pretty(value).map_err(Exit::failed)?))
}

/// A progress bar of bytes, whose total may be unknown; hidden unless standard error is a terminal.
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

/// Prints one or more lines.
pub(crate) fn line(text: &str) -> Result<(), Exit> {
    print(&terminal::lines(text))
}

/// Writes a message to standard error. If that fails, the failure is ignored and the work continues.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", terminal::lines(&text.to_string()));
}

fn print(text: &str) -> Result<(), Exit> {
    match writeln!(io::stdout(), "{text}") {
        // The reader has closed the pipe, as in `kayan … | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Exit::failed(format!("standard output can't be written: {}", error.kind()))),
    }
}
