//! Links an account at an identity provider to the caller's own, and lists the links.

use kayan_ports::{CommitError, Guard, ProviderAssertion, ProviderLink, ProviderRules, SessionId, Unique};

use crate::{
    AuthenticateError, Caller, Failure, Kayan,
    policy::federation,
    provider::log_in::{OTHER_DOMAIN, ProviderLoginError, account, added},
    session::step_up::pin,
};

/// What users are told whose session has ended, or is another one by now.
const NO_SESSION: &str = "your session has ended: log in, and link the account again";
/// The message for an account that can't be linked: the same for every owner.
const TAKEN: &str = "this account at the identity provider is linked already, or you have linked another one there: remove that link first";

impl Kayan {
    /// The caller's links, in the order in which they were made.
    pub async fn list_my_links(&self, caller: &Caller) -> Result<Vec<ProviderLink>, AuthenticateError> {
        let me = self.authenticate(caller, self.clock.now()).await?;
        Ok(self.store.credentials.links(&me.identity.tenant, me.identity.id).await?)
    }

    /// Links the account to the identity of the session that has asked for it with a recent proof.
    pub(crate) async fn link_account(
        &self,
        caller: &Caller,
        session: SessionId,
        rules: &ProviderRules,
        assertion: ProviderAssertion,
    ) -> Result<(), ProviderLoginError> {
        let refused = |why| Err(ProviderLoginError::Refused(why));
        let me = match self.authenticate(caller, self.clock.now()).await {
            Ok(me) if me.session.id == session => me,
            Ok(_) | Err(AuthenticateError::Unauthorized | AuthenticateError::LacksFactor) => {
                return refused(NO_SESSION);
            }
            Err(AuthenticateError::NoTenant) => return Err(ProviderLoginError::NoTenant),
            Err(AuthenticateError::Failed(failure)) => return Err(failure.into()),
        };
        // Every login by it would be refused.
        if !federation::is_of_domain(rules, &assertion) {
            return refused(OTHER_DOMAIN);
        }
        let (tenant, account) = (&me.identity.tenant, account(rules, &assertion));
        match self.store.credentials.link(tenant, &account).await? {
            Some(link) if link.identity == me.identity.id => return Ok(()),
            Some(_) => return refused(TAKEN),
            None => {}
        }
        let link = self.new_link_to(&me.identity, account, &assertion);
        let changes = vec![pin(&me.session), added(&link), self.linked(caller, &me.identity, &link)];
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(Unique::Credential)) => refused(TAKEN),
            Err(CommitError::Stale(Guard::Session | Guard::Identity)) => refused(NO_SESSION),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
