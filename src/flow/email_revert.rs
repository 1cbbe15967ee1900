//! Puts an old e-mail address back by the link that it got when it was changed.

use kayan_ports::{
    AccountChange, Change, CommitError, EventType, FactorChange, Guard, Identifier, Identity, MessageKind,
    OneTimeChange, OneTimePurpose, Password, PasswordHash, Removed, RoleChange, TenantId, Timestamp, Unique,
};
use serde_json::Value;

use crate::{
    Caller, ChangeEmailError, Failure, Kayan, Purpose, Token,
    account::{
        identity::path,
        update::{merge, setting},
    },
    flow::{InvalidLink, OpenedLink},
    message::enqueue::{Outgoing, is_verified},
    provider::unlink::unlinked,
    session::revoke_mine::end_sessions,
    user::change::{ROUNDS, keeps_changing},
};

impl Kayan {
    /// Puts the address that a link was mailed to back, verified, and returns it. Ends all sessions, replaces the password by one
    /// that nobody knows, removes the factors that were enrolled since, mails a link that sets a new password, and voids all other
    /// links: those of later changes, too.
    ///
    /// **Invariant**: the one who reads the old address wins over the one who changed it, whatever was changed since (I-14).
    pub async fn revert_email(&self, caller: &Caller, token: Option<&Token>) -> Result<String, ChangeEmailError> {
        let mut secret = None;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let tenant = self.active_tenant(caller).await?.ok_or(ChangeEmailError::NoTenant)?;
            let opened = self.opened_link(tenant, OneTimePurpose::EmailRevert, token, now).await?.ok_or(InvalidLink)?;
            let identity = &opened.identity;
            let mut changes = self.reverted(caller, &opened, now).await?;
            let scope = (&identity.tenant).into();
            if let Some(known) = self.store.credentials.password(&scope, identity.id).await? {
                // Hashed once, however often the identity changes meanwhile.
                let secret = match &secret {
                    Some(secret) => PasswordHash::clone(secret),
                    None => secret.insert(self.unknown_password(&identity.tenant).await?).clone(),
                };
                let former = self.store.credentials.former_passwords(&scope, identity.id).await?;
                changes.push(Self::changed_password(known, secret, former, now));
            }
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(opened.address.as_str().to_owned()),
                Err(CommitError::Stale(Guard::OneTime)) => return Err(InvalidLink.into()),
                Err(
                    CommitError::Stale(Guard::Identity | Guard::Credential | Guard::Factor | Guard::Roles)
                    | CommitError::Conflict(Unique::Identifier),
                ) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    /// The hash of a random password.
    async fn unknown_password(&self, tenant: &TenantId) -> Result<PasswordHash, Failure> {
        let random = Token::random(Purpose::Link, &*self.entropy).expose();
        self.hash_password(tenant, &Password::from(random.as_str())).await
    }

    async fn reverted(
        &self,
        caller: &Caller,
        opened: &OpenedLink,
        now: Timestamp,
    ) -> Result<Vec<Change>, ChangeEmailError> {
        let OpenedLink { using, identity, address, kept, issued_at, .. } = opened;
        let tenant = &identity.tenant;
        let mut changes = self.given_back(caller, identity, address, now).await?;
        let patch = setting(kept.back_to.as_deref().unwrap_or_default(), Value::from(address.as_str()));
        let patched = self.patched(identity, &patch, Some(address), now);
        let (_, replace) = patched.map_err(|_no_longer_fits| InvalidLink)?;
        let (purpose, since) = (OneTimePurpose::EmailRevert, *issued_at);
        let later = OneTimeChange::Void { tenant: tenant.clone(), identity: identity.id, purpose, since };
        changes.extend([replace, using.clone(), end_sessions(identity, None), Change::OneTime(later)]);
        let factors = self.store.factors.factors(tenant, identity.id).await?;
        changes.extend(factors.iter().filter(|factor| factor.created_at >= since).map(|factor| {
            let which = Removed::One(factor.id);
            Change::Factor(FactorChange::Remove { tenant: tenant.clone(), identity: identity.id, which })
        }));
        let links = self.store.credentials.links(tenant, identity.id).await?;
        changes.extend(links.iter().filter(|link| link.created_at >= since).map(unlinked));
        let event = self
            .event(caller, EventType::AddressReverted, now, "the old e-mail address was put back; all sessions ended")
            .by(identity.id)
            .resource(path(identity))
            .with("address", address.masked());
        changes.push(event.record());
        if self.sends_mail() {
            // Dropped by the delivery where the tenant takes no passwords.
            changes.push(self.enqueue(Outgoing::to_address(caller, MessageKind::Recovery, address)).await?);
        }
        Ok(changes)
    }

    /// The changes that take an address from another user who has not verified it: its reader has the link, and an account that
    /// claims the address must not be able to keep it. An error if that user has verified it.
    async fn given_back(
        &self,
        caller: &Caller,
        identity: &Identity,
        address: &Identifier,
        now: Timestamp,
    ) -> Result<Vec<Change>, ChangeEmailError> {
        let tenant = &identity.tenant;
        let named = self.store.accounts.identities_named(&tenant.into(), address).await?;
        let Some(other) = named.into_iter().find(|other| other.id != identity.id) else { return Ok(Vec::new()) };
        if is_verified(&other, address) {
            return Err(ChangeEmailError::AlreadyExists);
        }
        let named = self.schema.identify(&other.traits).unwrap_or_default();
        let (claimed, identifiers): (Vec<_>, Vec<_>) = named.into_iter().partition(|named| named.value == *address);
        let mut traits = other.traits.clone();
        for named in &claimed {
            merge(&mut traits, &setting(&named.field, Value::Null));
        }
        // Two users are locked, so their tenant is locked first.
        let version = self.definitions_now(tenant).await?.version;
        let event = self
            .event(caller, EventType::IdentityUpdated, now, "an address was given back to the one who reads it")
            .about(other.id)
            .resource(path(&other))
            .with("address", address.masked());
        Ok(vec![
            Change::Role(RoleChange::Pin { tenant: tenant.clone(), version }),
            Change::Account(AccountChange::ReplaceTraits {
                tenant: tenant.clone(),
                identity: other.id,
                expected: other.version,
                traits,
                identifiers,
                verified: other.verified.clone(),
                at: now,
            }),
            event.record(),
        ])
    }
}

#[cfg(test)]
mod tests;
