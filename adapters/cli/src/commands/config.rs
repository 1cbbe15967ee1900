//! `kayan config check`: every setting, its value, its source and what is wrong with it.

use crate::{
    args::{ConfigAction, Format},
    config::report::Row,
    exit::Exit,
    output,
};

/// Prints the settings.
pub(crate) fn run(action: ConfigAction) -> Result<(), Exit> {
    let ConfigAction::Check { format } = action;
    let (rows, warnings, verdict) = match super::load(Vec::new(), super::Purpose::Check) {
        Ok(loaded) => (loaded.rows, loaded.warnings, Ok(())),
        Err(problems) => {
            let count = problems.list.len();
            let verdict = Exit::config(format!("{count} settings are invalid; see the last column"));
            (problems.rows, problems.warnings, Err(verdict))
        }
    };
    match format {
        Format::Json => output::json(&rows)?,
        Format::Table => {
            let rows =
                rows.into_iter().map(|Row { setting, value, source, problem }| vec![setting, value, source, problem]);
            output::table(&["setting", "value", "source", "problem"], rows.collect())?;
        }
    }
    for warning in warnings {
        output::note(format_args!("kayan: warning: {warning}"));
    }
    verdict
}
