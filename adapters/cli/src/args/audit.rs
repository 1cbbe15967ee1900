//! The command line of `kayan audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kayan_core::policy::seal::{Head, from_text};
use kayan_ports::{EventType, Outcome, TenantId};

use super::{Format, Output};

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
        /// Write all events, seals and public keys to this file instead, which `kayan audit verify` checks anywhere
        #[arg(long, value_name = "FILE", conflicts_with_all = ["start", "end", "types", "actor", "subject", "status", "ip", "format", "output"])]
        bundle: Option<PathBuf>,
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
    /// Seal now what a running service would seal within a minute and a half
    Seal {
        #[command(flatten)]
        output: Output,
    },
    /// Find what was edited, inserted, removed or moved since it was sealed; exit 1 when something was
    Verify(Verify),
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

/// What to check, and against what.
#[derive(clap::Args)]
pub(crate) struct Verify {
    /// The bundle to check; needs no database
    #[arg(value_name = "BUNDLE", required_unless_present = "database", conflicts_with = "database")]
    pub(crate) bundle: Option<PathBuf>,
    /// Check the configured database instead
    #[arg(long)]
    pub(crate) database: bool,
    /// Only the trail of this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// A public key that is trusted, may be given more than once; without it, those that the bundle or the service names
    #[arg(long = "public-key", value_name = "KEY", value_parser = public_key, allow_hyphen_values = true)]
    pub(crate) public_keys: Vec<[u8; 32]>,
    /// A last seal that an earlier check has shown: it must still be there; may be given more than once
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
