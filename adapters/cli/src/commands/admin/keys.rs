//! `kayan admin key`: lists, replaces and retires the keys that sign JWTs and biscuits.

use kayan_core::{RetireKeyError, RotateKeys, RotateKeysError, ShownKey};
use kayan_ports::{KeyId, timestamp};
use serde_json::{Value, json};

use super::operator;
use crate::{
    args::{Format, KeyAction},
    commands::open,
    exit::Exit,
    output,
};

pub(super) async fn run(action: KeyAction) -> Result<(), Exit> {
    match action {
        KeyAction::List { tenant, output } => {
            let keys = open().await?.list_keys(&operator(tenant)).await?;
            show(&keys, output.format)
        }
        KeyAction::Rotate { usage, algorithm, tenant, output } => {
            let cmd = RotateKeys { usage, algorithm };
            let keys = open().await?.rotate_keys(&operator(Some(tenant)), cmd).await?;
            output::note("the running service signs with the next keys when they have been published for ten minutes");
            show(&keys, output.format)
        }
        KeyAction::Retire { id, tenant, reason, output } => {
            let key = open().await?.retire_key(&operator(tenant), KeyId(id), reason).await?;
            output::note(
                "verifiers refuse its tokens when they have read the published keys anew, within five minutes",
            );
            match output.format {
                Format::Json => output::json(&as_json(&key)),
                Format::Table => show(&[key], Format::Table),
            }
        }
    }
}

fn show(keys: &[ShownKey], format: Format) -> Result<(), Exit> {
    if format == Format::Json {
        return output::json(&keys.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows = keys.iter().map(|key| {
        vec![
            key.id.to_string(),
            key.tenant.to_string(),
            key.usage.as_str().to_owned(),
            key.algorithm.as_str().to_owned(),
            key.state.as_str().to_owned(),
            timestamp::text(key.created_at),
            timestamp::text(key.since),
            key.until.map(timestamp::text).unwrap_or_default(),
        ]
    });
    output::table(&["id", "tenant", "use", "algorithm", "state", "created at", "since", "until"], rows.collect())
}

fn as_json(key: &ShownKey) -> Value {
    json!({
        "id": key.id,
        "tenant_id": key.tenant,
        "use": key.usage,
        "algorithm": key.algorithm,
        "state": key.state,
        "created_at": timestamp::text(key.created_at),
        "since": timestamp::text(key.since),
        "until": key.until.map(timestamp::text),
    })
}

impl From<RotateKeysError> for Exit {
    fn from(error: RotateKeysError) -> Self {
        match error {
            RotateKeysError::NoTenant(_) => Self::not_found(error),
            RotateKeysError::Algorithm(_) => Self::usage(error),
            RotateKeysError::Denied(_) | RotateKeysError::Failed(_) => Self::failed(error),
        }
    }
}

impl From<RetireKeyError> for Exit {
    fn from(error: RetireKeyError) -> Self {
        match error {
            RetireKeyError::NotFound(_) => Self::not_found(error),
            RetireKeyError::Denied(_) | RetireKeyError::Retired(_) | RetireKeyError::Failed(_) => Self::failed(error),
        }
    }
}
