//! Renders messages from templates: those that are compiled in, and the operator's own.

mod built_in;
mod folder;
#[cfg(test)]
mod tests;
mod values;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    path::Path,
};

use kayan_ports::{Channel, Failure, MessageKind, Rendered, Templates, TenantId};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::{Map, Value};

pub use self::folder::TemplateError;
use self::folder::{Place, Source, Sources};
use crate::message::one_line;

/// The language that there is a template of every kind in.
const ENGLISH: &str = "en";
/// How many instructions a template may take; a usual one takes a few hundred.
const FUEL: u64 = 50_000;
/// How deep templates may include others.
const DEPTH: usize = 50;
/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 150;

/// Templates, checked and compiled.
#[derive(Debug)]
pub struct MailTemplates {
    environment: Environment<'static>,
    /// For a tenant with its own templates, or none, and a language in lower case: the language as it is written, and the
    /// kinds that there are.
    sets: BTreeMap<(Option<String>, String), Set>,
    /// Which file a compiled template comes from.
    origins: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Set {
    language: String,
    /// Of which kinds there is a mail, or an SMS.
    kinds: BTreeSet<(Channel, &'static str)>,
}

impl MailTemplates {
    /// The templates that are compiled in, and those of a folder that replace them for all tenants or one:
    /// `[tenant/NAME/]LANGUAGE/KIND.txt` and `.html`. Each is rendered once, to check it.
    pub fn new(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let own = folder.map(folder::read).transpose()?.unwrap_or_default();
        let sources = with_built_in(own);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEPTH);
        environment.set_path_join_callback(|name, parent| match parent.rsplit_once('/') {
            Some((set, _)) => Cow::Owned(format!("{set}/{name}")),
            None => Cow::Borrowed(name),
        });
        let mut templates = Self { environment, sets: BTreeMap::new(), origins: BTreeMap::new() };
        for (tenant, language) in sets_of(&sources) {
            templates.compile(&sources, tenant, language)?;
        }
        templates.environment.set_debug(true);
        templates.check()?;
        // What an error quotes of a real message would be its link or code.
        templates.environment.set_debug(false);
        Ok(templates)
    }

    /// Compiles what a tenant uses in a language.
    fn compile(&mut self, sources: &Sources, tenant: Option<String>, language: String) -> Result<(), TemplateError> {
        let set = name_of_set(tenant.as_deref(), &language);
        let (mut written, mut kinds) = (language.clone(), BTreeSet::new());
        let files = files_of(sources, tenant.as_deref(), &language);
        for (file, source) in &files {
            let name = format!("{set}/{file}");
            self.origins.insert(name.clone(), source.origin.clone());
            let added = self.environment.add_template_owned(name.clone(), source.text.clone());
            added.map_err(|error| self.refusal(&name, &error))?;
            if source.language.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&language)) {
                written = source.language.clone().unwrap_or_default();
            }
            for (channel, end) in [(Channel::Mail, ".txt"), (Channel::Sms, folder::SMS)] {
                let kind = file.strip_suffix(end).and_then(MessageKind::from_name);
                kinds.extend(kind.map(|kind| (channel, kind.as_str())));
            }
        }
        for (file, source) in &files {
            if let Some(other) = other_half(file).filter(|other| !files.contains_key(other.as_str())) {
                let why = format!("there is no {other} beside it");
                return Err(TemplateError::Template { file: source.origin.clone(), line: None, why });
            }
        }
        self.sets.insert((tenant, language), Set { language: written, kinds });
        Ok(())
    }

    /// Renders everything once with all values that there may be, and once with those that there always are.
    fn check(&self) -> Result<(), TemplateError> {
        for ((tenant, language), set) in &self.sets {
            let name = name_of_set(tenant.as_deref(), language);
            for (channel, kind) in &set.kinds {
                let Some(kind) = MessageKind::from_name(kind) else { continue };
                for sample in values::samples(kind, *channel) {
                    let rendered = self.rendered(&name, (kind, *channel), &set.language, &sample);
                    rendered.map_err(|(file, error)| self.refusal(&file, &error))?;
                }
            }
        }
        Ok(())
    }

    fn rendered(
        &self,
        set: &str,
        (kind, channel): (MessageKind, Channel),
        language: &str,
        values: &Map<String, Value>,
    ) -> Result<Rendered, (String, minijinja::Error)> {
        let language = language.to_owned();
        let render = |end: &str, subject: &str| {
            let file = format!("{set}/{}{end}", kind.as_str());
            let values = minijinja::Value::from_serialize(values);
            let context = context! { subject, language, ..values };
            let text = self.environment.get_template(&file).and_then(|template| template.render(context));
            text.map_err(|error| (file, error))
        };
        if channel == Channel::Sms {
            let text = render(folder::SMS, "")?.trim().to_owned();
            return Ok(Rendered { subject: String::new(), text, html: String::new(), language });
        }
        let text = render(".txt", "")?;
        let (subject, text) = text.trim_start().split_once('\n').unwrap_or((text.trim(), ""));
        let subject: String = one_line(subject.trim()).chars().take(LONGEST_SUBJECT).collect();
        if subject.is_empty() {
            let why = "its first line, the subject, is empty";
            let error = minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, why);
            return Err((format!("{set}/{}.txt", kind.as_str()), error));
        }
        let html = render(".html", &subject)?;
        Ok(Rendered { text: format!("{}\n", text.trim()), subject, html, language })
    }

    /// A mail with sample values, as a tenant's users would get it in one of these languages.
    pub fn preview(&self, tenant: &TenantId, kind: MessageKind, languages: &[&str]) -> Result<Rendered, Failure> {
        let [most, _] = values::samples(kind, Channel::Mail);
        self.render(tenant, kind, Channel::Mail, languages, &most)
    }

    /// What is wrong with a template, in the file that it is in.
    fn refusal(&self, name: &str, error: &minijinja::Error) -> TemplateError {
        let mut innermost = error;
        while let Some(cause) = innermost.source().and_then(|cause| cause.downcast_ref()) {
            innermost = cause;
        }
        let name = innermost.name().unwrap_or(name);
        let file = self.origins.get(name).map_or(name, String::as_str).to_owned();
        let quoted = innermost.template_source().zip(innermost.range()).and_then(|(text, range)| text.get(range));
        let quoted = quoted.map(|text| format!(" ({})", one_line(text))).unwrap_or_default();
        let why = innermost.detail().map_or_else(|| innermost.kind().to_string(), str::to_owned);
        TemplateError::Template { file, line: innermost.line(), why: format!("{why}{quoted}") }
    }

    /// The set of the first language that a mail, or an SMS, of this kind can be written in.
    fn choose(
        &self,
        tenant: &str,
        kind: MessageKind,
        channel: Channel,
        languages: &[&str],
    ) -> Result<(String, &str), Failure> {
        let wanted = languages.iter().flat_map(|tag| shorter_and_shorter(tag));
        let chosen = wanted.chain([ENGLISH.to_owned()]).find_map(|language| {
            let own = self.sets.get_key_value(&(Some(tenant.to_owned()), language.clone()));
            let ((tenant, language), set) = own.or_else(|| self.sets.get_key_value(&(None, language)))?;
            let has_kind = set.kinds.contains(&(channel, kind.as_str()));
            has_kind.then(|| (name_of_set(tenant.as_deref(), language), set.language.as_str()))
        });
        chosen.ok_or_else(|| Failure::Fault(format!("there is no template for {}", kind.as_str())))
    }
}

