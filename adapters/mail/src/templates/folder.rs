//! Reads the folder with the operator's own templates.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use kayan_ports::{MessageKind, TenantId};

/// The longest template, in bytes.
const LONGEST: u64 = 256 * 1024;

/// What the built-in templates include, and an operator may replace.
const PARTS: [&str; 4] = ["layout", "facts", "link", "validity"];

/// How the name of the text of an SMS ends.
pub(super) const SMS: &str = ".sms";

/// The kinds of message that are sent as an SMS.
pub(super) const SENT_AS_SMS: [MessageKind; 4] =
    [MessageKind::Verification, MessageKind::LoginCode, MessageKind::MfaCode, MessageKind::Test];

/// Templates of one origin, by what they are for.
pub(super) type Sources = BTreeMap<Place, Source>;

/// What a template is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The tenant; `None`: every tenant without its own.
    pub(super) tenant: Option<String>,
    /// The language, in lower case; `None`: every language without its own.
    pub(super) language: Option<String>,
    /// The name of the file.
    pub(super) file: String,
}

/// A template.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Where it comes from, for messages.
    pub(super) origin: String,
    pub(super) text: String,
    /// The language as its folder is called.
    pub(super) language: Option<String>,
}

/// Why templates are refused.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file or a folder can't be read.
    #[error("{}: {why}; let the service's user read it, or correct the path", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
    /// A file or a folder that is no template.
    #[error("{}: {why}", path.display())]
    Odd {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// A template that can't be rendered.
    #[error("{file}{}: {why}; correct the template", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Template {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        why: String,
    },
}

/// Reads `[tenant/NAME/][LANGUAGE/]FILE`.
pub(super) fn read(folder: &Path) -> Result<Sources, TemplateError> {
    let mut found = Sources::new();
    for entry in entries(folder)? {
        if entry.is_dir() && name(&entry) == "tenant" {
            for entry in entries(&entry)? {
                read_tenant(&entry, &mut found)?;
            }
        } else {
            read_language_or_file(&entry, None, &mut found)?;
        }
    }
    Ok(found)
}

fn read_tenant(folder: &Path, found: &mut Sources) -> Result<(), TemplateError> {
    let tenant: Result<TenantId, _> = name(folder).parse();
    let (Ok(tenant), true) = (tenant, folder.is_dir()) else {
        return Err(odd(folder, "is not a folder with the name of a tenant; remove or rename it"));
    };
    entries(folder)?.iter().try_for_each(|entry| read_language_or_file(entry, Some(tenant.as_str()), found))
}

fn read_language_or_file(path: &Path, tenant: Option<&str>, found: &mut Sources) -> Result<(), TemplateError> {
    if !path.is_dir() {
        return read_file(path, tenant, None, found);
    }
    let language = name(path);
    if !is_language(&language) {
        return Err(odd(path, "is not a folder with the name of a language, such as fr or pt-BR; remove or rename it"));
    }
    entries(path)?.iter().try_for_each(|entry| read_file(entry, tenant, Some(&language), found))
}

fn read_file(
    path: &Path,
    tenant: Option<&str>,
    language: Option<&str>,
    found: &mut Sources,
) -> Result<(), TemplateError> {
    let file = name(path);
    let stem = [".txt", ".html", SMS].iter().find_map(|end| file.strip_suffix(end));
    let stem = stem.ok_or_else(|| odd(path, "is neither a .txt, a .html nor a .sms file; remove or rename it"))?;
    let is_kind = MessageKind::from_name(stem).is_some();
    if file.ends_with(SMS) && !SENT_AS_SMS.iter().any(|kind| kind.as_str() == stem) && !stem.starts_with('_') {
        return Err(odd(
            path,
            "is no SMS that is sent: those are verification, login_code, mfa_code and test; remove or rename it",
        ));
    }
    if !is_kind && !PARTS.contains(&stem) && !stem.starts_with('_') {
        let why = "has neither the name of a kind of message nor of a part that others include (layout, facts, link, \
                   validity, or one that begins with _); rename it";
        return Err(odd(path, why));
    }
    if is_kind && language.is_none() {
        return Err(odd(path, "is the template of a message, but in no language; move it into a folder such as en"));
    }
    let unread = |why| TemplateError::Unread { path: path.to_owned(), why };
    if fs::metadata(path).map_err(unread)?.len() > LONGEST {
        return Err(odd(path, "is larger than 256 KiB; shorten it"));
    }
    let text = String::from_utf8(fs::read(path).map_err(unread)?);
    let text = text.map_err(|_| odd(path, "is not in UTF-8; convert it"))?;
    let place = Place { tenant: tenant.map(str::to_owned), language: language.map(str::to_lowercase), file };
    let source = Source { origin: path.display().to_string(), text, language: language.map(str::to_owned) };
    if found.insert(place, source).is_some() {
        return Err(odd(path, "is there twice, in folders that differ in case only; remove one"));
    }
    Ok(())
}

/// A language tag (RFC 5646), by its form.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_primary = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
    let is_further = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= 35 && parts.next().is_some_and(is_primary) && parts.all(is_further)
}

/// What is in a folder, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    let unread = |why| TemplateError::Unread { path: folder.to_owned(), why };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        paths.push(entry.map_err(unread)?.path());
    }
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn odd(path: &Path, why: &'static str) -> TemplateError {
    TemplateError::Odd { path: path.to_owned(), why }
}
