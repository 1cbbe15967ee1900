//! The findings as tables, and as the file that is kept.

use std::{fs, path::Path};

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    failure::Failure,
    finding::{Finding, Target},
    machine, plot,
};

/// A server, barer or less bare.
#[derive(Debug)]
pub(crate) struct Layer {
    /// What it has.
    pub(crate) name: &'static str,
    /// Requests per second.
    pub(crate) rate: f64,
    /// The same in relation to the barest.
    pub(crate) ratio: f64,
    /// Microseconds on a core per request, where the system tells.
    pub(crate) cpu: Option<f64>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What has a target.
    pub(crate) findings: Vec<Finding>,
    /// What was run to find it, where the names don't say so. Markdown.
    pub(crate) notes: Vec<String>,
    /// What each layer of `whoami` costs.
    pub(crate) layers: Vec<Layer>,
}

impl Report {
    /// The tables, in Markdown.
    pub(crate) fn tables(&self) -> String {
        let findings = self.findings.iter().map(|it| {
            let target = match it.target {
                Target::AtLeast(bound) => format!("≥ {bound:.2}"),
                Target::AtMost(bound) => format!("≤ {bound:.2}"),
            };
            let met = if it.is_met() { "yes" } else { "no" };
            let ratio = format!("{:.2}", it.ratio);
            vec![it.name.to_owned(), it.value.clone(), it.reference.clone(), ratio, target, met.to_owned()]
        });
        let mut text = table(&["name", "value", "reference", "ratio", "target", "met"], findings);
        for note in &self.notes {
            text.extend(["\n\n", note]);
        }
        if !self.layers.is_empty() {
            let layers = self.layers.iter().map(|it| {
                let cpu = it.cpu.map_or_else(|| "unknown".to_owned(), |cpu| format!("{cpu:.1} µs"));
                vec![it.name.to_owned(), format!("{:.0}/s", it.rate), format!("{:.2}", it.ratio), cpu]
            });
            text += "\n\n## What each layer costs\n\n\
                     Requests are `whoami`'s over 32 connections; each of the first five servers has what those above it \
                     have. The processor time is the server's own.\n\n";
            text += &table(&["server", "requests", "to the first", "processor time per request"], layers);
        }
        text
    }

    /// Writes `RESULTS.md` and the picture in it.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let intro = "Written by `cargo xtask bench`: the last whole run. Ratios are of what was taken in turn in this one run; of \
                     their rounds the middle one counts. Client and server share the cores.";
        let tables = self.tables();
        let text = format!(
            "# Results\n\n{intro}\n\n{}\n![How many times better than it must be](results.svg)\n\n{tables}\n",
            machine::description()
        );
        plot::draw(&self.findings, &folder.join("results.svg"))?;
        fs::write(folder.join("RESULTS.md"), text).map_err(Failure::io("can't write the results"))
    }
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
