//! `kayan openapi`: prints the OpenAPI document, without a running service.

use crate::{args::DocumentFormat, exit::Exit, output};

/// Prints the document.
pub(crate) fn run(format: DocumentFormat) -> Result<(), Exit> {
    let (json, yaml) = kayan_http::documents();
    let document = match format {
        DocumentFormat::Json => json,
        DocumentFormat::Yaml => yaml,
    };
    output::line(document.trim_end())
}
