//! The tables, and what is read from them.

use std::collections::{BTreeMap, HashMap};

use kayan_ports::{
    Account, AccountQuery, AttemptKey, AuditEvent, AuthenticatedSession, Client, Credential, CredentialId,
    CredentialKind, Device, Factor, FactorKind, Identifier, Identity, IdentityId, IdentityQuery, IssuerKey, Known,
    LoginCandidate, Lookup, MessageId, OneTimeToken, Page, PasswordHash, ProviderLink, RefreshToken, Refreshing,
    Revocation, Scope, Seal, SealedKey, Sealing, Session, SessionId, State, StoredResponse, TenantId, Timestamp,
    TokenHash, WrappedKey,
};

use crate::{outbox::Queued, tenants::TenantRows};

/// Everything that is kept. A commit works on a copy, so that one that fails has changed nothing.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) tenants: BTreeMap<TenantId, TenantRows>,
    pub(crate) identities: BTreeMap<IdentityId, Identity>,
    /// When each state is over that is so by itself.
    pub(crate) locked_until: BTreeMap<IdentityId, Timestamp>,
    /// Whose each identifier is; the key makes it unique within its tenant.
    pub(crate) identifiers: BTreeMap<(TenantId, Identifier), IdentityId>,
    pub(crate) credentials: BTreeMap<CredentialId, Credential>,
    pub(crate) former_passwords: BTreeMap<CredentialId, Vec<PasswordHash>>,
    pub(crate) factors: BTreeMap<CredentialId, Factor>,
    pub(crate) links: BTreeMap<CredentialId, ProviderLink>,
    pub(crate) one_time: HashMap<TokenHash, OneTimeToken>,
    pub(crate) messages: BTreeMap<MessageId, Queued>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) refresh_tokens: HashMap<TokenHash, RefreshToken>,
    /// Where each identity has opened a session from.
    pub(crate) networks: HashMap<(IdentityId, String), Timestamp>,
    pub(crate) devices: Vec<Device>,
    pub(crate) attempts: HashMap<AttemptKey, Attempts>,
    pub(crate) data_key: Option<WrappedKey>,
    pub(crate) signing_keys: Vec<SealedKey>,
    pub(crate) issuer_keys: Vec<IssuerKey>,
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) responses: Vec<StoredResponse>,
    /// In the order in which they were written.
    pub(crate) events: Vec<AuditEvent>,
    pub(crate) seals: BTreeMap<(TenantId, i64), Seal>,
    /// Who has the right to seal, or had it last.
    pub(crate) sealing: Option<Sealing>,
    pub(crate) sealed_until: Timestamp,
}

/// The failed attempts at one target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    pub(crate) failures: u32,
    pub(crate) last_at: Timestamp,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            tenants: BTreeMap::from([(TenantId::default(), TenantRows::new(TenantId::default(), true))]),
            identities: BTreeMap::new(),
            locked_until: BTreeMap::new(),
            identifiers: BTreeMap::new(),
            credentials: BTreeMap::new(),
            former_passwords: BTreeMap::new(),
            factors: BTreeMap::new(),
            links: BTreeMap::new(),
            one_time: HashMap::new(),
            messages: BTreeMap::new(),
            sessions: BTreeMap::new(),
            refresh_tokens: HashMap::new(),
            networks: HashMap::new(),
            devices: Vec::new(),
            attempts: HashMap::new(),
            data_key: None,
            signing_keys: Vec::new(),
            issuer_keys: Vec::new(),
            revocations: Vec::new(),
            responses: Vec::new(),
            events: Vec::new(),
            seals: BTreeMap::new(),
            sealing: None,
            sealed_until: Timestamp::UNIX_EPOCH,
        }
    }
}

impl Rows {
    pub(crate) fn is_open(&self, tenant: &TenantId) -> bool {
        self.tenants.get(tenant).is_some_and(|rows| rows.tenant.active)
    }

    pub(crate) fn identity(&self, scope: &Scope, id: IdentityId) -> Option<&Identity> {
        self.identities.get(&id).filter(|identity| takes_in(scope, &identity.tenant))
    }

