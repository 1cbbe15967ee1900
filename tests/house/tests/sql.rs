//! How SQL is written: whole, signed, and once for all databases.

use std::collections::BTreeMap;

use kayan_house::{Literal, none_of, rust_in};

const FOLDER: &str = "adapters/sql/src/";
const VERBS: [&str; 10] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "REPLACE", "TRUNCATE"];

/// How often the store may ask which database it speaks to.
const DIALECT_BUDGET: usize = 10;

struct Statement {
    at: String,
    text: String,
    // The arm of a `match` over dialects that it stands in, if it does.
    variant: bool,
}

fn statements() -> Vec<Statement> {
    let mut statements = Vec::new();
    for source in rust_in(FOLDER) {
        let code = source.code();
        let tests_from = code.tests_from();
        let arms: Vec<usize> = code.lines().filter(|(_, text)| is_arm(text)).map(|(line, _)| line).collect();
        let texts = code.literals.into_iter().filter(|literal| literal.line < tests_from);
        let sql = texts.filter(|literal| signature(&literal.text).is_some() || is_statement(&literal.text));
        statements.extend(sql.map(|Literal { line, text }| {
            // rustfmt puts a long arm's text on the line after the arrow.
            let variant = arms.contains(&line) || arms.contains(&(line - 1));
            Statement { at: source.at(line, ""), text, variant }
        }));
    }
    statements
}

fn is_arm(text: &str) -> bool {
    text.contains("Dialect::") && text.contains("=>")
}

fn is_statement(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.next().is_some_and(|first| VERBS.contains(&first)) && words.next().is_some()
}

// `-- noun.verb` on the first line.
fn signature(text: &str) -> Option<&str> {
    let first = text.trim_start().lines().next()?;
    let (noun, verb) = first.strip_prefix("-- ")?.split_once('.')?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_name(noun) && is_name(verb)).then_some(first)
}

#[test]
fn every_statement_is_signed() {
    let unsigned = statements().into_iter().filter(|it| signature(&it.text).is_none());
    let offences = unsigned.map(|it| it.at + it.text.trim_start().lines().next().unwrap_or_default());
    none_of(offences.collect(), "begin it with a line `-- noun.verb`, which shows in the database's own statistics");
}

#[test]
fn no_two_statements_have_the_same_signature() {
    let mut places: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
    for statement in statements() {
        if let Some(signature) = signature(&statement.text) {
            places.entry(signature.to_owned()).or_default().push(statement);
        }
    }
    // One statement in the words of several dialects keeps its name.
    let doubled = places.into_iter().filter(|(_, places)| places.len() > 1 && !places.iter().all(|it| it.variant));
    let offences = doubled.flat_map(|(signature, places)| places.into_iter().map(move |it| it.at + &signature));
    none_of(offences.collect(), "a signature names one statement; give each its own");
}

#[test]
fn statements_ask_the_dialect_at_most_ten_times() {
    let mut asking = Vec::new();
    for source in rust_in(FOLDER) {
        // What is about the database itself, and not about what is kept in it, is different in each.
        if ["driver", "examine", "migrate"].contains(&source.stem()) || source.path.contains("/migrate/") {
            continue;
        }
        let code = source.code();
        let lines = code.lines().take_while(|(line, _)| *line < code.tests_from());
        for (line, text) in lines {
            if ["dialect()", "match dialect", "== Dialect::", "matches!(dialect"].iter().any(|it| text.contains(it)) {
                asking.push(source.at(line, text.trim()));
            }
        }
    }
    let over = if asking.len() > DIALECT_BUDGET { asking } else { Vec::new() };
    none_of(over, "write it in SQL that all databases speak, or let the driver do it: the budget is 10");
}
