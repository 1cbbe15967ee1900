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
    /// The session has proven one factor only, and that is not enough: the tenant requires a second one of the user by now, or
    /// the user has one and is about to change something that needs it.
    #[error("verify a second factor first")]
    LacksFactor,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// The caller's session and identity, both valid now (I-11), with the second factor that the tenant requires.
    pub(crate) async fn authenticate(
        &self,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Arc<AuthenticatedSession>, AuthenticateError> {
        let me = self.authenticate_at_any_level(caller, now).await?;
        // Asked here as well, so that the hottest path of all does no more than compare a flag.
        if me.settings.mfa_required && self.i_lack_factor(&me, now).await? {
            return Err(AuthenticateError::LacksFactor);
        }
        Ok(me)
    }

    /// The same for what a session is good for that lacks a required factor: proving or enrolling one, and logging out.
    pub(crate) async fn authenticate_at_any_level(
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
