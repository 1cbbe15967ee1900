//! The report on an import as a whole.

use serde::{Deserialize, Serialize};

use super::{ImportOutcome, LineReport};

/// The most refused lines that are listed; all are counted.
const MOST_REFUSED: usize = 1000;

/// The report on an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Line by line, in order, with the first 1,000 of those that were refused.
    pub lines: Vec<(u64, ImportOutcome)>,
    /// How many users were imported, or would be.
    pub imported: usize,
    /// How many existed already.
    pub existing: usize,
    /// How many were refused.
    pub failed: usize,
    /// How many were imported with a bcrypt hash that covers only the first 72 bytes of the password.
    pub cutting: usize,
}

impl ImportReport {
    /// Adds the reports on the next lines.
    pub(super) fn add(&mut self, reports: Vec<LineReport>) {
        for LineReport { line, fate, cutting } in reports {
            match fate {
                ImportOutcome::Imported(_) | ImportOutcome::WouldImport => self.imported += 1,
                ImportOutcome::Exists(_) => self.existing += 1,
                ImportOutcome::Refused(_) => self.failed += 1,
            }
            self.cutting += usize::from(cutting);
            if !matches!(fate, ImportOutcome::Refused(_)) || self.failed <= MOST_REFUSED {
                self.lines.push((line, fate));
            }
        }
    }
}
