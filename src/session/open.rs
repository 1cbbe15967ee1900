//! Opens a session for somebody who has just proven who they are.

use kayan_ports::{
    Aal, Change, EventType, Identity, Method, MethodUse, RefreshToken, Session, SessionChange, SessionId,
    TenantSettings, Timestamp,
};

use crate::{Caller, Kayan, Purpose, Token, policy::tenant};

/// A session whose tokens are handed out now, and never again.
#[derive(Debug)]
pub struct Opened {
    /// Whose it is.
    pub identity: Identity,
    /// The session.
    pub session: Session,
    /// Its access token.
    pub session_token: Token,
    /// Its refresh token.
    pub refresh_token: Token,
    /// When the refresh token expires.
    pub refresh_expires_at: Timestamp,
}

impl Kayan {
    /// A new session at aal1 in a tenant of these settings and this epoch, with the changes that make it real.
    pub(crate) fn open_session(
        &self,
        caller: &Caller,
        (mut identity, settings, epoch): (Identity, &TenantSettings, i64),
        method: Method,
        now: Timestamp,
    ) -> (Opened, Vec<Change>) {
        let session_token = Token::random(Purpose::Session, &*self.entropy);
        let refresh_token = Token::random(Purpose::Refresh, &*self.entropy);
        let lifetimes = tenant::lifetimes(self.settings.lifetimes, settings);
        let ends_at = lifetimes.end(now);
        let expiry = lifetimes.expiry(now, ends_at);
        let session = Session {
            id: SessionId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            token: session_token.hash(),
            active: true,
            epoch,
            aal: Aal::Aal1,
            methods: vec![MethodUse { method, completed_at: now }],
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
            .with("method", method.as_str());
        let changes = vec![
            Change::Session(SessionChange::Open(Box::new(session.clone()))),
            Change::Session(SessionChange::IssueRefresh(Box::new(refresh))),
            created.record(),
        ];
        identity.last_login_at = Some(now);
        (Opened { identity, session, session_token, refresh_token, refresh_expires_at: expiry.refresh }, changes)
    }
}
