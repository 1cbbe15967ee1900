//! Ends a login: with a session, or with the second factor that it lacks.

use std::fmt;

use kayan_ports::{
    Change, CommitError, CredentialChange, CredentialId, Device, DeviceChange, EventType, Guard, Identity, Method,
    MethodUse, RefreshToken, Session, SessionChange, SessionId, State, TenantSettings, Timestamp, Unique, Version,
};
use zeroize::Zeroizing;

use crate::{
    Caller, Failure, Kayan, MfaChallenge, MissingFactor, Purpose, Token,
    message::enqueue::is_verified,
    policy::{assurance, tenant},
    session::revoke_mine::end_sessions,
};

/// A session whose tokens are handed out now, and never again.
pub struct Opened {
    /// Whose it is.
    pub identity: Identity,
    /// The session.
    pub session: Session,
    /// Its access token.
    pub session_token: Token,
    /// The same as a JWT, if the service issues those.
    pub jwt: Option<Zeroizing<String>>,
    /// Its refresh token.
    pub refresh_token: Token,
    /// When the refresh token expires.
    pub refresh_expires_at: Timestamp,
    /// The token for the device to keep, if a login has opened the session.
    pub device: Option<Token>,
}

/// What a login method has proven, and what decides whether that is enough.
pub(crate) struct Login<'a> {
    /// Who is logging in.
    pub(crate) identity: Identity,
    /// The settings of the tenant.
    pub(crate) settings: &'a TenantSettings,
    /// The epoch of the tenant when the login began.
    pub(crate) epoch: i64,
    /// The methods that were completed, in this order.
    pub(crate) proven: Vec<MethodUse>,
    /// The methods that the identity has.
    pub(crate) enrolled: &'a [Method],
    /// The password that was verified, or the link of the account at a provider, as it is after the changes of the login. It must
    /// still be so when the login ends.
    pub(crate) password: Option<(CredentialId, Version)>,
    /// The device that it comes from, if the identity has logged in from there before.
    pub(crate) device: Option<Device>,
    /// Whether the device is to stand in for the second factor from now on.
    pub(crate) trusts_device: bool,
}

/// Why a login opens no session, whatever its method.
#[derive(Debug)]
pub(crate) enum EndLoginError {
    /// The account is not active.
    NotActive,
    /// The tenant requires a verified address, and the user has none.
    Unverified,
    /// Another factor is required.
    MfaRequired(MfaChallenge),
    /// What was proven was changed, or used up, while it was being verified.
    Outdated(Guard),
    /// The service can't do it.
    Failed(Failure),
}

impl From<Failure> for EndLoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Prints without its tokens.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, session, .. } = self;
        f.debug_struct("Opened").field("identity", identity).field("session", session).finish_non_exhaustive()
    }
}

impl Opened {
    /// The authentication method references of the session (RFC 8176).
    pub fn amr(&self) -> Vec<&'static str> {
        assurance::amr_of(&self.session.methods)
    }
}

impl Login<'_> {
    /// The method that the login began with: what the audit trail and the metrics count it under.
    fn method(&self) -> Option<&'static str> {
        self.proven.first().map(|used| used.method.as_str())
    }

    /// Whether its user had no second factor when it began, and enrolled one to complete it.
    fn enrolled_its_factor(&self) -> bool {
        let is_new = |used: &MethodUse| !self.enrolled.contains(&used.method);
        self.proven.iter().any(|used| assurance::is_enrollable(used.method) && is_new(used))
    }

    /// The device that stands in for the authenticator app of its user, who has proven the password. What the tenant requires, it
    /// never stands in for: `mfa_required`.
    fn trusted_device(&self, mfa_required: bool, now: Timestamp) -> Option<&Device> {
        let has_app = self.enrolled.contains(&Method::Totp);
        let by_password = matches!(&*self.proven, [used] if used.method == Method::Password);
        let is_trusted = |device: &&Device| {
            tenant::trusted_until(self.settings, device.trust, self.epoch).is_some_and(|until| now < until)
        };
        self.device.as_ref().filter(|_| has_app && by_password && !mfa_required).filter(is_trusted)
    }

    /// The change that keeps the login from ending by a password or a link that was changed in the meantime.
    fn still_proven(&self, now: Timestamp) -> Option<Change> {
        let (credential, version) = self.password?;
        let tenant = self.identity.tenant.clone();
        Some(Change::Credential(CredentialChange::Use { tenant, credential, version, at: now }))
    }
}

impl Kayan {
    /// Ends a login whose methods were proven at `now`, and audits it. `changes` are committed with the session, or with the
    /// token for the factor that is missing.
    pub(crate) async fn end_login(
        &self,
        caller: &Caller,
        login: Login<'_>,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Opened, EndLoginError> {
        if login.identity.state != State::Active {
            return Err(self.refuse_inactive(caller, &login, now).await?);
        }
        if self.lacks_verified_address(&login.identity, login.settings) {
            return Err(self.refuse_unverified(caller, &login, changes, now).await?);
        }
        let mfa_required = self.requires_factor(&login.identity, login.settings, now).await?;
        let (opened, mut all) = match self.open_session(caller, &login, mfa_required, now) {
            Ok(opened) => opened,
            Err(missing) => return self.ask_for_factor(caller, login, missing, changes, now).await,
        };
        let mut opened = self.with_jwt(opened, login.settings).await?;
        all.extend(changes);
        // Sessions from before were opened without it. Not sooner: this voids the one-time token of the login as well.
        let enrolled = login.enrolled_its_factor();
        all.extend(enrolled.then(|| end_sessions(&login.identity, Some(opened.session.id))));
        all.extend(login.still_proven(now));
        let trusted = login.trusted_device(mfa_required, now);
        all.extend(trusted.and_then(still_trusted));
        let (token, noted) = self.note_device(caller, &login, now).await?;
        all.extend(noted);
        opened.device = Some(token);
        let event = self
            .event(caller, EventType::LoginSuccess, now, "logged in")
            .by(login.identity.id)
            .with("method", login.method());
        let event = match trusted {
            Some(device) => event.with("trusted_device", device.id.to_string()),
            None => event,
        };
        all.push(event.record());
        self.commit_login(caller, &login, all, now).await?;
        Ok(opened)
    }

