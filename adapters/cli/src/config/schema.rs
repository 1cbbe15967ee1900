//! The JSON Schema of the traits: given inline or as a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use kayan_core::IdentitySchema;
use serde_json::Value;

use super::problem::Invalid;

/// No schema is larger; the wrong path of a huge file must not fill the memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the schema: text that begins with `{` is the JSON itself, any other is the path of a file.
pub(crate) fn read(text: &str, folder: &Path) -> Result<Value, Invalid> {
    let (content, where_) = if text.starts_with('{') {
        (text.to_owned(), String::new())
    } else {
        let content = read_file(&folder.join(text))
            .map_err(|why| Invalid::new(why, "give the path of a readable file, or the JSON itself"))?;
        (content, format!("the file at {text:?} "))
    };
    let schema = match serde_json::from_str(&content) {
        Ok(schema @ Value::Object(_)) => schema,
        Ok(_) => return Err(Invalid::new(format!("{where_}is no JSON object"), "give a JSON Schema")),
        Err(why) => return Err(Invalid::new(format!("{where_}is not JSON: {why}"), "correct the JSON")),
    };
    match IdentitySchema::parse(&content) {
        Ok(_) => Ok(schema),
        Err(why) => Err(Invalid::from_message(&format!("{where_}can't be used: {why}"))),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let fault = |why: std::io::Error| format!("can't be read ({why})");
    let file = File::open(path).map_err(fault)?;
    let mut content = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut content).map_err(fault)?;
    if content.len() as u64 > MAX_BYTES { Err("is larger than 1 MiB".to_owned()) } else { Ok(content) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_a_file_or_the_json_itself() {
        let folder = tempfile::tempdir().unwrap();
        let expected = serde_json::json!({"properties": {"email": {"x-kayan-identifier": true}}});
        std::fs::write(folder.path().join("schema.json"), expected.to_string()).unwrap();
        assert_eq!(read("schema.json", folder.path()), Ok(expected.clone()));
        assert_eq!(read(&expected.to_string(), folder.path()), Ok(expected));
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.json"), "[]").unwrap();
        std::fs::write(folder.path().join("huge.json"), " ".repeat(1024 * 1024 + 1)).unwrap();
        for (text, what) in [
            ("missing.json", "can't be read"),
            ("list.json", "no JSON object"),
            ("huge.json", "larger than 1 MiB"),
            ("{\"a\":", "is not JSON"),
            (".", "can't be read"),
            (r#"{"type": "nonsense"}"#, "can't be used: not a JSON Schema"),
            (r#"{"type": "object"}"#, "can't be used: no property has"),
            (
                r#"{"properties": {"x": {"type": "number", "x-kayan-identifier": true}}}"#,
                "the mark at /properties/x/x-kayan-identifier",
            ),
        ] {
            let invalid = read(text, folder.path()).unwrap_err();
            assert!(invalid.what.contains(what), "{text}: {}", invalid.what);
        }
    }
}
