//! Removes the link to an account at an identity provider, and says what else a user can log in with.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, CredentialId, EventType, FactorChange, Guard, Identity,
    Method, ProviderLink, Scope, TenantSettings, WaysIn,
};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, StepUpRequired,
    account::identity::path,
    policy::tenant,
    session::step_up::{pin, require_step_up},
    user::change::keeps_changing,
};

/// Why no link was removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnlinkProviderError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The user has no link at this provider.
    #[error("you have no account linked at this provider")]
    NotFound,
    /// The user could not log in without it (I-21).
    #[error("it is the last credential to log in with")]
    LastCredential,
}

impl From<Failure> for UnlinkProviderError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

/// The change that removes a link.
pub(crate) fn unlinked(link: &ProviderLink) -> Change {
    let (tenant, identity) = (link.tenant.clone(), link.identity);
    Change::Credential(CredentialChange::Unlink { tenant, identity, link: link.id })
}

impl Kayan {
    /// What the user can log in with, besides this credential.
    pub(crate) async fn ways_in(
        &self,
        identity: &Identity,
        settings: &TenantSettings,
        without: CredentialId,
    ) -> Result<WaysIn, Failure> {
        let links = self.store.credentials.links(&identity.tenant, identity.id).await?;
        // A provider that is not configured any more lets nobody in.
        let leads_in = |link: &&ProviderLink| link.id != without && self.has_provider(&link.account.provider);
        Ok(WaysIn {
            password: tenant::allows(settings, Method::Password),
            passkey: self.takes_passkeys(&identity.tenant, settings),
            link: links.iter().find(leads_in).filter(|_| tenant::allows(settings, Method::Oidc)).map(|link| link.id),
        })
    }

    /// Removes the caller's link at this provider, which need not be configured any more.
    pub async fn unlink_provider(&self, caller: &Caller, provider: &str) -> Result<(), UnlinkProviderError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        require_step_up(&me.session, &self.my_usable_factors(&me).await?, now)?;
        let (tenant, identity) = (&me.identity.tenant, me.identity.id);
        let links = self.store.credentials.links(tenant, identity).await?;
        let link = links.into_iter().find(|link| link.account.provider.as_str() == provider);
        let link = link.ok_or(UnlinkProviderError::NotFound)?;
        let ways_in = self.ways_in(&me.identity, &self.settings_of(&me.identity).await?, link.id).await?;
        // The session may come from a cache; the version must not.
        let current = self.store.accounts.identity(&Scope::from(tenant), identity).await?;
        let version = current.ok_or(AuthenticateError::Unauthorized)?.version;
        let event = self
            .event(caller, EventType::ProviderUnlinked, now, "the owner removed the link to an account at a provider")
            .by(identity)
            .resource(path(&me.identity))
            .with("provider", provider);
        let changes = vec![
            Change::Account(AccountChange::Pin { tenant: tenant.clone(), identity, version }),
            pin(&me.session),
            Change::Factor(FactorChange::KeepWayIn { tenant: tenant.clone(), identity, without: link.id, ways_in }),
            unlinked(&link),
            event.record(),
        ];
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Credential)) => Err(UnlinkProviderError::NotFound),
            Err(CommitError::Stale(Guard::LastCredential)) => Err(UnlinkProviderError::LastCredential),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(CommitError::Stale(Guard::Identity)) => Err(keeps_changing().into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
