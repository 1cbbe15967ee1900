//! Every name that the operations guide promises, and what proves that it works.

use std::{fs, path::Path, sync::LazyLock};

use kayan_house::{Code, Package, none_of, packages, root};
use toml::Table;

use crate::page::{Page, plain};

/// As many as there are: so none is lost on the way.
const FEWEST: usize = 203;

/// Asked of cargo once.
static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(packages);

/// What is known of it, by kind.
pub(crate) fn inventory() -> Table {
    let path = root().join("tests/guide/inventory.toml");
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of a kind, each with its proof.
pub(crate) fn of_kind(inventory: &Table, kind: &str) -> Vec<(String, String)> {
    let table = inventory.get(kind).and_then(toml::Value::as_table).unwrap_or_else(|| panic!("no [{kind}]"));
    let text =
        |value: &toml::Value| value.as_str().unwrap_or_else(|| panic!("[{kind}]: {value:?} is no text")).to_owned();
    table.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The file of a test that is named as in `kayan-journeys::limits::somebody_does_something`, if there is such a test.
pub(crate) fn source(test: &str) -> Option<String> {
    let (place, name) = test.rsplit_once("::")?;
    let (package, modules) = place.split_once("::").unwrap_or((place, "lib"));
    let package = PACKAGES.iter().find(|it| it.name == package)?;
    let folder = root().join(Path::new(&package.manifest).parent()?);
    let file = format!("{}.rs", modules.replace("::", "/"));
    let texts = ["src", "tests"].map(|half| fs::read_to_string(folder.join(half).join(&file)).unwrap_or_default());
    texts.into_iter().find(|text| Code::read(text).unwrap().tests.iter().any(|test| test == name))
}

/// Why an item is not proved, if it is not.
fn fault(page: &Page, spelling: &str, proof: &str) -> Option<String> {
    if !plain(&page.text).contains(&plain(spelling)) {
        return Some("docs/operations.md does not have it".to_owned());
    }
    if proof.starts_with("kayan") {
        return source(proof).is_none().then(|| format!("there is no test {proof}"));
    }
    let Some(block) = page.blocks.iter().find(|block| block.key == proof) else {
        return Some(format!("docs/operations.md has no block `{proof}`"));
    };
    let has = plain(&block.content).contains(&plain(spelling));
    (!has).then(|| format!("the block `{proof}` does not have it"))
}

#[test]
fn everything_that_the_guide_promises_is_in_it_and_proved() {
    let (inventory, page) = (inventory(), Page::read("docs/operations.md"));
    let mut offences = Vec::new();
    let mut items = 0;
    for kind in inventory.keys().filter(|kind| *kind != "unproven") {
        for (spelling, proof) in of_kind(&inventory, kind) {
            items += 1;
            offences.extend(fault(&page, &spelling, &proof).map(|why| format!("[{kind}] {spelling}: {why}")));
        }
    }
    assert!(items >= FEWEST, "{items} items, and there were {FEWEST}");
    none_of(offences, "name a block that has it or a test that proves it in tests/guide/inventory.toml");
}

#[test]
fn what_proves_nothing_is_noticed() {
    let page = Page::of("## A\n```sh\nkayan a \\\n  --b\n```\n`KAYAN_C`\n".to_owned());
    let here = "kayan-guide::inventory::what_proves_nothing_is_noticed";
    for (spelling, proof) in [("kayan a --b", "A: kayan a"), ("KAYAN_C", here)] {
        assert_eq!(fault(&page, spelling, proof), None, "{spelling}: {proof}");
    }
    for (spelling, proof) in [
        ("kayan d", "A: kayan a"),
        ("KAYAN_C", "A: kayan a"),
        ("KAYAN_C", "A: kayan b"),
        ("KAYAN_C", "kayan-guide::inventory::what_is_not_there"),
        ("KAYAN_C", "kayan-guide::inventory::source"),
    ] {
        assert!(fault(&page, spelling, proof).is_some(), "{spelling}: {proof}");
    }
}
