//! What changes identities and their credentials.

use kayan_ports::{
    CommitError, Credential, CredentialId, Failure, Guard, Identity, IdentityId, NamedIdentifier, Scope, TenantId,
    Timestamp, Unique, Version,
};

use crate::rows::Rows;

const STALE: CommitError = CommitError::Stale(Guard::Identity);

impl Rows {
    pub(crate) fn create_identity(
        &mut self,
        identity: Identity,
        identifiers: Vec<NamedIdentifier>,
    ) -> Result<(), CommitError> {
        if !self.is_open(&identity.tenant) {
            return Err(CommitError::Stale(Guard::Tenant));
        }
        let (tenant, id) = (identity.tenant.clone(), identity.id);
        if self.identities.insert(id, identity).is_some() {
            return Err(CommitError::Conflict(Unique::Identity));
        }
        self.name(&tenant, id, identifiers)
    }

    /// Gives an identity its identifiers in place of those that it had.
    pub(crate) fn name(
        &mut self,
        tenant: &TenantId,
        id: IdentityId,
        names: Vec<NamedIdentifier>,
    ) -> Result<(), CommitError> {
        self.identifiers.retain(|_, owner| *owner != id);
        for name in names {
            let present = self.identifiers.insert((tenant.clone(), name.value), id);
            if present.is_some_and(|owner| owner != id) {
                return Err(CommitError::Conflict(Unique::Identifier));
            }
        }
        Ok(())
    }

    /// An identity that is about to change: it counts the change and notes when.
    pub(crate) fn changeable(
        &mut self,
        scope: &Scope,
        id: IdentityId,
        expected: Option<Version>,
        at: Timestamp,
    ) -> Result<&mut Identity, CommitError> {
        let present = self.identity(scope, id).ok_or(STALE)?.version;
        if expected.is_some_and(|expected| expected != present) {
            return Err(STALE);
        }
        let identity = self.identities.get_mut(&id).ok_or(STALE)?;
        identity.version = present.saturating_add(1);
        identity.updated_at = at;
        Ok(identity)
    }

    pub(crate) fn pin_identity(&self, scope: &Scope, id: IdentityId, version: Version) -> Result<(), CommitError> {
        let present = self.identity(scope, id).map(|identity| identity.version);
        if present == Some(version) { Ok(()) } else { Err(STALE) }
    }

    pub(crate) fn delete_identity(
        &mut self,
        scope: &Scope,
        id: IdentityId,
        expected: Option<Version>,
    ) -> Result<(), CommitError> {
        let present = self.identity(scope, id).ok_or(STALE)?.version;
        if expected.is_some_and(|expected| expected != present) {
            return Err(STALE);
        }
        self.identities.remove(&id);
        self.identifiers.retain(|_, owner| *owner != id);
        self.credentials.retain(|_, credential| credential.identity != id);
        self.devices.retain(|device| device.identity != id);
        self.factors.retain(|_, factor| factor.identity != id);
        self.links.retain(|_, link| link.identity != id);
        self.one_time.retain(|_, token| token.identity != Some(id));
        self.messages.retain(|_, queued| queued.message.identity != Some(id));
        self.responses.retain(|stored| stored.about != Some(id));
        self.locked_until.remove(&id);
        self.sessions.retain(|_, session| session.identity != id);
        let sessions = &self.sessions;
        self.refresh_tokens.retain(|_, token| sessions.contains_key(&token.session));
        Ok(())
    }

    pub(crate) fn add_credential(&mut self, credential: Credential) -> Result<(), CommitError> {
        self.identity(&(&credential.tenant).into(), credential.identity).ok_or(STALE)?;
        let same = |other: &Credential| other.identity == credential.identity && other.kind == credential.kind;
        if self.credentials.values().any(same) {
            return Err(CommitError::Conflict(Unique::Credential));
        }
        let id = credential.id;
        match self.credentials.insert(id, credential) {
            None => Ok(()),
            Some(_) => Err(CommitError::Failed(Failure::Fault(format!("there is a credential {id} already")))),
        }
    }

    pub(crate) fn replace_credential(&mut self, new: Credential) -> Result<(), CommitError> {
        let present = self.credential(&new.tenant, new.id, new.version.saturating_sub(1))?;
        if present.identity != new.identity {
            return Err(CommitError::Stale(Guard::Credential));
        }
        present.secret = new.secret;
        present.updated_at = new.updated_at;
        present.version = new.version;
        Ok(())
    }

    pub(crate) fn credential(
        &mut self,
        tenant: &TenantId,
        id: CredentialId,
        version: Version,
    ) -> Result<&mut Credential, CommitError> {
        self.credentials
            .get_mut(&id)
            .filter(|credential| credential.tenant == *tenant && credential.version == version)
            .ok_or(CommitError::Stale(Guard::Credential))
    }
}
