//! The house rules, enforced: reading the tree, which the tests in `tests/` judge.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test code: what can't be read fails the test that reads it"
)]

mod code;
mod packages;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
};

pub use code::{Code, Word};
pub use packages::{Dependency, Package, packages, resolved};

/// A text file of the project.
#[derive(Debug)]
pub struct Source {
    /// Its path from the root, with `/` between folders.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// The file's name without its extension.
    pub fn stem(&self) -> &str {
        Path::new(&self.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Whether it is a Rust file.
    pub fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// The lines, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Its Rust code.
    pub fn code(&self) -> Code {
        Code::read(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// Its Rust code without what is only built for tests.
    pub fn production(&self) -> Code {
        Code::read_without_tests(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// Names a line as editors open it.
    pub fn at(&self, line: usize, what: impl Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/house lies two folders below the root").to_owned()
}

/// Every text file of the repository.
pub fn tree() -> Vec<Source> {
    tree_of(&root())
}

/// Every text file that git tracks in a folder: what else lies there is not the project's.
pub fn tree_of(root: &Path) -> Vec<Source> {
    // The checkout may belong to another user, as in a container.
    let mut list = Command::new("git");
    list.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached"]);
    let listed = list.current_dir(root).output().expect("git lists the files");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    // A file that was deleted but not committed is still listed; a binary one has nothing to read.
    let sources = paths.split_terminator('\0').filter_map(|path| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    });
    sources.collect()
}

/// Every Rust file.
pub fn rust() -> Vec<Source> {
    tree().into_iter().filter(Source::is_rust).collect()
}

/// Every Rust file in a folder.
pub fn rust_in(folder: &str) -> Vec<Source> {
    rust().into_iter().filter(|source| source.path.starts_with(folder)).collect()
}

/// Fails with every offence and how to fix them, unless there is none.
pub fn none_of(offences: Vec<String>, fix: &str) {
    assert!(offences.is_empty(), "\n{}\n→ {fix}\n", offences.join("\n"));
}
