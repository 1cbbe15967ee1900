//! Replaces the recovery codes of the current user.

use kayan_ports::{EventType, Method};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, StepUpRequired,
    factor::{find::has_second_factor, recovery_code::NewRecoveryCodes},
    session::step_up::require_step_up,
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
        let factors = self.store.factors.factors(&me.identity.tenant, me.identity.id).await?;
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
        let changes = generated.changes.into_iter().chain([event.record()]).collect();
        self.store.changes.commit(changes).await.map_err(Failure::from)?;
        Ok(generated.codes)
    }
}
