//! Sends a code as a second factor.

use kayan_ports::{
    Channel, CommitError, EventType, Guard, Identifier, Identity, MessageKind, OneTimePurpose, Timestamp, TokenHash,
};
use time::Duration;

use crate::{
    AuthenticateError, Caller, Failure, InvalidMfaToken, Kayan, Limited, Token,
    factor::{find::methods, otp::slot},
    message::enqueue::Outgoing,
};

/// How long a code is good in a session. In a login it is good as long as the MFA token.
const LIFETIME: Duration = Duration::minutes(10);

/// Requests a code as a second factor.
#[derive(Debug)]
pub struct RequestOtp {
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
    /// How to send it; `None`: as the tenant prefers.
    pub channel: Option<Channel>,
}

/// A code that will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedOtp {
    /// How.
    pub channel: Channel,
    /// To what address or phone number, of which a few characters are shown.
    pub sent_to: String,
    /// From then on it is refused.
    pub expires_at: Timestamp,
}

/// Why no code is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestOtpError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The tenant allows no codes, or none in this way; or the user has no verified address for it, has a stronger factor, or
    /// has not logged in by password.
    #[error("no code can be sent: use another second factor")]
    NotAvailable,
    /// Too many messages to the address, or from the client.
    #[error(transparent)]
    Limited(#[from] Limited),
}

impl From<Failure> for RequestOtpError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

/// What a code is for.
struct Wanted {
    identity: Identity,
    addresses: Vec<Identifier>,
    slot: TokenHash,
    expires_at: Timestamp,
}

impl Kayan {
    /// Sends a code that completes a login, or steps the session up. It voids the one before.
    pub async fn request_otp(&self, caller: &Caller, cmd: &RequestOtp) -> Result<RequestedOtp, RequestOtpError> {
        let now = self.clock.now();
        let Wanted { identity, addresses, slot, expires_at } = match &cmd.mfa_token {
            Some(token) => self.wanted_by_login(caller, token, now).await?,
            None => self.wanted_by_session(caller, now).await?,
        };
        let asked = |address: &&Identifier| cmd.channel.is_none_or(|channel| channel == Channel::to(address));
        let address = addresses.iter().find(asked).ok_or(RequestOtpError::NotAvailable)?;
        self.limit_mails::<RequestOtpError>(caller, address).await?;
        let token = (OneTimePurpose::MfaCode, slot);
        let (secret, issue) = self.new_code(&identity, address, token, (now, expires_at)).await?;
        let (kind, to) = (MessageKind::MfaCode, (&identity, address));
        let send = self.enqueue(Outgoing::with_secret(caller, kind, to, secret)).await?;
        let event = self
            .event(caller, EventType::MessageRequested, now, "a code was requested as a second factor")
            .by(identity.id)
            .with("kind", kind.as_str())
            .with("address", address.masked());
        match self.store.changes.commit(vec![issue, send, event.record()]).await {
            Ok(()) => Ok(RequestedOtp { channel: Channel::to(address), sent_to: address.masked(), expires_at }),
            // The account or its tenant was locked a moment ago.
            Err(CommitError::Stale(Guard::Identity | Guard::Tenant)) => Err(match cmd.mfa_token {
                Some(_) => InvalidMfaToken.into(),
                None => AuthenticateError::Unauthorized.into(),
            }),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    async fn wanted_by_login(&self, caller: &Caller, token: &Token, now: Timestamp) -> Result<Wanted, RequestOtpError> {
        let login = self.pending_login(caller, token, now).await?.ok_or(InvalidMfaToken)?;
        let (slot, expires_at) = (slot(&caller.tenant, &token.hash().0), login.expires_at());
        Ok(Wanted { identity: login.identity, addresses: login.code_addresses, slot, expires_at })
    }

    async fn wanted_by_session(&self, caller: &Caller, now: Timestamp) -> Result<Wanted, RequestOtpError> {
        let me = self.authenticate_at_any_level(caller, now).await?;
        let enrolled = methods(&self.my_usable_factors(&me).await?);
        let addresses = self.code_addresses(&me.identity, &me.settings, &enrolled, &me.session.methods);
        let slot = slot(&me.identity.tenant, me.session.id.0.as_bytes());
        Ok(Wanted { identity: me.identity.clone(), addresses, slot, expires_at: now + LIFETIME })
    }
}
