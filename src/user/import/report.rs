//! What came of an import as a whole.

use serde::{Deserialize, Serialize};

use super::{Fate, LineReport};

/// So many refused lines are listed; the others are counted only.
const MOST_REFUSED: usize = 1000;

/// What came of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Line by line, in order, with the first 1,000 of those that were refused.
    pub lines: Vec<(u64, Fate)>,
    /// How many users are in now, or would be.
    pub imported: usize,
    /// How many were in already.
    pub existing: usize,
    /// How many are not in.
    pub failed: usize,
    /// How many of the imported have a hash by bcrypt: of their passwords, only the first 72 bytes count.
    pub cutting: usize,
}

impl ImportReport {
    /// Takes note of the next lines.
    pub(super) fn add(&mut self, reports: Vec<LineReport>) {
        for LineReport { line, fate, cutting } in reports {
            match fate {
                Fate::Imported(_) | Fate::WouldImport => self.imported += 1,
                Fate::Exists(_) => self.existing += 1,
                Fate::Refused(_) => self.failed += 1,
            }
            self.cutting += usize::from(cutting);
            if !matches!(fate, Fate::Refused(_)) || self.failed <= MOST_REFUSED {
                self.lines.push((line, fate));
            }
        }
    }
}
