//! A batch as one text: begin, each statement with its guard, commit.

use kayan_sql::{ApplyError, DriverError, Expect, Statement, signature};
use mysql_async::{Conn, Error, prelude::Queryable};

use crate::{
    errors::{GUARD_FAILED, Verdict, verdict},
    literals::interpolate,
};

/// Fails, and with it everything behind it, unless the statement before it matched one row; the server's message quotes
/// the text. Safe where both branches of `IF` are evaluated, as on `TiDB`: each is a mere value, and only the chosen one
/// is assigned to `sql_mode`, which stays as it is or is refused.
fn guard(name: &str) -> String {
    format!(";\nSET sql_mode = IF(ROW_COUNT() = 1, @@sql_mode, 'kayan: guard of {name} failed')")
}

/// What the server answers at one place of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The beginning or the end.
    Frame,
    /// The statement at this position.
    Statement(usize),
    /// Its guard.
    Guard(usize),
}

/// A batch, ready to be sent as often as it takes.
#[derive(Debug)]
pub(crate) struct Script {
    text: String,
    places: Vec<Place>,
    signatures: Vec<&'static str>,
}

/// Why a script failed. Its transaction may still be open.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Permanently.
    Finally(ApplyError),
    /// It may succeed when it is sent again. The reason, if it does not.
    Again(ApplyError),
    /// The server takes no writes; whether another connection may lead to one that does.
    ReadOnly { renew: bool },
    /// The connection is lost.
    Lost,
}

impl Script {
    /// `Fault` when a value can't be written.
    pub(crate) fn of(batch: &[Statement]) -> Result<Self, ApplyError> {
        let mut script = Self {
            text: "START TRANSACTION".to_owned(),
            places: vec![Place::Frame],
            signatures: batch.iter().map(|statement| signature(statement.sql)).collect(),
        };
        for (position, statement) in batch.iter().enumerate() {
            script.text.push_str(";\n");
            interpolate(&mut script.text, statement.sql, &statement.params)
                .map_err(|why| ApplyError::Fault(format!("{}: {why}", signature(statement.sql))))?;
            script.places.push(Place::Statement(position));
            if statement.expect == Expect::One {
                script.text.push_str(&guard(signature(statement.sql)));
                script.places.push(Place::Guard(position));
            }
        }
        script.text.push_str(";\nCOMMIT");
        script.places.push(Place::Frame);
        Ok(script)
    }

    /// Sends it and reads every answer.
    pub(crate) async fn run(&self, connection: &mut Conn) -> Result<(), Failed> {
        let mut answered = 0;
        match self.hear(connection, &mut answered).await {
            // A missing answer would mean that this program and the server count differently.
            Ok(()) if answered == self.places.len() => Ok(()),
            Ok(()) => Err(Failed::Lost),
            Err(error) => Err(self.explain(&error, self.places.get(answered).copied().unwrap_or(Place::Frame))),
        }
    }

    async fn hear(&self, connection: &mut Conn, answered: &mut usize) -> Result<(), Error> {
        let mut result = connection.query_iter(&*self.text).await?;
        // Reading one answer to its end also begins the next one; an error there shows in the read after that.
        while result.columns().is_some() {
            while result.next().await?.is_some() {}
            *answered += 1;
        }
        result.next().await.map(drop)
    }

    fn explain(&self, error: &Error, place: Place) -> Failed {
        let guarded = matches!(error, Error::Server(error) if error.code == GUARD_FAILED);
        match (place, verdict(error)) {
            (Place::Guard(position), _) if guarded => Failed::Finally(ApplyError::Guard(position)),
            (Place::Statement(position), Verdict::Taken) => Failed::Finally(ApplyError::Unique(position)),
            (_, Verdict::Again(why)) => Failed::Again(ApplyError::Unavailable(why.to_owned())),
            (_, Verdict::Unavailable(why)) => Failed::Finally(ApplyError::Unavailable(why.to_owned())),
            (_, Verdict::ReadOnly) => Failed::ReadOnly { renew: false },
            (_, Verdict::Lost) => Failed::Lost,
            (_, Verdict::Taken) => Failed::Finally(ApplyError::Fault("the key is taken".to_owned())),
            (place, Verdict::Fault(why)) => {
                let name = match place {
                    Place::Statement(at) | Place::Guard(at) => self.signatures.get(at).copied().unwrap_or_default(),
                    Place::Frame => "transaction",
                };
                Failed::Finally(ApplyError::Fault(format!("{name}: {why}")))
            }
        }
    }
}

/// Ends the transaction that a failed script left open.
pub(crate) async fn roll_back(connection: &mut Conn) -> Result<(), DriverError> {
    connection.query_drop("ROLLBACK").await.map_err(|_| crate::errors::lost())
}

#[cfg(test)]
mod tests {
    use kayan_sql::Value;

    use super::*;

    #[test]
    fn a_batch_is_one_text_with_a_guard_behind_each_statement_that_must_match() {
        let free = Statement { sql: "-- a.b\nDELETE FROM a", params: vec![], expect: Expect::Any };
        let guarded =
            Statement { sql: "-- a.c\nUPDATE a SET b = ?", params: vec![Value::from("'")], expect: Expect::One };
        let script = Script::of(&[free, guarded]).unwrap();
        assert_eq!(
            script.text,
            "START TRANSACTION;\n-- a.b\nDELETE FROM a;\n-- a.c\nUPDATE a SET b = _utf8mb4 x'27';\n\
             SET sql_mode = IF(ROW_COUNT() = 1, @@sql_mode, 'kayan: guard of a.c failed');\nCOMMIT"
        );
        let places = [Place::Frame, Place::Statement(0), Place::Statement(1), Place::Guard(1), Place::Frame];
        assert_eq!(script.places, places);
    }

    #[test]
    fn a_batch_with_a_missing_parameter_is_a_fault_and_not_sent() {
        let statement = Statement { sql: "-- a.b\nDELETE FROM a WHERE b = ?", params: vec![], expect: Expect::Any };
        assert!(matches!(Script::of(&[statement]), Err(ApplyError::Fault(why)) if why.starts_with("a.b: ")));
    }
}
