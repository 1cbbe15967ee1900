//! What the code must and must not say.

use kayan_house::{none_of, rust, rust_in, tree};
use syn::{Item, TraitItem, TraitItemFn};

const LAST_INVARIANT: u32 = 44;

#[test]
fn nobody_allows_a_lint_or_ignores_a_test() {
    let mut offences = Vec::new();
    for source in rust() {
        let mut attributes = source.code().attributes;
        attributes.retain(|it| {
            let allows =
                it.text.starts_with("allow(") || it.text.starts_with("cfg_attr(") && it.text.contains(",allow(");
            allows || it.text == "ignore"
        });
        offences.extend(attributes.iter().map(|it| source.at(it.line, &it.text)));
    }
    none_of(
        offences,
        "`#[expect(lint, reason = \"…\")]` tells when it is no longer needed; a test that can't run is no test",
    );
}

#[test]
fn every_port_method_says_what_it_does() {
    let mut offences = Vec::new();
    for source in rust_in("ports/src/") {
        for item in source.code().items {
            let Item::Trait(port) = item else { continue };
            let methods = port.items.iter().filter_map(|item| match item {
                TraitItem::Fn(method) => Some(method),
                _ => None,
            });
            let silent = methods.filter(|method| !method.attrs.iter().any(|it| it.path().is_ident("doc")));
            let line = |method: &TraitItemFn| method.sig.ident.span().start().line;
            offences.extend(silent.map(|method| source.at(line(method), &method.sig.ident)));
        }
    }
    none_of(offences, "say with `///` what an implementor must do");
}

#[test]
fn tests_carry_numbers_of_invariants_that_exist() {
    let mut offences = Vec::new();
    for source in rust() {
        for function in source.code().functions {
            let number = function.text.strip_prefix("i_").and_then(|rest| rest.split('_').next());
            let numbered = number.filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
            if numbered.is_some_and(|number| !is_invariant(number)) {
                offences.push(source.at(function.line, function.text));
            }
        }
    }
    none_of(offences, "invariants are numbered i_01_… to i_44_…");
}

fn is_invariant(number: &str) -> bool {
    number.len() == 2 && number.parse().is_ok_and(|number| (1..=LAST_INVARIANT).contains(&number))
}

#[test]
fn no_file_knows_a_machine_or_a_registry() {
    // In pieces, so that this file doesn't say them either.
    let hosts = [
        ["static.", "crates.io"],
        ["index.", "crates.io"],
        ["registry.npm", "js.org"],
        ["py", "pi.org"],
        ["files.python", "hosted.org"],
        ["deb.", "debian.org"],
    ];
    let homes = [["/ro", "ot/"], ["/ho", "me/"]];
    let unwanted: Vec<String> = hosts.iter().chain(&homes).map(|pieces| pieces.concat()).collect();
    let mut offences = Vec::new();
    for source in tree() {
        let found = source.lines().filter(|(_, text)| unwanted.iter().any(|word| text.contains(word)));
        offences.extend(found.map(|(line, text)| source.at(line, text.trim().chars().take(100).collect::<String>())));
    }
    none_of(offences, "use a path from the root, and leave registries to their clients' configuration");
}
