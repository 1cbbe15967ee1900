//! What the code must and must not say.

use kayan_house::{none_of, rust, rust_in, tree};

const LAST_INVARIANT: u32 = 44;

#[test]
fn nobody_allows_a_lint_or_ignores_a_test() {
    let mut offences = Vec::new();
    for source in rust() {
        let code = source.code();
        let squeezed = code.lines().map(|(line, text)| (line, text.replace(' ', "")));
        let lax = ["#[allow(", "#![allow(", ",allow(", "#[ignore"];
        let found = squeezed.filter(|(_, text)| lax.iter().any(|word| text.contains(word)));
        offences.extend(found.map(|(line, text)| source.at(line, text)));
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
        let mut inside = false;
        let mut documented = false;
        for (line, text) in source.lines() {
            inside = (inside || text.starts_with("pub trait ")) && text != "}";
            if inside && is_method(text) && !documented {
                offences.push(source.at(line, text.trim()));
            }
            // Attributes may stand between the words and the method.
            documented = text.trim_start().starts_with("///") || (documented && text.trim_start().starts_with("#["));
        }
    }
    none_of(offences, "say with `///` what an implementor must do");
}

fn is_method(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("fn ") || text.starts_with("async fn ")
}

#[test]
fn tests_carry_numbers_of_invariants_that_exist() {
    let mut offences = Vec::new();
    for source in rust() {
        let code = source.code();
        let functions = code.lines().filter_map(|(line, text)| Some((line, text.split_once("fn i_")?.1)));
        let numbered = functions.filter(|(_, name)| name.starts_with(|c: char| c.is_ascii_digit()));
        let unknown = numbered.filter(|(_, name)| !is_invariant(name.split('_').next().unwrap_or_default()));
        offences.extend(unknown.map(|(line, name)| source.at(line, format!("fn i_{name}"))));
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