impl Templates for MailTemplates {
    fn render(
        &self,
        tenant: &TenantId,
        kind: MessageKind,
        channel: Channel,
        languages: &[&str],
        values: &Map<String, Value>,
    ) -> Result<Rendered, Failure> {
        let values = values::tidy(values, channel)?;
        let (set, language) = self.choose(tenant.as_str(), kind, channel, languages)?;
        self.rendered(&set, (kind, channel), language, &values)
            .map_err(|(file, error)| Failure::Fault(self.refusal(&file, &error).to_string()))
    }
}

/// The other file of a message; `None` for a part that messages include.
fn other_half(file: &str) -> Option<String> {
    let (kind, form) = file.split_once('.')?;
    let other = match form {
        "txt" => "html",
        "html" => "txt",
        // An SMS is a text alone.
        _ => return None,
    };
    MessageKind::from_name(kind).map(|kind| format!("{}.{other}", kind.as_str()))
}

/// The operator's templates before those that are compiled in.
fn with_built_in(own: Sources) -> Sources {
    let mut sources = own;
    for (path, text) in built_in::all() {
        let (language, file) = path.split_once('/').map_or((None, path), |(language, file)| (Some(language), file));
        let place = Place { tenant: None, language: language.map(str::to_owned), file: file.to_owned() };
        let origin = format!("the built-in {path}");
        let source = Source { origin, text: text.to_owned(), language: language.map(str::to_owned) };
        sources.entry(place).or_insert(source);
    }
    sources
}

/// The pairs of a tenant and a language that templates are compiled for. A tenant with its own layout has it in every
/// language.
fn sets_of(sources: &Sources) -> BTreeSet<(Option<String>, String)> {
    let tenants: BTreeSet<_> = sources.keys().map(|place| place.tenant.clone()).collect();
    let mut sets = BTreeSet::new();
    for tenant in tenants {
        let languages = sources.keys().filter(|place| place.tenant.is_none() || place.tenant == tenant);
        sets.extend(languages.filter_map(|place| Some((tenant.clone(), place.language.clone()?))));
    }
    sets
}

/// Every file that a tenant uses in a language, each from the place that is the most its own.
fn files_of<'s>(sources: &'s Sources, tenant: Option<&str>, language: &str) -> BTreeMap<&'s str, &'s Source> {
    let mut languages: Vec<Option<String>> = shorter_and_shorter(language).into_iter().map(Some).collect();
    languages.push(None);
    let tenants = if tenant.is_some() { vec![tenant, None] } else { vec![None] };
    let mut files = BTreeMap::new();
    for tenant in tenants {
        for language in &languages {
            let here =
                sources.iter().filter(|(place, _)| place.tenant.as_deref() == tenant && place.language == *language);
            for (place, source) in here {
                files.entry(place.file.as_str()).or_insert(source);
            }
        }
    }
    files
}

/// A language tag in lower case, and what is left of it as parts are taken off its end (RFC 4647, section 3.4).
fn shorter_and_shorter(tag: &str) -> Vec<String> {
    let tag = tag.to_lowercase();
    let ends = std::iter::once(tag.len()).chain(tag.rmatch_indices('-').map(|(at, _)| at));
    ends.filter_map(|end| tag.get(..end)).map(str::to_owned).collect()
}

fn name_of_set(tenant: Option<&str>, language: &str) -> String {
    match tenant {
        Some(tenant) => format!("{tenant}:{language}"),
        None => format!(":{language}"),
    }
}
