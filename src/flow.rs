//! Flows that begin with a request and end with what a mail or an SMS brought: a link or a code.

pub(crate) mod account_deletion;
pub(crate) mod code;
pub(crate) mod email_change;
pub(crate) mod email_revert;
pub(crate) mod invitation;
pub(crate) mod magic_link;
pub(crate) mod own_link;
pub(crate) mod phone_verification;
pub(crate) mod recovery;
pub(crate) mod request;
pub(crate) mod verification;

use kayan_ports::{
    AccountChange, Change, Identifier, Identity, IdentityId, OneTimeChange, OneTimePurpose, OneTimeToken, State,
    Tenant, TenantId, Timestamp, TokenHash,
};
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::{
    Caller, Failure, Kayan, Purpose, Token,
    message::{content::Secret, enqueue::is_verified},
};

/// A link that is unknown, expired or used up, or of a user who is no longer active or has another address by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is unknown, expired or used up: request a new one")]
pub struct InvalidLink;

/// What is kept with a token that was mailed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ByMail {
    /// The address that it was mailed to: with it gone, the token is void (I-14).
    pub(crate) address: String,
    /// The address whose place that one takes: with this gone, the token is void instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<String>,
    /// The trait that the address is put back to, whatever address its user has by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) back_to: Option<String>,
    /// Whether an operator handed the link out, so that it does not prove the address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_hand: bool,
    /// What a code is compared with, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
}

impl ByMail {
    pub(crate) fn to_json(&self) -> Result<String, Failure> {
        serde_json::to_string(self)
            .map_err(|error| Failure::Fault(format!("a token can't be written as JSON: {error}")))
    }

    pub(crate) fn of(token: &OneTimeToken) -> Result<Self, Failure> {
        serde_json::from_str(&token.data).map_err(|error| Failure::Fault(format!("a token's data is damaged: {error}")))
    }
}

/// A link that was opened in time.
pub(crate) struct OpenedLink {
    /// The change that uses it up.
    pub(crate) using: Change,
    pub(crate) tenant: Tenant,
    pub(crate) identity: Identity,
    /// The address that it was mailed to.
    pub(crate) address: Identifier,
    /// What else was kept with it.
    pub(crate) kept: ByMail,
    pub(crate) issued_at: Timestamp,
}

impl Kayan {
    /// The tenant of a request, if it is active.
    pub(crate) async fn active_tenant(&self, caller: &Caller) -> Result<Option<Tenant>, Failure> {
        Ok(self.store.tenants.tenant(&caller.tenant).await?.filter(|tenant| tenant.active))
    }

    /// What a link is good for now; `None` if it is good for nothing.
    pub(crate) async fn opened_link(
        &self,
        tenant: Tenant,
        purpose: OneTimePurpose,
        token: Option<&Token>,
        now: Timestamp,
    ) -> Result<Option<OpenedLink>, Failure> {
        let Some(token) = token else { return Ok(None) };
        let hash = token.hash();
        let Some(token) = self.store.one_time.one_time(&tenant.id, purpose, &hash, now).await? else {
            return Ok(None);
        };
        self.opened(tenant, &token, now).await
    }

    /// What a token that was found is good for now.
    pub(crate) async fn opened(
        &self,
        tenant: Tenant,
        token: &OneTimeToken,
        now: Timestamp,
    ) -> Result<Option<OpenedLink>, Failure> {
        let owner = token.identity.ok_or_else(|| Failure::Fault("a token that was mailed has no owner".to_owned()))?;
        let kept = ByMail::of(token)?;
        let identity = self.active_with(&tenant.id, owner, &kept).await?;
        let address = Identifier::from_canonical(kept.address.clone());
        let (tenant_id, purpose, hash) = (tenant.id.clone(), token.purpose, token.hash);
        let using = Change::OneTime(OneTimeChange::Use { tenant: tenant_id, purpose, hash, at: now });
        let issued_at = token.created_at;
        Ok(identity.map(|identity| OpenedLink { using, tenant, identity, address, kept, issued_at }))
    }

    /// The user, if active and still at the address that the token is bound to.
    async fn active_with(&self, tenant: &TenantId, id: IdentityId, kept: &ByMail) -> Result<Option<Identity>, Failure> {
        let found = self.store.accounts.identity(&tenant.into(), id).await?;
        let found = found.filter(|identity| identity.state == State::Active);
        let bound_to = Identifier::from_canonical(kept.replaces.as_ref().unwrap_or(&kept.address).clone());
        Ok(found.filter(|identity| kept.back_to.is_some() || self.contacts(identity).contains(&bound_to)))
    }

    /// A new link for a user: the hash of its token, the token, and the change that issues it.
    pub(crate) fn new_link(
        &self,
        identity: &Identity,
        purpose: OneTimePurpose,
        kept: &ByMail,
        (now, lifetime): (Timestamp, Duration),
    ) -> Result<(TokenHash, Secret, Change), Failure> {
        let token = Token::random(Purpose::Link, &*self.entropy);
        let (hash, expires_at) = (token.hash(), now + lifetime);
        let issue = OneTimeToken {
            hash,
            tenant: identity.tenant.clone(),
            purpose,
            identity: Some(identity.id),
            data: kept.to_json()?,
            tries: 1,
            created_at: now,
            expires_at,
        };
        let secret = Secret { text: token.expose().to_string(), expires_at };
        Ok((hash, secret, Change::OneTime(OneTimeChange::Issue(Box::new(issue)))))
    }

    /// The change that marks an address as verified, which keeps the identity unchanged otherwise, and the identity after
    /// it. Guard: the version that was read (`Guard::Identity`).
    pub(crate) fn verified_address(
        &self,
        identity: &Identity,
        address: &Identifier,
        now: Timestamp,
    ) -> (Change, Identity) {
        let (tenant, id, version) = (identity.tenant.clone(), identity.id, identity.version);
        if is_verified(identity, address) {
            return (Change::Account(AccountChange::Pin { tenant, identity: id, version }), identity.clone());
        }
        let mut after = identity.clone();
        after.verified.push(address.as_str().to_owned());
        after.updated_at = now;
        after.version += 1;
        let replace = AccountChange::ReplaceTraits {
            tenant,
            identity: id,
            expected: version,
            traits: after.traits.clone(),
            identifiers: self.schema.identify(&after.traits).unwrap_or_default(),
            verified: after.verified.clone(),
            at: now,
        };
        (Change::Account(replace), after)
    }
}

/// The change that voids all links of a user that are for this.
pub(crate) fn void(identity: &Identity, purpose: OneTimePurpose) -> Change {
    let since = Timestamp::UNIX_EPOCH;
    Change::OneTime(OneTimeChange::Void { tenant: identity.tenant.clone(), identity: identity.id, purpose, since })
}

#[cfg(test)]
pub(crate) mod tests;
