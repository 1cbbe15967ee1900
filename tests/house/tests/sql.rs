//! How SQL is written: whole, signed, and once for all databases.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use kayan_house::{Code, Word, none_of, rust_in};
use syn::{
    Arm, Expr, ExprBinary, ExprMatch, ExprMethodCall, Macro, Member, Pat,
    spanned::Spanned as _,
    visit::{self, Visit},
};

const FOLDER: &str = "adapters/sql/src/";
const VERBS: [&str; 10] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "REPLACE", "TRUNCATE"];

/// How often the store may ask which database it speaks to. Two of these are guards that no portable statement can be:
/// parallel leases of messages share none, and parallel replacements of a one-time token all succeed.
const DIALECT_BUDGET: usize = 11;

struct Statement {
    at: String,
    text: String,
    // The arm of a `match` over dialects that it stands in, if it does.
    variant: bool,
}

fn statements() -> Vec<Statement> {
    let mut statements = Vec::new();
    for source in rust_in(FOLDER) {
        let code = source.production();
        let arms = DialectArms::of(&code);
        let sql = code.literals.into_iter().filter(|it| signature(&it.text).is_some() || is_statement(&it.text));
        statements.extend(sql.map(|Word { line, text }| {
            let variant = arms.0.iter().any(|lines| lines.contains(&line));
            Statement { at: source.at(line, ""), text, variant }
        }));
    }
    statements
}

/// The lines of the arms of each `match` over dialects.
#[derive(Default)]
struct DialectArms(Vec<RangeInclusive<usize>>);

impl DialectArms {
    fn of(code: &Code) -> Self {
        let mut arms = Self::default();
        code.items.iter().for_each(|item| arms.visit_item(item));
        arms
    }
}

impl Visit<'_> for DialectArms {
    fn visit_arm(&mut self, arm: &Arm) {
        if names_dialect(&arm.pat) {
            let body = arm.body.span();
            self.0.push(body.start().line..=body.end().line);
        }
        visit::visit_arm(self, arm);
    }
}

fn names_dialect(pattern: &Pat) -> bool {
    match pattern {
        Pat::Path(path) => path.path.segments.iter().any(|segment| segment.ident == "Dialect"),
        Pat::Or(or) => or.cases.iter().any(names_dialect),
        _ => false,
    }
}

/// Where a file asks which database it speaks to, a line once.
#[derive(Default)]
struct Asking(BTreeSet<usize>);

impl Visit<'_> for Asking {
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        if call.method == "dialect" {
            self.0.insert(call.method.span().start().line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_match(&mut self, choice: &ExprMatch) {
        if is_dialect(&choice.expr) {
            self.0.insert(choice.match_token.span.start().line);
        }
        visit::visit_expr_match(self, choice);
    }

    fn visit_expr_binary(&mut self, compared: &ExprBinary) {
        if let Expr::Path(path) = &*compared.right
            && path.path.segments.first().is_some_and(|first| first.ident == "Dialect")
        {
            self.0.insert(compared.right.span().start().line);
        }
        visit::visit_expr_binary(self, compared);
    }

    fn visit_macro(&mut self, called: &Macro) {
        if called.path.is_ident("matches") && called.tokens.to_string().starts_with("dialect") {
            self.0.insert(called.bang_token.span.start().line);
        }
    }
}

/// Whether it is `dialect` or ends with it.
fn is_dialect(expression: &Expr) -> bool {
    match expression {
        Expr::Path(path) => path.path.is_ident("dialect"),
        Expr::Field(field) => matches!(&field.member, Member::Named(name) if name == "dialect"),
        _ => false,
    }
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
fn statements_ask_the_dialect_at_most_eleven_times() {
    let mut asking = Vec::new();
    for source in rust_in(FOLDER) {
        // What is about the database itself, and not about what is kept in it, is different in each.
        if ["driver", "examine", "migrate"].contains(&source.stem()) || source.path.contains("/migrate/") {
            continue;
        }
        let mut places = Asking::default();
        source.production().items.iter().for_each(|item| places.visit_item(item));
        asking.extend(
            source.lines().filter(|(line, _)| places.0.contains(line)).map(|(line, it)| source.at(line, it.trim())),
        );
    }
    let over = if asking.len() > DIALECT_BUDGET { asking } else { Vec::new() };
    none_of(over, "write it in SQL that all databases speak, or let the driver do it: the budget is 11");
}
