//! Why a line of an import is refused.

use kayan_ports::TenantId;
use serde::{Deserialize, Serialize};

use crate::FieldError;

/// Why a line is refused. Never contains a value of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// It is longer than [`MAX_LINE_BYTES`](crate::MAX_LINE_BYTES).
    #[error("the line is longer than 1 MiB")]
    TooLong,
    /// It is not UTF-8.
    #[error("the line is not valid UTF-8 from byte {byte} on")]
    NotUtf8 {
        /// Where, from 1.
        byte: usize,
    },
    /// It is not JSON, or nested too deeply.
    #[error("the line is not valid JSON from column {column} on")]
    NotJson {
        /// Where, from 1, in bytes.
        column: usize,
    },
    /// It is JSON, but not an object.
    #[error("the line is JSON, but not an object")]
    NoObject,
    /// An object has a key twice.
    #[error("an object has the key that ends before column {column} twice")]
    DuplicateKey {
        /// Where, from 1, in bytes.
        column: usize,
    },
    /// The user is not valid.
    #[error("{}", told(.0))]
    Invalid(Vec<FieldError>),
    /// The tenant is unknown or inactive.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// An identifier is taken; its owner is not changed.
    #[error("the identifier /traits/{0} belongs to another user")]
    IdentifierTaken(String),
    /// The id is taken; its owner is not changed.
    #[error("the id belongs to another user")]
    IdTaken,
    /// An earlier line has the same id or identifier.
    #[error("line {line} is the same user")]
    Repeated {
        /// The number of that line.
        line: u64,
    },
    /// The user or the tenant's roles were changed at the same time.
    #[error("the user or the tenant's roles were changed at the same time; import the line again")]
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
