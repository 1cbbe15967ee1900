//! Escapes control characters in text for a terminal.
//!
//! Control characters move the cursor, set colours and titles, or send input (ECMA-48: C0, DEL, C1); bidirectional ones
//! reorder what follows (Unicode UAX #9). Text from clients is escaped before it reaches a terminal: as `\u{9b}` in
//! text, as `\u009b` in JSON, whose value stays the same.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// Whether a terminal obeys this character: C0, DEL and C1, and the bidirectional controls.
pub fn obeys(c: char) -> bool {
    let bidirectional = '\u{202a}'..='\u{202e}';
    let isolates = '\u{2066}'..='\u{2069}';
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || bidirectional.contains(&c)
        || isolates.contains(&c)
}

/// Escapes text for one line, such as a cell of a table.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, obeys, |escaped, c| write!(escaped, "\\u{{{:x}}}", u32::from(c)))
}

/// Escapes text but for new lines and tabs, such as a message.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| obeys(c) && c != '\n' && c != '\t', |escaped, c| write!(escaped, "\\u{{{:x}}}", u32::from(c)))
}

/// Escapes JSON without changing its value: only strings need it, and C0 is escaped there already.
pub fn json(json: &str) -> Cow<'_, str> {
    escaped(json, |c| c >= '\u{7f}' && obeys(c), |escaped, c| write!(escaped, "\\u{:04x}", u32::from(c)))
}

/// Writes a value as JSON in one line that is safe on a terminal.
pub fn write_json(into: impl Write, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(into, Escaped))
}

struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        writer.write_all(json(fragment).as_bytes())
    }
}

fn escaped(
    text: &str,
    is_unwanted: impl Fn(char) -> bool,
    escape: impl Fn(&mut String, char) -> std::fmt::Result,
) -> Cow<'_, str> {
    // Nearly all text is plain: looking at every byte is faster than stopping at the first odd one.
    let plain = text.bytes().fold(true, |plain, b| plain & matches!(b, b' '..=b'~'));
    if plain || !text.contains(&is_unwanted) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unwanted(c) {
            // Writing to a string can't fail.
            let _ = escape(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> impl Iterator<Item = char> {
        let ranges = ['\u{0}'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
        ranges.into_iter().flatten().chain(['\u{61c}', '\u{200e}', '\u{200f}'])
    }

    #[test]
    fn no_character_that_a_terminal_obeys_is_left() {
        for c in every() {
            let text = format!("a{c}ü");
            assert_eq!(one_line(&text), format!("a\\u{{{:x}}}ü", u32::from(c)));
            assert_eq!(lines(&text) == text, matches!(c, '\n' | '\t'), "{c:?}");
            let mut written = Vec::new();
            write_json(&mut written, &[&text]).unwrap();
            let written = String::from_utf8(written).unwrap();
            assert!(!written.contains(obeys), "{written:?}");
            let [back] = serde_json::from_str::<[String; 1]>(&written).unwrap();
            assert_eq!(back, text);
            let pretty = serde_json::to_string_pretty(&[&text]).unwrap();
            let shown = json(&pretty);
            assert!(!shown.contains(|c| obeys(c) && c != '\n'), "{shown:?}");
            assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
        }
    }

    #[test]
    fn whatever_is_written_in_letters_stays() {
        for text in ["", "Ada Lovelace", "日本語 ü é 🎉", "שלום مرحبا", "a \"b\" \\ c"] {
            assert_eq!((one_line(text), lines(text), json(text)), (text.into(), text.into(), text.into()));
        }
    }
}
