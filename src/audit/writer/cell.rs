//! Escapes CSV cells so that no spreadsheet runs them as formulas (I-35), and no terminal obeys them.

use std::{borrow::Cow, io, mem};

use kayan_ports::terminal;
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// Text as a cell, with an apostrophe wherever a formula could begin.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match shown(text) {
        Cow::Borrowed(text) => harmless(text),
        Cow::Owned(text) => Cow::Owned(harmless(&text).into_owned()),
    }
}

/// Escapes control characters other than new lines and tabs.
fn shown(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        return text.split('\r').map(terminal::lines).collect::<Vec<_>>().join("\r").into();
    }
    terminal::lines(text)
}

fn harmless(text: &str) -> Cow<'_, str> {
    // Some spreadsheets drop such a space at the beginning, others take it for the end of the cell.
    let led = text.starts_with(['\t', '\r', '\n']);
    if !led && starts(text).next().is_none() {
        return Cow::Borrowed(text);
    }
    let mut cell = String::with_capacity(text.len() + 8);
    cell.push_str(if led { "'" } else { "" });
    for part in parts(text) {
        match part {
            Part::Plain(plain) => cell.push_str(plain),
            Part::Start(sign) => cell.extend(['\'', sign]),
        }
    }
    Cow::Owned(cell)
}

/// JSON as a cell, with the same value: where a formula could begin in a string, its sign is escaped.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut cell = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut cell, InCell))?;
    let json = String::from_utf8_lossy(&cell);
    // Only a number by itself begins with a sign.
    Ok(if json.starts_with('-') { format!("'{json}") } else { json.into_owned() })
}

struct InCell;

impl Formatter for InCell {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        parts(fragment).try_for_each(|part| match part {
            Part::Plain(plain) => writer.write_all(terminal::json(plain).as_bytes()),
            Part::Start(sign) => write!(writer, "\\u{:04x}", u32::from(sign)),
        })
    }
}

/// Text, split where a formula could begin.
enum Part<'a> {
    Plain(&'a str),
    /// The first character of what could be a formula.
    Start(char),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut from = 0;
    let until = starts(text).map(Some).chain([None]);
    until.flat_map(move |start| {
        let (end, next) = start.map_or((text.len(), text.len()), |(at, sign)| (at, at + sign.len_utf8()));
        let plain = text.get(from..end).unwrap_or_default();
        from = next;
        [Some(Part::Plain(plain)), start.map(|(_, sign)| Part::Start(sign))].into_iter().flatten()
    })
}

/// Where formulas could begin: at the start of the text and after every separator of a spreadsheet, quotation marks and
/// spaces ignored.
fn starts(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut begins = true;
    text.char_indices().filter(move |(_, c)| {
        if is_separator(*c) {
            begins = true;
        } else if !is_skipped(*c) {
            return mem::replace(&mut begins, false) && is_sign(*c);
        }
        false
    })
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '|' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What may precede a formula: spaces, quotation marks and invisible characters.
fn is_skipped(c: char) -> bool {
    c == '"' || c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The signs that begin a formula, full-width ones included.
fn is_sign(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn i_35_no_part_of_a_cell_is_a_formula_whatever_a_spreadsheet_splits_at() {
        for (given, written) in [
            ("x;=cmd|'/c calc'!A1;", "x;'=cmd|'/c calc'!A1;"),
            ("=1", "'=1"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(A1)", "'＠SUM(A1)"),
            ("x\t＝1", "x\t'＝1"),
            ("x,-1", "x,'-1"),
            ("x|@1", "x|'@1"),
            ("x\r\n+1\n-2", "x\r\n'+1\n'-2"),
            ("x; \u{a0}=1", "x; \u{a0}'=1"),
            ("x;\"=1\"", "x;\"'=1\""),
            ("\"\"=1", "\"\"'=1"),
            ("\u{feff}=1", "\u{feff}'=1"),
            ("\tx", "'\tx"),
            ("\r=1", "'\r'=1"),
            (";;=1;;=2", ";;'=1;;'=2"),
            ("a = b - c, d@e.example; 1+1", "a = b - c, d@e.example; 1+1"),
            ("", ""),
            ("x;", "x;"),
        ] {
            assert_eq!(text(given), written);
        }
    }

    #[test]
    fn i_35_json_in_a_cell_holds_no_formula_and_the_same_value() {
        for value in [
            json!({ "reason": "x;=cmd|'/c calc'!A1;", "＝1": ["=1", "＠", -1, 1e300] }),
            json!("a\n=1;\"+1\u{2028}-1"),
            json!(["", ";", { "a=b": null, "-x": true }]),
        ] {
            let cell = json(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&cell).unwrap(), value, "{cell}");
            for begun in [";=", "\"=", "\"＝", "\"＠", "\"+", "\"-", "\u{2028}-"] {
                assert!(!cell.contains(begun), "{begun}: {cell}");
            }
        }
        assert_eq!(json(&json!(-1)).unwrap(), "'-1");
        assert_eq!(json(&json!({ "state": "active", "risk": 20 })).unwrap(), r#"{"risk":20,"state":"active"}"#);
    }
}
