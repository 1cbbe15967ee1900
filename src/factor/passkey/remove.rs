//! Removes a passkey.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind, Guard, Method,
    Removed, Scope,
};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, StepUpRequired,
    factor::find::has_second_factor,
    session::step_up::{pin, require_step_up},
    user::change::keeps_changing,
};

/// Why no passkey was removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemovePasskeyError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The user has no such passkey.
    #[error("no such passkey")]
    NotFound,
    /// The user could not log in without it (I-21).
    #[error("it is the last credential to log in with")]
    LastCredential,
}

impl From<Failure> for RemovePasskeyError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Removes a passkey of the caller. With the last second factor, the recovery codes go as well.
    pub async fn remove_passkey(&self, caller: &Caller, id: CredentialId) -> Result<(), RemovePasskeyError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let (tenant, identity) = (&me.identity.tenant, me.identity.id);
        let settings = self.settings_of(&me.identity).await?;
        let factors = self.store.factors.factors(tenant, identity).await?;
        let is_it = |factor: &Factor| factor.id == id && matches!(factor.kind, FactorKind::Webauthn(_));
        let is_there = factors.iter().any(is_it);
        let mut usable = self.usable(tenant, &settings, factors);
        require_step_up(&me.session, &usable, now)?;
        if !is_there {
            return Err(RemovePasskeyError::NotFound);
        }
        usable.retain(|factor| !is_it(factor));
        let ways_in = self.ways_in(&me.identity, &settings, id).await?;
        // The session may come from a cache; the version must not.
        let current = self.store.accounts.identity(&Scope::from(tenant), identity).await?;
        let version = current.ok_or(AuthenticateError::Unauthorized)?.version;
        let mut changes = vec![
            Change::Account(AccountChange::Pin { tenant: tenant.clone(), identity, version }),
            pin(&me.session),
            Change::Factor(FactorChange::KeepWayIn { tenant: tenant.clone(), identity, without: id, ways_in }),
        ];
        let remove = |which| Change::Factor(FactorChange::Remove { tenant: tenant.clone(), identity, which });
        changes.push(remove(Removed::One(id)));
        if !has_second_factor(&usable) {
            changes.push(remove(Removed::RecoveryCodes));
        }
        let event = self
            .event(caller, EventType::MfaRemoved, now, "the owner removed a passkey")
            .by(identity)
            .session(me.session.id)
            .with("method", Method::Webauthn.as_str())
            .with("passkey", id.to_string());
        changes.push(event.record());
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Factor)) => Err(RemovePasskeyError::NotFound),
            Err(CommitError::Stale(Guard::LastCredential)) => Err(RemovePasskeyError::LastCredential),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(CommitError::Stale(Guard::Identity)) => Err(keeps_changing().into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
