//! The identity schema: which traits an identity may have, and which of them are identifiers.

mod marks;
#[cfg(test)]
mod tests;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use kayan_ports::{Identifier, NamedIdentifier, Traits};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::marks::MarkError;
use self::marks::{MARK, REQUIRED, TraitPath};
use crate::policy::identifier::{self, IdentifierError};

/// The formats of e-mail addresses: both accept exactly what can be an identifier.
const ADDRESS_FORMATS: [&str; 2] = ["email", "idn-email"];
/// The format of phone numbers with their country codes.
const PHONE_FORMAT: &str = "tel";
const MAX_DEPTH: usize = 16;

/// The largest traits, in bytes of JSON. Together with the limit of regular expressions, this bounds the time of a
/// check (I-42).
const MAX_BYTES: usize = 64 * 1024;

/// A regular expression with look-around or back-references is aborted after this many backtracking steps, and the
/// value is refused. The others take linear time.
const MAX_STEPS_BACK: usize = 10_000;

/// The most errors that are reported.
const MOST_ERRORS: usize = 100;

/// A JSON Schema (draft 2020-12) for traits, compiled once.
pub struct IdentitySchema {
    validator: Validator,
    identifiers: Vec<TraitPath>,
    document: Value,
}

/// Why a document is not a valid identity schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is not a JSON Schema.
    #[error("not a JSON Schema: {0}")]
    NotASchema(String),
    /// It has no identifier.
    #[error("no property has `\"{MARK}\": true`; mark at least one string property, such as `email`")]
    NoIdentifier,
    /// A mark of an identifier that would have no effect.
    #[error("the mark at {pointer}: {why}")]
    Mark {
        /// Where, as a JSON Pointer (RFC 6901) into the schema.
        pointer: String,
        /// Why, and what to do.
        why: MarkError,
    },
}

/// An error in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where, as a JSON Pointer (RFC 6901) into the request's body.
    pub pointer: String,
    /// The kind of error, from a short list: a JSON Schema keyword, `invalid`, `too_deep` or `nul`.
    pub code: String,
    /// A message for people. Never contains the value.
    pub message: String,
}

impl FieldError {
    /// A field error anywhere in the body.
    pub fn new(pointer: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.to_owned(), message: message.into() }
    }

    /// A field error in the traits; `path` is a JSON Pointer into them.
    fn traits(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::new(format!("/traits{path}"), code, message)
    }
}

impl Default for IdentitySchema {
    /// `email`, which is required and an identifier, and `name`.
    fn default() -> Self {
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["email"],
            "additionalProperties": false,
            "properties": {
                "email": { "type": "string", "format": "email", "maxLength": 254, MARK: true },
                "name": { "type": "string", "maxLength": 200 },
            },
        });
        #[expect(clippy::expect_used, reason = "a constant: every start and every test runs through here")]
        Self::from_value(document).expect("the default identity schema is a schema")
    }
}

impl IdentitySchema {
    /// Parses a schema. References to other documents are not followed.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let document = serde_json::from_str(text).map_err(|error| SchemaError::NotJson(error.to_string()))?;
        Self::from_value(document)
    }

    fn from_value(document: Value) -> Result<Self, SchemaError> {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MAX_STEPS_BACK));
        let address = |text: &str| identifier::check_address(text).is_ok();
        let options = ADDRESS_FORMATS.into_iter().fold(options, |options, name| options.with_format(name, address));
        let options = options.with_format(PHONE_FORMAT, |text: &str| identifier::check_phone(text).is_ok());
        let validator = options.build(&document).map_err(|error| SchemaError::NotASchema(error.to_string()))?;
        let identifiers = marks::find(&document)?;
        if identifiers.is_empty() {
            return Err(SchemaError::NoIdentifier);
        }
        Ok(Self { validator, identifiers, document })
    }

    /// The schema itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Whether every identity needs an identifier to log in with.
    pub(crate) fn requires_identifier(&self) -> bool {
        self.document.get(REQUIRED) != Some(&Value::Bool(false))
    }

    /// Checks the traits of a new identity, which needs an identifier unless the schema says otherwise.
    pub(crate) fn identify_new(&self, traits: &Traits) -> Result<Vec<NamedIdentifier>, Vec<FieldError>> {
        let found = self.identify(traits)?;
        if found.is_empty() && self.requires_identifier() {
            let names: Vec<String> = self.identifiers.iter().map(joined).collect();
            let why = format!("must have an identifier to log in with: {}", names.join(" or "));
            return Err(vec![FieldError::traits("", "required", why)]);
        }
        Ok(found)
    }

    /// Checks traits and returns their identifiers, or all errors at once.
    pub fn identify(&self, traits: &Traits) -> Result<Vec<NamedIdentifier>, Vec<FieldError>> {
        if size(&traits.0) > MAX_BYTES {
            let why = format!("must not have more than {} KiB", MAX_BYTES / 1024);
            return Err(vec![FieldError::traits("", "too_large", why)]);
        }
        let whole = Value::Object(traits.0.clone());
        if let Some(error) = unstorable(&whole, "", 0) {
            return Err(vec![error]);
        }
        let mut errors: Vec<FieldError> =
            self.validator.iter_errors(&whole).take(MOST_ERRORS).map(|e| describe(&e)).collect();
        let mut found: Vec<NamedIdentifier> = Vec::new();
        for path in &self.identifiers {
            match identifier_at(path, &whole) {
                // a value that occurs twice is one identifier
                Ok(Some(value)) if found.iter().any(|other| other.value == value) => {}
                Ok(Some(value)) => found.push(NamedIdentifier { field: joined(path), value }),
                Ok(None) => {}
                // the error of the schema says the same or more
                Err(error) if errors.iter().any(|other| other.pointer == error.pointer) => {}
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(found) } else { Err(errors) }
    }
}

