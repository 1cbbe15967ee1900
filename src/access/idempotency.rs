//! Carries out a request with an idempotency key once, and returns the stored response when it is repeated.

use std::fmt;

use hmac::Mac;
use kayan_ports::{Change, CommitError, IdentityId, KeyPurpose, Scope, StoredResponse};
use serde::{Serialize, de::DeserializeOwned};

use crate::{DeniedError, Failure, Kayan, Operator, mac::hmac};

/// The longest key.
const LONGEST_KEY: usize = 255;

/// The idempotency key of a request (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    key: String,
    request: [u8; 32],
}

impl Idempotency {
    /// A key of 1 to 255 visible ASCII characters, and a digest of the whole request.
    pub fn new(key: &str, request: [u8; 32]) -> Option<Self> {
        let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self { key: key.to_owned(), request })
    }
}

impl fmt::Debug for Idempotency {
    /// Without the digest, from which a password could be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idempotency({})", self.key)
    }
}

/// Commits the work of a request, and stores the response with it if the request has an idempotency key.
pub(crate) struct Once<'a> {
    kayan: &'a Kayan,
    /// The response to store, still empty.
    response: Option<StoredResponse>,
}

impl Once<'_> {
    /// Commits the changes together with the response, which is deleted with the identity that it is `about`.
    pub(crate) async fn commit(
        &self,
        mut changes: Vec<Change>,
        about: Option<IdentityId>,
        response: &(impl Serialize + Sync),
    ) -> Result<(), CommitError> {
        if let Some(empty) = &self.response {
            let response = serde_json::to_string(response).map_err(|error| Failure::Fault(error.to_string()))?;
            let (empty, at) = (empty.clone(), self.kayan.clock.now());
            changes.push(Change::StoreResponse(Box::new(StoredResponse { about, response, at, ..empty })));
        }
        self.kayan.store.changes.commit(changes).await
    }
}

impl Kayan {
    /// Carries out a request: `work` commits by [`Once::commit`]. If the operator's idempotency key has a stored response,
    /// returns that instead. A refusal is not stored, so the request can be sent again.
    pub(crate) async fn once<'a, T, E, W>(
        &'a self,
        operator: &Operator,
        work: impl FnOnce(Once<'a>) -> W,
    ) -> Result<T, E>
    where
        T: DeserializeOwned,
        E: From<DeniedError>,
        W: Future<Output = Result<T, E>>,
    {
        let Some(request) = &operator.idempotency else { return work(Once { kayan: self, response: None }).await };
        let empty = StoredResponse {
            tenant: operator.tenant(),
            operator: owner(operator),
            key: request.key.clone(),
            request: self.fingerprint(request).await.map_err(DeniedError::from)?,
            about: None,
            response: String::new(),
            at: self.clock.now(),
        };
        if let Some(response) = self.stored(&empty).await? {
            return Ok(response);
        }
        match work(Once { kayan: self, response: Some(empty.clone()) }).await {
            Ok(response) => Ok(response),
            // The same request may have been faster, and conflict with this one.
            Err(error) => self.stored(&empty).await?.ok_or(error),
        }
    }

    async fn stored<T: DeserializeOwned>(&self, request: &StoredResponse) -> Result<Option<T>, DeniedError> {
        let StoredResponse { tenant, operator, key, .. } = request;
        let Some(stored) = self.store.responses.stored_response(tenant, operator, key).await? else { return Ok(None) };
        if stored.request != request.request {
            return Err(DeniedError::KeyReused);
        }
        let response = serde_json::from_str(&stored.response);
        Ok(Some(response.map_err(|error| Failure::Fault(format!("a stored response can't be read: {error}")))?))
    }

    /// Keyed (RFC 2104): a request may hold a password, which must not be guessable from the database.
    async fn fingerprint(&self, request: &Idempotency) -> Result<[u8; 32], Failure> {
        let key = self.keys.obtain(KeyPurpose::Fingerprint).await?;
        Ok(hmac(&key.seed).chain_update(request.request).finalize().into_bytes().into())
    }
}

/// Whose key it is: that of the exact credential, so that an attenuated token shares no key with its parent. An operator of
/// all tenants shares none with one of `default`, where the responses of both are stored.
fn owner(operator: &Operator) -> String {
    match operator.scope {
        Scope::System => format!("system/{}", operator.credential),
        Scope::Tenant(_) => operator.credential.clone(),
    }
}

#[cfg(test)]
mod tests;
