//! Takes a script apart into its statements, and these into words.

/// One word, text or sign of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A keyword, a number, or a name, without the quotes that it may have.
    Word(&'a str),
    /// What stands between the quotes of a text, as it is written there.
    Text(&'a str),
    /// Anything else.
    Sign(char),
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    /// As it stands there, from its first word to its last.
    pub(crate) sql: &'a str,
    /// Without comments.
    pub(crate) tokens: Vec<Token<'a>>,
}

/// The statements of a script, in their order. Semicolons in texts and comments end none.
pub(crate) fn split(script: &str) -> Vec<Written<'_>> {
    let mut statements = Vec::new();
    let mut tokens = Vec::new();
    let (mut at, mut start, mut end) = (0, 0, 0);
    while let Some((length, token)) = next(script.get(at..).unwrap_or_default()) {
        match token {
            None => {}
            Some(Token::Sign(';')) => {
                finish(&mut statements, script.get(start..end), std::mem::take(&mut tokens));
            }
            Some(token) => {
                if tokens.is_empty() {
                    start = at;
                }
                tokens.push(token);
                end = at + length;
            }
        }
        at += length;
    }
    finish(&mut statements, script.get(start..end), tokens);
    statements
}

fn finish<'a>(statements: &mut Vec<Written<'a>>, sql: Option<&'a str>, tokens: Vec<Token<'a>>) {
    if let Some(sql) = sql.filter(|_| !tokens.is_empty()) {
        statements.push(Written { sql, tokens });
    }
}

/// How long the first piece is, and what it is: nothing where it is blank or a comment.
fn next(rest: &str) -> Option<(usize, Option<Token<'_>>)> {
    let first = rest.chars().next()?;
    if first.is_whitespace() {
        return Some((first.len_utf8(), None));
    }
    if rest.starts_with("--") {
        return Some((rest.find('\n').unwrap_or(rest.len()), None));
    }
    if rest.starts_with("/*") {
        return Some((rest.find("*/").map_or(rest.len(), |end| end + 2), None));
    }
    if first == '$'
        && let Some((length, text)) = dollar_quoted(rest)
    {
        return Some((length, Some(Token::Text(text))));
    }
    if matches!(first, '\'' | '"' | '`') {
        let length = quoted(rest, first);
        let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
        return Some((length, Some(if first == '\'' { Token::Text(inner) } else { Token::Word(inner) })));
    }
    if is_wordly(first) {
        let length = rest.find(|c| !is_wordly(c)).unwrap_or(rest.len());
        return Some((length, Some(Token::Word(rest.get(..length)?))));
    }
    Some((first.len_utf8(), Some(Token::Sign(first))))
}

fn is_wordly(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '@'
}

/// Up to the quote that ends it: one that is doubled, or behind a backslash in a text, does not.
fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '\'' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

/// The body of a function, as in `$$ … $$` or `$body$ … $body$`.
fn dollar_quoted(rest: &str) -> Option<(usize, &str)> {
    let tag = rest.get(..rest.get(1..)?.find('$')? + 2)?;
    if !tag.trim_matches('$').chars().all(is_wordly) {
        return None;
    }
    let body = rest.get(tag.len()..)?;
    let end = body.find(tag)?;
    Some((tag.len() * 2 + end, body.get(..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).into_iter().map(|statement| statement.sql).collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_unless_it_stands_in_a_text_a_name_or_a_comment() {
        assert_eq!(texts("-- a; b\nDROP TABLE x; -- c; d\n/* e; */ DROP TABLE y"), ["DROP TABLE x", "DROP TABLE y"]);
        assert_eq!(texts("SELECT 'a;''b', \"c;\", `d;`;"), ["SELECT 'a;''b', \"c;\", `d;`"]);
        assert_eq!(texts(r"SET @a = 'DEFAULT \'; \''; DO 0"), [r"SET @a = 'DEFAULT \'; \''", "DO 0"]);
        assert_eq!(texts("CREATE FUNCTION f() AS $$ a; b $$; SELECT 1").len(), 2);
        assert_eq!(texts("CREATE FUNCTION f() AS $x$ a; $$ b $x$;"), ["CREATE FUNCTION f() AS $x$ a; $$ b $x$"]);
        assert_eq!(texts(" ;; -- nothing\n"), Vec::<&str>::new());
    }

    #[test]
    fn what_is_not_closed_goes_on_to_the_end() {
        for open in ["SELECT 'a; b", "SELECT \"a; b", "SELECT 1 /* a; b"] {
            assert_eq!(split(open).len(), 1, "{open}");
        }
        assert_eq!(split("SELECT $1; SELECT $2;").len(), 2);
    }
}
