//! What a backup holds: every table with its columns.

use crate::{DriverError, Row, Value};

/// What a column holds, whatever a database has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A JSON document, as the text that it was written as.
    Json,
    /// An id.
    Uuid,
    /// A moment, whole microseconds.
    Time,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [Self::Bool, Self::Int, Self::Text, Self::Bytes, Self::Json, Self::Uuid, Self::Time];

    /// Its name in a backup.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Json => "json",
            Self::Uuid => "uuid",
            Self::Time => "time",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The next column as a value of this kind, whatever stands in for it; or NULL.
    fn read(self, row: &mut Row) -> Result<Value, DriverError> {
        if row.at_null() {
            return row.maybe_text().map(|_| Value::Null);
        }
        Ok(match self {
            Self::Bool => row.boolean()?.into(),
            Self::Int => row.int()?.into(),
            Self::Text => row.text()?.into(),
            Self::Bytes => row.bytes()?.into(),
            Self::Json => Value::Json(row.document()?),
            // Written otherwise, it would be another text in one database and the same id in the next.
            Self::Uuid => row.exact_uuid()?.into(),
            Self::Time => row.time()?.into(),
        })
    }

    /// Whether a column of this kind may hold the value; any may be NULL here, and the database knows which may not.
    pub fn holds(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Bool(_) => self == Self::Bool,
            Value::Int(_) => self == Self::Int,
            Value::Text(_) => self == Self::Text,
            Value::Bytes(_) => self == Self::Bytes,
            Value::Json(_) => self == Self::Json,
            Value::Uuid(_) => self == Self::Uuid,
            Value::Time(_) => self == Self::Time,
        }
    }
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, and what each holds.
    pub columns: &'static [(&'static str, Kind)],
}

impl Table {
    /// Reads all of it. Made once for each table and process.
    pub(super) fn select(&self) -> &'static str {
        format!("-- backup.read_{}\nSELECT {} FROM {}", self.name, names(self.columns), self.name).leak()
    }

    /// A row of it as its own kinds of values.
    pub(super) fn values(&self, mut row: Row) -> Result<Vec<Value>, DriverError> {
        self.columns.iter().map(|(_, kind)| kind.read(&mut row)).collect()
    }
}

/// Adds a row with these of a table's columns; the others get their defaults. Made once for each table and process.
pub(super) fn insert(table: &'static str, columns: &[(&'static str, Kind)]) -> &'static str {
    let places = vec!["?"; columns.len()].join(", ");
    format!("-- backup.load_{table}\nINSERT INTO {table} ({}) VALUES ({places})", names(columns)).leak()
}

