//! A bundle: one file that holds the audit trail with its seals, and can be checked without a service.
//!
//! It is made of lines, each one JSON object with one member that says what the line is: `bundle` (what this is, and
//! the public keys), then for each tenant its `seal`s, each followed by the `event`s under it, and `unsealed` with the
//! events that no seal covers yet; `end` with the counts comes last. So it can be checked in one pass.

mod read;
mod write;

use std::borrow::Cow;

use kayan_ports::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::read::{BundleError, BundleReader, Line, parse};
pub use self::write::{ExportBundleError, Exported};

/// What the first line says this is.
const FORMAT: &str = "kayan audit bundle 1";

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Record<'a> {
    #[serde(borrow)]
    Event(EventRecord<'a>),
    #[serde(borrow)]
    Seal(SealRecord<'a>),
    Unsealed {
        tenant_id: TenantId,
    },
    End {
        tenants: u64,
        seals: u64,
        events: u64,
    },
    Bundle {
        format: String,
        /// Microseconds since 1970.
        exported_at: i64,
        public_keys: Vec<String>,
    },
}

/// An event as it is kept; JSON is the text that was kept, moments are microseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventRecord<'a> {
    id: Uuid,
    created_at: i64,
    #[serde(borrow)]
    tenant_id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    actor: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    metadata: Cow<'a, str>,
    #[serde(borrow)]
    ip_address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_agent: Option<Cow<'a, str>>,
    session_id: Option<Uuid>,
    #[serde(borrow)]
    resource: Option<Cow<'a, str>>,
    #[serde(borrow)]
    old_value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    new_value: Option<Cow<'a, str>>,
    risk_score: i64,
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
}

/// A seal; bytes are base64url without padding, moments are microseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealRecord<'a> {
    tenant_id: TenantId,
    number: i64,
    last_at: i64,
    last_id: Uuid,
    root: Cow<'a, str>,
    previous: Cow<'a, str>,
    sealed_at: i64,
    public_key: Cow<'a, str>,
    signature: Cow<'a, str>,
    #[serde(borrow)]
    entries: Cow<'a, str>,
}
