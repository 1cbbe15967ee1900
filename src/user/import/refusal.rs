//! Why a line of an import is refused.

use kayan_ports::TenantId;
use serde::{Deserialize, Serialize};

use crate::FieldError;

/// Why a line is refused. Never holds a value of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// More than [`MAX_LINE_BYTES`](crate::MAX_LINE_BYTES).
    #[error("the line is longer than 1 MiB")]
    TooLong,
    /// Not text.
    #[error("the line is not UTF-8 from its byte {byte} on")]
    NotUtf8 {
        /// Where, from 1.
        byte: usize,
    },
    /// Not JSON, or nested too deep to be read.
    #[error("the line is not JSON from its column {column} on")]
    NotJson {
        /// Where, from 1, in bytes.
        column: usize,
    },
    /// JSON, but no object.
    #[error("the line is JSON, but not an object")]
    NoObject,
    /// A key that an object has twice.
    #[error("an object has the key that ends before column {column} twice")]
    DuplicateKey {
        /// Where, from 1, in bytes.
        column: usize,
    },
    /// An object that describes no user who can be taken.
    #[error("{}", told(.0))]
    Invalid(Vec<FieldError>),
    /// The tenant is unknown or inactive.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// Somebody else has an identifier; they are left as they are.
    #[error("the identifier /traits/{0} is another user's already")]
    IdentifierTaken(String),
    /// Somebody else has the id; they are left as they are.
    #[error("the id is another user's already")]
    IdTaken,
    /// A line before it has the same id or identifier.
    #[error("line {line} is the same user")]
    Repeated {
        /// That line's number.
        line: u64,
    },
    /// Somebody came and went, or the tenant's roles changed, at the same moment.
    #[error("somebody else changed the same user or the tenant's roles at the same moment; import the line again")]
    Raced,
}

impl Refusal {
    /// The name in a report.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::NoObject => "not_an_object",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::Invalid(_) => "invalid_input",
            Self::NoTenant(_) => "tenant_not_found",
            Self::IdentifierTaken(_) | Self::IdTaken => "already_exists",
            Self::Repeated { .. } => "repeated",
            Self::Raced => "raced",
        }
    }
}

fn told(fields: &[FieldError]) -> String {
    let told: Vec<String> = fields.iter().map(|field| format!("{} {}", field.pointer, field.message)).collect();
    told.join("; ")
}
