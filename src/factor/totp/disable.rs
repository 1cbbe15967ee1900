//! Removes authenticator apps.

use kayan_ports::{
    Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind, Guard, MessageKind, Method, Removed,
};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, StepUpRequired,
    factor::find::has_second_factor,
    session::step_up::{pin, require_step_up},
};

/// Why no app was removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisableTotpError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The user has no such app.
    #[error("no such authenticator app")]
    NotFound,
}

impl From<Failure> for DisableTotpError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Removes one app of the caller, or all. With the last second factor, the recovery codes go as well.
    pub async fn disable_totp(&self, caller: &Caller, which: Option<CredentialId>) -> Result<(), DisableTotpError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let (tenant, identity) = (&me.identity.tenant, me.identity.id);
        let factors = self.my_usable_factors(&me).await?;
        require_step_up(&me.session, &factors, now)?;
        let is_app = |factor: &&Factor| matches!(factor.kind, FactorKind::Totp { .. });
        let is_wanted = |factor: &&Factor| which.is_none_or(|id| id == factor.id);
        let removed: Vec<_> = factors.iter().filter(is_app).filter(is_wanted).map(|app| app.id).collect();
        if removed.is_empty() {
            return Err(DisableTotpError::NotFound);
        }
        let remove = |which| {
            let tenant = tenant.clone();
            Change::Factor(FactorChange::Remove { tenant, identity, which })
        };
        let mut changes = vec![pin(&me.session)];
        changes.extend(removed.iter().map(|app| remove(Removed::One(*app))));
        let names: Vec<_> =
            factors.iter().filter(|factor| removed.contains(&factor.id)).map(|app| &*app.name).collect();
        let names = names.join(", ");
        let left: Vec<_> = factors.into_iter().filter(|factor| !removed.contains(&factor.id)).collect();
        if !has_second_factor(&left) {
            changes.push(remove(Removed::RecoveryCodes));
        }
        let event = self
            .event(caller, EventType::MfaRemoved, now, "the owner removed an authenticator app")
            .by(identity)
            .session(me.session.id)
            .with("method", Method::Totp.as_str())
            .with("removed", removed.len());
        changes.push(event.record());
        changes.extend(self.factor_notice(Some(caller), &me.identity, MessageKind::FactorRemoved, &names).await?);
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Factor)) => Err(DisableTotpError::NotFound),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
