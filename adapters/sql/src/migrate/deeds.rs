//! What the statements of a migration do, as far as that matters to those who use the tables meanwhile.

use super::statements::Token;

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed<'a> {
    /// It makes a table, perhaps with rows that refer to others', or as a part of another.
    CreateTable { table: &'a str, refers: Vec<&'a str>, parent: Option<&'a str> },
    /// It makes an index.
    CreateIndex { index: &'a str, table: &'a str },
    /// It removes an index; not every dialect says of which table.
    DropIndex { index: &'a str, table: Option<&'a str> },
    /// It removes a table.
    DropTable { table: &'a str },
    /// It adds columns whose values need not be worked out row by row, or changes how new ones are stored.
    ExtendTable { table: &'a str },
    /// It removes columns.
    DropColumns { table: &'a str },
    /// It adds rows, perhaps from what it reads elsewhere.
    Insert { table: &'a str, sources: Vec<&'a str> },
    /// It changes or removes rows.
    Change { table: &'a str, sources: Vec<&'a str> },
    /// It calls this function of the schema's own.
    Call { function: &'a str },
    /// It keeps a table's writers out.
    KeepWritersOut { table: &'a str },
    /// It sets a variable to a statement, which is run or not.
    Choose { variable: &'a str, statements: Vec<&'a str> },
    /// It prepares the statement in a variable under a name.
    Prepare { name: &'a str, variable: &'a str },
    /// It runs what was prepared under a name.
    Execute { name: &'a str },
    /// It touches no table.
    Nothing,
}

/// Words in an added column that make it more than one that is simply there.
const MORE_THAN_A_COLUMN: [&str; 7] = ["CHECK", "CONSTRAINT", "GENERATED", "PRIMARY", "REFERENCES", "UNIQUE", "AS"];

/// Reads a statement; nothing when it is of no kind that is known here, in every part of it.
pub(crate) fn read<'a>(tokens: &[Token<'a>]) -> Option<Deed<'a>> {
    let mut cursor = Cursor { rest: tokens };
    let verb = cursor.word()?.to_ascii_uppercase();
    match verb.as_str() {
        "CREATE" => create(cursor),
        "DROP" => drop_thing(cursor),
        "ALTER" => alter(cursor),
        "INSERT" => {
            cursor.eat("IGNORE");
            cursor.expect("INTO")?;
            Some(Deed::Insert { table: cursor.word()?, sources: sources(cursor.rest) })
        }
        "UPDATE" => {
            let table = cursor.word()?;
            let sources = sources(cursor.rest);
            Some(Deed::Change { table, sources: sources.into_iter().filter(|source| *source != table).collect() })
        }
        "DELETE" => {
            cursor.expect("FROM")?;
            Some(Deed::Change { table: cursor.word()?, sources: sources(cursor.rest) })
        }
        "SELECT" => match cursor.rest {
            [Token::Word(function), Token::Sign('('), Token::Word(_), Token::Sign(')')] => {
                Some(Deed::Call { function })
            }
            _ => None,
        },
        "LOCK" => {
            cursor.expect("TABLE")?;
            let table = cursor.word()?;
            let mode = ["IN", "SHARE", "ROW", "EXCLUSIVE", "MODE"];
            mode.iter().try_for_each(|word| cursor.expect(word))?;
            cursor.end(Deed::KeepWritersOut { table })
        }
        "SET" => choose(cursor),
        "PREPARE" => {
            let name = cursor.word()?;
            cursor.expect("FROM")?;
            let variable = cursor.word()?;
            cursor.end(Deed::Prepare { name, variable })
        }
        "EXECUTE" => {
            let name = cursor.word()?;
            cursor.end(Deed::Execute { name })
        }
        "DEALLOCATE" => {
            cursor.expect("PREPARE")?;
            cursor.word()?;
            cursor.end(Deed::Nothing)
        }
        "DO" => {
            cursor.expect("0")?;
            cursor.end(Deed::Nothing)
        }
        _ => None,
    }
}

fn create<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Deed<'a>> {
    if cursor.eat("FUNCTION") {
        return Some(Deed::Nothing);
    }
    if cursor.eat("TABLE") {
        cursor.eat_all(&["IF", "NOT", "EXISTS"]);
        let table = cursor.word()?;
        let parent = if cursor.eat_all(&["PARTITION", "OF"]) { Some(cursor.word()?) } else { None };
        if top_level(cursor.rest).any(|token| token.is("AS") || token.is("SELECT")) {
            return None;
        }
        return Some(Deed::CreateTable { table, refers: named_after(cursor.rest, "REFERENCES"), parent });
    }
    cursor.eat("UNIQUE");
    cursor.expect("INDEX")?;
    cursor.eat_all(&["IF", "NOT", "EXISTS"]);
    let index = cursor.word()?;
    cursor.expect("ON")?;
    Some(Deed::CreateIndex { index, table: cursor.word()? })
}

fn drop_thing<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Deed<'a>> {
    if cursor.eat("FUNCTION") {
        return Some(Deed::Nothing);
    }
    let of_table = cursor.eat("TABLE");
    if !of_table {
        cursor.expect("INDEX")?;
    }
    cursor.eat_all(&["IF", "EXISTS"]);
    let name = cursor.word()?;
    if of_table {
        return cursor.end(Deed::DropTable { table: name });
    }
    let table = if cursor.eat("ON") { Some(cursor.word()?) } else { None };
    cursor.end(Deed::DropIndex { index: name, table })
}

fn alter<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Deed<'a>> {
    cursor.expect("TABLE")?;
    let table = cursor.word()?;
    let actions = separated(cursor.rest);
    if actions.iter().all(|action| is_drop(action)) {
        return Some(Deed::DropColumns { table });
    }
    actions.iter().all(|action| is_addition(action) || is_storage(action)).then_some(Deed::ExtendTable { table })
}

