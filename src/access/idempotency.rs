//! Carries out a request that bears an idempotency key once, and gives the same request the same answer again.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use kayan_ports::{Change, IdentityId, KeyPurpose, Scope, StoredResponse};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::{DeniedError, Failure, Kayan, Operator};

/// The longest key.
const LONGEST_KEY: usize = 255;

/// A request that is to be carried out once, as the header field `Idempotency-Key` asks
/// (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    key: String,
    request: [u8; 32],
}

impl Idempotency {
    /// A key, 1 to 255 visible ASCII characters, and a digest of all that the request says.
    pub fn new(key: &str, request: [u8; 32]) -> Option<Self> {
        let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self { key: key.to_owned(), request })
    }
}

impl fmt::Debug for Idempotency {
    /// Without the digest, by which a password could be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idempotency({})", self.key)
    }
}

/// Whose key it is: that of the exact credential, so that a narrowed token shares none with the one it was made from, and
/// of who acts in all tenants apart from who acts in `default`, where the answers of both are kept.
fn owner(operator: &Operator) -> String {
    match operator.scope {
        Scope::System => format!("system/{}", operator.credential),
        Scope::Tenant(_) => operator.credential.clone(),
    }
}

impl Kayan {
    /// The answer that the operator got to the same request before; without one, does the work, which keeps its answer
    /// with the changes that it makes ([`Self::keeping`]). What is refused is not kept: it may be tried again.
    pub(crate) async fn once<T, E>(&self, operator: &Operator, work: impl Future<Output = Result<T, E>>) -> Result<T, E>
    where
        T: DeserializeOwned,
        E: From<DeniedError>,
    {
        let Some(request) = &operator.idempotency else { return work.await };
        if let Some(answer) = self.stored(operator, request).await? {
            return Ok(answer);
        }
        match work.await {
            Ok(answer) => Ok(answer),
            // The same request may have been faster, and is what was in the way.
            Err(error) => self.stored(operator, request).await?.ok_or(error),
        }
    }

    /// The change that keeps an answer, if the operator's request bears a key. It goes when `about` goes.
    pub(crate) async fn keeping(
        &self,
        operator: &Operator,
        about: Option<IdentityId>,
        answer: &(impl Serialize + Sync),
    ) -> Result<Option<Change>, Failure> {
        let Some(request) = &operator.idempotency else { return Ok(None) };
        let response = serde_json::to_string(answer).map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(Some(Change::StoreResponse(Box::new(StoredResponse {
            tenant: operator.tenant(),
            operator: owner(operator),
            key: request.key.clone(),
            request: self.fingerprint(request).await?,
            about,
            response,
            at: self.clock.now(),
        }))))
    }

    async fn stored<T: DeserializeOwned>(
        &self,
        operator: &Operator,
        request: &Idempotency,
    ) -> Result<Option<T>, DeniedError> {
        let stored = self.store.responses.stored_response(&operator.tenant(), &owner(operator), &request.key).await;
        let Some(stored) = stored? else { return Ok(None) };
        if stored.request != self.fingerprint(request).await? {
            return Err(DeniedError::KeyReused);
        }
        let answer = serde_json::from_str(&stored.response);
        Ok(Some(answer.map_err(|error| Failure::Fault(format!("a stored response can't be read: {error}")))?))
    }

    /// Keyed (RFC 2104), because a request may hold a password, which whoever reads the database is not to guess.
    async fn fingerprint(&self, request: &Idempotency) -> Result<[u8; 32], Failure> {
        let key = self.keys.obtain(KeyPurpose::Fingerprint).await?;
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(key.seed.as_slice()).expect("a key of 32 bytes");
        mac.update(&request.request);
        Ok(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests;
