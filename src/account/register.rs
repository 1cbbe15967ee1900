//! Registers somebody with traits and a password, and logs them in.

use std::sync::{Arc, OnceLock};

use kayan_ports::{
    AccountChange, Change, CommitError, Credential, CredentialChange, CredentialId, CredentialKind, EventType, Guard,
    Identity, IdentityId, Method, NamedIdentifier, Password, PasswordHash, State, Tenant, TenantId, TenantSettings,
    Timestamp, Traits, Unique,
};

use crate::{
    Caller, Failure, FieldError, Kayan, LimitError, Limited, Opened, Weakness,
    policy::{self, password},
};

/// The wish to register.
#[derive(Debug)]
pub struct Register {
    /// What the person says about themself.
    pub traits: Traits,
    /// The password they want.
    pub password: Password,
}

/// Why nobody was registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The traits are not what the schema allows.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// The password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// Somebody has this identifier already; they were not touched (I-13).
    #[error("an account with this identifier exists already")]
    AlreadyExists,
    /// Too many registrations from this client.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The tenant lets nobody in by password.
    #[error("this tenant does not let anybody log in by password")]
    MethodDisabled,
    /// The tenant wants a second factor, and who has just registered has none.
    #[error("this tenant wants a second factor, and none is enrolled")]
    MfaRequired,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service can't do it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<LimitError> for RegisterError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Failed(failure) => failure.into(),
        }
    }
}

impl Kayan {
    /// Makes an identity with a password and opens its first session: one look at the tenant, one commit.
    pub async fn register(&self, caller: &Caller, cmd: Register) -> Result<Opened, RegisterError> {
        let tenant = self.store.tenants.tenant(&caller.tenant).await?;
        let Tenant { settings, epoch, .. } = tenant.filter(|tenant| tenant.active).ok_or(RegisterError::NoTenant)?;
        let limit =
            policy::tenant::limit("registration", self.settings.limits.registration, settings.registration_limit);
        self.limit_network(caller, limit).await?;
        if !policy::tenant::allows(&settings, Method::Password) {
            return Err(RegisterError::MethodDisabled);
        }
        if settings.mfa_required {
            return Err(RegisterError::MfaRequired);
        }
        let identifiers = self.schema.identify_new(&cmd.traits).map_err(RegisterError::InvalidTraits)?;
        let password =
            self.accept_password::<RegisterError>(&caller.tenant, &cmd.password, &identifiers, &settings).await?;
        let hash = self.hasher.hash(&caller.tenant, &password).await.map_err(Failure::from)?;

        let now = self.clock.now();
        let identity = self.new_identity(&caller.tenant, cmd.traits, now);
        let credential = self.new_password(&identity, hash, now);
        let created =
            self.event(caller, EventType::IdentityCreated, now, "registered").by(identity.id).resource(path(&identity));
        let (opened, session) = self.open_session(caller, (identity.clone(), &settings, epoch), Method::Password, now);
        let mut changes = vec![
            Change::Account(AccountChange::Create { identity: Box::new(identity), identifiers }),
            Change::Credential(CredentialChange::Add(Box::new(credential))),
            created.record(),
        ];
        changes.extend(session);
        self.store.changes.commit(changes).await.map_err(|error| match error {
            CommitError::Conflict(Unique::Identifier) => RegisterError::AlreadyExists,
            CommitError::Stale(Guard::Tenant) => RegisterError::NoTenant,
            other => RegisterError::Failed(other.into()),
        })?;
        Ok(opened)
    }

    /// Judges a new password of somebody in a tenant of these settings, on a hashing thread; the password in the form in
    /// which it is to be hashed.
    pub(crate) async fn accept_password<E: From<Weakness> + From<Failure>>(
        &self,
        tenant: &TenantId,
        password: &Password,
        identifiers: &[NamedIdentifier],
        settings: &TenantSettings,
    ) -> Result<Password, E> {
        let max_bytes = self.hasher.max_bytes();
        let password = password::normalised(password, max_bytes).unwrap_or_else(|| password.clone());
        let own: Vec<String> = identifiers.iter().map(|named| named.value.as_str().to_owned()).collect();
        let min_length = policy::tenant::password_min_length(self.settings.password_min_length, settings);
        let verdict = Arc::new(OnceLock::new());
        let (judged, clear) = (Arc::clone(&verdict), password.clone());
        let work = move || {
            let _first = judged.set(password::judge(&clear, min_length, max_bytes, &own));
        };
        self.hasher.compute(tenant, Box::new(work)).await.map_err(Failure::from)?;
        let judged = verdict.get().cloned();
        judged.ok_or_else(|| Failure::Fault("the password was not judged".to_owned()))??;
        Ok(password)
    }

    /// What the tenant of an identity has set; nothing, once it is gone.
    pub(crate) async fn settings_of(&self, identity: &Identity) -> Result<TenantSettings, Failure> {
        Ok(self.store.tenants.tenant(&identity.tenant).await?.map(|tenant| tenant.settings).unwrap_or_default())
    }

    pub(crate) fn new_identity(&self, tenant: &TenantId, traits: Traits, now: Timestamp) -> Identity {
        Identity {
            id: IdentityId(self.new_id(now)),
            tenant: tenant.clone(),
            traits,
            state: State::Active,
            verified: Vec::new(),
            roles: Vec::new(),
            created_at: now,
            updated_at: now,
            last_login_at: None,
            version: 1,
        }
    }

    pub(crate) fn new_password(&self, identity: &Identity, secret: PasswordHash, now: Timestamp) -> Credential {
        Credential {
            id: CredentialId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            kind: CredentialKind::Password,
            secret,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// The name of an identity as a resource in the audit trail.
pub(crate) fn path(identity: &Identity) -> String {
    format!("identity/{}", identity.id)
}

#[cfg(test)]
mod tests;
