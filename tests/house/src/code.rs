//! Telling Rust code from comments and string literals, as far as the rules need it.

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// The line on which it begins.
    pub line: usize,
    /// What it says, escapes resolved.
    pub text: String,
}

/// A Rust file, taken apart.
#[derive(Debug, Default)]
pub struct Code {
    /// The code; comments and what stands in literals are blanks, so that lines and columns stay.
    pub bare: String,
    /// The string literals, in order.
    pub literals: Vec<Literal>,
}

impl Code {
    /// Takes a file apart.
    pub fn read(text: &str) -> Self {
        let mut code = Self::default();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let hidden = code.hidden(rest);
            let (taken, left) = rest.split_at(hidden.unwrap_or(next.len_utf8()));
            if hidden.is_some() {
                code.bare.extend(taken.chars().map(|c| if c == '\n' { c } else { ' ' }));
            } else {
                code.bare.push(next);
            }
            rest = left;
        }
        code
    }

    /// The lines of the code, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.bare.lines())
    }

    /// The line on which the tests beside the code begin.
    pub fn tests_from(&self) -> usize {
        let tests = self.lines().find(|(_, line)| line.trim_start().starts_with("#[cfg(test)]"));
        tests.map_or(usize::MAX, |(line, _)| line)
    }

    // How many bytes at the start of `rest` are a comment or a literal. A string literal is also kept.
    fn hidden(&mut self, rest: &str) -> Option<usize> {
        if rest.starts_with("//") {
            return Some(rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return Some(block_comment(rest));
        }
        if rest.starts_with('\'') {
            return character(rest);
        }
        let inside = rest.strip_prefix('"')?;
        let hashes = self.bare.len() - self.bare.trim_end_matches('#').len();
        let raw = self.bare.trim_end_matches('#').ends_with('r');
        let closing = if raw { format!("\"{}", "#".repeat(hashes)) } else { "\"".to_owned() };
        let length = if raw { inside.find(&closing) } else { unescaped_quote(inside) }.unwrap_or(inside.len());
        let text = inside.get(..length).unwrap_or_default();
        let line = self.bare.matches('\n').count() + 1;
        self.literals.push(Literal { line, text: if raw { text.to_owned() } else { resolved(text) } });
        Some((1 + length + closing.len()).min(rest.len()))
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(left) = rest.get(at..).filter(|left| !left.is_empty()) {
        let (step, deeper) = match left {
            _ if left.starts_with("/*") => (2, depth + 1),
            _ if left.starts_with("*/") => (2, depth - 1),
            _ => (left.chars().next().map_or(1, char::len_utf8), depth),
        };
        at += step;
        depth = deeper;
        if depth == 0 {
            break;
        }
    }
    at
}

// None for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return chars.skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

fn unescaped_quote(inside: &str) -> Option<usize> {
    let mut escaped = false;
    let quote = inside.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    quote.map(|(at, _)| at)
}

fn resolved(text: &str) -> String {
    let mut resolved = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, (c == '\\').then(|| chars.next()).flatten()) {
            (_, Some('n')) => resolved.push('\n'),
            (_, Some('t')) => resolved.push('\t'),
            (_, Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            (_, Some(other)) => resolved.push(other),
            (c, None) => resolved.push(c),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::Code;

    fn literals(text: &str) -> Vec<(usize, String)> {
        Code::read(text).literals.into_iter().map(|literal| (literal.line, literal.text)).collect()
    }

    #[test]
    fn comments_and_literals_are_blanks_of_the_same_length() {
        let text = "a(\"x // y\"); // \"z\"\n/* /* \" */ */ b('\"', 'c, '\\'');";
        let bare = Code::read(text).bare;
        assert_eq!(bare, "a(        );       \n              b(   , 'c,     );");
        assert_eq!(bare.len(), text.len());
    }

    #[test]
    fn literals_are_found_with_their_line_and_escapes_resolved() {
        assert_eq!(literals("a\nb(\"c\\\"d\\n\\\n   e\")"), [(2, "c\"d\ne".to_owned())]);
        assert_eq!(
            literals("r#\"a\"\\n\"# + b\"c\" + r\"\\\""),
            [(1, "a\"\\n".to_owned()), (1, "c".to_owned()), (1, "\\".to_owned())]
        );
    }
}
