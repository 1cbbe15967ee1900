//! Finds the identifiers that an identity schema marks, and refuses marks that would have no effect.

use serde_json::Value;

use super::{SchemaError, escape};

/// The keyword that marks a trait as an identifier: a string that is unique in its tenant and that its owner can log in
/// with.
pub(super) const MARK: &str = "x-kayan-identifier";
/// The keyword at the top of a schema that allows identities without an identifier, if it is `false`.
pub(super) const REQUIRED: &str = "x-kayan-identifier-required";
/// The prefix of Kayan's own keywords; an unknown one is a typo.
const OURS: &str = "x-kayan-";
/// Keywords with values that are no schemas.
const DATA: [&str; 4] = ["enum", "const", "default", "examples"];
/// Keywords with schemas by name.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose schemas apply only to some accounts, or not to a single trait.
const PARTIAL: [&str; 16] = [
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "items",
    "prefixItems",
    "contains",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];

/// Why a mark is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// Neither true nor false, or a keyword of the top of the schema somewhere else.
    #[error("it must be true or false, without quotes; `{REQUIRED}` only at the top of the schema")]
    NotABoolean,
    /// On a number, a list, an object, or on the traits as a whole.
    #[error("only a string can be an identifier; give it `\"type\": \"string\"`, or remove the mark")]
    NotAText,
    /// In a part of the schema that does not apply to every account.
    #[error("below `{0}` it would not apply to every account; mark the property itself, below `properties` or `allOf`")]
    Partial(&'static str),
    /// In a schema that refers to itself.
    #[error(
        "it is in a schema that contains itself, so the number of identifiers has no limit; mark properties outside it"
    )]
    Endless,
    /// Where no property is described.
    #[error(
        "no property leads to it; mark one below `properties`, `allOf` or a `$ref` that begins with #/, or remove it"
    )]
    Unreachable,
    /// An unknown keyword of Kayan.
    #[error("there is no such keyword; write `{MARK}`, or remove it")]
    UnknownKeyword,
}

/// The names that lead to a trait, from the outermost.
pub(super) type TraitPath = Vec<String>;

/// The paths of all identifiers, in the order of the schema.
pub(super) fn find(document: &Value) -> Result<Vec<TraitPath>, SchemaError> {
    let mut search = Search { document, found: Vec::new(), reached: Vec::new(), seen: Vec::new() };
    let root = Place { pointer: String::new(), path: Vec::new(), partial: None, trail: vec![String::new()] };
    search.visit(document, &root)?;
    let unused = marks(document, "").into_iter().find(|(pointer, _)| !search.reached.contains(pointer));
    match unused {
        Some((pointer, fault)) => Err(refused(pointer, fault.unwrap_or(MarkError::Unreachable))),
        None => Ok(search.found),
    }
}

fn refused(pointer: String, why: MarkError) -> SchemaError {
    SchemaError::Mark { pointer, why }
}

struct Search<'a> {
    document: &'a Value,
    found: Vec<TraitPath>,
    /// Pointers of the marks in `found`.
    reached: Vec<String>,
    /// Schemas that were visited, with the trait that they described.
    seen: Vec<(String, TraitPath)>,
}

/// A schema within the document.
#[derive(Clone)]
struct Place {
    pointer: String,
    /// The trait that it describes.
    path: TraitPath,
    /// The keyword that makes it apply only to some accounts.
    partial: Option<&'static str>,
    /// The schemas around it that were referred to.
    trail: Vec<String>,
}

impl Place {
    fn below(&self, keyword: &str) -> Self {
        Self { pointer: format!("{}/{}", self.pointer, escape(keyword)), ..self.clone() }
    }
}

