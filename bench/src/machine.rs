//! Where and when it was measured.

use std::{fs, process::Command, thread};

use time::OffsetDateTime;

/// Lines of Markdown that say where, when and what was measured.
pub(crate) fn description() -> String {
    let memory = line_of("/proc/meminfo", "MemTotal:").and_then(|text| {
        let kibibytes: u64 = text.trim_end_matches(" kB").parse().ok()?;
        Some(format!("{} MiB", kibibytes / 1024))
    });
    let facts = [
        ("Processor", line_of("/proc/cpuinfo", "model name")),
        ("Cores", thread::available_parallelism().ok().map(|cores| cores.to_string())),
        ("Memory", memory),
        ("Date", Some(today())),
        ("Commit", commit()),
    ];
    let line = |(name, fact): (&str, Option<String>)| format!("- {name}: {}\n", fact.as_deref().unwrap_or("unknown"));
    facts.into_iter().map(line).collect()
}

fn today() -> String {
    #[expect(clippy::disallowed_methods, reason = "a result says when it was taken; no rule depends on it")]
    let now = OffsetDateTime::now_utc();
    now.date().to_string()
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").args(arguments).output().ok().filter(|ran| ran.status.success())?;
        Some(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    // What the run itself writes is no change of what was measured.
    let changes = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":/",
        ":!/bench/RESULTS.md",
        ":!/bench/results.svg",
    ])?;
    Some(if changes.is_empty() { hash } else { format!("{hash}, with changes") })
}

fn line_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim_start_matches([' ', '\t', ':']).to_owned())
}
