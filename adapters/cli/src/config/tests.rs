//! Tests of the way from flags, environment and files to the configuration, and what they share.

mod development;
mod forward_auth;
mod mail;
mod oidc;
mod passkeys;
mod problems;
mod production;
mod sms;
mod values;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use kayan_ports::Entropy;
use tempfile::TempDir;

use super::Config;
use super::load::{Inputs, Loaded, Problems};
use super::report::Row;

/// Entropy that counts.
pub(crate) struct Counting(AtomicU8);

impl Counting {
    /// Begins with this byte.
    pub(crate) fn from(first: u8) -> Self {
        Self(AtomicU8::new(first))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// A secret that production takes.
pub(crate) const STRONG: &str = "q0d1tb1bYH8xg7xbMElI1sXcrDEBTEYyYXvYcEUj2kA=";

/// A working folder, flags and an environment.
pub(crate) struct Setup {
    pub(crate) folder: TempDir,
    pub(crate) flags: Vec<(String, String)>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) backends: &'static [&'static str],
    pub(crate) keep_secrets: bool,
}

impl Setup {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let folder = tempfile::tempdir().unwrap();
        Self { folder, flags: Vec::new(), environment, backends: &["sqlite"], keep_secrets: true }
    }

    pub(crate) fn production(more: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("KAYAN_ENV", "production"),
            ("KAYAN_DB_TYPE", "sqlite"),
            ("KAYAN_DB_DSN", "file:kayan.db"),
            ("KAYAN_SESSION_SECRET", STRONG),
        ];
        all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        all.extend(more);
        Self::new(&all)
    }

    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    pub(crate) fn try_load(&self) -> Result<Loaded, Problems> {
        Config::load(&Inputs {
            flags: self.flags.clone(),
            environment: &self.environment,
            folder: self.folder.path(),
            backends: self.backends,
            entropy: &Counting::from(1),
            validators: crate::compose::VALIDATORS,
            keep_secrets: self.keep_secrets,
            files: true,
        })
    }

    pub(crate) fn load(&self) -> Loaded {
        self.try_load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    pub(crate) fn problems(&self) -> Problems {
        self.try_load().expect_err("there are problems")
    }

    pub(crate) fn secrets_file(&self) -> PathBuf {
        self.folder.path().join("kayan.secrets")
    }
}

pub(crate) fn row<'a>(rows: &'a [Row], setting: &str) -> &'a Row {
    rows.iter().find(|row| row.setting == setting).unwrap()
}

pub(crate) fn settings(problems: &Problems) -> Vec<&str> {
    problems.list.iter().map(|problem| problem.setting.as_str()).collect()
}
