//! What every file must be like.

use std::{fs, path::Path, process::Command};

use kayan_house::{none_of, rust, tree, tree_of};

const LONGEST: usize = 400;
const NAMELESS: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"];

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = rust().into_iter().filter(|source| source.text.lines().count() > LONGEST);
    let offences = long.map(|source| source.at(LONGEST + 1, format!("{} lines", source.text.lines().count())));
    none_of(offences.collect(), "split it along its subjects; at most 400 lines");
}

#[test]
fn every_file_opens_with_one_sentence_that_says_what_it_is() {
    let mut offences = Vec::new();
    for source in rust() {
        let mut lines = source.text.lines();
        let first = lines.next().unwrap_or_default();
        let one_sentence = first.starts_with("//! ") && first.ends_with('.');
        // Reasons may follow, as a paragraph of their own.
        if !one_sentence || lines.next().is_some_and(|second| second.starts_with("//! ")) {
            offences.push(source.at(1, first));
        }
    }
    none_of(offences, "begin with one line that is one sentence: `//! What this file is.`");
}

#[test]
fn no_module_is_a_mod_rs() {
    let found = rust().into_iter().filter(|source| source.stem() == "mod");
    none_of(
        found.map(|source| source.at(1, "mod.rs")).collect(),
        "name it after its folder: `policy.rs` beside `policy/`",
    );
}

#[test]
fn no_file_or_module_is_called_utils_helpers_common_or_manager() {
    let mut offences = Vec::new();
    for source in tree() {
        if source.path.split(['/', '.', '_', '-']).any(|word| NAMELESS.contains(&word)) {
            offences.push(source.at(1, "a name that says nothing"));
        }
        let modules = if source.is_rust() { source.code().modules } else { Vec::new() };
        let nameless = modules.iter().filter(|name| name.text.split('_').any(|word| NAMELESS.contains(&word)));
        offences.extend(nameless.map(|name| source.at(name.line, format!("mod {}", name.text))));
    }
    none_of(offences, "name it after what it does");
}

#[test]
fn what_lies_in_the_folder_is_no_file_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("added.rs"), "//! A file.\n").unwrap();
    fs::write(path.join("notes.rs"), "left here\n").unwrap();
    fs::create_dir(path.join("utils")).unwrap();
    fs::write(path.join("utils/mod.rs"), "left here, too\n").unwrap();
    git(path, &["init", "--quiet"]);
    git(path, &["add", "added.rs"]);
    let files: Vec<_> = tree_of(path).into_iter().map(|source| source.path).collect();
    assert_eq!(files, ["added.rs"]);
}

fn git(folder: &Path, arguments: &[&str]) {
    let ran = Command::new("git").args(arguments).current_dir(folder).status();
    assert!(ran.is_ok_and(|status| status.success()), "git {arguments:?}");
}
