//! What changes sessions and refresh tokens.

use kayan_ports::{
    CommitError, Failure, Guard, IdentityId, RefreshToken, Scope, Session, SessionId, Spent, State, TenantId,
    Timestamp, TokenHash,
};

use crate::rows::{Rows, takes_in};

impl Rows {
    /// One of a bygone epoch is over from the start.
    pub(crate) fn open_session(&mut self, mut session: Session) -> Result<(), CommitError> {
        self.check_token_is_new(&session.token)?;
        session.active &= self.epoch(&session.tenant) == Some(session.epoch);
        let owner = self
            .identities
            .get_mut(&session.identity)
            .filter(|identity| identity.tenant == session.tenant && identity.state == State::Active)
            .ok_or(CommitError::Stale(Guard::Identity))?;
        owner.last_login_at = Some(session.issued_at);
        let network = session.client.network();
        self.networks.extend(network.map(|network| ((session.identity, network), session.issued_at)));
        let id = session.id;
        match self.sessions.insert(id, session) {
            None => Ok(()),
            Some(_) => Err(CommitError::Failed(Failure::Fault(format!("there is a session {id} already")))),
        }
    }

    pub(crate) fn issue_refresh(&mut self, token: RefreshToken) -> Result<(), CommitError> {
        self.session(&token.tenant, token.session).ok_or(CommitError::Stale(Guard::Session))?;
        match self.refresh_tokens.insert(token.hash, token) {
            None => Ok(()),
            Some(_) => Err(CommitError::Failed(Failure::Fault("a refresh token's hash is there already".to_owned()))),
        }
    }

    pub(crate) fn spend(&mut self, tenant: &TenantId, hash: &TokenHash, spent: Spent) -> Result<(), CommitError> {
        let token = self
            .refresh_tokens
            .get_mut(hash)
            .filter(|token| token.tenant == *tenant && token.spent.is_none())
            .ok_or(CommitError::Stale(Guard::RefreshToken))?;
        token.spent = Some(spent);
        Ok(())
    }

    pub(crate) fn active_session(&mut self, tenant: &TenantId, id: SessionId) -> Result<&mut Session, CommitError> {
        self.sessions
            .get_mut(&id)
            .filter(|session| session.active && session.tenant == *tenant)
            .ok_or(CommitError::Stale(Guard::Session))
    }

    /// Moves forward only: parallel requests may arrive out of order.
    pub(crate) fn touch_session(&mut self, tenant: &TenantId, id: SessionId, at: Timestamp) {
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.tenant == *tenant) {
            session.last_seen_at = session.last_seen_at.max(at);
        }
    }

    pub(crate) fn revoke_sessions(&mut self, scope: &Scope, identity: Option<IdentityId>, except: Option<SessionId>) {
        let meant = |session: &&mut Session| {
            takes_in(scope, &session.tenant)
                && identity.is_none_or(|only| only == session.identity)
                && except.is_none_or(|spared| spared != session.id)
        };
        self.sessions.values_mut().filter(meant).for_each(|session| session.active = false);
    }

    pub(crate) fn check_token_is_new(&self, token: &TokenHash) -> Result<(), CommitError> {
        if self.sessions.values().any(|session| session.token == *token) {
            return Err(CommitError::Failed(Failure::Fault("a session's token hash is there already".to_owned())));
        }
        Ok(())
    }
}
