//! A bundle: one file with the audit trail and its seals, which can be verified without the service.
//!
//! Each line is a JSON object whose one member says what the line is: `bundle` (the format, and the public keys), then
//! for each tenant its `seal`s, each followed by its `event`s, and `unsealed` with the events that no seal covers yet;
//! `end` with the counts comes last. So one pass verifies it.

mod read;
mod write;

use std::borrow::Cow;

use kayan_ports::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::read::{BundleError, BundleReader, Line, parse};
pub use self::write::{ExportBundleError, Exported};

/// The format, as the first line names it.
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

/// A text that is borrowed unless it contains escapes. (An optional `Cow` by itself is always copied.)
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event as stored; JSON values are the stored text, times are microseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventRecord<'a> {
    id: Uuid,
    created_at: i64,
    #[serde(borrow)]
    tenant_id: Text<'a>,
    #[serde(rename = "type")]
    kind: Text<'a>,
    status: Text<'a>,
    actor: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    message: Text<'a>,
    metadata: Text<'a>,
    ip_address: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    session_id: Option<Uuid>,
    resource: Option<Text<'a>>,
    old_value: Option<Text<'a>>,
    new_value: Option<Text<'a>>,
    risk_score: i64,
    request_id: Option<Text<'a>>,
}

/// A seal; bytes are base64url without padding, times are microseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealRecord<'a> {
    tenant_id: TenantId,
    number: i64,
    last_at: i64,
    last_id: Uuid,
    #[serde(borrow)]
    root: Text<'a>,
    previous: Text<'a>,
    sealed_at: i64,
    public_key: Text<'a>,
    signature: Text<'a>,
    entries: Text<'a>,
}
