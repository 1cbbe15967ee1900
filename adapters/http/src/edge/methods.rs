//! Which methods each path has, for the `Allow` header (RFC 9110, section 10.2.1).

use poem::http::Method;
use serde_json::Value;

use crate::api::docs::Pages;

/// Letters of a method that are shown: no method that there is has more, and a client may send very many.
const SHOWN: usize = 32;

/// A method's name as a log or a message shows it.
pub(crate) fn shown(method: &Method) -> &str {
    let name = method.as_str();
    name.get(..SHOWN).unwrap_or(name)
}

/// The paths of the OpenAPI document with their methods.
pub(crate) struct Methods(Vec<(Vec<String>, String)>);

impl Methods {
    /// Reads them from the document.
    pub(crate) fn read(spec: &str) -> Self {
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
        table.extend(Pages::PATHS.map(|path| (segments(path), "GET, HEAD".to_owned())));
        Self(table)
    }

    /// The methods of the path, if there is such a path.
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
