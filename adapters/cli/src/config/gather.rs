//! Gathers the settings' values from flags, the environment, `.env` and defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use super::load::Inputs;
use super::problem::{Findings, Problem};
use super::setting::AnySetting;
use super::settings::{self, general::ENVIRONMENT, oidc};
use super::values::{Entry, Source, Values};
use super::{BACKUP_KEY, Environment, dot_env};

type Texts = BTreeMap<String, String>;

/// Where values come from; the first that has one wins.
struct Layers {
    flags: Texts,
    environment: Texts,
    dot_env: Texts,
}

impl Layers {
    fn find(&self, name: &str) -> Option<(String, Source)> {
        [(&self.flags, Source::Flag), (&self.environment, Source::Environment), (&self.dot_env, Source::DotEnv)]
            .into_iter()
            .find_map(|(layer, source)| Some((layer.get(name)?.trim().to_owned(), source)))
    }

    /// The value of a variable, or its default, which an empty value also means.
    fn entry(&self, name: &str, setting: &'static dyn AnySetting, default: Option<&str>) -> Entry {
        let (text, source) = match self.find(name) {
            Some((text, source)) if !text.is_empty() => (Some(text), source),
            _ => (default.map(str::to_owned), Source::Default),
        };
        Entry { name: name.to_owned(), setting, text, source }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.environment.keys().chain(self.dot_env.keys())
    }
}

/// Takes every setting's value from the first source that has one.
pub(crate) fn gather(inputs: &Inputs<'_>, findings: &mut Findings) -> Values {
    let mut layers = Layers {
        flags: inputs.flags.iter().cloned().collect(),
        environment: ours(inputs.environment, findings),
        dot_env: Texts::new(),
    };
    let environment = environment(&layers);
    if environment == Environment::Development {
        layers.dot_env = read_dot_env(inputs.folder, findings);
    }
    let production = environment == Environment::Production;
    let known = settings::all().map(|setting| {
        let spec = setting.spec();
        layers.entry(spec.name, setting, spec.default_in(production))
    });
    let mut entries: Vec<Entry> = known.collect();
    for name in layers.names() {
        let elsewhere = name == BACKUP_KEY && layers.environment.contains_key(name);
        if elsewhere
            || entries.iter().any(|entry| entry.name == *name)
            || name.starts_with("KAYAN_TEST_")
            || name == "KAYAN_BIN"
        {
            continue;
        }
        match oidc::provider_field(name) {
            Some(setting) => entries.push(layers.entry(name, setting, None)),
            None if !findings.warnings.iter().any(|warning| warning.setting == *name) => {
                findings.warn(name, unknown(name));
            }
            None => {}
        }
    }
    Values { environment, entries }
}

/// The environment, which decides the defaults; an invalid value counts as production, the stricter one.
fn environment(layers: &Layers) -> Environment {
    match layers.find(ENVIRONMENT.name) {
        Some((text, _)) if !text.is_empty() && !text.eq_ignore_ascii_case("development") => Environment::Production,
        _ => Environment::Development,
    }
}

fn unknown(name: &str) -> String {
    let guess = settings::nearest(name).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    format!("there is no such setting{guess}")
}

fn is_ours(name: &str) -> bool {
    name.starts_with("KAYAN_") || settings::is_known(name)
}

/// The variables that are settings, or look like one.
fn ours(environment: &[(OsString, OsString)], findings: &mut Findings) -> Texts {
    let mut texts = Texts::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
        if let Some(value) = value.to_str() {
            texts.insert(name.to_owned(), value.to_owned());
        } else {
            findings.problems.push(Problem {
                setting: name.to_owned(),
                value: None,
                what: "is not UTF-8".to_owned(),
                hint: "write it in UTF-8, secrets in base64 or hex".to_owned(),
            });
        }
    }
    texts
}

/// The settings in `.env`, if there is such a file. Lines of other programs are ignored.
fn read_dot_env(folder: &Path, findings: &mut Findings) -> Texts {
    const FILE: &str = ".env";
    let mut problem = |what: String, hint: &str| {
        findings.problems.push(Problem { setting: FILE.to_owned(), value: None, what, hint: hint.to_owned() });
    };
    let mut texts = Texts::new();
    let content = match std::fs::read(folder.join(FILE)) {
        Ok(content) => content,
        Err(why) if why.kind() == ErrorKind::NotFound => return texts,
        Err(why) => {
            problem(format!("can't be read ({why})"), "make it readable, or remove it");
            return texts;
        }
    };
    let content = String::from_utf8_lossy(&content);
    let mut skipped = Vec::new();
    for dot_env::Line { number, name, value } in dot_env::lines(content.strip_prefix('\u{feff}').unwrap_or(&content)) {
        match (name.filter(|name| is_ours(name)), value) {
            // the first of several counts, as is usual for dotenv
            (Some(name), Some(value)) => drop(texts.entry(name).or_insert(value)),
            (Some(name), None) => problem(
                format!("has no value of {name} that can be read (line {number})"),
                "write NAME=VALUE, and a value with blanks, quotes or backslashes as NAME='VALUE'",
            ),
            (None, None) => skipped.push(number),
            (None, Some(_)) => {}
        }
    }
    if texts.get(ENVIRONMENT.name).is_some_and(|text| !text.trim().is_empty() && text.trim() != "development") {
        problem(
            "sets KAYAN_ENV, but is read in development only".to_owned(),
            "set KAYAN_ENV in the process environment, with the other settings of production",
        );
    }
    // the line itself may hold a secret
    for number in skipped {
        findings.warn(FILE, format!("line {number} is no NAME=VALUE, and is skipped"));
    }
    texts
}
