//! The key that a backup is sealed with.

use std::path::Path;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::{
    config::{
        BACKUP_KEY,
        secret::{self, Secret},
    },
    exit::Exit,
};

/// The one in the file, or else in the environment, if any is given.
pub(super) fn given(file: Option<&Path>) -> Result<Option<Secret>, Exit> {
    if let Some(path) = file {
        let bytes = std::fs::read(path).map_err(|error| {
            Exit::config(format!("--key-file: {} can't be read: {error}; name a file that can", path.display()))
        })?;
        return judged("--key-file", Zeroizing::new(bytes)).map(Some);
    }
    let Some(value) = std::env::var_os(BACKUP_KEY).filter(|value| !value.is_empty()) else { return Ok(None) };
    judged(BACKUP_KEY, Zeroizing::new(value.into_encoded_bytes())).map(Some)
}

fn judged(setting: &str, bytes: Zeroizing<Vec<u8>>) -> Result<Secret, Exit> {
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    let key = if text.is_empty() { Secret::from(bytes.to_vec()) } else { secret::decode(text) };
    match secret::weakness(text, key.expose_secret()) {
        None => Ok(key),
        Some(why) => Err(Exit::config(format!("{setting}: {why}; make one with: openssl rand -base64 32"))),
    }
}
