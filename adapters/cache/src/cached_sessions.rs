//! A store that remembers who presented which session token, for a few seconds.
//!
//! `whoami` is asked far more often than anything changes. An answer is given again until it is as old as the limit, so
//! that what other processes or an operator's SQL revoke is dead within it (I-22); what this process changes is forgotten
//! at once. Only who is in is remembered: nobody stays out for longer than they must.

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
    Account, AccountQuery, AdminTokenId, AuditEvent, Change, Client, Clock, CommitError, Credential, EventCursor,
    EventPage, EventQuery, Identifier, Identity, IdentityId, IdentityQuery, KeptAnswer, KeyPurpose, Lookup, Outdated,
    Page, Presented, Refreshing, Roles, Scope, Seal, SealedKey, Session, SessionId, SessionQuery, SignIn, State, Store,
    StoreError, Stretch, Tenant, TenantId, TenantQuery, Timestamp, TokenHash, TrailEvent, Unsealed, WrappedKey,
};
use metrics::Counter;
use quick_cache::sync::Cache;
use uuid::Uuid;

/// So many sessions are remembered at most, about one kilobyte each.
const CAPACITY: usize = 10_000;
/// Changes are noted in so many places: those of two sessions rarely in the same one, and then one is read anew too soon.
const PLACES: usize = 1 << 12;

/// The store behind, and what it said lately.
pub struct CachedSessions {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    max_age: Duration,
    entries: Cache<TokenHash, Entry>,
    changes: Changes,
    hits: Counter,
    misses: Counter,
    /// Tells other processes whom something changed about.
    tell: Option<Box<dyn Fn(Vec<String>) + Send + Sync>>,
}

#[derive(Clone)]
struct Entry {
    presented: Arc<Presented>,
    read_at: Timestamp,
    seen: Seen,
}

/// How often what an entry rests on had changed when it was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    identity: u64,
    session: u64,
}

/// Counts changes, by the identity or session that they are about.
struct Changes {
    all: AtomicU64,
    places: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Changes {
    fn place(&self, id: impl Hash) -> Option<&AtomicU64> {
        let at = usize::try_from(self.hasher.hash_one(id)).unwrap_or_default() % PLACES;
        self.places.get(at)
    }

    fn count(&self, id: impl Hash) -> u64 {
        self.place(id).map_or(0, |place| place.load(Ordering::Acquire))
    }

    fn seen(&self, identity: IdentityId, session: SessionId) -> Seen {
        Seen { identity: self.count(identity.0), session: self.count(session.0) }
    }

    fn note(&self, about: &About) {
        let bump = |place: &AtomicU64| {
            place.fetch_add(1, Ordering::AcqRel);
        };
        match about {
            About::Identity(id) => self.place(id.0).into_iter().for_each(bump),
            About::Session(id) => self.place(id.0).into_iter().for_each(bump),
            About::Everybody => self.places.iter().for_each(bump),
        }
        self.all.fetch_add(1, Ordering::AcqRel);
    }
}

/// Whom a change is about, as far as a remembered answer would be wrong after it.
enum About {
    Identity(IdentityId),
    Session(SessionId),
    Everybody,
}

fn about(change: &Change) -> Option<About> {
    match change {
        Change::ReplaceTraits { identity, .. }
        | Change::SetState { identity, .. }
        | Change::SetRoles { identity, .. }
        | Change::DeleteIdentity { identity, .. }
        | Change::RevokeSessions { identity, .. } => Some(About::Identity(*identity)),
        Change::OpenSession(session) => Some(About::Identity(session.identity)),
        Change::RenewSession { session, .. }
        | Change::SeeSession { session, .. }
        | Change::RevokeSession { session, .. } => Some(About::Session(*session)),
        // Whoever is in it may have to leave; rare enough to forget all.
        Change::ReplaceTenant(_) | Change::DeleteTenant { .. } | Change::RevokeAllSessions { .. } => {
            Some(About::Everybody)
        }
        Change::CreateIdentity { .. }
        | Change::AddCredential(_)
        | Change::ReplaceCredential(_)
        | Change::UseCredential { .. }
        | Change::IssueRefresh(_)
        | Change::RotateRefresh { .. }
        | Change::HoldIdentity { .. }
        | Change::HoldRoles { .. }
        | Change::CreateRole(_)
        | Change::ReplaceRole(_)
        | Change::DeleteRole { .. }
        | Change::KeepAdmin(_)
        | Change::CreateTenant(_)
        | Change::ForgetAttempts(_)
        | Change::KeepDataKey(_)
        | Change::RewrapDataKey(_)
        | Change::KeepSigningKey(_)
        | Change::KeepAnswer(_)
        | Change::RevokeToken(_)
        | Change::RemoveOutdated(_)
        | Change::AddSeal(_)
        | Change::KeepSealing(_)
        | Change::PurgeEvents { .. }
        | Change::Record(_) => None,
    }
}

/// The line that tells others of a change: of those only after which a token is dead, or its owner another.
fn line(change: &Change) -> Option<String> {
    if matches!(change, Change::OpenSession(_) | Change::SeeSession { .. }) {
        return None;
    }
    about(change).map(|about| match about {
        About::Identity(id) => format!("identity {id}"),
        About::Session(id) => format!("session {id}"),
        About::Everybody => "everybody".to_owned(),
    })
}

/// Notes the changes when it is dropped: after the commit, whatever came of it, and also when nobody waits for it any more.
struct Noting<'a> {
    changes: &'a Changes,
    about: Vec<About>,
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        self.about.iter().for_each(|about| self.changes.note(about));
    }
}

