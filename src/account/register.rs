//! Registers a user with traits and a password, and logs them in.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, EventType, Guard, Method, MethodUse, Password, Tenant,
    Traits, Unique, WorkPurpose,
};

use crate::{
    Caller, Failure, FieldError, Kayan, Limited, MfaChallenge, Opened, Weakness, WorkRequired,
    account::identity::path,
    factor::password::NewPasswordOf,
    message::enqueue::is_address,
    policy,
    session::{first::NoFirstSession, open::Login},
};

/// Registers a user.
#[derive(Debug)]
pub struct Register {
    /// The user's traits.
    pub traits: Traits,
    /// The user's password.
    pub password: Password,
    /// The proof of work, if there is one.
    pub proof_of_work: Option<String>,
}

/// Why the registration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The traits do not match the identity schema.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// The password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// The identifier is taken; its owner is not changed (I-13).
    #[error("an account with this identifier exists already")]
    AlreadyExists,
    /// Too many registrations from this client.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// A proof of work is required.
    #[error(transparent)]
    WorkRequired(#[from] WorkRequired),
    /// The tenant does not allow login by password.
    #[error("this tenant does not allow login by password")]
    MethodDisabled,
    /// The account was created; the tenant requires a second factor, which it has yet to enroll.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// The account was created; the tenant requires a verified address. If mail is delivered, a link was sent.
    #[error("the account was created; open the link in the mail that was sent to you")]
    Unverified,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Creates an identity with a password and opens its first session: one read of the tenant, one commit.
    pub async fn register(&self, caller: &Caller, cmd: Register) -> Result<Opened, RegisterError> {
        let tenant = self.store.tenants.tenant(&caller.tenant).await?;
        let tenant = tenant.filter(|tenant| tenant.active).ok_or(RegisterError::NoTenant)?;
        let Tenant { settings, epoch, .. } = &tenant;
        if !policy::tenant::allows(settings, Method::Password) {
            return Err(RegisterError::MethodDisabled);
        }
        let proof = cmd.proof_of_work.as_deref();
        self.require_work::<RegisterError>(caller, settings, WorkPurpose::Registration, proof).await?;
        let limit =
            policy::tenant::limit("registration", self.settings.limits.registration, settings.registration_limit);
        self.limit_network::<RegisterError>(caller, limit).await?;
        let identifiers = self.schema.identify_new(&cmd.traits).map_err(RegisterError::InvalidTraits)?;
        let refused = policy::disposable::judge(settings, &identifiers);
        if !refused.is_empty() {
            return Err(RegisterError::InvalidTraits(refused));
        }
        let of = NewPasswordOf { tenant: &tenant, identifiers: &identifiers, traits: &cmd.traits };
        let password = self.accept_password::<RegisterError>(&cmd.password, &of).await?;
        self.refuse_breached(&password, settings).await?;
        let hash = self.hash_password(&caller.tenant, &password).await?;

        let now = self.clock.now();
        let identity = self.new_identity(&caller.tenant, cmd.traits, now);
        let credential = self.new_password(&identity, hash, now);
        let created =
            self.event(caller, EventType::IdentityCreated, now, "registered").by(identity.id).resource(path(&identity));
        let login = Login {
            identity: identity.clone(),
            settings,
            epoch: *epoch,
            proven: vec![MethodUse::new(Method::Password, now)],
            enrolled: &[Method::Password],
            password: Some((credential.id, credential.version)),
            device: None,
            trusts_device: false,
        };
        let mut verification = Vec::new();
        for named in identifiers.iter().filter(|named| is_address(&named.value)) {
            verification.extend(self.verification_of(caller, &named.value).await?);
        }
        let (outcome, session) = self.first_session(caller, &login, now).await?;
        let mut changes = vec![
            Change::Account(AccountChange::Create { identity: Box::new(identity), identifiers }),
            Change::Credential(CredentialChange::Add(Box::new(credential))),
            created.record(),
        ];
        changes.extend(session);
        changes.extend(verification);
        self.store.changes.commit(changes).await.map_err(|error| match error {
            CommitError::Conflict(Unique::Identifier) => RegisterError::AlreadyExists,
            CommitError::Stale(Guard::Tenant) => RegisterError::NoTenant,
            other => RegisterError::Failed(other.into()),
        })?;
        outcome.map_err(|none| match none {
            NoFirstSession::Unverified => RegisterError::Unverified,
            NoFirstSession::MfaRequired(challenge) => challenge.into(),
        })
    }
}

#[cfg(test)]
mod tests;
