//! `kayan version`: the version and what is compiled in.

use crate::{compose, exit::Exit, output};

/// Prints the version.
pub(crate) fn run() -> Result<(), Exit> {
    output::line(&format!("kayan {}\nbackends: {}", env!("CARGO_PKG_VERSION"), compose::BACKENDS.join(", ")))
}
