//! Sets a new password by the link that was mailed.

use kayan_ports::{CommitError, EventType, Guard, MessageKind, Method, OneTimePurpose, Password, Unique};
use serde_json::Map;

use crate::{
    Caller, Failure, Kayan, Token, Weakness,
    factor::password::NewPasswordOf,
    flow::{InvalidLink, OpenedLink},
    message::enqueue::is_verified,
    policy::tenant,
    provider::unlink::unlinked,
    session::revoke_mine::end_sessions,
    user::change::{ROUNDS, keeps_changing},
};

/// Sets a new password.
#[derive(Debug)]
pub struct Recover {
    /// The token of the link; `None` if it was not well-formed.
    pub token: Option<Token>,
    /// The new password.
    pub password: Password,
}

/// Why the password was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// The password is too weak; the link is still good.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Sets a new password, ends all sessions, and voids all other links and codes of the user (I-15). It opens no session:
    /// logging in may take a second factor.
    pub async fn recover(&self, caller: &Caller, cmd: &Recover) -> Result<(), RecoverError> {
        // Judged and hashed once, however often the identity changes meanwhile.
        let OpenedLink { tenant, identity, .. } = self.recovery_link(caller, cmd).await?;
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        let of = NewPasswordOf { tenant: &tenant, identifiers: &identifiers, traits: &identity.traits };
        let password = self.accept_password::<RecoverError>(&cmd.password, &of).await?;
        self.refuse_breached(&password, &tenant.settings).await?;
        let secret = self.hash_password(&caller.tenant, &password).await?;
        for _ in 0..ROUNDS {
            let OpenedLink { using, tenant, identity, address, .. } = self.recovery_link(caller, cmd).await?;
            let now = self.clock.now();
            let current = self.store.credentials.password(&(&caller.tenant).into(), identity.id).await?;
            let former = self.refuse_reused::<RecoverError>(&password, current.as_ref(), &tenant.settings).await?;
            let put = self.put_password(&identity, current, (secret.clone(), former), now);
            let (verify, after) = self.verified_address(&identity, &address, now);
            let event = self
                .event(
                    caller,
                    EventType::PasswordRecovered,
                    now,
                    "a new password was set by a link; all sessions ended",
                )
                .by(identity.id)
                .with("address", address.masked());
            let notice = self.notice(Some(caller), &after, MessageKind::PasswordChanged, Map::new()).await?;
            let mut changes = vec![verify, using, put, end_sessions(&identity, None)];
            // An account that was made by a provider, with an address that is unproven, may be another's: they must not share it.
            if !is_verified(&identity, &address) {
                let links = self.store.credentials.links(&identity.tenant, identity.id).await?;
                changes.extend(links.iter().map(unlinked));
            }
            changes.push(event.record());
            changes.extend(notice);
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Stale(Guard::OneTime)) => return Err(InvalidLink.into()),
                Err(
                    CommitError::Stale(Guard::Identity | Guard::Credential) | CommitError::Conflict(Unique::Credential),
                ) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    async fn recovery_link(&self, caller: &Caller, cmd: &Recover) -> Result<OpenedLink, RecoverError> {
        let now = self.clock.now();
        let tenant = self.active_tenant(caller).await?.ok_or(RecoverError::NoTenant)?;
        let opened = self.opened_link(tenant, OneTimePurpose::Recovery, cmd.token.as_ref(), now).await?;
        let allowed = |opened: &OpenedLink| tenant::allows(&opened.tenant.settings, Method::Password);
        Ok(opened.filter(allowed).ok_or(InvalidLink)?)
    }
}