impl Search<'_> {
    fn visit(&mut self, schema: &Value, place: &Place) -> Result<(), SchemaError> {
        let Value::Object(keywords) = schema else { return Ok(()) };
        // an own `$id` changes the meaning of `#/`
        if keywords.contains_key("$id") && !place.pointer.is_empty() {
            return Ok(());
        }
        self.take(schema, place)?;
        for (keyword, value) in keywords {
            let below = place.below(keyword);
            match keyword.as_str() {
                "properties" => self.properties(value, &below)?,
                "allOf" => self.each("allOf", value, &below)?,
                "$ref" => self.follow(value.as_str(), place, &below)?,
                _ => {
                    let partial = PARTIAL.into_iter().find(|partial| partial == keyword);
                    if let Some(keyword) = partial {
                        self.each(keyword, value, &Place { partial: place.partial.or(partial), ..below })?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes the mark of this schema.
    fn take(&mut self, schema: &Value, place: &Place) -> Result<(), SchemaError> {
        let pointer = place.below(MARK).pointer;
        let text = match schema.get("type") {
            None => true,
            Some(Value::Array(types)) => types.iter().all(|it| it == "string" || it == "null"),
            Some(one) => one == "string",
        };
        match (schema.get(MARK), place.partial) {
            (None | Some(Value::Bool(false)), _) => return Ok(()),
            (Some(Value::Bool(true)), None) if text && !place.path.is_empty() => {}
            (Some(Value::Bool(true)), None) => return Err(refused(pointer, MarkError::NotAText)),
            (Some(Value::Bool(true)), Some(keyword)) => return Err(refused(pointer, MarkError::Partial(keyword))),
            (Some(_), _) => return Err(refused(pointer, MarkError::NotABoolean)),
        }
        self.reached.push(pointer);
        if !self.found.contains(&place.path) {
            self.found.push(place.path.clone());
        }
        Ok(())
    }

    fn properties(&mut self, properties: &Value, place: &Place) -> Result<(), SchemaError> {
        for (name, property) in properties.as_object().into_iter().flatten() {
            let mut below = place.below(name);
            below.path.push(name.clone());
            self.visit(property, &below)?;
        }
        Ok(())
    }

    /// The schemas under a keyword: one, a list, or several by name.
    fn each(&mut self, keyword: &str, schemas: &Value, place: &Place) -> Result<(), SchemaError> {
        match schemas {
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(number, item)| self.visit(item, &place.below(&number.to_string())))
            }
            Value::Object(named) if NAMED.contains(&keyword) => {
                named.iter().try_for_each(|(name, schema)| self.visit(schema, &place.below(name)))
            }
            one => self.visit(one, place),
        }
    }

    /// Follows a reference within the document. Marks elsewhere are reported as unreachable.
    fn follow(&mut self, reference: Option<&str>, from: &Place, at: &Place) -> Result<(), SchemaError> {
        let Some(pointer) = reference.and_then(|reference| reference.strip_prefix('#')) else { return Ok(()) };
        let Some(target) = self.document.pointer(pointer) else { return Ok(()) };
        let known =
            from.partial.is_none() && self.seen.iter().any(|(seen, path)| seen == pointer && *path == from.path);
        if known || !self.leads_to_a_mark(target, &mut Vec::new()) {
            return Ok(());
        }
        if from.trail.iter().any(|around| around == pointer) {
            return Err(refused(at.pointer.clone(), MarkError::Endless));
        }
        let mut place = Place { pointer: pointer.to_owned(), ..from.clone() };
        place.trail.push(pointer.to_owned());
        self.visit(target, &place)?;
        self.seen.push((pointer.to_owned(), from.path.clone()));
        Ok(())
    }

    fn leads_to_a_mark(&self, schema: &Value, followed: &mut Vec<String>) -> bool {
        let mut references = Vec::new();
        collect_references(schema, &mut references);
        !marks(schema, "").is_empty()
            || references.into_iter().any(|pointer| {
                let new = !followed.contains(&pointer);
                followed.push(pointer.clone());
                new && self.document.pointer(&pointer).is_some_and(|target| self.leads_to_a_mark(target, followed))
            })
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        Value::Object(members) => {
            let pointer = members.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
            into.extend(pointer.map(str::to_owned));
            members.values().for_each(|member| collect_references(member, into));
        }
        _ => {}
    }
}

/// The pointers of all marks in the document, and what is wrong with each by itself.
fn marks(schema: &Value, pointer: &str) -> Vec<(String, Option<MarkError>)> {
    let mut found = Vec::new();
    match schema {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                found.extend(marks(item, &format!("{pointer}/{number}")));
            }
        }
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                let at = format!("{pointer}/{}", escape(keyword));
                match (keyword.as_str(), value) {
                    (MARK, Value::Bool(false)) => {}
                    (MARK, Value::Bool(true)) => found.push((at, None)),
                    (REQUIRED, Value::Bool(_)) if pointer.is_empty() => {}
                    (MARK | REQUIRED, _) => found.push((at, Some(MarkError::NotABoolean))),
                    (other, _) if other.starts_with(OURS) => found.push((at, Some(MarkError::UnknownKeyword))),
                    (other, _) if DATA.contains(&other) => {}
                    (other, Value::Object(named)) if NAMED.contains(&other) => {
                        for (name, schema) in named {
                            found.extend(marks(schema, &format!("{at}/{}", escape(name))));
                        }
                    }
                    (_, value) => found.extend(marks(value, &at)),
                }
            }
        }
        _ => {}
    }
    found
}
