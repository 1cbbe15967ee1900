//! Passwords: compared, judged before they are taken, and hashed anew.

use std::sync::{Arc, OnceLock};

use kayan_ports::{
    Change, Credential, CredentialChange, CredentialId, CredentialKind, Identity, NamedIdentifier, Password,
    PasswordHash, Tenant, TenantId, TenantSettings, Timestamp, Traits, Verdict,
};

use crate::{
    Failure, Kayan, Weakness,
    policy::{
        password::{self, Rules},
        tenant,
    },
};

/// The account that a new password is for.
pub(crate) struct NewPasswordOf<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) identifiers: &'a [NamedIdentifier],
    pub(crate) traits: &'a Traits,
}

impl Kayan {
    /// Compares a password with a hash, in the form in which passwords are hashed.
    ///
    /// A hash made elsewhere, or before passwords were normalised, may be of the password as it was typed. **Invariant**
    /// (I-08): a password that is in normal form costs exactly one comparison, another one exactly two unless it matches,
    /// whether or not there is an account.
    pub(crate) async fn compare_password(
        &self,
        tenant: &TenantId,
        hash: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, Failure> {
        let Some(normal) = password::normalised(password, self.hasher.max_bytes()) else {
            return Ok(self.hasher.verify(tenant, hash, password).await?);
        };
        let verdict = self.hasher.verify(tenant, hash, &normal).await?;
        if verdict != Verdict::Mismatch {
            return Ok(verdict);
        }
        match self.hasher.verify(tenant, hash, password).await? {
            Verdict::Mismatch => Ok(Verdict::Mismatch),
            // Hashed anew, it is of the normal form.
            Verdict::Match | Verdict::MatchOutdated => Ok(Verdict::MatchOutdated),
        }
    }

    fn password_rules(&self, settings: &TenantSettings) -> Rules {
        tenant::password_rules(&self.settings.passwords, settings, self.hasher.max_bytes())
    }

    /// Judges a new password by the tenant's rules, on a hashing thread. Returns it in the form that is hashed.
    ///
    /// [`refuse_breached`](Self::refuse_breached) and [`refuse_reused`](Self::refuse_reused) must follow.
    pub(crate) async fn accept_password<E: From<Weakness> + From<Failure>>(
        &self,
        password: &Password,
        of: &NewPasswordOf<'_>,
    ) -> Result<Password, E> {
        let rules = self.password_rules(&of.tenant.settings);
        let password = password::normalised(password, rules.max_bytes).unwrap_or_else(|| password.clone());
        let own = password::words(of.identifiers, of.traits, of.tenant);
        let clear = password.clone();
        self.compute(&of.tenant.id, move || password::judge(&clear, &rules, &own)).await??;
        Ok(password)
    }

    /// Refuses a password that is known from a breach, if the tenant wants that. One of which it can't be found out is
    /// accepted: a service elsewhere that fails must not keep users from their passwords.
    pub(crate) async fn refuse_breached(&self, password: &Password, settings: &TenantSettings) -> Result<(), Weakness> {
        match &self.breaches {
            Some(breaches) if self.password_rules(settings).breach_check => {
                if breaches.is_breached(password).await.unwrap_or(false) { Err(Weakness::Breached) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Refuses a password that is one of the identity's last ones, if the tenant wants that: a comparison for each. Returns
    /// the hashes of former passwords to keep with the new one; none without a `current` password.
    ///
    /// **Invariant**: called only after the right to set the password was proven, as the answer says which were used.
    pub(crate) async fn refuse_reused<E: From<Weakness> + From<Failure>>(
        &self,
        password: &Password,
        current: Option<&Credential>,
        settings: &TenantSettings,
    ) -> Result<Vec<PasswordHash>, E> {
        let Some(current) = current else { return Ok(Vec::new()) };
        let history = self.password_rules(settings).history;
        let former = match history {
            0 => return Ok(Vec::new()),
            1 => Vec::new(),
            _ => {
                let scope = (&current.tenant).into();
                self.store.credentials.former_passwords(&scope, current.identity).await?
            }
        };
        for hash in std::iter::once(&current.secret).chain(&former).take(history) {
            let verdict = self.hasher.verify(&current.tenant, Some(hash), password).await.map_err(Failure::from)?;
            if verdict != Verdict::Mismatch {
                return Err(Weakness::Reused { last: history }.into());
            }
        }
        Ok(password::kept(current.secret.clone(), former, history))
    }

    /// The change that sets an identity's password, whether or not it has one.
    pub(crate) fn put_password(
        &self,
        identity: &Identity,
        current: Option<Credential>,
        (secret, former): (PasswordHash, Vec<PasswordHash>),
        now: Timestamp,
    ) -> Change {
        match current {
            None => Change::Credential(CredentialChange::Add(Box::new(self.new_password(identity, secret, now)))),
            Some(current) => Self::changed_password(current, secret, former, now),
        }
    }

    /// The change from one password to another.
    pub(crate) fn changed_password(
        current: Credential,
        secret: PasswordHash,
        former: Vec<PasswordHash>,
        now: Timestamp,
    ) -> Change {
        let credential = Credential { secret, updated_at: now, version: current.version + 1, ..current };
        Change::Credential(CredentialChange::ChangePassword { credential: Box::new(credential), former })
    }

    /// What `work` comes to, on a hashing thread.
    async fn compute<T: Clone + Send + Sync + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let outcome = Arc::new(OnceLock::new());
        let slot = Arc::clone(&outcome);
        let work = move || {
            let _first = slot.set(work());
        };
        self.hasher.compute(tenant, Box::new(work)).await?;
        outcome.get().cloned().ok_or_else(|| Failure::Fault("nothing was computed".to_owned()))
    }

    /// The hash of a password that was accepted.
    pub(crate) async fn hash_password(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, Failure> {
        Ok(self.hasher.hash(tenant, password).await?)
    }

    /// A first password credential.
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

    /// The credential hashed anew, when its hash is outdated and there is capacity for it; the next login tries again.
    pub(crate) async fn renewed(
        &self,
        credential: &Credential,
        verdict: Verdict,
        password: &Password,
    ) -> Option<Credential> {
        if verdict != Verdict::MatchOutdated {
            return None;
        }
        let normal = password::normalised(password, self.hasher.max_bytes());
        let secret = self.hasher.hash(&credential.tenant, normal.as_ref().unwrap_or(password)).await.ok()?;
        Some(Credential { secret, version: credential.version + 1, ..credential.clone() })
    }
}