    /// Ends a login that lacks a factor: issues the token that completes it.
    async fn ask_for_factor(
        &self,
        caller: &Caller,
        login: Login<'_>,
        missing: MissingFactor,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Opened, EndLoginError> {
        let (challenge, issue) = self.challenge(&login, missing, now)?;
        let event = self
            .event(caller, EventType::MfaRequired, now, "a second factor is required")
            .by(login.identity.id)
            .with("method", login.method());
        let still_proven = login.still_proven(now);
        let all = changes.into_iter().chain([issue]).chain(still_proven).chain([event.record()]).collect();
        self.commit_login(caller, &login, all, now).await?;
        Err(EndLoginError::MfaRequired(challenge))
    }

    async fn commit_login(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<(), EndLoginError> {
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(
                guard @ (Guard::Credential | Guard::Factor | Guard::Factors | Guard::Device | Guard::OneTime),
            )) => Err(EndLoginError::Outdated(guard)),
            // The passkey that is registered with it was registered already.
            Err(CommitError::Conflict(Unique::Credential)) => Err(EndLoginError::Outdated(Guard::Factor)),
            Err(CommitError::Stale(Guard::Identity)) => Err(self.refuse_inactive(caller, login, now).await?),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    async fn refuse_inactive(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        now: Timestamp,
    ) -> Result<EndLoginError, Failure> {
        let event = self
            .event(caller, EventType::LoginBlocked, now, "the account is not active")
            .by(login.identity.id)
            .failed(40)
            .with("method", login.method())
            .with("state", login.identity.state.as_str());
        self.record(event).await?;
        Ok(EndLoginError::NotActive)
    }

    /// Whether the tenant requires a verified address or phone number of this user. One who has neither can't verify one.
    pub(crate) fn lacks_verified_address(&self, identity: &Identity, settings: &TenantSettings) -> bool {
        settings.verification_required && {
            let addresses = self.contacts(identity);
            !addresses.is_empty() && !addresses.iter().any(|address| is_verified(identity, address))
        }
    }

    /// The changes are committed, for what was proven was right.
    async fn refuse_unverified(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<EndLoginError, Failure> {
        let event = self
            .event(caller, EventType::LoginBlocked, now, "no address of the account is verified")
            .by(login.identity.id)
            .failed(10)
            .with("method", login.method());
        self.commit(changes.into_iter().chain([event.record()]).collect()).await?;
        Ok(EndLoginError::Unverified)
    }

    /// A new session with the changes that store it, if what was proven is enough. `mfa_required`: whether the tenant
    /// requires a second factor of the user.
    pub(crate) fn open_session(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        mfa_required: bool,
        now: Timestamp,
    ) -> Result<(Opened, Vec<Change>), MissingFactor> {
        let usable = |method| method != Method::Webauthn || self.takes_passkeys(&login.identity.tenant, login.settings);
        let mut enrolled = login.enrolled.to_vec();
        if login.trusted_device(mfa_required, now).is_some() {
            enrolled.clear();
        } else if !self.code_addresses(&login.identity, login.settings, &enrolled, &login.proven).is_empty() {
            enrolled.push(Method::Otp);
        }
        let aal = assurance::judge(&login.proven, &enrolled, usable, mfa_required)?;
        let mut identity = login.identity.clone();
        let session_token = Token::random(Purpose::Session, &*self.entropy);
        let refresh_token = Token::random(Purpose::Refresh, &*self.entropy);
        let ends_at = tenant::lifetimes(self.settings.lifetimes, login.settings).end(now);
        let expiry = self.expiry(login.settings, now, ends_at);
        let session = Session {
            id: SessionId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            token: session_token.hash(),
            active: true,
            epoch: login.epoch,
            aal,
            methods: login.proven.clone(),
            issued_at: now,
            expires_at: expiry.session,
            ends_at,
            last_seen_at: now,
            client: caller.client.clone(),
        };
        let refresh = RefreshToken {
            hash: refresh_token.hash(),
            tenant: identity.tenant.clone(),
            session: session.id,
            issued_at: now,
            expires_at: expiry.refresh,
            spent: None,
        };
        let created = self
            .event(caller, EventType::SessionCreated, now, "a session was opened")
            .by(identity.id)
            .session(session.id)
            .with("method", login.method());
        let changes = vec![
            Change::Session(SessionChange::Open(Box::new(session.clone()))),
            Change::Session(SessionChange::IssueRefresh(Box::new(refresh))),
            created.record(),
        ];
        identity.last_login_at = Some(now);
        let refresh_expires_at = expiry.refresh;
        let (jwt, device) = (None, None);
        Ok((Opened { identity, session, session_token, jwt, refresh_token, refresh_expires_at, device }, changes))
    }
}

/// The change that keeps a login from ending by a trust that was made void in the meantime.
fn still_trusted(device: &Device) -> Option<Change> {
    let (tenant, identity, since) = (device.tenant.clone(), device.identity, device.trust?.since);
    Some(Change::Device(DeviceChange::Pin { tenant, identity, device: device.id, since }))
}
