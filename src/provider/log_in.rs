//! Logs in by what an identity provider asserts.

use futures_util::future::try_join;
use kayan_ports::{
    Aal, Change, CredentialChange, CredentialId, EventType, Identifier, Identity, Method, ProviderAccount,
    ProviderAssertion, ProviderLink, ProviderRules, Scope, Tenant, TenantId,
};

use crate::{
    Caller, Failure, Kayan, Limited, MfaChallenge, Opened,
    access::grants::hold,
    account::identity::path,
    factor::find::{has_second_factor, methods},
    message::enqueue::is_verified,
    policy::{assurance, federation, tenant},
    session::open::{EndLoginError, Login},
    user::change::{ROUNDS, keeps_changing},
};

/// Why a login by a provider opened no session, or linked no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderLoginError {
    /// It failed; the text says what to do, and the audit trail has the reason.
    #[error("{0}")]
    Refused(&'static str),
    /// An account here has to be linked first, by its owner.
    #[error("log in in another way first, and link the account at the provider then")]
    LinkRequired,
    /// The provider gives no address, which an account here must have.
    #[error("the identity provider gave no e-mail address, which is required here: allow it there, and try again")]
    EmailRequired,
    /// A second factor is required.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// The account is not active.
    #[error("this account is not active")]
    NotActive,
    /// The tenant requires a verified address, and the user has none.
    #[error("verify your e-mail address first: open the link in the mail that was sent to you, or request a new one")]
    Unverified,
    /// The tenant does not allow login by providers.
    #[error("this tenant does not allow login by identity providers")]
    MethodDisabled,
    /// Too many new accounts from this client.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What users are told of an address that the rules don't let in.
pub(crate) const OTHER_DOMAIN: &str =
    "accounts with this e-mail address may not log in here: use one of your organisation";

impl Kayan {
    /// Opens a session for the identity that the account is linked to; else for the one with the same address, if both sides have
    /// verified it; else for a new one, if the rules allow.
    pub(crate) async fn log_in_by_provider(
        &self,
        caller: &Caller,
        rules: &ProviderRules,
        assertion: &ProviderAssertion,
    ) -> Result<Opened, ProviderLoginError> {
        if !federation::is_of_domain(rules, assertion) {
            self.audit_refused_login(caller, rules, "the address is not a verified one of an allowed domain").await?;
            return Err(ProviderLoginError::Refused(OTHER_DOMAIN));
        }
        let address = federation::address(assertion);
        for _ in 0..ROUNDS {
            let tenant = self.active_tenant(caller).await?.ok_or(ProviderLoginError::NoTenant)?;
            if !tenant::allows(&tenant.settings, Method::Oidc) {
                return Err(ProviderLoginError::MethodDisabled);
            }
            let account = account(rules, assertion);
            let link = self.store.credentials.link(&tenant.id, &account).await?;
            let known = match &link {
                Some(link) => self.store.accounts.identity(&Scope::from(&tenant.id), link.identity).await?,
                None => self.owner_of(&tenant.id, address.as_ref()).await?,
            };
            let ended = match (link, known) {
                (Some(link), Some(identity)) => {
                    self.log_in_by_link_to(caller, &tenant, (identity, &link, Vec::new()), (rules, assertion)).await?
                }
                // Deleted in the meantime.
                (Some(_), None) => None,
                (None, Some(identity))
                    if self.may_link(&tenant, &identity, address.as_ref(), (rules, assertion)).await? =>
                {
                    let link = self.new_link_to(&identity, account, assertion);
                    let changes = vec![hold(&identity), self.linked(caller, &identity, &link), added(&link)];
                    self.log_in_by_link_to(caller, &tenant, (identity, &link, changes), (rules, assertion)).await?
                }
                // A parallel first login may have created both the user and the link just now.
                (None, Some(_)) if self.store.credentials.link(&tenant.id, &account).await?.is_some() => None,
                (None, Some(_)) => return Err(self.not_linked(caller, rules).await?),
                (None, None) if !rules.sign_up => return Err(self.not_linked(caller, rules).await?),
                (None, None) => self.sign_up_by_provider(caller, &tenant, account, (rules, assertion)).await?,
            };
            if let Some(opened) = ended {
                return Ok(opened);
            }
        }
        Err(keeps_changing().into())
    }

    /// **Invariant**: an account is linked by its address only if the provider and this service have both verified it (I-27). One
    /// that takes the place of another is linked by its owner only, and so is one to a user with a second factor, unless the
    /// provider has verified two: a link is a first factor for good.
    async fn may_link(
        &self,
        tenant: &Tenant,
        identity: &Identity,
        address: Option<&Identifier>,
        (rules, assertion): (&ProviderRules, &ProviderAssertion),
    ) -> Result<bool, Failure> {
        if !assertion.email_verified || !address.is_some_and(|address| is_verified(identity, address)) {
            return Ok(false);
        }
        let factors = self.store.factors.factors(&tenant.id, identity.id).await?;
        let proven = assurance::level_of(&[federation::proof(rules, assertion, self.clock.now())]);
        if has_second_factor(&self.usable(&tenant.id, &tenant.settings, factors)) && proven < Some(Aal::Aal2) {
            return Ok(false);
        }
        let links = self.store.credentials.links(&identity.tenant, identity.id).await?;
        Ok(links.iter().all(|link| link.account.provider != rules.name))
    }

    /// The identity that logs in with this address.
    pub(crate) async fn owner_of(
        &self,
        tenant: &TenantId,
        address: Option<&Identifier>,
    ) -> Result<Option<Identity>, Failure> {
        let Some(address) = address else { return Ok(None) };
        Ok(self.store.accounts.identities_named(&Scope::from(tenant), address).await?.into_iter().next())
    }

    /// Ends a login by a link; `None`: what it depends on has just changed.
    async fn log_in_by_link_to(
        &self,
        caller: &Caller,
        tenant: &Tenant,
        (identity, link, changes): (Identity, &ProviderLink, Vec<Change>),
        (rules, assertion): (&ProviderRules, &ProviderAssertion),
    ) -> Result<Option<Opened>, ProviderLoginError> {
        let now = self.clock.now();
        let (factors, device) = try_join(
            self.store.factors.factors(&tenant.id, identity.id),
            self.known_device(caller, &tenant.id, identity.id),
        )
        .await?;
        let enrolled = methods(&factors);
        let login = Login {
            identity,
            settings: &tenant.settings,
            epoch: tenant.epoch,
            proven: vec![federation::proof(rules, assertion, now)],
            enrolled: &enrolled,
            password: Some((link.id, link.version)),
            device,
            trusts_device: false,
        };
        match self.end_login(caller, login, changes, now).await {
            Ok(opened) => Ok(Some(opened)),
            Err(EndLoginError::MfaRequired(challenge)) => Err(challenge.into()),
            Err(EndLoginError::NotActive) => Err(ProviderLoginError::NotActive),
            Err(EndLoginError::Unverified) => Err(ProviderLoginError::Unverified),
            Err(EndLoginError::Outdated(_)) => Ok(None),
            Err(EndLoginError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// A new link of this identity.
    pub(crate) fn new_link_to(
        &self,
        identity: &Identity,
        account: ProviderAccount,
        assertion: &ProviderAssertion,
    ) -> ProviderLink {
        let now = self.clock.now();
        ProviderLink {
            id: CredentialId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            account,
            email: federation::address(assertion).map(|address| address.as_str().to_owned()).unwrap_or_default(),
            created_at: now,
            last_used_at: None,
            version: 1,
        }
    }

    /// The audit event of a new link.
    pub(crate) fn linked(&self, caller: &Caller, identity: &Identity, link: &ProviderLink) -> Change {
        let message = "an account at an identity provider was linked";
        self.event(caller, EventType::ProviderLinked, link.created_at, message)
            .by(identity.id)
            .resource(path(identity))
            .with("provider", link.account.provider.as_str())
            .record()
    }

    pub(crate) async fn not_linked(
        &self,
        caller: &Caller,
        rules: &ProviderRules,
    ) -> Result<ProviderLoginError, Failure> {
        self.audit_refused_login(caller, rules, "the account at the provider is not linked").await?;
        Ok(ProviderLoginError::LinkRequired)
    }

    /// Audits why a login by a provider was refused.
    pub(crate) async fn audit_refused_login(
        &self,
        caller: &Caller,
        rules: &ProviderRules,
        why: &str,
    ) -> Result<(), Failure> {
        let event = self
            .event(caller, EventType::LoginFailure, self.clock.now(), "a login by an identity provider was refused")
            .failed(20)
            .with("method", Method::Oidc.as_str())
            .with("provider", rules.name.as_str())
            .with("reason", why);
        self.record(event).await
    }
}

/// The account that an assertion is of.
pub(crate) fn account(rules: &ProviderRules, assertion: &ProviderAssertion) -> ProviderAccount {
    let (issuer, subject) = (assertion.issuer.clone(), assertion.subject.clone());
    ProviderAccount { provider: rules.name.clone(), issuer, subject }
}

/// The change that adds a link.
pub(crate) fn added(link: &ProviderLink) -> Change {
    Change::Credential(CredentialChange::Link(Box::new(link.clone())))
}
