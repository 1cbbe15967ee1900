//! `kayan completions`: completion scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, config::flags, exit::Exit, output};

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<(), Exit> {
    let mut command = Cli::command().mut_subcommand("serve", flags::add);
    let mut script = Vec::new();
    // Into memory first, because `generate` panics on write errors.
    clap_complete::generate(shell, &mut command, "kayan", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}
