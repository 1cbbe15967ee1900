//! Begins to enroll an authenticator app.

use kayan_ports::{
    Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind, Guard, Identity, Removed, SecretOf,
    Tenant, TotpSetup, Unique,
};
use time::Duration;
use zeroize::Zeroizing;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan, StepUpRequired, Token,
    factor::name::judge_name,
    session::{
        second_factor::InvalidMfaToken,
        step_up::{pin, require_step_up},
    },
};

/// Bytes of a new secret, as RFC 4226, section 4 recommends.
const SECRET: usize = 20;
/// For how long an app can be confirmed; after it, another one can be enrolled.
const UNCONFIRMED: Duration = Duration::minutes(10);
/// The most apps that a user can have.
const MOST: usize = 5;

/// A new authenticator app.
#[derive(Debug)]
pub struct EnrollTotp {
    /// What the user calls it; may be empty.
    pub name: String,
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
}

/// Why no app was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrollTotpError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up, or its owner has a factor already and has to use that one.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The name is too long, or has characters that can't be seen.
    #[error("the name of the app is not valid")]
    InvalidName(FieldError),
    /// An enrolled app waits to be confirmed, or the user has as many as one can have.
    #[error("{0}")]
    AlreadyEnrolled(&'static str),
}

impl From<Failure> for EnrollTotpError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Makes a secret for a new app. The app becomes a factor when a code of it is verified.
    pub async fn enroll_totp(&self, caller: &Caller, cmd: EnrollTotp) -> Result<TotpSetup, EnrollTotpError> {
        judge_name(&cmd.name).map_err(EnrollTotpError::InvalidName)?;
        let now = self.clock.now();
        // During a login, an app that its user could not confirm is replaced: nobody else can remove it.
        let (identity, factors, pinned, forgotten) = if let Some(token) = &cmd.mfa_token {
            let login = self.pending_login(caller, token, now).await?.ok_or(InvalidMfaToken)?;
            // Only a user without a factor enrolls one this way: otherwise the password alone would be enough.
            if !login.enrolls() {
                return Err(InvalidMfaToken.into());
            }
            (login.identity, login.factors, None, now)
        } else {
            let me = self.authenticate_at_any_level(caller, now).await?;
            let factors = self.my_usable_factors(&me).await?;
            require_step_up(&me.session, &factors, now)?;
            (me.identity.clone(), factors, Some(pin(&me.session)), now - UNCONFIRMED)
        };
        if factors.iter().filter(|factor| matches!(factor.kind, FactorKind::Totp { confirmed: true, .. })).count()
            >= MOST
        {
            return Err(EnrollTotpError::AlreadyEnrolled("five authenticator apps are the most: remove one first"));
        }
        let mut secret = Zeroizing::new([0; SECRET]);
        self.entropy.fill(secret.as_mut_slice());
        let id = CredentialId(self.new_id(now));
        let of = SecretOf::Credential { tenant: &identity.tenant, identity: identity.id, credential: id };
        let sealed = self.keys.seal(of, secret.as_slice()).await.map_err(Failure::from)?;
        let app = Factor {
            id,
            tenant: identity.tenant.clone(),
            identity: identity.id,
            name: cmd.name,
            kind: FactorKind::Totp { secret: sealed, confirmed: false, last_step: 0 },
            created_at: now,
            last_used_at: None,
        };
        let setup =
            self.totp.setup(secret.as_slice(), &self.issuer(&identity).await?, &self.account_name(&identity))?;
        let event = self
            .event(
                caller,
                EventType::MfaEnrollmentBegun,
                now,
                "an authenticator app was enrolled and is not confirmed yet",
            )
            .by(identity.id)
            .with("method", "totp");
        let mut changes: Vec<Change> = pinned.into_iter().collect();
        changes.extend([
            Change::Factor(FactorChange::Remove {
                tenant: identity.tenant.clone(),
                identity: identity.id,
                which: Removed::UnconfirmedBefore(forgotten),
            }),
            Change::Factor(FactorChange::Add(Box::new(app))),
            event.record(),
        ]);
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(setup),
            Err(CommitError::Conflict(Unique::Credential)) => Err(EnrollTotpError::AlreadyEnrolled(
                "an authenticator app waits to be confirmed: verify a code of it, or remove it, or wait ten minutes",
            )),
            Err(CommitError::Stale(Guard::Identity | Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// What the app calls the service: the name of the tenant.
    async fn issuer(&self, identity: &Identity) -> Result<String, Failure> {
        let tenant = self.store.tenants.tenant(&identity.tenant).await?;
        Ok(match tenant {
            Some(Tenant { name, .. }) if !name.is_empty() => name,
            Some(Tenant { id, .. }) if id != kayan_ports::TenantId::default() => id.to_string(),
            _ => "Kayan".to_owned(),
        })
    }
}
