//! Logs in by the link that was mailed.

use futures_util::future::try_join;
use kayan_ports::{Change, Method, MethodUse, OneTimePurpose, Tenant, Timestamp};

use crate::{
    Caller, Failure, Kayan, MfaChallenge, Opened, Token,
    access::grants::hold,
    factor::find::methods,
    flow::{InvalidLink, OpenedLink},
    policy::tenant,
    session::open::{EndLoginError, Login},
};

/// Why no session was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogInByLinkError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// A second factor is required; the link is used up.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Opens a session for the user of a link, and marks the address that it was mailed to as verified.
    pub async fn log_in_by_link(&self, caller: &Caller, token: Option<&Token>) -> Result<Opened, LogInByLinkError> {
        let now = self.clock.now();
        let tenant = self.active_tenant(caller).await?.ok_or(LogInByLinkError::NoTenant)?;
        let opened = self.opened_link(tenant, OneTimePurpose::MagicLink, token, now).await?;
        let allowed = |opened: &OpenedLink| tenant::allows(&opened.tenant.settings, Method::MagicLink);
        let opened = opened.filter(allowed).ok_or(InvalidLink)?;
        match self.end_login_by_mail(caller, opened, (Method::MagicLink, Vec::new()), now).await {
            Ok(opened) => Ok(opened),
            Err(EndLoginError::MfaRequired(challenge)) => Err(challenge.into()),
            Err(EndLoginError::NotActive | EndLoginError::Outdated(_) | EndLoginError::Unverified) => {
                Err(InvalidLink.into())
            }
            Err(EndLoginError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// Ends a login by what was mailed, which proves the address as well.
    pub(crate) async fn end_login_by_mail(
        &self,
        caller: &Caller,
        opened: OpenedLink,
        (method, changes): (Method, Vec<Change>),
        now: Timestamp,
    ) -> Result<Opened, EndLoginError> {
        let OpenedLink { using, tenant, identity, address, kept, .. } = opened;
        let Tenant { settings, epoch, .. } = tenant;
        let (factors, device) = try_join(
            self.store.factors.factors(&identity.tenant, identity.id),
            self.known_device(caller, &identity.tenant, identity.id),
        )
        .await?;
        let enrolled = methods(&factors);
        let (first, identity) =
            if kept.by_hand { (hold(&identity), identity) } else { self.verified_address(&identity, &address, now) };
        let changes = [first, using].into_iter().chain(changes).collect();
        let proven = vec![MethodUse::new(method, now)];
        let login = Login {
            identity,
            settings: &settings,
            epoch,
            proven,
            enrolled: &enrolled,
            password: None,
            device,
            trusts_device: false,
        };
        self.end_login(caller, login, changes, now).await
    }
}
