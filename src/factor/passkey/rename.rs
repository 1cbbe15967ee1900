//! Renames a passkey.

use kayan_ports::{Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind, Guard, Method};

use crate::{AuthenticateError, Caller, Failure, FieldError, Kayan, factor::name::judge_name, session::step_up::pin};

/// Why a passkey was not renamed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenamePasskeyError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The name is empty or too long, or has characters that can't be seen.
    #[error("the name of the passkey is not valid")]
    InvalidName(FieldError),
    /// The user has no such passkey.
    #[error("no such passkey")]
    NotFound,
}

impl From<Failure> for RenamePasskeyError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Renames a passkey of the caller, and returns it.
    pub async fn rename_passkey(
        &self,
        caller: &Caller,
        id: CredentialId,
        name: String,
    ) -> Result<Factor, RenamePasskeyError> {
        judge_name(&name).map_err(RenamePasskeyError::InvalidName)?;
        if name.trim().is_empty() {
            let empty = FieldError::new("/name", "invalid", "must not be empty".to_owned());
            return Err(RenamePasskeyError::InvalidName(empty));
        }
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let (tenant, identity) = (&me.identity.tenant, me.identity.id);
        let factors = self.store.factors.factors(tenant, identity).await?;
        let is_it = |factor: &Factor| factor.id == id && matches!(factor.kind, FactorKind::Webauthn(_));
        let passkey = factors.into_iter().find(is_it).ok_or(RenamePasskeyError::NotFound)?;
        let rename = FactorChange::Rename { tenant: tenant.clone(), identity, factor: id, name: name.clone(), at: now };
        let event = self
            .event(caller, EventType::MfaRenamed, now, "the owner renamed a passkey")
            .by(identity)
            .session(me.session.id)
            .with("method", Method::Webauthn.as_str())
            .with("passkey", id.to_string());
        match self.store.changes.commit(vec![pin(&me.session), Change::Factor(rename), event.record()]).await {
            Ok(()) => Ok(Factor { name, ..passkey }),
            Err(CommitError::Stale(Guard::Factor)) => Err(RenamePasskeyError::NotFound),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
