//! Caches responses to `whoami` as JSON: it is the hottest path.

use std::sync::Arc;

use kayan_ports::{AuthenticatedSession, SessionId};
use quick_cache::sync::Cache;

use crate::wire::{answers::WhoAmI, reply::Reply};

/// How many responses are cached, of about two kilobytes each.
const CAPACITY: usize = 10_000;

/// The response about a session, and the object in the session cache that it was written from.
#[derive(Clone)]
struct Answer {
    from: Arc<AuthenticatedSession>,
    reply: Reply<WhoAmI>,
}

/// The latest responses to `whoami`, by session. Clones share them.
#[derive(Clone)]
pub(crate) struct WhoAmICache(Arc<Cache<SessionId, Answer>>);

impl Default for WhoAmICache {
    fn default() -> Self {
        Self(Arc::new(Cache::new(CAPACITY)))
    }
}

impl WhoAmICache {
    /// The response about `me`: the cached one if the session cache still returns the object that it was written from.
    pub(crate) fn reply(&self, me: &Arc<AuthenticatedSession>) -> Reply<WhoAmI> {
        match self.0.get(&me.session.id) {
            Some(answer) if Arc::ptr_eq(&answer.from, me) => answer.reply,
            _ => {
                let reply = Reply::new(&AuthenticatedSession::clone(me).into());
                self.0.insert(me.session.id, Answer { from: me.clone(), reply: reply.clone() });
                reply
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kayan_ports::{
        Aal, Client, Identity, IdentityId, Session, State, TenantId, TenantSettings, Timestamp, TokenHash, Traits,
    };
    use poem::IntoResponse;
    use uuid::Uuid;

    use super::*;

    fn presented() -> Arc<AuthenticatedSession> {
        let (tenant, at) = (TenantId::default(), Timestamp::UNIX_EPOCH);
        let identity = Identity {
            id: IdentityId(Uuid::nil()),
            tenant: tenant.clone(),
            traits: Traits::default(),
            state: State::Active,
            verified: Vec::new(),
            roles: Vec::new(),
            created_at: at,
            updated_at: at,
            last_login_at: None,
            version: 1,
        };
        let session = Session {
            id: SessionId(Uuid::nil()),
            tenant,
            identity: identity.id,
            token: TokenHash([0; 32]),
            active: true,
            epoch: 0,
            aal: Aal::Aal1,
            methods: Vec::new(),
            issued_at: at,
            expires_at: at,
            ends_at: at,
            last_seen_at: at,
            client: Client::default(),
        };
        Arc::new(AuthenticatedSession { session, identity, settings: TenantSettings::default() })
    }

    async fn address(reply: Reply<WhoAmI>) -> usize {
        reply.into_response().into_body().into_bytes().await.unwrap().as_ptr().addr()
    }

    #[tokio::test]
    async fn an_answer_is_written_once_whichever_route_asks_for_it() {
        let by_router = WhoAmICache::default();
        let exact = by_router.clone();
        let me = presented();
        let written = by_router.reply(&me);
        assert_eq!(address(exact.reply(&me)).await, address(written.clone()).await);
        assert_ne!(address(exact.reply(&presented())).await, address(written).await, "the session was read anew");
    }
}
