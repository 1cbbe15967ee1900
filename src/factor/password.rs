//! Passwords: compared, judged before they are taken, and hashed anew.

use std::sync::{Arc, OnceLock};

use kayan_ports::{
    Credential, CredentialId, CredentialKind, Identity, NamedIdentifier, Password, PasswordHash, TenantId,
    TenantSettings, Timestamp, Verdict,
};

use crate::{
    Failure, Kayan, Weakness,
    policy::{self, password},
};

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

    /// Judges a new password by the tenant's settings, on a hashing thread. Returns it in the form that is hashed.
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
        let clear = password.clone();
        self.compute(tenant, move || password::judge(&clear, min_length, max_bytes, &own)).await??;
        Ok(password)
    }

    /// What `work` comes to, on a hashing thread.
    async fn compute<T: Clone + Send + Sync + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let outcome = Arc::new(OnceLock::new());
        let told = Arc::clone(&outcome);
        let work = move || {
            let _first = told.set(work());
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
        now: Timestamp,
    ) -> Option<Credential> {
        if verdict != Verdict::MatchOutdated {
            return None;
        }
        let normal = password::normalised(password, self.hasher.max_bytes());
        let secret = self.hasher.hash(&credential.tenant, normal.as_ref().unwrap_or(password)).await.ok()?;
        Some(Credential { secret, updated_at: now, version: credential.version + 1, ..credential.clone() })
    }
}
