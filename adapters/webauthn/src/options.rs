//! The parts of the options that the library has no words for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{AllowedPasskey, Failure};
use serde::Serialize;
use serde_json::{Value, json};

use crate::fault;

/// Authenticators may cut longer names, and some do so within a character (section 6.4.1).
const LONGEST_NAME: usize = 64;

/// At most this many transports of a passkey are kept.
const MOST_TRANSPORTS: usize = 8;
/// The longest name of a transport that is kept.
const LONGEST_TRANSPORT: usize = 32;

/// The first of these texts that is not empty, cut to what authenticators can show.
pub(crate) fn name<'a>(texts: impl IntoIterator<Item = &'a str>) -> &'a str {
    let text = texts.into_iter().map(str::trim).find(|text| !text.is_empty()).unwrap_or("-");
    text.get(..text.floor_char_boundary(LONGEST_NAME)).unwrap_or(text)
}

/// The library's options with a list of passkeys. The library would call transports `unknown` that it does not know.
pub(crate) fn with_passkeys(
    options: &impl Serialize,
    member: &str,
    passkeys: &[AllowedPasskey],
) -> Result<Value, Failure> {
    let mut options =
        serde_json::to_value(options).map_err(|why| fault("the options of a ceremony can't be written", why))?;
    if let Some(options) = options.as_object_mut() {
        options.insert(member.to_owned(), passkeys.iter().map(descriptor).collect());
    }
    Ok(options)
}

fn descriptor(passkey: &AllowedPasskey) -> Value {
    let mut descriptor = json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id) });
    if let Some(descriptor) = descriptor.as_object_mut()
        && !passkey.transports.is_empty()
    {
        descriptor.insert("transports".to_owned(), json!(passkey.transports));
    }
    descriptor
}

/// The transports that are worth keeping: they are hints for a browser, and may be new, but come from outside.
pub(crate) fn transports(given: Vec<String>) -> Vec<String> {
    let is_name = |name: &String| {
        let of_names = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        (1..=LONGEST_TRANSPORT).contains(&name.len()) && name.bytes().all(of_names)
    };
    let mut kept: Vec<String> = Vec::new();
    for name in given.into_iter().filter(is_name) {
        if kept.len() < MOST_TRANSPORTS && !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}
