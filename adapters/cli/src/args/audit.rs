//! The command line of `kayan audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kayan_ports::{EventType, Outcome, TenantId};

use super::Format;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Write events to a file or standard output, oldest first
    Export {
        #[command(flatten)]
        which: Which,
        /// How they are written: one array, a table with a header, or an object in each line
        #[arg(long, value_enum, default_value_t = Written::Json)]
        format: Written,
        /// The file, which is replaced only by a whole export; without it, standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show events, newest first
    Query {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// A table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show the last events, and with -f those that follow, until Ctrl-C
    Tail {
        /// Go on
        #[arg(long, short)]
        follow: bool,
        /// So many of the last
        #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
        lines: u32,
        /// Only of these types, separated by commas
        #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
        types: Vec<EventType>,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// A line for people, or a JSON object, for each event
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Remove events by their age, and say how many
    Purge {
        /// What happened before this day or moment goes
        #[arg(long, value_name = "DATE")]
        before: String,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
    },
}

/// Which events.
#[derive(Args)]
pub(crate) struct Which {
    /// Only from this day (UTC), or from this moment (RFC 3339), on
    #[arg(long, value_name = "DATE")]
    pub(crate) start: Option<String>,
    /// Only until the end of this day (UTC), or until this moment (RFC 3339)
    #[arg(long, value_name = "DATE")]
    pub(crate) end: Option<String>,
    /// Only of these types, separated by commas
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
    pub(crate) types: Vec<EventType>,
    /// Only what this one did: a user's id, or a name such as cli
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Only what was done to this user
    #[arg(long, value_name = "ID")]
    pub(crate) subject: Option<String>,
    /// Only what came out so: success or failure
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<Outcome>,
    /// Only from this address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// Only in this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
}

/// The forms of an export.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    Json,
    Csv,
    Ndjson,
}

fn status(name: &str) -> Result<Outcome, String> {
    Outcome::from_name(name).ok_or_else(|| "write success or failure".to_owned())
}

fn event_type(name: &str) -> Result<EventType, String> {
    let name = name.trim();
    EventType::from_name(name).ok_or_else(|| {
        let near = |kind: &&EventType| strsim::damerau_levenshtein(name, kind.as_str());
        let nearest = EventType::ALL.iter().min_by_key(near).map_or("", |kind| kind.as_str());
        format!("there is no such event type; did you mean {nearest}?")
    })
}
