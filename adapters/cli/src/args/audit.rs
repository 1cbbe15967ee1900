//! The command line of `kayan audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kayan_core::policy::seal::{Head, from_text};
use kayan_ports::{EventType, Outcome, TenantId};

use super::{Format, Output};

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Export events to a file or standard output, oldest first
    Export {
        #[command(flatten)]
        which: Which,
        /// The format: a JSON array, CSV with a header, or a JSON object per line
        #[arg(long, value_enum, default_value_t = Written::Json)]
        format: Written,
        /// The file to write, replaced only when the export is complete; standard output by default
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write all events, seals and public keys to this file instead; `kayan audit verify` checks it without the database
        #[arg(long, value_name = "FILE", conflicts_with_all = ["start", "end", "types", "actor", "subject", "status", "ip", "format", "output"])]
        bundle: Option<PathBuf>,
    },
    /// Show events, newest first
    Query {
        #[command(flatten)]
        which: Which,
        /// The maximum number of events
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// The output format: a table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show the latest events; with -f, new ones too, until Ctrl-C
    Tail {
        /// Keep showing new events
        #[arg(long, short)]
        follow: bool,
        /// The number of latest events to show first
        #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
        lines: u32,
        /// Only events of these types, separated by commas
        #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
        types: Vec<EventType>,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// The output format: a line of text per event, or a JSON object
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Purge old events, and print their number
    Purge {
        /// Purge events from before this date (UTC) or time (RFC 3339)
        #[arg(long, value_name = "DATE")]
        before: String,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
    },
    /// Seal new events now; a running service does so within 90 seconds
    Seal {
        #[command(flatten)]
        output: Output,
    },
    /// Find events that were edited, inserted, removed or moved since they were sealed; exit 1 if there are any
    Verify(Verify),
}

/// The filter of events.
#[derive(Args)]
pub(crate) struct Which {
    /// Only events from this date (UTC) or time (RFC 3339) on
    #[arg(long, value_name = "DATE")]
    pub(crate) start: Option<String>,
    /// Only events until the end of this date (UTC), or until this time (RFC 3339)
    #[arg(long, value_name = "DATE")]
    pub(crate) end: Option<String>,
    /// Only events of these types, separated by commas
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = event_type)]
    pub(crate) types: Vec<EventType>,
    /// Only events caused by this actor: a user's id, or a name such as cli
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Only events about this user
    #[arg(long, value_name = "ID")]
    pub(crate) subject: Option<String>,
    /// Only events with this outcome: success or failure
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<Outcome>,
    /// Only events from this IP address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// Only in this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
}

/// The formats of an export.
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

/// The arguments of `verify`.
#[derive(clap::Args)]
pub(crate) struct Verify {
    /// The bundle to verify; needs no database
    #[arg(value_name = "BUNDLE", required_unless_present = "database", conflicts_with = "database")]
    pub(crate) bundle: Option<PathBuf>,
    /// Verify the configured database instead
    #[arg(long)]
    pub(crate) database: bool,
    /// Only the trail of this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// A trusted public key, can be repeated; by default, the keys in the bundle or of the service
    #[arg(long = "public-key", value_name = "KEY", value_parser = public_key, allow_hyphen_values = true)]
    pub(crate) public_keys: Vec<[u8; 32]>,
    /// A head that an earlier `verify` showed, which must still be there; can be repeated
    #[arg(long = "expect-head", value_name = "TENANT:NUMBER:HASH", value_parser = head)]
    pub(crate) heads: Vec<(TenantId, Head)>,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn public_key(text: &str) -> Result<[u8; 32], String> {
    from_text(text).ok_or_else(|| "write 32 bytes in base64url, as `kayan audit verify` shows them".to_owned())
}

fn head(text: &str) -> Result<(TenantId, Head), String> {
    let read = || {
        let mut parts = text.splitn(3, ':');
        let (tenant, number, hash) = (parts.next()?, parts.next()?, parts.next()?);
        Some((tenant.parse().ok()?, Head { number: number.parse().ok()?, hash: from_text(hash)? }))
    };
    read().ok_or_else(|| "write TENANT:NUMBER:HASH, as `kayan audit verify` shows it".to_owned())
}
