//! Authenticates a caller by its session token.

use std::sync::Arc;

use kayan_ports::{AuthenticatedSession, Lookup, Timestamp};

use crate::{Caller, Failure, Kayan, policy::lifetime};

/// Why a caller was not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// No session token, or an invalid one: unknown, revoked, expired, of a locked account or of another tenant.
    #[error("no valid session")]
    Unauthorized,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// The caller's session and identity, both valid now (I-11).
    pub(crate) async fn authenticate(
        &self,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Arc<AuthenticatedSession>, AuthenticateError> {
        let token = caller.token.ok_or(AuthenticateError::Unauthorized)?;
        match self.store.access_tokens.authenticated_session(&caller.tenant, &token).await? {
            Lookup::NoTenant => Err(AuthenticateError::NoTenant),
            Lookup::Found(me) if lifetime::is_live(&me.session, &me.identity, now) => Ok(me),
            Lookup::Absent | Lookup::Found(_) => Err(AuthenticateError::Unauthorized),
        }
    }
}
