//! A user as a line of NDJSON, the format of export and import.

mod strict;

use kayan_ports::{Identity, IdentityId, PasswordHash, State, TenantId, Timestamp, Traits, timestamp};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{FieldError, user::import::Refusal};

/// The longest line, in bytes.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// A user as a line describes it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct UserLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<IdentityId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) traits: Traits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<State>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) verified: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "timestamp::option::serialize")]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "timestamp::option::serialize")]
    pub(crate) last_login_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    pub(crate) password_hash: Option<PasswordHash>,
}

impl UserLine {
    /// All of a user that can be imported.
    pub(crate) fn of(identity: Identity, password_hash: Option<PasswordHash>) -> Self {
        Self {
            id: Some(identity.id),
            tenant_id: Some(identity.tenant),
            traits: identity.traits,
            state: Some(identity.state),
            verified: identity.verified,
            roles: identity.roles,
            created_at: Some(identity.created_at),
            last_login_at: identity.last_login_at,
            password_hash,
        }
    }

    /// Parses a line with its members in any order. Reports all errors at once and without the values, as one may be a
    /// secret in the wrong place.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Refusal> {
        if line.len() > MAX_LINE_BYTES {
            return Err(Refusal::TooLong);
        }
        let text = std::str::from_utf8(line).map_err(|error| Refusal::NotUtf8 { byte: error.valid_up_to() + 1 })?;
        let Value::Object(members) = strict::parse(text)? else { return Err(Refusal::NoObject) };
        let mut members = Members { rest: members, errors: Vec::new() };
        let line = Self {
            id: members.take("id", "must be a UUID", |text| text.as_str()?.parse().ok()),
            tenant_id: members.take("tenant_id", "must be the name of a tenant", |text| text.as_str()?.parse().ok()),
            traits: Traits(members.take("traits", "must be an object", object).unwrap_or_default()),
            state: members
                .take("state", "must be active, inactive, locked or pending", |text| State::from_name(text.as_str()?)),
            verified: members.take("verified", "must be an array of addresses", texts).unwrap_or_default(),
            roles: members.take("roles", "must be an array of roles' names", texts).unwrap_or_default(),
            created_at: members.take("created_at", MOMENT, read_moment),
            last_login_at: members.take("last_login_at", MOMENT, read_moment),
            password_hash: members.take("password_hash", "must be a string", |text| match text {
                Value::String(encoded) => Some(PasswordHash::new(encoded)),
                _ => None,
            }),
        };
        members.finish().map(|()| line)
    }
}

const MOMENT: &str = "must be a time as in RFC 3339, such as 2024-01-31T08:00:00Z";

/// The members of a line that were not taken yet, and the errors of the others.
struct Members {
    rest: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Members {
    /// Takes a member; null counts as absent.
    fn take<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(Value) -> Option<T>) -> Option<T> {
        let found = self.rest.remove(name);
        if found.is_none() && name == "traits" {
            self.errors.push(FieldError::new("/traits", "required", "is required"));
        }
        let value = found.filter(|value| !value.is_null() || name == "traits")?;
        let read = read(value);
        if read.is_none() {
            self.errors.push(FieldError::new(format!("/{name}"), "invalid", wanted));
        }
        read
    }

    /// No member may be left: an unknown one would be lost silently.
    fn finish(mut self) -> Result<(), Refusal> {
        let unknown = self.rest.keys().map(|name| {
            let begin: String = name.chars().take(80).collect();
            let pointer = format!("/{}", begin.replace('~', "~0").replace('/', "~1"));
            FieldError::new(pointer, "unknown", "is not a known member")
        });
        self.errors.extend(unknown.take(10));
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.errors)) }
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    let Value::Array(items) = value else { return None };
    let text = |item| match item {
        Value::String(text) => Some(text),
        _ => None,
    };
    items.into_iter().map(text).collect()
}

fn read_moment(value: Value) -> Option<Timestamp> {
    timestamp::parse(value.as_str()?)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn exposed<S: Serializer>(hash: &Option<PasswordHash>, serializer: S) -> Result<S::Ok, S::Error> {
    hash.as_ref().map(PasswordHash::as_made).serialize(serializer)
}

#[cfg(test)]
mod tests;
