//! State that is kept, sealed, between the beginning and the end of what a browser does elsewhere, and is used once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    Change, CommitError, Guard, OneTimeChange, OneTimePurpose, OneTimeToken, Sealed, SecretOf, TenantId, Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use time::Duration;
use zeroize::Zeroizing;

use crate::{AuthenticateError, Failure, Kayan, Token, audit::event::Event};

impl Kayan {
    /// Stores a state under a token. The row never names an identity, so that it costs the same for an unknown identifier (I-08).
    pub(crate) async fn store_state(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        token: &Token,
        state: &impl Serialize,
        (now, lifetime): (Timestamp, Duration),
    ) -> Result<(), AuthenticateError> {
        let hash = token.hash();
        let plain = Zeroizing::new(serde_json::to_vec(state).map_err(|error| Failure::Fault(error.to_string()))?);
        let of = SecretOf::OneTime { tenant, purpose, hash: &hash };
        let sealed = self.keys.seal(of, &plain).await.map_err(Failure::from)?;
        let token = OneTimeToken {
            hash,
            tenant: tenant.clone(),
            purpose,
            identity: None,
            data: URL_SAFE_NO_PAD.encode(sealed.0),
            tries: 1,
            created_at: now,
            expires_at: now + lifetime,
        };
        match self.store.changes.commit(vec![Change::OneTime(OneTimeChange::Issue(Box::new(token)))]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Tenant)) => Err(AuthenticateError::NoTenant),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The state under a token, and the change that uses it up; `None` when it is unknown, expired or used up.
    pub(crate) async fn stored_state<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<(T, Change)>, Failure> {
        let hash = token.hash();
        let Some(stored) = self.store.one_time.one_time(tenant, purpose, &hash, now).await? else { return Ok(None) };
        let damaged = || Failure::Fault(format!("the state of a `{}` token is damaged", purpose.as_str()));
        let sealed = Sealed(URL_SAFE_NO_PAD.decode(stored.data).map_err(|_| damaged())?);
        let plain = self.keys.open(SecretOf::OneTime { tenant, purpose, hash: &hash }, &sealed).await?;
        let state = serde_json::from_slice(&plain).map_err(|_| damaged())?;
        let finish = OneTimeChange::Use { tenant: tenant.clone(), purpose, hash, at: now };
        Ok(Some((state, Change::OneTime(finish))))
    }

    /// Uses a state up, and writes the event that tells of a response that was refused: a challenge is answered once.
    /// `false` when another response has used it up in the meantime; then nothing is written.
    pub(crate) async fn use_up(&self, finish: Change, refused: Option<Event>) -> Result<bool, Failure> {
        let changes = [finish].into_iter().chain(refused.map(Event::record)).collect();
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(true),
            Err(CommitError::Stale(Guard::OneTime)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}
