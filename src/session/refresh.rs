//! Exchanges a refresh token for new tokens of its session (RFC 6749, section 6; RFC 9700, section 4.14).

use kayan_ports::{
    Change, Client, CommitError, EventType, Guard, Lookup, RefreshToken, Refreshing, SessionChange, Spent, Timestamp,
};

use crate::{
    Caller, Failure, Kayan, Opened, Purpose, Token,
    policy::refresh::{Verdict, judge},
};

/// How often a race over one token can be lost: each loss means that another request has spent it.
const ROUNDS: usize = 3;

/// A refresh of a session.
#[derive(Debug)]
pub struct RefreshSession {
    /// The refresh token, if it was well-formed.
    pub refresh_token: Option<Token>,
}

/// Why a refresh was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshSessionError {
    /// Unknown, expired, or of a session that has ended or lacks the second factor that the tenant requires by now.
    #[error("the refresh token is not valid")]
    InvalidToken,
    /// It was spent before: its whole family is revoked now (I-04).
    #[error("the refresh token was used before; the session is revoked")]
    TokenReused,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Spends the token and returns its successors. A client of the same family that retries within
    /// [`Settings::refresh_reuse_window`](crate::Settings::refresh_reuse_window) gets the same successors again, from
    /// any address; any other client, or a later retry, revokes the family.
    pub async fn refresh_session(&self, caller: &Caller, cmd: RefreshSession) -> Result<Opened, RefreshSessionError> {
        let token = cmd.refresh_token.ok_or(RefreshSessionError::InvalidToken)?;
        let hash = token.hash();
        for _ in 0..ROUNDS {
            let known = match self.store.sessions.refreshing(&caller.tenant, &hash).await? {
                Lookup::NoTenant => return Err(RefreshSessionError::NoTenant),
                Lookup::Absent => return Err(RefreshSessionError::InvalidToken),
                Lookup::Found(known) => known,
            };
            let now = self.clock.now();
            let lacks_factor = self.lacks_factor(&known.session, &known.identity, &known.settings, now).await?;
            match judge(&known, &caller.client, now, self.settings.refresh_reuse_window) {
                Verdict::Refused => return Err(RefreshSessionError::InvalidToken),
                Verdict::Reused => return self.revoke_family(caller, &known, now).await,
                Verdict::Repeat(_) | Verdict::Rotate if lacks_factor => return Err(RefreshSessionError::InvalidToken),
                Verdict::Repeat(spent) => {
                    let spent = spent.clone();
                    return Ok(self.successors(&token, known, &spent).await?);
                }
                Verdict::Rotate => {
                    let spent = self.spend(&caller.client, now);
                    let opened = self.successors(&token, known, &spent).await?;
                    match self.store.changes.commit(self.rotation(caller, &token, &opened, spent)).await {
                        Ok(()) => return Ok(opened),
                        // Spent or revoked in the meantime: judge its new state.
                        Err(CommitError::Stale(Guard::RefreshToken | Guard::Session)) => {}
                        Err(other) => return Err(Failure::from(other).into()),
                    }
                }
            }
        }
        Err(RefreshSessionError::InvalidToken)
    }

    fn spend(&self, client: &Client, now: Timestamp) -> Spent {
        let mut salt = [0; 32];
        self.entropy.fill(&mut salt);
        Spent { at: now, salt, client: client.clone() }
    }

    /// The tokens that are derived from `token` when it is spent this way: the same every time.
    async fn successors(&self, token: &Token, known: Refreshing, spent: &Spent) -> Result<Opened, Failure> {
        let Refreshing { settings, mut session, identity, .. } = known;
        let session_token = token.successor(Purpose::Session, &spent.salt);
        let refresh_token = token.successor(Purpose::Refresh, &spent.salt);
        let expiry = self.expiry(&settings, spent.at, session.ends_at);
        session.token = session_token.hash();
        session.expires_at = expiry.session;
        session.last_seen_at = spent.at;
        let refresh_expires_at = expiry.refresh;
        let (jwt, device) = (None, None);
        let opened = Opened { identity, session, session_token, jwt, refresh_token, refresh_expires_at, device };
        self.with_jwt(opened, &settings).await
    }

    fn rotation(&self, caller: &Caller, token: &Token, opened: &Opened, spent: Spent) -> Vec<Change> {
        let Spent { at, salt, client } = spent;
        let session = &opened.session;
        let next = RefreshToken {
            hash: opened.refresh_token.hash(),
            tenant: session.tenant.clone(),
            session: session.id,
            issued_at: at,
            expires_at: opened.refresh_expires_at,
            spent: None,
        };
        let renewal = Change::Session(SessionChange::Renew {
            tenant: session.tenant.clone(),
            session: session.id,
            token: session.token,
            expires_at: session.expires_at,
            at,
        });
        let event = self
            .event(caller, EventType::SessionRefreshed, at, "the session got new tokens")
            .by(session.identity)
            .session(session.id);
        vec![
            renewal,
            Change::Session(SessionChange::RotateRefresh {
                spent: token.hash(),
                at,
                salt,
                client,
                next: Box::new(next),
            }),
            event.record(),
        ]
    }

    async fn revoke_family(
        &self,
        caller: &Caller,
        known: &Refreshing,
        now: Timestamp,
    ) -> Result<Opened, RefreshSessionError> {
        let session = &known.session;
        let event = self
            .event(caller, EventType::RefreshReused, now, "a spent refresh token came back; the session was revoked")
            .about(session.identity)
            .session(session.id)
            .failed(90);
        let revoke = Change::Session(SessionChange::Revoke {
            tenant: session.tenant.clone(),
            identity: session.identity,
            session: session.id,
        });
        match self.store.changes.commit(vec![revoke, event.record()]).await {
            // `Stale`: revoked by another request just now, which has written the event too.
            Ok(()) | Err(CommitError::Stale(Guard::Session)) => Err(RefreshSessionError::TokenReused),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}

#[cfg(test)]
mod tests;
