//! What the operations guide says in its tables, compared with what is shipped.

use std::fs;

use kayan_house::{none_of, root};
use kayan_journeys::{Home, Kind, promtool};
use serde_json::json;

use crate::{
    inventory::{inventory, of_kind},
    page::Page,
};

fn shipped(name: &str) -> String {
    let path = root().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table under a heading, each with its cells.
fn rows(page: &Page, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = page.text.split_once(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::to_owned).collect()).skip(1).collect()
}

/// The values that stand behind a key in YAML, in order.
fn values<'a>(yaml: &'a str, key: &str) -> Vec<&'a str> {
    let lines = yaml.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).collect()
}

#[test]
fn the_alerts_that_the_guide_prints_are_those_that_are_shipped() {
    let rules = shipped("prometheus/alerts.yml");
    let [names, expressions, spans, severities] = ["alert", "expr", "for", "severity"].map(|key| values(&rules, key));
    let shipped: Vec<_> = (0..names.len())
        .map(|n| [format!("`{}` ({})", names[n], severities[n]), format!("`{}` for {}", expressions[n], spans[n])])
        .collect();
    let printed: Vec<_> =
        rows(&Page::read("docs/operations.md"), "Alerts").into_iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(printed, shipped, "docs/operations.md and deploy/prometheus/alerts.yml say different things");
}

#[test]
fn every_expression_that_the_guide_prints_is_one() {
    let expressions = of_kind(&inventory(), "expression");
    let bare = |text: &str| text.strip_prefix('`').and_then(|it| it.split('`').next()).unwrap_or(text).to_owned();
    let rules: Vec<_> = (0..)
        .zip(&expressions)
        .map(|(n, (text, _))| json!({ "record": format!("guide:{n}"), "expr": bare(text) }))
        .collect();
    assert!(!rules.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yml");
    fs::write(&path, json!({ "groups": [{ "name": "guide", "rules": rules }] }).to_string()).unwrap();
    let (good, said) = promtool(&["check", "rules", &path.display().to_string()], "");
    assert!(good, "{said}");
}

#[tokio::test]
async fn every_table_that_the_guide_names_is_one() {
    let home = Home::on(Kind::Postgres);
    assert_eq!(home.run("migrate up").await.code, 0);
    let tables = home.database().await.texts("SELECT tablename FROM pg_tables").await;
    let rows = rows(&Page::read("docs/operations.md"), "If only a part can be saved");
    let named: Vec<_> = rows.iter().flat_map(|row| row[1].split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 9, "{named:?}");
    let missing = named.into_iter().filter(|name| !tables.iter().any(|table| table == name));
    none_of(missing.map(|name| format!("there is no table {name}")).collect(), "name the tables as they are called");
}

#[test]
fn the_manifests_are_of_the_sizes_that_the_guide_prints() {
    let sizes = rows(&Page::read("docs/operations.md"), "Scaling");
    let files = [
        ("overlays/small/kustomization.yaml", ""),
        ("base/deployment.yaml", "base/horizontalpodautoscaler.yaml"),
        ("overlays/production/kustomization.yaml", ""),
    ];
    for (row, (file, more)) in sizes.iter().zip(files) {
        let text = |name: &str| if name.is_empty() { String::new() } else { shipped(&format!("kubernetes/{name}")) };
        let manifest = text(file) + &text(more);
        let [cpu, memory] = [("cpu", 2), ("memory", 3)].map(|(key, cell)| (values(&manifest, key), &row[cell]));
        assert!(cpu.0.contains(&&**cpu.1) && memory.0.contains(&&**memory.1), "{file} is not of the size {row:?}");
        let least = row[1].split('-').next().unwrap();
        // As a field, or in a patch of it.
        let replicas = [format!("minReplicas: {least}\n"), format!("/spec/minReplicas\n        value: {least}\n")];
        assert!(replicas.iter().any(|text| manifest.contains(text)), "{file} does not begin with {least} replicas");
    }
    // For the greatest there is no manifest.
    assert_eq!((sizes.len(), &*sizes[3][1]), (4, "10+"));
}
