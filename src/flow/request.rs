//! Requests a link or a code by mail.

use std::time::Duration;

use kayan_ports::{CommitError, Guard, Identifier, MessageKind, Method, RateLimit, WorkPurpose};

use crate::{
    Caller, Failure, Kayan, Limited, WorkRequired,
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
    /// The proof of work, if there is one.
    pub proof_of_work: Option<String>,
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
    /// A proof of work is required.
    #[error(transparent)]
    WorkRequired(#[from] WorkRequired),
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

impl Flow {
    fn message(self) -> MessageKind {
        match self {
            Self::Verification => MessageKind::Verification,
            Self::Recovery => MessageKind::Recovery,
            Self::MagicLink => MessageKind::MagicLink,
            Self::Code => MessageKind::LoginCode,
        }
    }

    /// What a proof of work must be for.
    fn work(self) -> WorkPurpose {
        match self {
            Self::Verification => WorkPurpose::Verification,
            Self::Recovery => WorkPurpose::Recovery,
            Self::MagicLink => WorkPurpose::MagicLink,
            Self::Code => WorkPurpose::Code,
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
        let (work, proof) = (cmd.flow.work(), cmd.proof_of_work.as_deref());
        self.require_work::<RequestByMailError>(caller, &tenant.settings, work, proof).await?;
        self.limit_mails::<RequestByMailError>(caller, &address).await?;
        let enqueue = self.enqueue(Outgoing::to_address(caller, cmd.flow.message(), &address)).await?;
        match self.store.changes.commit(vec![enqueue]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Tenant)) => Err(RequestByMailError::NoTenant),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Counts a request for a mail to this address.
    pub(crate) async fn limit_mails<E: From<Limited> + From<Failure>>(
        &self,
        caller: &Caller,
        address: &Identifier,
    ) -> Result<(), E> {
        self.limit_network::<E>(caller, Some(FROM_CLIENT)).await?;
        self.limit::<E>(caller, Some(FOR_ADDRESS), &attempt::target(&caller.tenant, address)).await?;
        self.limit::<E>(caller, Some(IN_TENANT), &caller.tenant).await?;
        Ok(())
    }
}

/// The canonical form of an e-mail address.
pub(crate) fn canonical_address(text: &str) -> Option<Identifier> {
    identifier::check_address(text).ok()?;
    identifier::canonical(text).ok()
}
