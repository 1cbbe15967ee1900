//! `kayan version`: the version and what is compiled in.

use crate::{compose, output, stop::Stop};

/// Prints it.
pub(crate) fn run() -> Result<(), Stop> {
    output::line(&format!("kayan {}\nbackends: {}", env!("CARGO_PKG_VERSION"), compose::BACKENDS.join(", ")))
}
