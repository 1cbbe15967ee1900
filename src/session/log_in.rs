//! Logs a user in by identifier and password.

use kayan_ports::{
    Change, CredentialChange, EventType, Identifier, IdentityId, Known, LoginCandidate, Method, MethodUse, Password,
    State, Timestamp, Verdict,
};

use crate::{
    AttemptError, Caller, Failure, Kayan, Limited, Locked, MfaChallenge, Opened, WorkRequired,
    access::attempt::{self, Attempt},
    factor::find::methods,
    policy::{identifier, tenant},
    session::open::{EndLoginError, Login},
};

/// A login by password.
#[derive(Debug)]
pub struct LogIn {
    /// One of the user's identifiers, such as an e-mail address.
    pub identifier: String,
    /// The user's password.
    pub password: Password,
    /// The proof of work, if there is one.
    pub proof_of_work: Option<String>,
}

/// Why a login was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogInError {
    /// Wrong password, no such account, or none with a password: the same for all (I-08).
    #[error("the identifier or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the account is not active. Revealed only after that proof.
    #[error("this account is not active")]
    NotActive,
    /// The password is right, but older than the tenant allows. Revealed only after that proof.
    #[error("this password has expired: request a link that sets a new one")]
    PasswordExpired,
    /// No address of the user is verified, which the tenant requires. Revealed only after the proof.
    #[error("verify your e-mail address or phone number first: request a new link or code if you have none")]
    Unverified,
    /// Too many failed attempts before this one, whether or not there is such an account.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// Too many logins with this identifier.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// A proof of work is required, whether or not there is such an account.
    #[error(transparent)]
    WorkRequired(#[from] WorkRequired),
    /// The tenant does not allow this method: the same answer to every caller.
    #[error("this tenant does not allow logging in by password")]
    MethodDisabled,
    /// The password is right, but a second factor is required. Revealed only after that proof.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<AttemptError> for LogInError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => failure.into(),
        }
    }
}

impl Kayan {
    /// Authenticates by identifier and password and opens a session.
    ///
    /// **Invariant**: without the password, an account that exists can't be told from one that doesn't: one look-up, one
    /// verification and one commit either way (I-08).
    pub async fn log_in(&self, caller: &Caller, cmd: LogIn) -> Result<Opened, LogInError> {
        // An invalid identifier is treated like an unknown one.
        let identifier =
            identifier::canonical(&cmd.identifier).unwrap_or_else(|_| Identifier::from_canonical(String::new()));
        let target = attempt::target(&caller.tenant, &identifier);
        let found = self.login_candidate(caller, &identifier).await?;
        let LoginCandidate { settings, epoch, known } = found.ok_or(LogInError::NoTenant)?;
        let limit = tenant::limit("login", self.settings.limits.login, settings.login_limit);
        self.limit::<LogInError>(caller, limit, &target).await?;
        if !tenant::allows(&settings, Method::Password) {
            return Err(LogInError::MethodDisabled);
        }
        let hash = known.as_ref().and_then(|known| known.password.as_ref()).map(|password| &password.secret);
        let origin = attempt::origin(caller, known.as_ref());
        let counted = self.require_work_of_login(caller, &settings, &identifier, cmd.proof_of_work.as_deref()).await?;
        let attempt = match self.attempt_login(caller, &identifier, origin).await {
            Ok(attempt) => attempt.and(counted),
            Err(refused) => {
                self.release(counted).await;
                return Err(refused.into());
            }
        };
        let verdict = match self.compare_password(&caller.tenant, hash, &cmd.password).await {
            Ok(verdict) => verdict,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };

        let now = self.clock.now();
        match (known, verdict) {
            (
                Some(Known { identity, password: Some(credential), has_second_factor, device, .. }),
                Verdict::Match | Verdict::MatchOutdated,
            ) => {
                let id = identity.id;
                let is_active = identity.state == State::Active;
                if is_active && tenant::is_password_expired(&settings, credential.updated_at, now) {
                    return Err(self.refuse_expired(caller, id, attempt, now).await?);
                }
                let factors = if has_second_factor {
                    self.store.factors.factors(&caller.tenant, id).await
                } else {
                    Ok(Vec::new())
                };
                let enrolled = match factors {
                    Ok(factors) => methods(&factors),
                    Err(failure) => {
                        self.release(attempt).await;
                        return Err(failure.into());
                    }
                };
                let renewed = self.renewed(&credential, verdict, &cmd.password).await;
                let version = renewed.as_ref().map_or(credential.version, |renewed| renewed.version);
                let password = Some((credential.id, version));
                let mut changes = Vec::new();
                changes.extend(self.forgetting(&attempt));
                changes.extend(renewed.map(|renewed| Change::Credential(CredentialChange::Replace(Box::new(renewed)))));
                let proven = vec![MethodUse::new(Method::Password, now)];
                let login = Login {
                    identity,
                    settings: &settings,
                    epoch,
                    proven,
                    enrolled: &enrolled,
                    password,
                    device,
                    trusts_device: false,
                };
                let ended = self.end_login(caller, login, changes, now).await;
                match &ended {
                    Ok(_) | Err(EndLoginError::MfaRequired(_) | EndLoginError::Unverified) => {
                        self.forget(attempt).await;
                    }
                    Err(_) => self.release(attempt).await,
                }
                match ended {
                    Ok(opened) => Ok(opened),
                    Err(EndLoginError::Outdated(_)) => {
                        Err(self.refuse_login(caller, &identifier, Some(id), now).await?)
                    }
                    Err(EndLoginError::NotActive) => Err(LogInError::NotActive),
                    Err(EndLoginError::Unverified) => Err(LogInError::Unverified),
                    Err(EndLoginError::MfaRequired(challenge)) => Err(challenge.into()),
                    Err(EndLoginError::Failed(failure)) => Err(failure.into()),
                }
            }
            (known, _) => {
                let about = known.map(|known| known.identity.id);
                Err(self.refuse_login(caller, &identifier, about, now).await?)
            }
        }
    }

    /// The password was right, so that the attempts before it are forgotten.
    async fn refuse_expired(
        &self,
        caller: &Caller,
        id: IdentityId,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<LogInError, Failure> {
        let event = self
            .event(caller, EventType::LoginBlocked, now, "the password is older than the tenant allows")
            .by(id)
            .failed(10)
            .with("method", Method::Password.as_str());
        let changes = self.forgetting(&attempt).into_iter().chain([event.record()]).collect();
        match self.commit(changes).await {
            Ok(()) => {
                self.forget(attempt).await;
                Ok(LogInError::PasswordExpired)
            }
            Err(failure) => {
                self.release(attempt).await;
                Err(failure)
            }
        }
    }

    async fn refuse_login(
        &self,
        caller: &Caller,
        identifier: &Identifier,
        about: Option<IdentityId>,
        now: Timestamp,
    ) -> Result<LogInError, Failure> {
        let event = self
            .event(caller, EventType::LoginFailure, now, "the identifier or the password is wrong")
            .failed(20)
            .with("method", Method::Password.as_str())
            .with("identifier", identifier.masked());
        let event = match about {
            Some(identity) => event.about(identity),
            None => event,
        };
        self.record(event).await?;
        Ok(LogInError::InvalidCredentials)
    }
}

#[cfg(test)]
mod tests;
