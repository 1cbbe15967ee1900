//! How ports are written, and how decorators implement them.

use kayan_house::{Source, none_of, rust, rust_in};

/// The files with traits that adapters decorate.
fn is_port(source: &Source) -> bool {
    source.path.starts_with("ports/src/") || source.path == "adapters/sql/src/driver.rs"
}

/// A method of a block: the line it stands on, its name, and its body without blanks if it has one.
struct Method {
    line: usize,
    name: String,
    body: Option<String>,
}

/// A `trait` or an `impl … for …`.
struct Block {
    head: String,
    methods: Vec<Method>,
}

/// The text from the brace that opens up to the one that closes it, without either.
fn inside(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    text.get(1..end.map_or(text.len(), |(at, _)| at)).unwrap_or_default()
}

/// The blocks of a file's code that begin with this word, tests left out.
fn blocks(source: &Source, word: &str) -> Vec<Block> {
    let code = source.code();
    let starts = code.lines().filter(|(line, text)| *line < code.tests_from() && text.starts_with(word));
    let block = |line: usize| {
        let from: usize = code.bare.lines().take(line - 1).map(|text| text.len() + 1).sum();
        let text = code.bare.get(from..)?;
        let (head, _) = text.split_once('{')?;
        Some(Block { head: head.to_owned(), methods: methods(inside(text.get(head.len()..)?), line) })
    };
    starts.filter_map(|(line, _)| block(line)).collect()
}

fn methods(body: &str, first_line: usize) -> Vec<Method> {
    let names = body.match_indices("fn ").filter(|(at, _)| {
        let before = body.get(..*at).unwrap_or_default();
        before.matches('{').count() == before.matches('}').count()
    });
    let method = |(at, _): (usize, &str)| {
        let text = body.get(at + 3..)?;
        let name = text.split_once(['(', '<'])?.0.to_owned();
        let signature = text.get(..text.find(['{', ';'])?)?;
        let rest = text.get(signature.len()..)?;
        let squeezed = || inside(rest).split_whitespace().collect();
        let line = first_line + body.get(..at)?.matches('\n').count();
        Some(Method { line, name, body: rest.starts_with('{').then(squeezed) })
    };
    names.filter_map(method).collect()
}

/// Whether it does no more than to call the method of its name on a field.
fn forwards(method: &Method) -> bool {
    let Some(body) = &method.body else { return false };
    let Some((field, call)) = body.strip_prefix("self.").and_then(|rest| rest.split_once('.')) else { return false };
    let called = call.strip_prefix(&method.name).and_then(|rest| rest.strip_prefix('('));
    let Some(rest) = called.and_then(|arguments| arguments.split_once(')')).map(|(_, rest)| rest) else { return false };
    field.chars().all(|c| c.is_alphanumeric() || c == '_') && ["", ".await"].contains(&rest)
}

/// The families that a store is the sum of.
fn families() -> Vec<String> {
    let store = rust_in("ports/src/store.rs");
    let sums: Vec<_> = store.iter().flat_map(|source| blocks(source, "pub trait Store:")).collect();
    let words = sums.iter().flat_map(|sum| sum.head.split_whitespace().skip(3));
    words.filter(|word| *word != "+").map(ToOwned::to_owned).collect()
}

/// The name of a trait, as in `pub trait Keys: Send + Sync`.
fn trait_name(head: &str) -> Option<&str> {
    head.strip_prefix("pub trait ")?.split([':', ' ', '<']).next()
}

#[test]
fn no_decorator_only_forwards() {
    let families = families();
    assert!(families.len() > 10, "{families:?}");
    let traits: Vec<_> = rust().into_iter().filter(is_port).flat_map(|source| blocks(&source, "pub trait")).collect();
    let ports: Vec<_> = traits.iter().filter_map(|block| trait_name(&block.head)).collect();
    let mut offences = Vec::new();
    for source in rust_in("adapters/") {
        for Block { head, methods } in blocks(&source, "impl") {
            let Some((implemented, _)) = head.split_once(" for ") else { continue };
            let name = implemented.split_whitespace().last().unwrap_or_default();
            if !ports.contains(&name) {
                continue;
            }
            let forwarding: Vec<_> = methods.iter().filter(|method| forwards(method)).collect();
            // A family is so small that a decorator of one changes all of it.
            if families.iter().any(|family| family == name) || forwarding.len() == methods.len() {
                offences
                    .extend(forwarding.iter().map(|method| source.at(method.line, format!("{name}::{}", method.name))));
            }
        }
    }
    none_of(offences, "implement the families that the decorator changes, and replace their handles in `Stores`");
}

#[test]
fn no_method_of_a_port_has_a_default_that_a_decorator_could_keep_unawares() {
    let mut offences = Vec::new();
    for source in rust().into_iter().filter(is_port) {
        let methods = blocks(&source, "pub trait").into_iter().flat_map(|block| block.methods);
        let defaulted = methods.filter(|method| method.body.is_some());
        offences.extend(defaulted.map(|method| source.at(method.line, method.name)));
    }
    none_of(offences, "let every implementor say it");
}
