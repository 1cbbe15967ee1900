//! Requests a link or a code, by mail or by SMS.

use std::time::Duration;

use kayan_ports::{Channel, CommitError, Guard, Identifier, MessageKind, Method, RateLimit, WorkPurpose};

use crate::{
    Caller, Failure, Kayan, Limited, WorkRequired,
    access::attempt,
    message::enqueue::Outgoing,
    policy::{identifier, tenant},
};

/// How many messages may be requested in an hour. Unlike other limits, these hold always: each request may send one.
struct Limits {
    /// From one client's network.
    from_client: RateLimit,
    /// For one address, from anywhere.
    for_address: RateLimit,
    /// In one tenant.
    in_tenant: RateLimit,
}

const MAIL: Limits = Limits {
    from_client: hourly("mail_client", 30),
    for_address: hourly("mail", 5),
    in_tenant: hourly("mail_tenant", 10_000),
};
/// Each SMS costs money, and fraudsters earn from those to numbers of their own (toll fraud).
const SMS: Limits = Limits {
    from_client: hourly("sms_client", 10),
    for_address: hourly("sms", 5),
    in_tenant: hourly("sms_tenant", 1_000),
};

const fn hourly(name: &'static str, requests: u32) -> RateLimit {
    RateLimit { name, requests, window: Duration::from_hours(1) }
}

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A link that verifies the address.
    Verification,
    /// A link that sets a new password.
    Recovery,
    /// A link that logs in.
    MagicLink,
    /// A code that logs in, by mail or by SMS.
    Code,
    /// A code that verifies a phone number, by SMS.
    PhoneVerification,
}

/// Requests a link or a code.
#[derive(Debug)]
pub struct RequestByMail {
    /// What for.
    pub flow: Flow,
    /// The e-mail address or phone number to send it to.
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
    /// It is no phone number.
    #[error("not a phone number with its country code")]
    NotAPhone,
    /// The tenant does not allow this, or the service delivers no mail or no SMS.
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
            Self::Verification | Self::PhoneVerification => MessageKind::Verification,
            Self::Recovery => MessageKind::Recovery,
            Self::MagicLink => MessageKind::MagicLink,
            Self::Code => MessageKind::LoginCode,
        }
    }

    /// What a proof of work must be for.
    fn work(self) -> WorkPurpose {
        match self {
            Self::Verification | Self::PhoneVerification => WorkPurpose::Verification,
            Self::Recovery => WorkPurpose::Recovery,
            Self::MagicLink => WorkPurpose::MagicLink,
            Self::Code => WorkPurpose::Code,
        }
    }

    /// The login method that the tenant must allow.
    fn method(self) -> Option<Method> {
        match self {
            Self::Verification | Self::PhoneVerification => None,
            Self::Recovery => Some(Method::Password),
            Self::MagicLink => Some(Method::MagicLink),
            Self::Code => Some(Method::Code),
        }
    }

    /// The canonical form of what a message of this flow can be sent to.
    fn address(self, text: &str) -> Result<Identifier, RequestByMailError> {
        if self == Self::PhoneVerification || self == Self::Code && text.starts_with('+') && !text.contains('@') {
            let number = identifier::canonical(text).ok().filter(Identifier::is_phone);
            return number.ok_or(RequestByMailError::NotAPhone);
        }
        identifier::address(text).map_err(|_| RequestByMailError::NotAnAddress)
    }
}

impl Kayan {
    /// Requests a mail to this address, or an SMS to this number, and returns which of both.
    ///
    /// **Invariant**: an address that a user has can't be told from one that nobody has (I-08): whose it is, is not looked
    /// up before the mail is delivered.
    pub async fn request_by_mail(&self, caller: &Caller, cmd: &RequestByMail) -> Result<Channel, RequestByMailError> {
        let address = cmd.flow.address(&cmd.address)?;
        let channel = Channel::to(&address);
        if !self.sends_by(channel) {
            return Err(RequestByMailError::MethodDisabled);
        }
        let tenant = self.active_tenant(caller).await?.ok_or(RequestByMailError::NoTenant)?;
        if cmd.flow.method().is_some_and(|method| !tenant::allows(&tenant.settings, method)) {
            return Err(RequestByMailError::MethodDisabled);
        }
        let (work, proof) = (cmd.flow.work(), cmd.proof_of_work.as_deref());
        self.require_work::<RequestByMailError>(caller, &tenant.settings, work, proof).await?;
        self.limit_mails::<RequestByMailError>(caller, &address).await?;
        let enqueue = self.enqueue(Outgoing::to_address(caller, cmd.flow.message(), &address)).await?;
        match self.store.changes.commit(vec![enqueue]).await {
            Ok(()) => Ok(channel),
            Err(CommitError::Stale(Guard::Tenant)) => Err(RequestByMailError::NoTenant),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Counts a request for a mail to this address, or an SMS to this number.
    pub(crate) async fn limit_mails<E: From<Limited> + From<Failure>>(
        &self,
        caller: &Caller,
        address: &Identifier,
    ) -> Result<(), E> {
        let limits = match Channel::to(address) {
            Channel::Mail => MAIL,
            Channel::Sms => SMS,
        };
        self.limit_network::<E>(caller, Some(limits.from_client)).await?;
        self.limit::<E>(caller, Some(limits.for_address), &attempt::target(&caller.tenant, address)).await?;
        self.limit::<E>(caller, Some(limits.in_tenant), &caller.tenant).await?;
        Ok(())
    }
}
