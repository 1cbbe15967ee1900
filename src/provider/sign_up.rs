//! Creates an identity for an account at an identity provider, and opens its first session.

use kayan_ports::{
    AccountChange, Change, CommitError, EventType, Guard, Method, ProviderAccount, ProviderAssertion, ProviderRules,
    Tenant, Unique,
};

use crate::{
    Caller, Failure, Kayan, Opened,
    account::identity::path,
    message::enqueue::is_address,
    policy,
    provider::log_in::{ProviderLoginError, added},
    session::{first::NoFirstSession, open::Login},
};

/// What users are told of claims that make no valid account.
const INCOMPLETE: &str = "what the identity provider says of you is not enough for an account here: register instead";

impl Kayan {
    /// Creates an identity with what the provider asserts; `None`: another one has just taken the account or an identifier.
    pub(crate) async fn sign_up_by_provider(
        &self,
        caller: &Caller,
        tenant: &Tenant,
        account: ProviderAccount,
        (rules, assertion): (&ProviderRules, &ProviderAssertion),
    ) -> Result<Option<Opened>, ProviderLoginError> {
        let Tenant { settings, epoch, .. } = tenant;
        let limit =
            policy::tenant::limit("registration", self.settings.limits.registration, settings.registration_limit);
        self.limit_network::<ProviderLoginError>(caller, limit).await?;
        let address = policy::federation::address(assertion);
        let traits = policy::federation::traits(rules, assertion);
        let identifiers = match self.schema.identify_new(&traits) {
            Ok(identifiers) if policy::disposable::judge(settings, &identifiers).is_empty() => identifiers,
            refused => {
                self.audit_refused_login(caller, rules, "the claims make no valid account").await?;
                return Err(match refused {
                    Err(_) if address.is_none() => ProviderLoginError::EmailRequired,
                    _ => ProviderLoginError::Refused(INCOMPLETE),
                });
            }
        };
        let now = self.clock.now();
        let mut identity = self.new_identity(&tenant.id, traits, now);
        let is_theirs = |address: &_| identifiers.iter().any(|named| named.value == *address);
        let verified = address.clone().filter(|address| assertion.email_verified && is_theirs(address));
        identity.verified.extend(verified.iter().map(|address| address.as_str().to_owned()));
        let link = self.new_link_to(&identity, account, assertion);
        let created = self
            .event(caller, EventType::IdentityCreated, now, "signed up by an identity provider")
            .by(identity.id)
            .resource(path(&identity))
            .with("method", Method::Oidc.as_str())
            .with("provider", rules.name.as_str());
        let login = Login {
            identity: identity.clone(),
            settings,
            epoch: *epoch,
            proven: vec![policy::federation::proof(rules, assertion, now)],
            enrolled: &[],
            password: Some((link.id, link.version)),
            device: None,
            trusts_device: false,
        };
        let (outcome, session) = self.first_session(caller, &login, now).await?;
        let mut verification = Vec::new();
        let unverified =
            identifiers.iter().filter(|named| is_address(&named.value) && verified.as_ref() != Some(&named.value));
        for named in unverified {
            verification.extend(self.verification_of(caller, &named.value).await?);
        }
        let mut changes = vec![
            Change::Account(AccountChange::Create { identity: Box::new(identity), identifiers }),
            added(&link),
            created.record(),
        ];
        changes.extend(session);
        changes.extend(verification);
        match self.store.changes.commit(changes).await {
            Ok(()) => {}
            Err(CommitError::Conflict(Unique::Credential)) => return Ok(None),
            Err(CommitError::Conflict(Unique::Identifier)) => {
                // A parallel login may have created the account. Else another user has the name, and it stays theirs.
                let owner = self.owner_of(&tenant.id, address.as_ref()).await?;
                if owner.is_some() || self.store.credentials.link(&tenant.id, &link.account).await?.is_some() {
                    return Ok(None);
                }
                return Err(self.not_linked(caller, rules).await?);
            }
            Err(CommitError::Stale(Guard::Tenant)) => return Err(ProviderLoginError::NoTenant),
            Err(other) => return Err(Failure::from(other).into()),
        }
        match outcome {
            Ok(opened) => Ok(Some(opened)),
            Err(NoFirstSession::Unverified) => Err(ProviderLoginError::Unverified),
            Err(NoFirstSession::MfaRequired(challenge)) => Err(challenge.into()),
        }
    }
}

#[cfg(test)]
mod tests;
