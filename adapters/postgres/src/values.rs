//! Values in PostgreSQL's binary form, in both directions.

use std::{error::Error, str};

use bytes::{BufMut, BytesMut};
use kayan_ports::Timestamp;
use kayan_sql::{Row, Value};
use time::UtcOffset;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use uuid::Uuid;

type Failed = Box<dyn Error + Sync + Send>;

/// The version byte before a `jsonb` document.
const JSONB: u8 = 1;

/// A parameter.
#[derive(Debug)]
pub(crate) struct Bound<'v>(pub(crate) &'v Value);

impl Bound<'_> {
    /// The type that a statement which is not prepared is told; the database finds NULL's by itself.
    pub(crate) fn ty(&self) -> Type {
        match self.0 {
            Value::Null => Type::UNKNOWN,
            Value::Bool(_) => Type::BOOL,
            Value::Int(_) => Type::INT8,
            Value::Text(_) => Type::TEXT,
            Value::Bytes(_) => Type::BYTEA,
            Value::Json(_) => Type::JSON,
            Value::Uuid(_) => Type::UUID,
            Value::Time(_) => Type::TIMESTAMPTZ,
        }
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Bool(truth), &Type::BOOL) => truth.to_sql(ty, out),
            (Value::Int(number), &Type::INT8) => number.to_sql(ty, out),
            (Value::Int(number), &Type::INT4) => i32::try_from(*number)?.to_sql(ty, out),
            (Value::Int(number), &Type::INT2) => i16::try_from(*number)?.to_sql(ty, out),
            (Value::Text(text), &(Type::TEXT | Type::VARCHAR | Type::BPCHAR)) => (&**text).to_sql(ty, out),
            (Value::Bytes(bytes), &Type::BYTEA) => bytes.as_slice().to_sql(ty, out),
            (Value::Json(document), &(Type::JSON | Type::JSONB)) => {
                if *ty == Type::JSONB {
                    out.put_u8(JSONB);
                }
                out.put_slice(document.as_bytes());
                Ok(IsNull::No)
            }
            (Value::Uuid(id), &Type::UUID) => id.to_sql(ty, out),
            (Value::Time(moment), &Type::TIMESTAMPTZ) => moment.to_sql(ty, out),
            _ => Err(format!("a parameter of this kind is no {ty}").into()),
        }
    }

    /// Checked for each value: a NULL fits any type.
    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A column's value.
struct Owned(Value);

impl<'r> FromSql<'r> for Owned {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Failed> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
            Type::BYTEA => Value::Bytes(raw.to_vec()),
            Type::JSON => Value::Json(str::from_utf8(raw)?.to_owned()),
            Type::JSONB => match raw.split_first() {
                Some((&JSONB, document)) => Value::Json(str::from_utf8(document)?.to_owned()),
                _ => return Err("jsonb of an unknown version".into()),
            },
            Type::UUID => Value::Uuid(Uuid::from_sql(ty, raw)?),
            Type::TIMESTAMPTZ => Value::Time(Timestamp::from_sql(ty, raw)?.to_offset(UtcOffset::UTC)),
            _ => Value::text(str::from_utf8(raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failed> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        [
            Type::BOOL,
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::BYTEA,
            Type::JSON,
            Type::JSONB,
            Type::UUID,
            Type::TIMESTAMPTZ,
            Type::TEXT,
            Type::VARCHAR,
            Type::BPCHAR,
            Type::NAME,
            Type::UNKNOWN,
        ]
        .contains(ty)
    }
}

/// A row of the database as a row of the store, from this column on.
pub(crate) fn row(found: &tokio_postgres::Row, from: usize) -> Result<Row, tokio_postgres::Error> {
    let column = |position| found.try_get(position).map(|Owned(value)| value);
    Ok(Row::new((from..found.len()).map(column).collect::<Result<_, _>>()?))
}
