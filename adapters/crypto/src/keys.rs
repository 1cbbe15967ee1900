//! Keys in the database, sealed by a data key that the service's secrets wrap.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    Change, Clock, Commit, CommitError, Entropy, Failure, Guard, KeyChange, KeyError, KeyId, KeyPurpose, Keys, Scope,
    Sealed, SealedKey, SecretOf, SigningKey, StoredKeys, Stores, Unique, WrappedKey, Wrapper,
};
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretSlice};
use zeroize::Zeroizing;

use crate::sealing::{Place, SealingKey, failed};

/// Another process may create or wrap a key between a read and a write, but not again and again.
const TRIES: usize = 5;

/// The place of the data key.
const DATA_KEY: Place<'_> = Place { tenant: "", table: "data_keys", id: "1", column: "wrapped" };

/// The secrets that may wrap the data key, of any length; a wrapping key is derived from each.
#[derive(Debug, Clone)]
pub struct WrappingSecrets {
    /// `KAYAN_DATA_KEY`: wraps, if it is set.
    pub data_key: Option<SecretSlice<u8>>,
    /// Its previous value; only unwraps.
    pub data_key_previous: Option<SecretSlice<u8>>,
    /// `KAYAN_SESSION_SECRET`: wraps, if there is no data key.
    pub session_secret: SecretSlice<u8>,
    /// Its previous value; only unwraps.
    pub session_secret_previous: Option<SecretSlice<u8>>,
}

struct Wrapping {
    by: Wrapper,
    key: SealingKey,
}

/// The store of sealed keys. Opened keys stay in memory until the process ends.
pub struct SealedKeys {
    store: Arc<dyn StoredKeys>,
    changes: Arc<dyn Commit>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The key that wraps.
    present: Wrapping,
    /// Further keys that unwrap.
    others: Vec<Wrapping>,
    data: Mutex<Option<Arc<SealingKey>>>,
    signing: Mutex<HashMap<KeyPurpose, Arc<SigningKey>>>,
}

impl SealedKeys {
    /// Derives the wrapping keys; reads nothing from the database.
    pub fn new(
        store: &Stores,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        secrets: &WrappingSecrets,
    ) -> Result<Self, KeyError> {
        let WrappingSecrets { data_key, data_key_previous, session_secret, session_secret_previous } = secrets;
        let given = [
            (Wrapper::DataKey, data_key.as_ref()),
            (Wrapper::SessionSecret, Some(session_secret)),
            (Wrapper::DataKey, data_key_previous.as_ref()),
            (Wrapper::SessionSecret, session_secret_previous.as_ref()),
        ];
        let mut wrappings = Vec::new();
        for (by, secret) in given {
            if let Some(secret) = secret {
                let usage = format!("wrap the data key with the {}", by.as_str());
                wrappings.push(Wrapping { by, key: SealingKey::derived(secret.expose_secret(), &usage)? });
            }
        }
        let mut wrappings = wrappings.into_iter();
        let present = wrappings
            .next()
            .ok_or_else(|| KeyError::Failed(Failure::Fault("no secret is set to wrap the data key with".to_owned())))?;
        let (data, signing) = (Mutex::default(), Mutex::default());
        let (store, changes) = (store.keys.clone(), store.changes.clone());
        Ok(Self { store, changes, clock, entropy, present, others: wrappings.collect(), data, signing })
    }

    /// The data key; if there is none and `make` is set, generates it.
    async fn data_key(&self, make: bool) -> Result<Option<Arc<SealingKey>>, KeyError> {
        if let Some(known) = self.data.lock().clone() {
            return Ok(Some(known));
        }
        for _ in 0..TRIES {
            let opened = match self.store.data_key().await? {
                Some(kept) => self.unwrap(kept).await?,
                None if make => self.make_data_key().await?,
                None => return Ok(None),
            };
            if let Some(bytes) = opened {
                let key = Arc::new(SealingKey::new(&bytes)?);
                *self.data.lock() = Some(key.clone());
                return Ok(Some(key));
            }
        }
        Err(KeyError::Failed(Failure::Unavailable("the data key keeps changing".to_owned())))
    }

