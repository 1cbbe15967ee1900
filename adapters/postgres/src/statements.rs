//! The store's SQL in PostgreSQL's dialect: numbered parameters, and guards that the database itself checks.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use kayan_sql::{Expect, signature};
use parking_lot::RwLock;
use tokio_postgres::types::Type;

/// Cache of rewritten statements.
#[derive(Debug, Default)]
pub(crate) struct Statements(RwLock<HashMap<(&'static str, Wording), Arc<str>>>);

/// How a statement is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wording {
    /// Only with numbered parameters.
    Plain,
    /// A write that raises an error unless one row is changed.
    Guarded,
    /// A query that runs for several sets of parameters at once.
    Together,
}

impl Statements {
    /// The text of a query.
    pub(crate) fn question(&self, sql: &'static str) -> Arc<str> {
        self.rewritten(sql, Wording::Plain, numbered)
    }

    /// The text of a query for several sets of parameters of these types: each parameter is an array with an element for each
    /// set. Every row begins with the number of its set, counted from 1.
    pub(crate) fn together(&self, sql: &'static str, types: &[Type]) -> Arc<str> {
        self.rewritten(sql, Wording::Together, |sql| together(sql, types))
    }

    /// The text of a write. One that must match one row raises an error when it does not, so that the whole transaction can
    /// be sent at once, its COMMIT included.
    pub(crate) fn write(&self, sql: &'static str, expect: Expect) -> Arc<str> {
        match expect {
            Expect::One => self.rewritten(sql, Wording::Guarded, |sql| guarded(&numbered(sql))),
            Expect::Any => self.rewritten(sql, Wording::Plain, numbered),
        }
    }

    fn rewritten(&self, sql: &'static str, wording: Wording, rewrite: impl FnOnce(&str) -> String) -> Arc<str> {
        if let Some(text) = self.0.read().get(&(sql, wording)) {
            return Arc::clone(text);
        }
        let text: Arc<str> = rewrite(sql).into();
        Arc::clone(self.0.write().entry((sql, wording)).or_insert(text))
    }
}

/// `$1`, `$2`, … for each `?`.
pub(crate) fn numbered(sql: &str) -> String {
    filled(sql, "$")
}

/// This and its number for each `?`; there are none in comments and strings.
fn filled(sql: &str, parameter: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 32);
    for (number, part) in sql.split('?').enumerate() {
        if number > 0 {
            // writing to a string cannot fail
            let _ = write!(text, "{parameter}{number}");
        }
        text.push_str(part);
    }
    text
}

/// Runs the query once for each element of the arrays, in their order.
fn together(sql: &str, types: &[Type]) -> String {
    let (signature, question) = signed(sql);
    let list = |word: &dyn Fn(usize, &Type) -> String| {
        types.iter().enumerate().map(|(place, kind)| word(place + 1, kind)).collect::<Vec<_>>().join(", ")
    };
    let arrays = list(&|number, kind| format!("${number}::{}[]", kind.name()));
    let names = list(&|number, _| format!("p{number}"));
    let question = filled(question, "asked.p");
    format!(
        "{signature}\nSELECT asked.n, found.*\nFROM unnest({arrays}) WITH ORDINALITY AS asked({names}, n)\n\
         CROSS JOIN LATERAL (\n{question}\n) AS found"
    )
}

/// Raises SQLSTATE KY001 unless one row is changed: `HAVING` leaves no row for which the function would be called
/// otherwise. The signature stays in front, where the statistics show it.
fn guarded(sql: &str) -> String {
    let (first, statement) = signed(sql);
    let name = signature(first);
    format!(
        "{first}\nWITH changed AS (\n{statement}\nRETURNING 1\n)\n\
         SELECT kayan_guard_failed('{name}') FROM changed HAVING COUNT(*) <> 1"
    )
}

/// A statement's first line, if it is its signature, and the rest.
fn signed(sql: &str) -> (&str, &str) {
    match sql.split_once('\n') {
        Some((first, rest)) if first.starts_with("--") => (first, rest),
        _ => ("--", sql),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_and_the_signature_stays_in_front() {
        let statements = Statements::default();
        let sql = "-- a.b\nUPDATE t\nSET a = ?\nWHERE b = ? AND c = ?";
        assert_eq!(&*statements.write(sql, Expect::Any), "-- a.b\nUPDATE t\nSET a = $1\nWHERE b = $2 AND c = $3");
        assert_eq!(
            &*statements.write(sql, Expect::One),
            "-- a.b\nWITH changed AS (\nUPDATE t\nSET a = $1\nWHERE b = $2 AND c = $3\nRETURNING 1\n)\n\
             SELECT kayan_guard_failed('a.b') FROM changed HAVING COUNT(*) <> 1"
        );
        assert_eq!(&*statements.question("SELECT 1"), "SELECT 1");
        assert_eq!(
            &*statements.together("-- a.b\nSELECT c FROM t WHERE a = ? AND b = ?", &[Type::BYTEA, Type::TEXT]),
            "-- a.b\nSELECT asked.n, found.*\n\
             FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS asked(p1, p2, n)\n\
             CROSS JOIN LATERAL (\nSELECT c FROM t WHERE a = asked.p1 AND b = asked.p2\n) AS found"
        );
    }
}
