//! Caches the sessions of presented access tokens for a few seconds.
//!
//! `whoami` is called far more often than sessions change. A cached session is used until it has the maximum age, so
//! that a session revoked by another process or by SQL is refused within that time (I-22); changes of this process take
//! effect at once. Only valid sessions are cached, so a new session is never refused because of the cache.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kayan_ports::{
    AccessTokens, Affected, AuthenticatedSession, Change, Clock, Commit, CommitError, Concerns, Failure, IdentityId,
    Lookup, SessionId, State, Stores, TenantId, Timestamp, TokenHash,
};
use metrics::Counter;
use quick_cache::sync::Cache;
use uuid::Uuid;

/// The most sessions that are cached, about one kilobyte each.
const CAPACITY: usize = 10_000;
/// The number of slots in which changes are counted. Two sessions rarely share one; if they do, one is read again
/// unnecessarily.
const SLOTS: usize = 1 << 12;

/// The store behind the cache, and the cached sessions.
pub struct CachedSessions {
    changes_behind: Arc<dyn Commit>,
    tokens_behind: Arc<dyn AccessTokens>,
    clock: Arc<dyn Clock>,
    max_age: Duration,
    entries: Cache<TokenHash, Entry>,
    changes: Changes,
    hits: Counter,
    misses: Counter,
    /// Tells other processes which sessions changed.
    tell: Option<Box<dyn Fn(Vec<String>) + Send + Sync>>,
}

#[derive(Clone)]
struct Entry {
    presented: Arc<AuthenticatedSession>,
    read_at: Timestamp,
    seen: Seen,
}

/// The counts of changes when an entry was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    identity: u64,
    session: u64,
}

/// Counts changes, by the identity or session that they concern.
struct Changes {
    all: AtomicU64,
    places: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Changes {
    fn place(&self, id: impl Hash) -> Option<&AtomicU64> {
        let at = usize::try_from(self.hasher.hash_one(id)).unwrap_or_default() % SLOTS;
        self.places.get(at)
    }

    fn count(&self, id: impl Hash) -> u64 {
        self.place(id).map_or(0, |place| place.load(Ordering::Acquire))
    }

    fn seen(&self, identity: IdentityId, session: SessionId) -> Seen {
        Seen { identity: self.count(identity.0), session: self.count(session.0) }
    }

    fn note(&self, affected: Affected) {
        let bump = |place: &AtomicU64| {
            place.fetch_add(1, Ordering::AcqRel);
        };
        match affected {
            Affected::Identity(id) => self.place(id.0).into_iter().for_each(bump),
            Affected::Session(id) => self.place(id.0).into_iter().for_each(bump),
            Affected::All => self.places.iter().for_each(bump),
        }
        self.all.fetch_add(1, Ordering::AcqRel);
    }
}

/// The line that announces a change to other processes, if it may have made a token invalid or changed its owner.
fn line(Concerns { affected, access }: Concerns) -> Option<String> {
    access.then(|| match affected {
        Affected::Identity(id) => format!("identity {id}"),
        Affected::Session(id) => format!("session {id}"),
        Affected::All => "everybody".to_owned(),
    })
}

/// Counts the changes when dropped: after the commit, whatever its result, and also when the caller was cancelled.
struct Counting<'a> {
    changes: &'a Changes,
    affected: Vec<Affected>,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.affected.iter().for_each(|affected| self.changes.note(*affected));
    }
}

/// Announces the changes when dropped, for the same reason.
struct Announcing<'a> {
    tell: Option<&'a (dyn Fn(Vec<String>) + Send + Sync)>,
    lines: Vec<String>,
}

impl Drop for Announcing<'_> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.filter(|_| !self.lines.is_empty()) {
            tell(std::mem::take(&mut self.lines));
        }
    }
}

impl CachedSessions {
    /// Caches what `store` returns for at most `max_age`.
    pub fn new(store: &Stores, clock: Arc<dyn Clock>, max_age: Duration) -> Self {
        let changes = Changes {
            all: AtomicU64::new(0),
            places: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        };
        let [hits, misses] =
            ["hit", "miss"].map(|result| metrics::counter!("kayan_session_cache_requests_total", "result" => result));
        Self {
            changes_behind: store.changes.clone(),
            tokens_behind: store.access_tokens.clone(),
            clock,
            max_age,
            entries: Cache::new(CAPACITY),
            changes,
            hits,
            misses,
            tell: None,
        }
    }

    /// The store with this cache in front of it.
    pub fn before(self: &Arc<Self>, store: Stores) -> Stores {
        Stores { changes: self.clone(), access_tokens: self.clone(), ..store }
    }

    /// Announces the changes of this process as lines for [`receive`](Self::receive) of others. `tell` must not block.
    #[must_use]
    pub fn announcing(mut self, tell: impl Fn(Vec<String>) + Send + Sync + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Removes the sessions that a line of another process names; all sessions, if the line is unknown.
    pub fn receive(&self, line: &str) {
        let id = |text: &str| Uuid::parse_str(text).ok();
        self.changes.note(match line.split_once(' ') {
            Some(("identity", text)) => id(text).map_or(Affected::All, |id| Affected::Identity(IdentityId(id))),
            Some(("session", text)) => id(text).map_or(Affected::All, |id| Affected::Session(SessionId(id))),
            _ => Affected::All,
        });
    }

    /// Removes all sessions: changes of other processes may have been missed.
    pub fn forget_all(&self) {
        self.changes.note(Affected::All);
    }

    fn remembered(&self, tenant: &TenantId, token: &TokenHash) -> Option<Arc<AuthenticatedSession>> {
        let Entry { presented, read_at, seen } = self.entries.get(token)?;
        let fresh = self.clock.now() - read_at < self.max_age;
        let unchanged = self.changes.seen(presented.identity.id, presented.session.id) == seen;
        (fresh && unchanged && presented.session.tenant == *tenant).then_some(presented)
    }
}

#[async_trait]
impl Commit for CachedSessions {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let concerns = || changes.iter().filter_map(Change::concerns);
        let lines = self.tell.as_ref().map(|_| concerns().filter_map(line).collect());
        let _announcing = Announcing { tell: self.tell.as_deref(), lines: lines.unwrap_or_default() };
        let affected = concerns().map(|concerns| concerns.affected).collect();
        let _counting = Counting { changes: &self.changes, affected };
        self.changes_behind.commit(changes).await
    }
}

#[async_trait]
impl AccessTokens for CachedSessions {
    async fn authenticated_session(
        &self,
        tenant: &TenantId,
        token: &TokenHash,
    ) -> Result<Lookup<Arc<AuthenticatedSession>>, Failure> {
        if let Some(presented) = self.remembered(tenant, token) {
            self.hits.increment(1);
            return Ok(Lookup::Found(presented));
        }
        self.misses.increment(1);
        let (before, read_at) = (self.changes.all.load(Ordering::Acquire), self.clock.now());
        let answer = self.tokens_behind.authenticated_session(tenant, token).await?;
        if let Lookup::Found(presented) = &answer
            && presented.session.active
            && presented.identity.state == State::Active
        {
            let seen = self.changes.seen(presented.identity.id, presented.session.id);
            // A session read during a change may be out of date.
            if self.changes.all.load(Ordering::Acquire) == before {
                let entry = Entry { presented: presented.clone(), read_at, seen };
                self.entries.insert(*token, entry);
            }
        }
        Ok(answer)
    }
}
