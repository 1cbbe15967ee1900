//! What cargo knows about the workspace and what it is built from.

use std::process::Command;

use serde_json::Value;

use crate::root;

/// A dependency as a manifest states it.
#[derive(Debug)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Whether only its tests, examples and benches see it.
    pub for_tests: bool,
}

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its manifest's path from the root.
    pub manifest: String,
    /// What it depends on, optional dependencies included.
    pub dependencies: Vec<Dependency>,
}

/// The packages of the workspace.
pub fn packages() -> Vec<Package> {
    let said = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&said).expect("cargo metadata is JSON");
    list(&metadata, "packages").iter().map(package).collect()
}

/// Every package that is built for this machine, build tools included: `name`, `version` and licence expression.
pub fn resolved() -> Vec<(String, String, String)> {
    let said = cargo(&[
        "tree",
        "--workspace",
        "--all-features",
        "--edges=normal,build,dev",
        "--prefix=none",
        "--no-dedupe",
        "--format={p}\t{l}",
    ]);
    let mut packages: Vec<_> = said.lines().filter_map(entry).collect();
    packages.sort();
    packages.dedup();
    packages
}

fn entry(line: &str) -> Option<(String, String, String)> {
    let (package, licence) = line.split_once('\t')?;
    let (name, rest) = package.split_once(' ')?;
    Some((name.to_owned(), rest.to_owned(), licence.trim_end_matches(" (*)").to_owned()))
}

fn package(value: &Value) -> Package {
    let root = root();
    let manifest = text(value, "manifest_path");
    let dependencies = list(value, "dependencies").iter();
    Package {
        name: text(value, "name"),
        manifest: manifest.trim_start_matches(&*root.to_string_lossy()).trim_start_matches('/').to_owned(),
        dependencies: dependencies
            .map(|it| Dependency { name: text(it, "name"), for_tests: text(it, "kind") == "dev" })
            .collect(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let ran = Command::new("cargo").args(arguments).current_dir(root()).output().expect("cargo starts");
    assert!(ran.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("cargo speaks UTF-8")
}
