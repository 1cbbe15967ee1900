//! What an owner calls a factor.

use kayan_ports::terminal;

use crate::FieldError;

/// The longest name, in characters.
const LONGEST: usize = 64;

/// Line breaks that are no control characters.
const LINE_BREAKS: [char; 2] = ['\u{2028}', '\u{2029}'];

/// At most 64 characters, all of them visible.
pub(crate) fn judge_name(name: &str) -> Result<(), FieldError> {
    let message = if name.chars().count() > LONGEST {
        format!("must not be longer than {LONGEST} characters")
    } else if name.chars().any(|c| terminal::obeys(c) || LINE_BREAKS.contains(&c)) {
        "must not contain control characters or line breaks".to_owned()
    } else {
        return Ok(());
    };
    Err(FieldError::new("/name", "invalid", message))
}