    /// `None` when another process was faster.
    async fn make_data_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        self.entropy.fill(&mut bytes);
        let now = self.clock.now();
        let wrapped = self.present.key.seal(&DATA_KEY, &bytes, &*self.entropy)?;
        let key = WrappedKey { wrapped, by: self.present.by, version: 1, created_at: now, updated_at: now };
        match self.changes.commit(vec![Change::Key(KeyChange::StoreDataKey(Box::new(key)))]).await {
            Ok(()) => Ok(Some(bytes)),
            Err(CommitError::Conflict(Unique::DataKey)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Opens the data key; wraps it again if it was wrapped with another secret than the current one. `None` when
    /// another process has done so in the meantime.
    async fn unwrap(&self, kept: WrappedKey) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        if let Some(bytes) = self.present.key.open(&DATA_KEY, &kept.wrapped) {
            return Ok(Some(bytes));
        }
        let opened = self.others.iter().find_map(|other| other.key.open(&DATA_KEY, &kept.wrapped));
        let bytes = opened.ok_or_else(|| self.locked(kept.by))?;
        let wrapped = self.present.key.seal(&DATA_KEY, &bytes, &*self.entropy)?;
        let anew = WrappedKey {
            wrapped,
            by: self.present.by,
            version: kept.version + 1,
            created_at: kept.created_at,
            updated_at: self.clock.now(),
        };
        match self.changes.commit(vec![Change::Key(KeyChange::RewrapDataKey(Box::new(anew)))]).await {
            Ok(()) => Ok(Some(bytes)),
            Err(CommitError::Stale(Guard::DataKey)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    fn locked(&self, by: Wrapper) -> KeyError {
        let setting = match by {
            Wrapper::DataKey => "KAYAN_DATA_KEY",
            Wrapper::SessionSecret => "KAYAN_SESSION_SECRET",
        };
        let what =
            if by == Wrapper::DataKey && self.present.by != by { "that is not set now" } else { "before this one" };
        KeyError::Locked(format!(
            "the keys in the database are sealed under a {setting} {what}: set {setting}_PREVIOUS to it, or {setting} \
             back to it"
        ))
    }

    async fn signing_key(&self, purpose: KeyPurpose, make: bool) -> Result<Option<Arc<SigningKey>>, KeyError> {
        if let Some(known) = self.signing.lock().get(&purpose) {
            return Ok(Some(known.clone()));
        }
        let Some(data) = self.data_key(make).await? else { return Ok(None) };
        for _ in 0..TRIES {
            let found = match self.store.signing_key(&Scope::System, purpose).await? {
                Some(kept) => Some(open(&data, &kept)?),
                None if make => self.make_signing_key(&data, purpose).await?,
                None => return Ok(None),
            };
            if let Some(key) = found {
                let key = Arc::new(key);
                self.signing.lock().insert(purpose, key.clone());
                return Ok(Some(key));
            }
        }
        Err(KeyError::Failed(Failure::Unavailable(format!("the key for {} keeps changing", purpose.as_str()))))
    }

    /// `None` when another process was faster.
    async fn make_signing_key(&self, data: &SealingKey, purpose: KeyPurpose) -> Result<Option<SigningKey>, KeyError> {
        let now = self.clock.now();
        let (mut seed, mut random) = (Zeroizing::new([0; 32]), [0; 10]);
        self.entropy.fill(seed.as_mut_slice());
        self.entropy.fill(&mut random);
        let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let id = KeyId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid());
        let public = public(&seed)?;
        let sealed = data.seal(&place(&row(id, purpose)), seed.as_slice(), &*self.entropy)?;
        let kept = SealedKey { id, scope: Scope::System, purpose, sealed, public, created_at: now };
        match self.changes.commit(vec![Change::Key(KeyChange::StoreSigningKey(Box::new(kept)))]).await {
            Ok(()) => Ok(Some(SigningKey { id, seed, public })),
            Err(CommitError::Conflict(Unique::SigningKey)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

#[async_trait]
impl Keys for SealedKeys {
    async fn unlock(&self) -> Result<(), KeyError> {
        self.data_key(false).await.map(drop)
    }

    async fn obtain(&self, purpose: KeyPurpose) -> Result<Arc<SigningKey>, KeyError> {
        let key = self.signing_key(purpose, true).await?;
        key.ok_or_else(|| KeyError::Failed(Failure::Fault("a signing key that was stored is missing".to_owned())))
    }

    async fn find(&self, purpose: KeyPurpose) -> Result<Option<Arc<SigningKey>>, KeyError> {
        self.signing_key(purpose, false).await
    }

    async fn seal(&self, of: SecretOf<'_>, secret: &[u8]) -> Result<Sealed, KeyError> {
        let key = self.data_key(true).await?;
        let key = key.ok_or_else(|| KeyError::Failed(Failure::Fault("a key that was made is not there".to_owned())))?;
        key.seal(&secret_place(of, &secret_row(of)), secret, &*self.entropy)
    }

    async fn open(&self, of: SecretOf<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let opened = match self.data_key(false).await? {
            Some(key) => key.open(&secret_place(of, &secret_row(of)), sealed),
            None => None,
        };
        opened.ok_or_else(|| KeyError::Failed(Failure::Fault(format!("{} is damaged, or was moved here", named(of)))))
    }
}

/// What a secret belongs to, for the operator. The hash of a one-time token is left out: it finds the token.
fn named(of: SecretOf<'_>) -> String {
    match of {
        SecretOf::Credential { credential, .. } => format!("the secret of the credential {credential}"),
        SecretOf::OneTime { purpose, .. } => format!("the data of a one-time token ({})", purpose.as_str()),
        SecretOf::Message { message, .. } => format!("the data of the message {message}"),
        SecretOf::IssuerKey { key, .. } => format!("the private half of the issuer key {key}"),
    }
}

/// The owner or the purpose goes into it, so that a secret can't be passed off as another user's, or for another use.
fn secret_row(of: SecretOf<'_>) -> String {
    match of {
        SecretOf::Credential { identity, credential, .. } => format!("{identity}/{credential}"),
        SecretOf::OneTime { purpose, hash, .. } => format!("{}/{}", purpose.as_str(), URL_SAFE_NO_PAD.encode(hash.0)),
        SecretOf::Message { message, .. } => message.to_string(),
        SecretOf::IssuerKey { usage, algorithm, key, .. } => {
            format!("{}/{}/{key}", usage.as_str(), algorithm.as_str())
        }
    }
}

fn secret_place<'a>(of: SecretOf<'a>, row: &'a str) -> Place<'a> {
    match of {
        SecretOf::Credential { tenant, .. } => {
            Place { tenant: tenant.as_str(), table: "credentials", id: row, column: "secret" }
        }
        SecretOf::OneTime { tenant, .. } => {
            Place { tenant: tenant.as_str(), table: "one_time_tokens", id: row, column: "data" }
        }
        SecretOf::Message { tenant, .. } => {
            Place { tenant: tenant.as_str(), table: "messages", id: row, column: "data" }
        }
        SecretOf::IssuerKey { tenant, .. } => {
            Place { tenant: tenant.as_str(), table: "issuer_keys", id: row, column: "secret" }
        }
    }
}

/// The purpose is part of it, so that a key for one purpose can't be passed off as one for another.
fn row(id: KeyId, purpose: KeyPurpose) -> String {
    format!("{}/{id}", purpose.as_str())
}

fn place(row: &str) -> Place<'_> {
    Place { tenant: "", table: "signing_keys", id: row, column: "secret" }
}

fn open(data: &SealingKey, kept: &SealedKey) -> Result<SigningKey, KeyError> {
    let damaged =
        || KeyError::Failed(Failure::Fault(format!("the signing key {} is damaged, or was moved here", kept.id)));
    let bytes = data.open(&place(&row(kept.id, kept.purpose)), &kept.sealed).ok_or_else(damaged)?;
    let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| damaged())?);
    // The public key must belong to the secret that signs.
    if public(&seed)? != kept.public {
        return Err(damaged());
    }
    Ok(SigningKey { id: kept.id, seed, public: kept.public })
}

fn public(seed: &[u8; 32]) -> Result<[u8; 32], KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(failed)?;
    <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(failed)
}

#[cfg(test)]
mod tests;
