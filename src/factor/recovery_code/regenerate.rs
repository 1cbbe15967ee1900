//! Replaces the recovery codes of the current user.

use kayan_ports::{CommitError, EventType, Guard, Method};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, StepUpRequired,
    factor::{find::has_second_factor, recovery_code::NewRecoveryCodes},
    session::step_up::{pin, require_step_up},
};

/// Why there are no new codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegenerateRecoveryCodesError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough, or there is no other factor yet.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
}

impl From<Failure> for RegenerateRecoveryCodesError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Makes ten new codes and voids those before (I-06).
    pub async fn regenerate_recovery_codes(
        &self,
        caller: &Caller,
    ) -> Result<NewRecoveryCodes, RegenerateRecoveryCodesError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let factors = self.my_usable_factors(&me).await?;
        if !has_second_factor(&factors) {
            return Err(StepUpRequired::Aal2.into());
        }
        require_step_up(&me.session, &factors, now)?;
        let generated = self.new_recovery_codes(&me.identity, now);
        let event = self
            .event(caller, EventType::RecoveryCodesGenerated, now, "the owner made new recovery codes")
            .by(me.identity.id)
            .session(me.session.id)
            .with("method", Method::RecoveryCode.as_str());
        let changes = [pin(&me.session)].into_iter().chain(generated.changes).chain([event.record()]).collect();
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(generated.codes),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