/// Tells the others when it is dropped, for the same reason.
struct Telling<'a> {
    tell: Option<&'a (dyn Fn(Vec<String>) + Send + Sync)>,
    lines: Vec<String>,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.filter(|_| !self.lines.is_empty()) {
            tell(std::mem::take(&mut self.lines));
        }
    }
}

impl CachedSessions {
    /// Remembers what `inner` says for at most `max_age`.
    pub fn new(inner: Arc<dyn Store>, clock: Arc<dyn Clock>, max_age: Duration) -> Self {
        let changes = Changes {
            all: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        };
        let [hits, misses] =
            ["hit", "miss"].map(|result| metrics::counter!("kayan_session_cache_requests_total", "result" => result));
        Self { inner, clock, max_age, entries: Cache::new(CAPACITY), changes, hits, misses, tell: None }
    }

    /// Tells other processes what this one changes, in lines for their [`hear`](Self::hear). `tell` must not block.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(Vec<String>) + Send + Sync + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Forgets what another process has changed, as its line says; everything, if the line says nothing known.
    pub fn hear(&self, line: &str) {
        let id = |text: &str| Uuid::parse_str(text).ok();
        self.changes.note(&match line.split_once(' ') {
            Some(("identity", text)) => id(text).map_or(About::Everybody, |id| About::Identity(IdentityId(id))),
            Some(("session", text)) => id(text).map_or(About::Everybody, |id| About::Session(SessionId(id))),
            _ => About::Everybody,
        });
    }

    /// Forgets everything: what others changed may have been missed.
    pub fn forget_all(&self) {
        self.changes.note(&About::Everybody);
    }

    fn remembered(&self, tenant: &TenantId, token: &TokenHash) -> Option<Arc<Presented>> {
        let Entry { presented, read_at, seen } = self.entries.get(token)?;
        let fresh = self.clock.now() - read_at < self.max_age;
        let unchanged = self.changes.seen(presented.identity.id, presented.session.id) == seen;
        (fresh && unchanged && presented.session.tenant == *tenant).then_some(presented)
    }
}

#[async_trait]
impl Store for CachedSessions {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let lines = self.tell.as_ref().map(|_| changes.iter().filter_map(line).collect());
        let _telling = Telling { tell: self.tell.as_deref(), lines: lines.unwrap_or_default() };
        let _noting = Noting { changes: &self.changes, about: changes.iter().filter_map(about).collect() };
        self.inner.commit(changes).await
    }

    async fn presented(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Arc<Presented>>, StoreError> {
        if let Some(presented) = self.remembered(tenant, token) {
            self.hits.increment(1);
            return Ok(Lookup::Found(presented));
        }
        self.misses.increment(1);
        let (before, read_at) = (self.changes.all.load(Ordering::Acquire), self.clock.now());
        let answer = self.inner.presented(tenant, token).await?;
        if let Lookup::Found(presented) = &answer
            && presented.session.active
            && presented.identity.state == State::Active
        {
            let seen = self.changes.seen(presented.identity.id, presented.session.id);
            // What was read while something changed may be from before the change.
            if self.changes.all.load(Ordering::Acquire) == before {
                let entry = Entry { presented: presented.clone(), read_at, seen };
                self.entries.insert(*token, entry);
            }
        }
        Ok(answer)
    }

    async fn sign_in(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
    ) -> Result<Option<SignIn>, StoreError> {
        self.inner.sign_in(tenant, identifier, client).await
    }

    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, StoreError> {
        self.inner.refreshing(tenant, token).await
    }

    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, StoreError> {
        self.inner.identity(scope, id).await
    }

    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, StoreError> {
        self.inner.identities_named(scope, identifier).await
    }

    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, StoreError> {
        self.inner.ended_locks(now).await
    }

    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, StoreError> {
        self.inner.identities(query).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, StoreError> {
        self.inner.accounts(query).await
    }

    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        self.inner.tenant_with_accounts(after).await
    }

    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, StoreError> {
        self.inner.password(scope, identity).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.inner.sessions(tenant, identity, at).await
    }

    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        self.inner.active_sessions(query).await
    }

    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, StoreError> {
        self.inner.count_active_sessions(scope, identity).await
    }

    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.inner.active_sessions_by_tenant(at).await
    }

    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.inner.session(scope, id).await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.inner.tenant(id).await
    }

    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, StoreError> {
        self.inner.tenants(query).await
    }

    async fn roles(&self, tenant: &TenantId) -> Result<Option<Roles>, StoreError> {
        self.inner.roles(tenant).await
    }

    async fn data_key(&self) -> Result<Option<WrappedKey>, StoreError> {
        self.inner.data_key().await
    }

    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, StoreError> {
        self.inner.signing_key(scope, purpose).await
    }

    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, StoreError> {
        self.inner.revocations(of, ids).await
    }

    async fn kept_answer(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.inner.kept_answer(tenant, operator, key).await
    }

    async fn has_outdated(&self, outdated: &Outdated) -> Result<bool, StoreError> {
        self.inner.has_outdated(outdated).await
    }

    async fn sealed_until(&self) -> Result<Timestamp, StoreError> {
        self.inner.sealed_until().await
    }

    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, StoreError> {
        self.inner.unsealed(after, until).await
    }

    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, StoreError> {
        self.inner.last_seal(tenant).await
    }

    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, StoreError> {
        self.inner.seals(tenant, after, limit).await
    }

    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, StoreError> {
        self.inner.trail(stretch).await
    }

    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        self.inner.next_trail(after).await
    }

    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, StoreError> {
        self.inner.events_about(tenant, identity).await
    }

    async fn events(
        &self,
        query: &EventQuery,
        after: Option<EventCursor>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        self.inner.events(query, after, limit).await
    }

    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.inner.count_events(scope, until).await
    }
}
