//! The store's SQL in PostgreSQL's words: numbered parameters, and guards that the database itself keeps.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use kayan_sql::Expect;
use parking_lot::RwLock;

/// Every statement that was rewritten, by its text and what it expects.
#[derive(Debug, Default)]
pub(crate) struct Statements(RwLock<HashMap<(&'static str, bool), Arc<str>>>);

impl Statements {
    /// The text that is sent for a question.
    pub(crate) fn question(&self, sql: &'static str) -> Arc<str> {
        self.rewritten(sql, false)
    }

    /// The text that is sent for a write. One that must match one row fails by itself when it does not, so that the
    /// whole transaction can be sent at once, its COMMIT included.
    pub(crate) fn write(&self, sql: &'static str, expect: Expect) -> Arc<str> {
        self.rewritten(sql, expect == Expect::One)
    }

    fn rewritten(&self, sql: &'static str, guarded: bool) -> Arc<str> {
        if let Some(text) = self.0.read().get(&(sql, guarded)) {
            return Arc::clone(text);
        }
        let numbered = numbered(sql);
        let text: Arc<str> = if guarded { kept(&numbered).into() } else { numbered.into() };
        Arc::clone(self.0.write().entry((sql, guarded)).or_insert(text))
    }
}

/// `$1`, `$2`, … for each `?`; there are none in comments and strings.
fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 32);
    for (number, part) in sql.split('?').enumerate() {
        if number > 0 {
            // writing to a string cannot fail
            let _ = write!(text, "${number}");
        }
        text.push_str(part);
    }
    text
}

/// Divides by zero unless one row is changed. The signature stays in front, where the statistics show it.
fn kept(sql: &str) -> String {
    let (signature, statement) = match sql.split_once('\n') {
        Some((first, rest)) if first.starts_with("--") => (first, rest),
        _ => ("--", sql),
    };
    format!(
        "{signature}\nWITH changed AS (\n{statement}\nRETURNING 1\n)\nSELECT 1 / (COUNT(*) = 1)::integer FROM changed"
    )
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
             SELECT 1 / (COUNT(*) = 1)::integer FROM changed"
        );
        assert_eq!(&*statements.question("SELECT 1"), "SELECT 1");
    }
}