/// The length as JSON, in bytes, without escapes.
fn size(members: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len() + 3,
            Value::Array(items) => items.iter().map(of).sum::<usize>() + 2,
            Value::Object(members) => size(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        }
    }
    members.iter().map(|(name, member)| name.len() + 4 + of(member)).sum::<usize>() + 2
}

/// The identifier at a path of the traits, if there is one.
fn identifier_at(path: &TraitPath, whole: &Value) -> Result<Option<Identifier>, FieldError> {
    let wrong = |code, message: String| FieldError::traits(&format!("/{}", joined(path)), code, message);
    match path.iter().try_fold(whole, |value, name| value.as_object()?.get(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let canonical = identifier::canonical(text);
            canonical.map(Some).map_err(|error: IdentifierError| wrong("invalid", error.to_string()))
        }
        Some(_) => Err(wrong("type", "must be a text: it is an identifier".to_owned())),
    }
}

/// A JSON Pointer without the `/` that it begins with.
fn joined(path: &TraitPath) -> String {
    path.iter().map(|name| escape(name)).collect::<Vec<_>>().join("/")
}

/// Finds values that not every supported database can store, or that are nested too deeply.
fn unstorable(value: &Value, path: &str, depth: usize) -> Option<FieldError> {
    let nul = || Some(FieldError::traits(path, "nul", "must not contain a NUL character"));
    match value {
        _ if depth > MAX_DEPTH => {
            Some(FieldError::traits(path, "too_deep", format!("must not be nested deeper than {MAX_DEPTH} levels")))
        }
        Value::String(text) if text.contains('\0') => nul(),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| unstorable(item, &format!("{path}/{i}"), depth + 1))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') { nul() } else { unstorable(member, &format!("{path}/{}", escape(name)), depth + 1) }
        }),
        _ => None,
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn describe(error: &ValidationError<'_>) -> FieldError {
    let mut path = error.instance_path().as_str().to_owned();
    let message = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            path = format!("{path}/{}", escape(name));
            "is required".to_owned()
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            if let [only] = unexpected.as_slice() {
                path = format!("{path}/{}", escape(only));
            }
            "is not a trait of the identity schema".to_owned()
        }
        ValidationErrorKind::Format { format } if ADDRESS_FORMATS.contains(&format.as_str()) => {
            let why = error.instance().as_str().and_then(|text| identifier::check_address(text).err());
            why.map_or_else(|| "is not an e-mail address".to_owned(), |why| format!("is not an e-mail address: {why}"))
        }
        ValidationErrorKind::Format { format } if format == PHONE_FORMAT => {
            format!("is not a phone number: {}", IdentifierError::Phone)
        }
        ValidationErrorKind::Format { format } => format!("is not a valid {format}"),
        _ => error.masked_with("the value").to_string(),
    };
    FieldError::traits(&path, &snake_case(error.kind().keyword()), message)
}

fn snake_case(keyword: &str) -> String {
    let mut out = String::with_capacity(keyword.len() + 2);
    for c in keyword.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
