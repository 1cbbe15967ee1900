//! The methods of each path, for the `Allow` header (RFC 9110, section 10.2.1).

use poem::http::Method;
use serde_json::Value;

use crate::api::docs::Pages;

/// The maximum length of a method in logs and messages. No standard method is longer, but a client can send anything.
const MAX_LENGTH: usize = 32;

/// The name of a method, shortened for logs and messages.
pub(crate) fn short_name(method: &Method) -> &str {
    let name = method.as_str();
    name.get(..MAX_LENGTH).unwrap_or(name)
}

/// The paths of the OpenAPI document and their methods.
pub(crate) struct Methods(Vec<(Vec<String>, String)>);

impl Methods {
    /// Reads the methods from the document, and adds those of the pages.
    pub(crate) fn read(spec: &str, pages: &Pages) -> Self {
        let spec: Value = serde_json::from_str(spec).unwrap_or_default();
        let paths = spec.get("paths").and_then(Value::as_object);
        let mut table: Vec<_> = paths
            .into_iter()
            .flatten()
            .map(|(path, item)| {
                let mut names: Vec<String> =
                    item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
                if names.iter().any(|name| name == "GET") {
                    names.push("HEAD".to_owned());
                }
                (segments(path), names.join(", "))
            })
            .collect();
        table.extend(pages.paths().map(|path| (segments(path), "GET, HEAD".to_owned())));
        Self(table)
    }

    /// The methods of the path, if it exists.
    pub(crate) fn of(&self, path: &str) -> Option<String> {
        let wanted = segments(path);
        let same = |(pattern, given): (&String, &String)| pattern == given || pattern.starts_with('{');
        let found =
            self.0.iter().find(|(pattern, _)| pattern.len() == wanted.len() && pattern.iter().zip(&wanted).all(same));
        found.map(|(_, methods)| methods.clone())
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}