fn names(columns: &[(&'static str, Kind)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The one table that is not in a backup: which migrations a database has had is its own, and a backup says its version.
pub const LEFT_OUT: &str = "schema_migrations";

/// Every table there is but [`LEFT_OUT`], each behind those that it refers to.
pub const TABLES: &[Table] = &{
    use Kind::{Bool, Bytes, Int, Json, Text, Time, Uuid};
    [
        Table {
            name: "tenants",
            columns: &[
                ("id", Text),
                ("active", Bool),
                ("created_at", Time),
                ("name", Text),
                ("settings", Json),
                ("updated_at", Time),
                ("version", Int),
                ("roles_version", Int),
                ("sessions_epoch", Int),
            ],
        },
        Table {
            name: "roles",
            columns: &[
                ("tenant_id", Text),
                ("name", Text),
                ("description", Text),
                ("permissions", Json),
                ("parents", Json),
                ("created_at", Time),
                ("updated_at", Time),
                ("version", Int),
            ],
        },
        Table {
            name: "identities",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("traits", Json),
                ("state", Text),
                ("verified", Json),
                ("roles", Json),
                ("created_at", Time),
                ("updated_at", Time),
                ("last_login_at", Time),
                ("version", Int),
            ],
        },
        Table {
            name: "identifiers",
            columns: &[("tenant_id", Text), ("value", Text), ("identity_id", Uuid), ("field", Text)],
        },
        Table { name: "identity_roles", columns: &[("tenant_id", Text), ("role", Text), ("identity_id", Uuid)] },
        Table { name: "timed_locks", columns: &[("identity_id", Uuid), ("tenant_id", Text), ("locked_until", Time)] },
        Table {
            name: "credentials",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("identity_id", Uuid),
                ("kind", Text),
                ("subject", Text),
                ("secret", Text),
                ("created_at", Time),
                ("updated_at", Time),
                ("last_used_at", Time),
                ("version", Int),
                ("name", Text),
                ("counter", Int),
                ("data", Json),
                ("lookup", Bytes),
                ("user_verified", Bool),
                ("backed_up", Bool),
            ],
        },
        Table {
            name: "one_time_tokens",
            columns: &[
                ("hash", Bytes),
                ("tenant_id", Text),
                ("purpose", Text),
                ("identity_id", Uuid),
                ("data", Text),
                ("tries", Int),
                ("created_at", Time),
                ("expires_at", Time),
            ],
        },
        Table {
            name: "messages",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("identity_id", Uuid),
                ("kind", Text),
                ("channel", Text),
                ("recipient", Text),
                ("languages", Text),
                ("data", Bytes),
                ("state", Text),
                ("lease", Uuid),
                ("attempts", Int),
                ("due_at", Time),
                ("error", Text),
                ("created_at", Time),
                ("finished_at", Time),
            ],
        },
        Table {
            name: "known_networks",
            columns: &[("identity_id", Uuid), ("network", Text), ("tenant_id", Text), ("last_login_at", Time)],
        },
        Table {
            name: "devices",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("identity_id", Uuid),
                ("token_hash", Bytes),
                ("ip_address", Text),
                ("user_agent", Text),
                ("first_seen_at", Time),
                ("last_seen_at", Time),
                ("trusted_at", Time),
                ("trusted_epoch", Int),
            ],
        },
        Table {
            name: "attempts",
            columns: &[
                ("tenant_id", Text),
                ("identifier_hash", Bytes),
                ("network", Text),
                ("failures", Int),
                ("last_at", Time),
            ],
        },
        Table {
            name: "sessions",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("identity_id", Uuid),
                ("token_hash", Bytes),
                ("active", Bool),
                ("aal", Text),
                ("methods", Json),
                ("issued_at", Time),
                ("expires_at", Time),
                ("ends_at", Time),
                ("last_seen_at", Time),
                ("ip_address", Text),
                ("user_agent", Text),
                ("epoch", Int),
            ],
        },
        Table {
            name: "refresh_tokens",
            columns: &[
                ("hash", Bytes),
                ("tenant_id", Text),
                ("session_id", Uuid),
                ("issued_at", Time),
                ("expires_at", Time),
                ("spent_at", Time),
                ("spent_salt", Bytes),
                ("spent_ip_address", Text),
                ("spent_user_agent", Text),
            ],
        },
        Table {
            name: "kept_answers",
            columns: &[
                ("tenant_id", Text),
                ("operator", Text),
                ("idempotency_key", Text),
                ("request", Bytes),
                ("identity_id", Uuid),
                ("answer", Text),
                ("created_at", Time),
            ],
        },
        Table {
            name: "data_keys",
            columns: &[
                ("id", Int),
                ("tenant_id", Text),
                ("wrapped", Bytes),
                ("wrapped_by", Text),
                ("version", Int),
                ("created_at", Time),
                ("updated_at", Time),
            ],
        },
        Table {
            name: "signing_keys",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("purpose", Text),
                ("secret", Bytes),
                ("public_key", Bytes),
                ("created_at", Time),
            ],
        },
        Table {
            name: "issuer_keys",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("key_use", Text),
                ("algorithm", Text),
                ("state", Text),
                ("slot", Text),
                ("secret", Bytes),
                ("public_jwk", Json),
                ("created_at", Time),
                ("since", Time),
            ],
        },
        Table {
            name: "revoked_tokens",
            columns: &[("id", Uuid), ("tenant_id", Text), ("expires_at", Time), ("created_at", Time)],
        },
        Table {
            name: "audit_events",
            columns: &[
                ("id", Uuid),
                ("tenant_id", Text),
                ("type", Text),
                ("status", Text),
                ("actor", Text),
                ("subject", Text),
                ("message", Text),
                ("metadata", Json),
                ("ip_address", Text),
                ("user_agent", Text),
                ("session_id", Uuid),
                ("resource", Text),
                ("old_value", Json),
                ("new_value", Json),
                ("risk_score", Int),
                ("request_id", Text),
                ("created_at", Time),
            ],
        },
        Table {
            name: "audit_seals",
            columns: &[
                ("tenant_id", Text),
                ("number", Int),
                ("last_at", Time),
                ("last_id", Uuid),
                ("entries", Bytes),
                ("root", Bytes),
                ("previous", Bytes),
                ("sealed_at", Time),
                ("public_key", Bytes),
                ("signature", Bytes),
            ],
        },
        Table {
            name: "audit_sealing",
            columns: &[("id", Int), ("holder", Uuid), ("leased_until", Time), ("sealed_until", Time)],
        },
    ]
};
