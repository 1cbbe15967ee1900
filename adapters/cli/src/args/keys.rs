//! The command line of `kayan admin key`.

use clap::Subcommand;
use kayan_ports::{JwsAlgorithm, KeyUse, TenantId};
use uuid::Uuid;

use super::Output;

#[derive(Subcommand)]
pub(crate) enum KeyAction {
    /// List the keys that sign JWTs and biscuits, newest first
    List {
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        #[command(flatten)]
        output: Output,
    },
    /// Publish the next keys of a tenant; the running service signs with them ten minutes later
    Rotate {
        /// Only keys for this use: jwt or biscuit; by default, those for all that the tenant uses
        #[arg(long = "use", value_name = "USE", value_parser = usage)]
        usage: Option<KeyUse>,
        /// Only the key of this algorithm, for JWTs: EdDSA, ES256 or RS256; by default, those of all that the tenant uses
        #[arg(long, value_name = "ALGORITHM", value_parser = algorithm)]
        algorithm: Option<JwsAlgorithm>,
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Retire a key that has leaked at once: tokens that it has signed are no longer valid
    Retire {
        /// The id of the key, as `list` shows it
        #[arg(value_name = "ID")]
        id: Uuid,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

fn usage(name: &str) -> Result<KeyUse, String> {
    KeyUse::from_name(name).ok_or_else(|| "write jwt or biscuit".to_owned())
}

fn algorithm(name: &str) -> Result<JwsAlgorithm, String> {
    JwsAlgorithm::from_name(name).ok_or_else(|| "write EdDSA, ES256 or RS256".to_owned())
}
