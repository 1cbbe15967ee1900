//! Runs the blocks of a page one after the other, and tells of each what became of it.

use std::{
    fmt::Write as _,
    process::Output,
    time::{Duration, Instant},
};

use kayan_journeys::promtool;
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use crate::page::{Block, Page};

/// Longer than any block takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(2);
/// As many blocks of a page may be left out for a reason.
const MOST_NAMED: usize = 6;

/// What a page is run on, and what is known of its blocks.
pub(crate) trait Stage {
    /// What stands in the place of what is printed: addresses, ports, places of files, and ids that the page leaves open.
    fn rewrites(&self) -> Vec<(&'static str, String)>;
    /// A script, run as a reader of the page would.
    fn script(&self, script: &str) -> Command;
    /// SQL, run as a reader of the page would.
    fn sql(&self, sql: &str) -> Command;
    /// What a block must say: its key, and texts that its output must have.
    fn expected(&self) -> &'static [(&'static str, &'static [&'static str])];
    /// Blocks that can't be run here, and why not.
    fn named(&self) -> &'static [(&'static str, &'static str)];
    /// What has to be so before a block.
    async fn before(&mut self, key: &str);
    /// What the page promises of a block that has run.
    async fn after(&mut self, key: &str, said: &str);
}

/// Runs them all; fails at the first that does not do what it promises. The table of what became of each.
pub(crate) async fn perform(page: &Page, stage: &mut impl Stage) -> String {
    let keys: Vec<&str> = page.blocks.iter().map(|block| &*block.key).collect();
    let known = stage.expected().iter().map(|(key, _)| key).chain(stage.named().iter().map(|(key, _)| key));
    let gone: Vec<_> = known.filter(|key| !keys.contains(key)).collect();
    assert!(gone.is_empty(), "there are no such blocks any more: {gone:?}");
    assert!(stage.named().len() <= MOST_NAMED, "at most {MOST_NAMED} blocks of a page may be left out for a reason");
    let mut table = String::new();
    for block in &page.blocks {
        let began = Instant::now();
        let (fate, excerpt) = become_of(block, stage).await;
        let took = began.elapsed().as_secs_f64();
        writeln!(table, "{:<62} {:<5} {fate:<8} {took:>5.1} s  {excerpt}", block.key, block.language).unwrap();
    }
    table
}

async fn become_of(block: &Block, stage: &mut impl Stage) -> (&'static str, String) {
    if let Some((_, reason)) = stage.named().iter().find(|(key, _)| *key == block.key) {
        return ("named", (*reason).to_owned());
    }
    let command = |stage: &_, text: &str| match &*block.language {
        "bash" | "sh" => Some(Stage::script(stage, text)),
        "sql" => Some(Stage::sql(stage, text)),
        _ => None,
    };
    stage.before(&block.key).await;
    let text = rewritten(&block.content, &stage.rewrites());
    let Some(mut command) = command(stage, &text) else { return ("checked", checked(block)) };
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{} does not end:\n{text}", block.key)).unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{} ends with {}:\n{text}\nIt says:\n{said}", block.key, output.status);
    // curl succeeds with any status.
    assert!(!said.contains("urn:kayan:problem"), "{}:\n{text}\nIt says:\n{said}", block.key);
    let expected = stage.expected().iter().filter(|(key, _)| *key == block.key).flat_map(|(_, texts)| *texts);
    for text in expected {
        assert!(said.contains(text), "{} does not say {text:?}; it says:\n{said}", block.key);
    }
    stage.after(&block.key, &said).await;
    ("ran", excerpt(&output))
}

/// The text with what stands here in the place of what is printed. What was put in is not looked at again.
pub(crate) fn rewritten(text: &str, table: &[(&'static str, String)]) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let found = table.iter().find(|(printed, _)| rest.starts_with(printed));
        let (taken, put) = found.map_or((next.len_utf8(), None), |(printed, here)| (printed.len(), Some(here)));
        let (taken, left) = rest.split_at(taken);
        done.push_str(put.map_or(taken, String::as_str));
        rest = left;
    }
    done
}

/// What shows something, and is no command.
fn checked(block: &Block) -> String {
    let Block { key, language, content } = block;
    match &**language {
        "json" => {
            let shown: Value = serde_json::from_str(content).unwrap_or_else(|error| panic!("{key}: {error}"));
            let members: Vec<_> = shown.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
            format!("JSON with {}", members.join(", "))
        }
        "toml" => {
            toml::from_str::<toml::Table>(content).unwrap_or_else(|error| panic!("{key}: {error}"));
            "TOML".to_owned()
        }
        // Rules of Prometheus; any other kind needs a check of its own.
        "yaml" if content.contains("- alert: ") || content.contains("- record: ") => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("rules.yml");
            let rules = content.replace('\n', "\n      ");
            std::fs::write(&path, format!("groups:\n  - name: {key:?}\n    rules:\n      {rules}\n")).unwrap();
            let (good, said) = promtool(&["check", "rules", &path.display().to_string()], "");
            assert!(good, "{key} is no list of Prometheus' rules: {said}");
            "Prometheus' rules: promtool has nothing against them".to_owned()
        }
        other => panic!("{key}: mark commands as `bash`, `sh` or `sql`; `{other}` is neither run nor named"),
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &output.stderr].concat()).into_owned()
}

/// The first line of substance that it said.
fn excerpt(output: &Output) -> String {
    let said = said(output);
    let telling = |line: &&str| line.chars().filter(|c| c.is_alphanumeric()).count() > 2;
    let line = said.lines().map(str::trim).find(telling).unwrap_or("(nothing)");
    let short: String = line.chars().take(80).collect();
    if short == line { short } else { format!("{short}…") }
}

#[test]
fn what_is_neither_run_nor_checked_is_noticed() {
    for (language, content, good) in [
        ("json", "{\"a\": 1}\n", true),
        ("json", "{\n", false),
        ("toml", "a = 1\n", true),
        ("yaml", "- alert: A\n  expr: up == 0\n", true),
        ("yaml", "- alert: A\n  expr: (up\n", false),
        ("yaml", "a: 1\n", false),
        ("text", "a\n", false),
        ("", "a\n", false),
    ] {
        let block = Block { key: "A: a".to_owned(), language: language.to_owned(), content: content.to_owned() };
        let passed = std::panic::catch_unwind(|| checked(&block)).is_ok();
        assert_eq!(passed, good, "{language}: {content}");
    }
}

#[test]
fn what_was_put_in_is_not_rewritten_again() {
    let table = [("/a/", "/b/a/".to_owned()), ("/b/", "/a/b/".to_owned())];
    assert_eq!(rewritten("é /a/x /b/y", &table), "é /b/a/x /a/b/y");
}
