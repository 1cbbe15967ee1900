//! Logs somebody in by identifier and password.

use kayan_ports::{
    Change, CommitError, Credential, CredentialChange, EventType, Guard, Identifier, Identity, Known, LoginCandidate,
    Method, Password, State, TenantSettings, Timestamp, Verdict,
};

use crate::{
    AttemptError, Caller, Failure, Kayan, LimitError, Limited, Locked, Opened,
    access::attempt,
    policy::{identifier, tenant},
};

/// The wish to log in.
#[derive(Debug)]
pub struct LogIn {
    /// What they call themself, such as an e-mail address.
    pub identifier: String,
    /// Their password.
    pub password: Password,
}

/// Why nobody was logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogInError {
    /// Wrong password, no such account, or none with a password: the same for all (I-08).
    #[error("the identifier or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the account may not come in. Told only after that proof.
    #[error("this account is not active")]
    NotActive,
    /// Too many wrong guesses before this one, whether or not there is such an account.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// Too many logins with this identifier.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The tenant lets nobody in by password: told before anything else, and whoever asks.
    #[error("this tenant does not let anybody log in by password")]
    MethodDisabled,
    /// The password is right, but the tenant wants a second factor, and none is enrolled. Told only after that proof.
    #[error("this tenant wants a second factor, and none is enrolled")]
    MfaRequired,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service can't tell.
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

impl From<LimitError> for LogInError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Failed(failure) => failure.into(),
        }
    }
}

/// Somebody who has just proven who they are.
struct Proven {
    settings: TenantSettings,
    epoch: i64,
    identity: Identity,
    credential: Credential,
    /// The credential hashed anew.
    renewed: Option<Credential>,
}

impl Kayan {
    /// Authenticates by identifier and password and opens a session.
    ///
    /// **Invariant**: whoever lacks the password can't tell an account that exists from one that doesn't: one look-up,
    /// one verification and one commit either way (I-08).
    pub async fn log_in(&self, caller: &Caller, cmd: LogIn) -> Result<Opened, LogInError> {
        // What is no identifier is nobody's: it takes the same way as an unknown one.
        let identifier =
            identifier::canonical(&cmd.identifier).unwrap_or_else(|_| Identifier::from_canonical(String::new()));
        let target = attempt::target(&caller.tenant, &identifier);
        let found = self.store.credentials.login_candidate(&caller.tenant, &identifier, &caller.client).await?;
        let LoginCandidate { settings, epoch, known } = found.ok_or(LogInError::NoTenant)?;
        self.limit(caller, tenant::limit("login", self.settings.limits.login, settings.login_limit), &target).await?;
        if !tenant::allows(&settings, Method::Password) {
            return Err(LogInError::MethodDisabled);
        }
        let hash = known.as_ref().and_then(|known| known.password.as_ref()).map(|password| &password.secret);
        let at_home = known.as_ref().is_some_and(|known| known.known_network);
        let attempt = self.attempt(caller, (target, &identifier.masked()), at_home).await?;
        let verdict = match self.compare_password(&caller.tenant, hash, &cmd.password).await {
            Ok(verdict) => verdict,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };

        let now = self.clock.now();
        match (known, verdict) {
            (Some(Known { identity, password: Some(credential), .. }), Verdict::Match | Verdict::MatchOutdated) => {
                let renewed = self.renewed(&credential, verdict, &cmd.password, now).await;
                let forgetting = self.forgetting(&attempt);
                let proven = Proven { settings, epoch, identity, credential, renewed };
                let admitted = self.admit(caller, proven, forgetting, now).await;
                match &admitted {
                    Ok(_) => self.forget(attempt).await,
                    Err(_) => self.release(attempt).await,
                }
                admitted
            }
            (known, _) => {
                let event = self
                    .event(caller, EventType::LoginFailure, now, "the identifier or the password is wrong")
                    .failed(20)
                    .with("method", Method::Password.as_str())
                    .with("identifier", identifier.masked());
                let event = match &known {
                    Some(known) => event.about(known.identity.id),
                    None => event,
                };
                self.record(event).await?;
                Err(LogInError::InvalidCredentials)
            }
        }
    }

    async fn admit(
        &self,
        caller: &Caller,
        proven: Proven,
        forgetting: Option<Change>,
        now: Timestamp,
    ) -> Result<Opened, LogInError> {
        let Proven { settings, epoch, identity, credential, renewed } = proven;
        let id = identity.id;
        if identity.state != State::Active {
            return self.turn_away(caller, &identity, now).await;
        }
        if settings.mfa_required {
            return self.want_second_factor(caller, &identity, now).await;
        }
        let (opened, mut changes) =
            self.open_session(caller, (identity.clone(), &settings, epoch), Method::Password, now);
        changes.extend([
            Change::Credential(CredentialChange::Use {
                tenant: caller.tenant.clone(),
                credential: credential.id,
                version: credential.version,
                at: now,
            }),
            self.event(caller, EventType::LoginSuccess, now, "logged in")
                .by(id)
                .with("method", Method::Password.as_str())
                .record(),
        ]);
        changes.extend(forgetting);
        changes.extend(renewed.map(|credential| Change::Credential(CredentialChange::Replace(Box::new(credential)))));
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(opened),
            // The password was changed, or the account locked, while its hash was being verified.
            Err(CommitError::Stale(Guard::Credential)) => Err(LogInError::InvalidCredentials),
            Err(CommitError::Stale(Guard::Identity)) => self.turn_away(caller, &identity, now).await,
            Err(other) => Err(LogInError::Failed(other.into())),
        }
    }

    async fn want_second_factor(
        &self,
        caller: &Caller,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Opened, LogInError> {
        let event = self
            .event(caller, EventType::LoginBlocked, now, "the tenant wants a second factor, and none is enrolled")
            .by(identity.id)
            .failed(20)
            .with("method", Method::Password.as_str());
        self.record(event).await?;
        Err(LogInError::MfaRequired)
    }

    async fn turn_away(&self, caller: &Caller, identity: &Identity, now: Timestamp) -> Result<Opened, LogInError> {
        let event = self
            .event(caller, EventType::LoginBlocked, now, "the account is not active")
            .by(identity.id)
            .failed(40)
            .with("method", Method::Password.as_str())
            .with("state", identity.state.as_str());
        self.record(event).await?;
        Err(LogInError::NotActive)
    }
}

#[cfg(test)]
mod tests;
