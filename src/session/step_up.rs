//! Steps a session up: the same session, at a higher assurance level and with new tokens.

use std::sync::Arc;

use kayan_ports::{
    Aal, AuthenticatedSession, Change, Factor, MethodUse, RefreshToken, Session, SessionChange, Timestamp,
};
use time::Duration;

use crate::{Caller, Failure, Kayan, Opened, Purpose, Token, factor::find::has_second_factor, policy::assurance};

/// How long ago a proof is recent.
const RECENT: Duration = Duration::minutes(5);

/// What a session has to prove before it may do this (RFC 9470).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepUpRequired {
    /// A second factor.
    #[error("verify a second factor first")]
    Aal2,
    /// Any factor, not longer ago than this.
    #[error("log in or verify a second factor first: the last proof is too old")]
    Recent(Duration),
}

/// Requires what it takes to change one's own credentials: a recent proof, at aal2 if the user has a second factor.
pub(crate) fn require_step_up(session: &Session, factors: &[Factor], now: Timestamp) -> Result<(), StepUpRequired> {
    assurance::require(session, own_level(factors), Some(RECENT), now)
}

/// Whether a session is below the level that the user's logins reach.
pub(crate) fn is_below_own_level(session: &Session, factors: &[Factor]) -> bool {
    own_level(factors).is_some_and(|level| session.aal < level)
}

/// The level that the user's logins reach, if that is more than a password reaches.
fn own_level(factors: &[Factor]) -> Option<Aal> {
    has_second_factor(factors).then_some(Aal::Aal2)
}

/// The change that keeps a list from being committed once the session was revoked or got other tokens: it may have been read
/// from a cache.
pub(crate) fn pin(session: &Session) -> Change {
    let Session { id, token, ref tenant, .. } = *session;
    Change::Session(SessionChange::Pin { tenant: tenant.clone(), session: id, token })
}

impl Kayan {
    /// The caller's session after this was proven, and the changes that make it so. Its present refresh token is void.
    pub(crate) async fn step_up(
        &self,
        caller: &Caller,
        me: &Arc<AuthenticatedSession>,
        proven: MethodUse,
        now: Timestamp,
    ) -> Result<(Opened, Vec<Change>), Failure> {
        let AuthenticatedSession { identity, session, .. } = (**me).clone();
        let settings = self.settings_of(&identity).await?;
        let (session_token, refresh_token) =
            (Token::random(Purpose::Session, &*self.entropy), Token::random(Purpose::Refresh, &*self.entropy));
        let expiry = self.expiry(&settings, now, session.ends_at);
        let method = proven.method;
        let mut methods = session.methods.clone();
        // A proof of more is kept: the new one must not lower the level.
        let factors = |used: &MethodUse| assurance::proof_of(used).factors.len();
        methods.retain(|used| used.method != method || factors(used) > factors(&proven));
        methods.push(proven);
        let stepped_up = Session {
            token: session_token.hash(),
            aal: assurance::level_of(&methods).unwrap_or(session.aal),
            methods,
            expires_at: expiry.session,
            last_seen_at: now,
            ..session
        };
        let refresh = RefreshToken {
            hash: refresh_token.hash(),
            tenant: identity.tenant.clone(),
            session: stepped_up.id,
            issued_at: now,
            expires_at: expiry.refresh,
            spent: None,
        };
        let changes = vec![
            Change::Session(SessionChange::StepUp {
                presented: me.session.token,
                session: Box::new(stepped_up.clone()),
            }),
            Change::Session(SessionChange::IssueRefresh(Box::new(refresh))),
            self.verified(caller, identity.id, method, now),
        ];
        let (session, refresh_expires_at) = (stepped_up, expiry.refresh);
        let (jwt, device) = (None, None);
        let opened = Opened { identity, session, session_token, jwt, refresh_token, refresh_expires_at, device };
        Ok((self.with_jwt(opened, &settings).await?, changes))
    }
}
