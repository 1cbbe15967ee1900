//! Requests a link or a code by mail.

use std::time::Duration;

use kayan_ports::{CommitError, Guard, Identifier, MessageKind, Method, RateLimit};

use crate::{
    Caller, Failure, Kayan, LimitError, Limited,
    access::attempt,
    message::enqueue::Outgoing,
    policy::{identifier, tenant},
};

/// Requests for one address, from anywhere. Unlike other limits, these hold always: each request may send a mail.
const FOR_ADDRESS: RateLimit = RateLimit { name: "mail", requests: 5, window: Duration::from_hours(1) };
/// Requests from one client's network.
const FROM_CLIENT: RateLimit = RateLimit { name: "mail_client", requests: 30, window: Duration::from_hours(1) };
/// Requests in one tenant.
const IN_TENANT: RateLimit = RateLimit { name: "mail_tenant", requests: 10_000, window: Duration::from_hours(1) };

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A link that verifies the address.
    Verification,
    /// A link that sets a new password.
    Recovery,
    /// A link that logs in.
    MagicLink,
    /// A code that logs in.
    Code,
}

/// Requests a link or a code.
#[derive(Debug)]
pub struct RequestByMail {
    /// What for.
    pub flow: Flow,
    /// The address to send it to.
    pub address: String,
}

/// Why nothing was requested. None of the reasons tells whether a user has the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestByMailError {
    /// It is no e-mail address.
    #[error("not an e-mail address")]
    NotAnAddress,
    /// The tenant does not allow this, or the service delivers no mail.
    #[error("this is not available here")]
    MethodDisabled,
    /// Too many requests.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<LimitError> for RequestByMailError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Failed(failure) => failure.into(),
        }
    }
}

impl Flow {
    fn message(self) -> MessageKind {
        match self {
            Self::Verification => MessageKind::Verification,
            Self::Recovery => MessageKind::Recovery,
            Self::MagicLink => MessageKind::MagicLink,
            Self::Code => MessageKind::LoginCode,
        }
    }

    /// The login method that the tenant must allow.
    fn method(self) -> Option<Method> {
        match self {
            Self::Verification => None,
            Self::Recovery => Some(Method::Password),
            Self::MagicLink => Some(Method::MagicLink),
            Self::Code => Some(Method::Code),
        }
    }
}

impl Kayan {
    /// Requests a mail to this address.
    ///
    /// **Invariant**: an address that a user has can't be told from one that nobody has (I-08): whose it is, is not looked
    /// up before the mail is delivered.
    pub async fn request_by_mail(&self, caller: &Caller, cmd: &RequestByMail) -> Result<(), RequestByMailError> {
        if self.messaging.is_none() {
            return Err(RequestByMailError::MethodDisabled);
        }
        let address = canonical_address(&cmd.address).ok_or(RequestByMailError::NotAnAddress)?;
        let tenant = self.active_tenant(caller).await?.ok_or(RequestByMailError::NoTenant)?;
        if cmd.flow.method().is_some_and(|method| !tenant::allows(&tenant.settings, method)) {
            return Err(RequestByMailError::MethodDisabled);
        }
        self.limit_mails(caller, &address).await?;
        let enqueue = self.enqueue(Outgoing::to_address(caller, cmd.flow.message(), &address)).await?;
        match self.store.changes.commit(vec![enqueue]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Tenant)) => Err(RequestByMailError::NoTenant),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Counts a request for a mail to this address.
    pub(crate) async fn limit_mails(&self, caller: &Caller, address: &Identifier) -> Result<(), LimitError> {
        self.limit_network(caller, Some(FROM_CLIENT)).await?;
        self.limit(caller, Some(FOR_ADDRESS), &attempt::target(&caller.tenant, address)).await?;
        self.limit(caller, Some(IN_TENANT), &caller.tenant).await?;
        Ok(())
    }
}

/// The canonical form of an e-mail address.
pub(crate) fn canonical_address(text: &str) -> Option<Identifier> {
    identifier::check_address(text).ok()?;
    identifier::canonical(text).ok()
}
