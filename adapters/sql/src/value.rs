//! What goes into a statement and what comes out of it.

use crate::DriverError;
use std::{borrow::Cow, vec};

use kayan_ports::{Timestamp, timestamp};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A value with its logical type, so that a driver can bind its database's own.
///
/// A database without such a type hands over its stand-in, and [`Row`] takes it: a `Bool` may come as `Int` 0 or 1, a
/// `Uuid` and `Json` as `Text`, a `Time` as `Int` microseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes, such as a hash.
    Bytes(Vec<u8>),
    /// A JSON document, serialised.
    Json(String),
    /// An id.
    Uuid(Uuid),
    /// A moment, whole microseconds.
    Time(Timestamp),
}

impl Value {
    /// The JSON form of `document`; `Fault` when it has none.
    pub fn json(document: &impl Serialize) -> Result<Self, DriverError> {
        serde_json::to_string(document)
            .map(Self::Json)
            .map_err(|error| DriverError::Fault(format!("cannot be written as JSON: {error}")))
    }

    /// An owned copy of `text`.
    pub fn text(text: &str) -> Self {
        Self::Text(Cow::Owned(text.to_owned()))
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Time(moment)
    }
}

impl From<[u8; 32]> for Value {
    fn from(hash: [u8; 32]) -> Self {
        Self::Bytes(hash.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(maybe: Option<T>) -> Self {
        maybe.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer, read column by column from the left; values are moved out, not copied.
///
/// Each getter takes the next column and answers `Fault`, naming the column's position (from 1), when that is of
/// another type.
#[derive(Debug)]
pub struct Row {
    rest: vec::IntoIter<Value>,
    position: usize,
}

impl Row {
    /// A row of these columns.
    pub fn new(columns: Vec<Value>) -> Self {
        Self { rest: columns.into_iter(), position: 0 }
    }

    /// Whether the next column is NULL; takes nothing. True past the end.
    pub fn at_null(&self) -> bool {
        matches!(self.rest.as_slice().first(), None | Some(Value::Null))
    }

    /// Passes over columns: those of a joined row that is not there.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.position += columns;
        self.rest.by_ref().take(columns).for_each(drop);
    }

    /// The column at this place, counted from 0 behind those that were read, as a name for the row; takes nothing.
    pub(crate) fn label(&self, at: usize) -> String {
        match self.rest.as_slice().get(at) {
            Some(Value::Uuid(id)) => id.to_string(),
            Some(Value::Text(text)) => text.clone().into_owned(),
            _ => "without a readable id".to_owned(),
        }
    }

    /// A whole number.
    pub fn int(&mut self) -> Result<i64, DriverError> {
        match self.next() {
            Value::Int(number) => Ok(number),
            _ => Err(self.fault("whole number")),
        }
    }

    /// True or false.
    pub fn boolean(&mut self) -> Result<bool, DriverError> {
        match self.next() {
            Value::Bool(truth) => Ok(truth),
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(self.fault("boolean")),
        }
    }

    /// Text.
    pub fn text(&mut self) -> Result<String, DriverError> {
        match self.next() {
            Value::Text(text) => Ok(text.into_owned()),
            _ => Err(self.fault("text")),
        }
    }

    /// Text or NULL.
    pub fn maybe_text(&mut self) -> Result<Option<String>, DriverError> {
        self.maybe(Self::text)
    }

    /// A word of a closed list, as `from_name` knows it.
    pub fn word<T>(&mut self, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T, DriverError> {
        match self.next() {
            Value::Text(word) => from_name(&word).ok_or_else(|| self.fault("known word")),
            _ => Err(self.fault("text")),
        }
    }

    /// Exactly 32 bytes.
    pub fn hash(&mut self) -> Result<[u8; 32], DriverError> {
        match self.next() {
            Value::Bytes(bytes) => bytes.try_into().map_err(|_| self.fault("32 bytes")),
            _ => Err(self.fault("32 bytes")),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>, DriverError> {
        match self.next() {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.fault("bytes")),
        }
    }

    /// A JSON document's text, whatever it says.
    pub fn document(&mut self) -> Result<String, DriverError> {
        match self.next() {
            Value::Json(document) => Ok(document),
            Value::Text(document) => Ok(document.into_owned()),
            _ => Err(self.fault("JSON document")),
        }
    }

    /// A JSON document's text or NULL.
    pub fn maybe_document(&mut self) -> Result<Option<String>, DriverError> {
        self.maybe(Self::document)
    }

    /// An id that is written as this program writes it: hyphenated and in lower case.
    pub fn exact_uuid(&mut self) -> Result<Uuid, DriverError> {
        match self.next() {
            Value::Uuid(id) => Ok(id),
            Value::Text(text) => {
                let id = Uuid::try_parse(&text).ok().filter(|id| id.hyphenated().to_string() == text);
                id.ok_or_else(|| self.fault("UUID as it is written here"))
            }
            _ => Err(self.fault("UUID")),
        }
    }

    /// Such an id or NULL.
    pub fn maybe_exact_uuid(&mut self) -> Result<Option<Uuid>, DriverError> {
        self.maybe(Self::exact_uuid)
    }

    /// A JSON document of this shape.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, DriverError> {
        let parsed = match self.next() {
            Value::Json(document) => serde_json::from_str(&document),
            Value::Text(document) => serde_json::from_str(&document),
            _ => return Err(self.fault("JSON document")),
        };
        parsed.map_err(|_| self.fault("JSON document of the right shape"))
    }

    /// A JSON document or NULL.
    pub fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, DriverError> {
        self.maybe(Self::json)
    }

    /// An id.
    pub fn uuid(&mut self) -> Result<Uuid, DriverError> {
        match self.next() {
            Value::Uuid(id) => Ok(id),
            Value::Text(text) => Uuid::try_parse(&text).map_err(|_| self.fault("UUID")),
            _ => Err(self.fault("UUID")),
        }
    }

    /// An id or NULL.
    pub fn maybe_uuid(&mut self) -> Result<Option<Uuid>, DriverError> {
        self.maybe(Self::uuid)
    }

    /// A moment.
    pub fn time(&mut self) -> Result<Timestamp, DriverError> {
        match self.next() {
            Value::Time(moment) => Ok(moment),
            Value::Int(micros) => timestamp::from_micros(micros).ok_or_else(|| self.fault("moment")),
            _ => Err(self.fault("moment")),
        }
    }

    /// A moment or NULL.
    pub fn maybe_time(&mut self) -> Result<Option<Timestamp>, DriverError> {
        self.maybe(Self::time)
    }

    fn next(&mut self) -> Value {
        self.position += 1;
        self.rest.next().unwrap_or(Value::Null)
    }

    fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, DriverError>) -> Result<Option<T>, DriverError> {
        if self.at_null() {
            self.next();
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Names the place, never the value: that may be a secret.
    fn fault(&self, wanted: &str) -> DriverError {
        DriverError::Fault(format!("column {} is no {wanted}", self.position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_another_type_is_a_fault_that_names_its_position_and_not_its_value() {
        let mut row = Row::new(vec![Value::Int(1), Value::from("s3cret")]);
        assert_eq!(row.int(), Ok(1));
        assert_eq!(row.uuid(), Err(DriverError::Fault("column 2 is no UUID".to_owned())));
        assert_eq!(row.int(), Err(DriverError::Fault("column 3 is no whole number".to_owned())));
    }

    #[test]
    fn stand_ins_are_taken_for_types_that_a_database_lacks() {
        let id = Uuid::from_u128(7);
        let mut row = Row::new(vec![
            Value::from(id.to_string()),
            Value::Int(1),
            Value::Int(-1),
            Value::from("[1]"),
            Value::Null,
            Value::Int(2),
        ]);
        assert_eq!(row.uuid(), Ok(id));
        assert_eq!(row.boolean(), Ok(true));
        assert_eq!(row.time(), Ok(Timestamp::UNIX_EPOCH - time::Duration::MICROSECOND));
        assert_eq!(row.json::<Vec<i64>>(), Ok(vec![1]));
        assert_eq!(row.maybe_text(), Ok(None));
        assert_eq!(row.boolean(), Err(DriverError::Fault("column 6 is no boolean".to_owned())));
    }
}
