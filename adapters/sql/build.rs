//! Embeds the migration files, so that adding one means adding its two files and nothing else.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Name, up file, down file.
type Pair = (String, Option<PathBuf>, Option<PathBuf>);

fn main() -> Result<(), Box<dyn Error>> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?;
    let root = Path::new(&here).join("../../migrations").canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());
    let mut code = String::new();
    for (dialect, constant) in [("sqlite", "SQLITE"), ("postgres", "POSTGRES"), ("mysql", "MYSQL")] {
        let folder = root.join(dialect);
        let pairs = if folder.is_dir() { pairs(&folder)? } else { BTreeMap::new() };
        write_list(&mut code, constant, &pairs)?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("migrations.rs"), code)?;
    Ok(())
}

fn pairs(folder: &Path) -> Result<BTreeMap<u32, Pair>, Box<dyn Error>> {
    let mut pairs: BTreeMap<u32, Pair> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let (version, name, upward) =
            parse(&file).ok_or_else(|| format!("{}: not NNNN_name.up.sql or .down.sql", path.display()))?;
        let pair = pairs.entry(version).or_insert_with(|| (name.clone(), None, None));
        if pair.0 != name {
            return Err(format!("{}: another migration has number {version:04}", path.display()).into());
        }
        if upward { pair.1 = Some(path) } else { pair.2 = Some(path) }
    }
    Ok(pairs)
}

fn parse(file: &str) -> Option<(u32, String, bool)> {
    let stem = file.strip_suffix(".sql")?;
    let (stem, direction) = stem.rsplit_once('.')?;
    let (number, name) = stem.split_once('_')?;
    let upward = match direction {
        "up" => true,
        "down" => false,
        _ => return None,
    };
    (number.len() >= 4 && !name.is_empty()).then_some((number.parse().ok()?, name.to_owned(), upward))
}

fn write_list(code: &mut String, constant: &str, pairs: &BTreeMap<u32, Pair>) -> Result<(), Box<dyn Error>> {
    writeln!(code, "const {constant}: &[Migration] = &[")?;
    for (version, (name, up, down)) in pairs {
        let missing = |direction| format!("migration {version:04}_{name} has no .{direction}.sql");
        let up = up.as_ref().ok_or_else(|| missing("up"))?.to_string_lossy();
        let down = down.as_ref().ok_or_else(|| missing("down"))?.to_string_lossy();
        writeln!(
            code,
            "    Migration {{ version: {version}, name: {name:?}, up: include_str!({up:?}), down: include_str!({down:?}) }},"
        )?;
    }
    writeln!(code, "];")?;
    Ok(())
}