fn is_drop(action: &[Token<'_>]) -> bool {
    matches!(action, [drop, column, Token::Word(_)] if drop.is("DROP") && column.is("COLUMN"))
}

fn is_storage(action: &[Token<'_>]) -> bool {
    matches!(action, [alter, column, Token::Word(_), set, storage, Token::Word(_)]
        if alter.is("ALTER") && column.is("COLUMN") && set.is("SET") && storage.is("STORAGE"))
}

/// One with a default that is worked out for each row, or with a rule that each row is held against, takes longer.
fn is_addition(action: &[Token<'_>]) -> bool {
    let [add, column, Token::Word(_), rest @ ..] = action else { return false };
    let computed = rest.windows(3).any(|window| match window {
        [default, value, Token::Sign('(')] => default.is("DEFAULT") && matches!(value, Token::Word(_)),
        [default, Token::Sign('('), _] => default.is("DEFAULT"),
        _ => false,
    });
    let more = rest.iter().any(|token| MORE_THAN_A_COLUMN.iter().any(|word| token.is(word)));
    add.is("ADD") && column.is("COLUMN") && !computed && !more
}

/// As in `SET @kayan_step = IF(…, 'DO 0', 'CREATE INDEX …')`.
fn choose<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Deed<'a>> {
    let variable = cursor.word()?;
    let [Token::Sign('='), chosen, Token::Sign('('), inner @ .., Token::Sign(')')] = cursor.rest else { return None };
    let arguments = separated(inner);
    let [_, [Token::Text(one)], [Token::Text(other)]] = arguments.as_slice() else { return None };
    (chosen.is("IF") && variable.starts_with('@')).then(|| Deed::Choose { variable, statements: vec![one, other] })
}

/// The tables that a statement reads.
fn sources<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let mut found = named_after(tokens, "FROM");
    found.extend(named_after(tokens, "JOIN"));
    found
}

/// The names behind a keyword, each once, and those behind commas that follow; a name with `(` behind it is a function.
fn named_after<'a>(tokens: &[Token<'a>], keyword: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (position, _) in tokens.iter().enumerate().filter(|(_, token)| token.is(keyword)) {
        let mut rest = tokens.get(position + 1..).unwrap_or_default();
        while let [Token::Word(name), behind @ ..] = rest {
            let called = keyword != "REFERENCES" && behind.first() == Some(&Token::Sign('('));
            if !called && !names.contains(name) {
                names.push(*name);
            }
            rest = match behind {
                [Token::Sign(','), more @ ..] | [Token::Word(_), Token::Sign(','), more @ ..] => more,
                _ => break,
            };
        }
    }
    names
}

/// What stands between the commas, those within brackets left out.
fn separated<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Sign(',')
        })
        .collect()
}

/// The tokens that are within no brackets.
fn top_level<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    let mut depth = 0_i32;
    tokens.iter().filter(move |token| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// What is still to be read of a statement.
struct Cursor<'t, 'a> {
    rest: &'t [Token<'a>],
}

impl<'a> Cursor<'_, 'a> {
    fn word(&mut self) -> Option<&'a str> {
        let (Token::Word(word), rest) = self.rest.split_first()? else { return None };
        self.rest = rest;
        Some(word)
    }

    fn expect(&mut self, keyword: &str) -> Option<()> {
        self.eat(keyword).then_some(())
    }

    /// Takes the keyword if it is the next one.
    fn eat(&mut self, keyword: &str) -> bool {
        self.eat_all(&[keyword])
    }

    /// Takes the keywords if they are the next ones.
    fn eat_all(&mut self, keywords: &[&str]) -> bool {
        let there = keywords.len() <= self.rest.len() && keywords.iter().zip(self.rest).all(|(word, it)| it.is(word));
        if there {
            self.rest = self.rest.get(keywords.len()..).unwrap_or_default();
        }
        there
    }

    /// The deed, if nothing else is said.
    fn end(&self, deed: Deed<'a>) -> Option<Deed<'a>> {
        self.rest.is_empty().then_some(deed)
    }
}
