//! `kayan completions`: for the shell's own help.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, config::flags, stop::Stop};

/// Prints them.
#[expect(clippy::unnecessary_wraps, reason = "every command has this shape")]
pub(crate) fn run(shell: Shell) -> Result<(), Stop> {
    let mut command = Cli::command().mut_subcommand("serve", flags::add);
    clap_complete::generate(shell, &mut command, "kayan", &mut std::io::stdout());
    Ok(())
}
