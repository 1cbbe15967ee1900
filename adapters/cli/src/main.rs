//! The `kayan` binary: reads the command line and runs one command.

// They panic when the pipe is closed or the disk is full, and print text from clients unescaped: use `output`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod commands;
mod compose;
mod config;
mod exit;
mod output;
mod probes;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::{
    args::{Cli, Command},
    exit::Exit,
};

/// A request allocates about eighty times; with this allocator it takes an eighth less time than with the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let matches = Cli::command().mut_subcommand("serve", config::flags::add).get_matches();
    let done = Cli::from_arg_matches(&matches)
        .map_err(|error| Exit::usage(error.to_string()))
        .and_then(|cli| run(cli.command, &matches));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

fn run(command: Command, matches: &clap::ArgMatches) -> Result<(), Exit> {
    match command {
        Command::Serve => {
            let flags = matches.subcommand_matches("serve").map(config::flags::given).unwrap_or_default();
            commands::serve::run(flags)
        }
        Command::Migrate { action } => commands::migrate::run(action),
        Command::Admin { noun } => commands::admin::run(noun),
        Command::Audit { action } => commands::audit::run(action),
        Command::Backup { action } => commands::backup::run(action),
        Command::Openapi { format } => commands::openapi::run(format),
        Command::Config { action } => commands::config::run(action),
        Command::Doctor(asked) => commands::doctor::run(&asked),
        Command::Healthcheck { url } => commands::healthcheck::run(url),
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Version => commands::version::run(),
    }
}
