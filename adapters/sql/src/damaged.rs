//! Damaged rows of a list: reported by their ids, and left out.

use crate::{DriverError, Row};

/// Reads what can be read, and gives the ids of the rows that can't. The column at `id`, counted from 0, is the row's id.
pub(crate) fn apart<T>(
    table: &'static str,
    id: usize,
    rows: Vec<Row>,
    decode: impl Fn(Row) -> Result<T, DriverError>,
) -> (Vec<T>, Vec<String>) {
    let (mut whole, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let id = row.label(id);
        match decode(row) {
            Ok(read) => whole.push(read),
            Err(error) => {
                tracing::error!(table, id, %error, "a damaged row is left out of a list");
                damaged.push(id);
            }
        }
    }
    (whole, damaged)
}
