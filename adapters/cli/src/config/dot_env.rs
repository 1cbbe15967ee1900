//! The lines of a `.env` file: one that can't be read does not keep the others from being read.
//!
//! `NAME=value`, `NAME='value'` and `NAME="value"`, optionally with `export` before it and a comment behind it.
//! A quoted value may have several lines. Outside single quotes a backslash escapes `\\`, `'`, `"`, `$` and a blank, and
//! `\n` is a new line. A `$` is literal: variables are not expanded.

use std::str::Chars;

/// A line that is neither blank nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: usize,
    /// The name that it begins with, if there is one.
    pub(super) name: Option<String>,
    /// The value; `None` if the line has no `=`, or no valid value behind it.
    pub(super) value: Option<String>,
}

/// All lines. One that can't be read does not affect the next.
pub(super) fn lines(content: &str) -> Vec<Line> {
    let (mut lines, mut rest, mut number) = (Vec::new(), content, 1);
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let (line, mut after) = rest.split_at(end);
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') {
            let (name, from) = name(rest);
            let read = from.and_then(value);
            if let Some((_, behind)) = &read {
                after = behind;
            }
            // what is not UTF-8 came here as this character
            let value = read.map(|(value, _)| value).filter(|value| !value.contains(char::REPLACEMENT_CHARACTER));
            lines.push(Line { number, name: name.map(str::to_owned), value });
        }
        let taken = rest.len() - after.len();
        number += rest.get(..taken).unwrap_or_default().matches('\n').count();
        rest = after;
    }
    lines
}

/// The name that a line begins with, and the text behind the `=`.
fn name(text: &str) -> (Option<&str>, Option<&str>) {
    let text = text.trim_start_matches([' ', '\t']);
    let exported = text.strip_prefix("export").map(|rest| (rest, rest.trim_start_matches([' ', '\t'])));
    let text = match exported {
        Some((before, after)) if before.len() > after.len() && !after.starts_with('=') => after,
        _ => text,
    };
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len());
    let (name, behind) = text.split_at(length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return (None, None);
    }
    (Some(name), behind.trim_start_matches([' ', '\t']).strip_prefix('='))
}

/// The value that a text begins with, and the text behind its line.
fn value(text: &str) -> Option<(String, &str)> {
    let mut signs = text.trim_start_matches([' ', '\t']).chars();
    let value = match signs.clone().next() {
        Some(quote @ ('\'' | '"')) => {
            signs.next();
            quoted(&mut signs, quote)?
        }
        _ => bare(&mut signs)?,
    };
    Some((value, end_of_line(signs.as_str())?))
}

fn quoted(signs: &mut Chars<'_>, quote: char) -> Option<String> {
    let mut value = String::new();
    loop {
        match signs.next()? {
            sign if sign == quote => return Some(value),
            '\\' if quote == '"' => value.push(escaped(signs)?),
            sign => value.push(sign),
        }
    }
}

/// Up to a blank or the end of the line.
fn bare(signs: &mut Chars<'_>) -> Option<String> {
    let mut value = String::new();
    while let Some(sign) = signs.clone().next() {
        if sign.is_whitespace() || (sign == '#' && value.is_empty()) {
            break;
        }
        signs.next();
        value.push(if sign == '\\' { escaped(signs)? } else { sign });
    }
    Some(value)
}

fn escaped(signs: &mut Chars<'_>) -> Option<char> {
    match signs.next()? {
        'n' => Some('\n'),
        sign @ ('\\' | '\'' | '"' | '$' | ' ') => Some(sign),
        _ => None,
    }
}

/// The text behind the line, the rest of which may only be a comment.
fn end_of_line(text: &str) -> Option<&str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let left = line.trim();
    (left.is_empty() || left.starts_with('#')).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<String> {
        let mut lines = lines(text);
        assert_eq!((lines.len(), lines[0].name.as_deref()), (1, Some("A")), "{text}");
        lines.remove(0).value
    }

    #[test]
    fn a_value_is_what_stands_there() {
        for (text, value) in [
            ("A=b", "b"),
            (" export  A = b # a comment", "b"),
            ("A=", ""),
            ("A=  # a comment", ""),
            ("A=b#c", "b#c"),
            ("A=pa$$w0rd$HOME${HOME}", "pa$$w0rd$HOME${HOME}"),
            ("A=\"pa$$w0rd $HOME\"", "pa$$w0rd $HOME"),
            ("A='pa$$w0rd\\n'\r\n", "pa$$w0rd\\n"),
            ("A=pa\\$\\ \\\\", "pa$ \\"),
            ("A=\"a\\nb\\\"\"", "a\nb\""),
            ("A=\"a\nb\"\n", "a\nb"),
            ("A='a\n\n#b'  # a comment", "a\n\n#b"),
            ("A=it's", "it's"),
            ("A=b=c", "b=c"),
        ] {
            assert_eq!(one(text).as_deref(), Some(value), "{text}");
        }
        for text in ["A=b c", "A='b", "A=\"b", "A='b'c", "A=\\x", "A=\"\\x\"", "A", "A: b", "A=\u{FFFD}"] {
            assert_eq!(one(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_leaves_the_others_and_their_numbers() {
        let content = "A=1\n# note\nhello world\nB='it\nC=\"x\ny\"\n\n9=1\nexport=2\nD=it's nice\nE=5";
        let read: Vec<_> = lines(content).into_iter().map(|line| (line.number, line.name, line.value)).collect();
        let line = |number, name: Option<&str>, value: Option<&str>| {
            (number, name.map(str::to_owned), value.map(str::to_owned))
        };
        assert_eq!(
            read,
            [
                line(1, Some("A"), Some("1")),
                line(3, Some("hello"), None),
                line(4, Some("B"), None),
                line(5, Some("C"), Some("x\ny")),
                line(8, None, None),
                line(9, Some("export"), Some("2")),
                line(10, Some("D"), None),
                line(11, Some("E"), Some("5")),
            ]
        );
    }
}
