//! What an owner calls a factor.

use kayan_ports::terminal;

use crate::FieldError;

/// The longest name, in characters.
const LONGEST: usize = 64;

/// At most 64 characters, all of them visible.
pub(crate) fn judge_name(name: &str) -> Result<(), FieldError> {
    let message = if name.chars().count() > LONGEST {
        format!("must not be longer than {LONGEST} characters")
    } else if name.chars().any(terminal::obeys) {
        "must not contain control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(FieldError::new("/name", "invalid", message))
}