    pub(crate) fn ended_locks(&self, now: Timestamp) -> Vec<Identity> {
        let mut ended: Vec<_> = self.locked_until.iter().filter(|(_, until)| **until <= now).collect();
        ended.sort_by_key(|(_, until)| **until);
        let identities = ended.into_iter().filter_map(|(id, _)| self.identities.get(id));
        identities.filter(|identity| identity.state == State::Locked).take(100).cloned().collect()
    }

    pub(crate) fn session(&self, tenant: &TenantId, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).filter(|session| session.tenant == *tenant)
    }

    pub(crate) fn password(&self, scope: &Scope, identity: IdentityId) -> Option<&Credential> {
        self.credentials.values().find(|credential| {
            credential.identity == identity
                && credential.kind == CredentialKind::Password
                && takes_in(scope, &credential.tenant)
        })
    }

    pub(crate) fn former_passwords(&self, scope: &Scope, identity: IdentityId) -> Vec<PasswordHash> {
        let password = self.password(scope, identity);
        password.and_then(|password| self.former_passwords.get(&password.id)).cloned().unwrap_or_default()
    }

    pub(crate) fn login_candidate(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
        device: Option<&TokenHash>,
    ) -> Option<LoginCandidate> {
        let settings = self.settings(tenant)?;
        let known = || {
            let id = *self.identifiers.get(&(tenant.clone(), identifier.clone()))?;
            let identity = self.identity(&tenant.into(), id)?.clone();
            let known_network = client.network().is_some_and(|network| self.networks.contains_key(&(id, network)));
            let has_second_factor = self.has_factor(id);
            let password = self.password(&tenant.into(), id).cloned();
            let device = device.and_then(|token| self.devices(tenant, id).into_iter().find(|it| it.token == *token));
            Some(Known { identity, password, has_second_factor, known_network, device })
        };
        Some(LoginCandidate { settings, epoch: self.epoch(tenant)?, known: known() })
    }

    pub(crate) fn authenticated_session(&self, tenant: &TenantId, token: &TokenHash) -> Lookup<AuthenticatedSession> {
        self.lookup(tenant, || {
            let session =
                self.sessions.values().find(|session| session.token == *token && session.tenant == *tenant)?;
            let identity = self.identity(&tenant.into(), session.identity)?;
            let settings = self.settings(tenant)?;
            Some(AuthenticatedSession { session: session.clone(), identity: identity.clone(), settings })
        })
    }

    pub(crate) fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Lookup<Refreshing> {
        self.lookup(tenant, || {
            let token = self.refresh_tokens.get(token).filter(|token| token.tenant == *tenant)?;
            let session = self.session(tenant, token.session)?;
            let identity = self.identity(&tenant.into(), session.identity)?;
            let settings = self.settings(tenant)?;
            Some(Refreshing { settings, token: token.clone(), session: session.clone(), identity: identity.clone() })
        })
    }

    pub(crate) fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Vec<Identity> {
        let named = self.identifiers.iter().filter(|((_, value), _)| value == identifier);
        named.filter_map(|(_, id)| self.identity(scope, *id).cloned()).collect()
    }

    pub(crate) fn page(&self, query: &IdentityQuery) -> Page<Identity> {
        let search = query.contains.as_ref().filter(|text| !text.is_empty()).map(|text| text.to_lowercase());
        let wanted = |identity: &&Identity| {
            takes_in(&query.scope, &identity.tenant)
                && query.state.is_none_or(|state| state == identity.state)
                && search.as_ref().is_none_or(|text| self.is_called(identity.id, text))
                && !(query.without_factor && self.has_factor(identity.id))
        };
        let mut rows: Vec<_> = self.identities.values().filter(wanted).collect();
        rows.sort_by_key(|identity| std::cmp::Reverse((identity.created_at, identity.id)));
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Page { rows: rows.into_iter().skip(offset).take(limit).cloned().collect(), damaged: Vec::new(), total }
    }

    fn has_factor(&self, id: IdentityId) -> bool {
        let mut factors = self.factors.values().filter(|factor| factor.identity == id);
        factors.any(|it| matches!(it.kind, FactorKind::Totp { confirmed: true, .. } | FactorKind::Webauthn(_)))
    }

    pub(crate) fn without_factor(&self, tenant: &TenantId, role: Option<&str>, among: u32) -> Vec<IdentityId> {
        let wanted = |identity: &&Identity| {
            let has_role = |role| identity.roles.iter().any(|held| held == role);
            identity.tenant == *tenant && identity.state == State::Active && role.is_none_or(has_role)
        };
        let mut found: Vec<_> = self.identities.values().filter(wanted).collect();
        // Holders of a role are in the order of their ids only, which begin with the time.
        found.sort_by_key(|identity| std::cmp::Reverse((role.is_none().then_some(identity.created_at), identity.id)));
        let looked_at = found.into_iter().take(usize::try_from(among).unwrap_or(usize::MAX));
        looked_at.map(|identity| identity.id).filter(|id| !self.has_factor(*id)).collect()
    }

    pub(crate) fn newest_apps(&self, among: u32) -> Vec<Factor> {
        let ids = self.credentials.keys().chain(self.factors.keys());
        let mut newest: Vec<_> = ids.collect();
        newest.sort_by_key(|id| std::cmp::Reverse(**id));
        let looked_at = newest.into_iter().take(usize::try_from(among).unwrap_or(usize::MAX));
        let apps = looked_at.filter_map(|id| self.factors.get(id));
        apps.filter(|factor| matches!(factor.kind, FactorKind::Totp { .. })).cloned().collect()
    }

    pub(crate) fn accounts(&self, query: &AccountQuery) -> Vec<Account> {
        let wanted = |identity: &&Identity| {
            identity.tenant == query.tenant
                && query.state.is_none_or(|state| state == identity.state)
                && query.after.is_none_or(|after| (identity.created_at, identity.id) > after)
        };
        let mut found: Vec<_> = self.identities.values().filter(wanted).collect();
        found.sort_by_key(|identity| (identity.created_at, identity.id));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let account = |identity: &Identity| {
            let password = self.password(&(&identity.tenant).into(), identity.id).filter(|_| query.hashes);
            Account { identity: identity.clone(), hash: password.map(|password| password.secret.clone()) }
        };
        found.into_iter().take(limit).map(account).collect()
    }

    pub(crate) fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Option<TenantId> {
        let tenants = self.identities.values().map(|identity| &identity.tenant);
        tenants.filter(|tenant| after.is_none_or(|after| *tenant > after)).min().cloned()
    }

    pub(crate) fn live_sessions(&self, tenant: &TenantId, identity: IdentityId, at: Timestamp) -> Vec<Session> {
        let refreshable = |session: &Session| {
            let mut tokens = self.refresh_tokens.values().filter(|token| token.session == session.id);
            tokens.any(|token| token.spent.is_none() && token.expires_at > at)
        };
        let live = |session: &&Session| {
            let theirs = session.tenant == *tenant && session.identity == identity;
            let opens = session.expires_at > at || refreshable(session);
            theirs && session.active && session.ends_at > at && opens
        };
        let mut sessions: Vec<_> = self.sessions.values().filter(live).cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.issued_at, session.id)));
        sessions
    }

    fn lookup<T>(&self, tenant: &TenantId, find: impl FnOnce() -> Option<T>) -> Lookup<T> {
        if self.is_open(tenant) { find().map_or(Lookup::Absent, Lookup::Found) } else { Lookup::NoTenant }
    }

    fn is_called(&self, id: IdentityId, text: &str) -> bool {
        self.identifiers.iter().any(|((_, value), owner)| *owner == id && value.as_str().contains(text))
    }
}

/// Whether a row of `tenant` may be touched in `scope` (I-29).
pub(crate) fn takes_in(scope: &Scope, tenant: &TenantId) -> bool {
    scope.tenant().is_none_or(|only| only == tenant)
}
