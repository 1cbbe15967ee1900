//! The application: its ports and settings.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kayan_ports::{
    AdminTokens, AttemptCounter, BreachedPasswords, Clock, Entropy, IdentityProvider, JwsKey, JwsKeys, KeyId, Keys,
    PasswordHasher, RateLimiter, Stores, TenantId, Timestamp, TotpCodes, UserBiscuits, WebAuthn,
};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    IdentitySchema, JwtSecret, Lifetimes, LockoutSettings, Messaging, RateLimits, SessionJwts,
    access::grants::RememberedRoles,
    policy::{dating::Dating, flood::Flood, return_to::ReturnTo, tenant::PasswordSettings},
    session::jwt::CachedKey,
};

/// The settings of the use-cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The lifetimes of sessions and tokens.
    pub lifetimes: Lifetimes,
    /// How long a spent refresh token still gets the same successors; 0: not at all.
    pub refresh_reuse_window: Duration,
    /// What is asked of new passwords in every tenant.
    pub passwords: PasswordSettings,
    /// The lockout; `None`: off.
    pub lockout: Option<LockoutSettings>,
    /// The rate limits.
    pub limits: RateLimits,
    /// The value of `iss` in JWTs: the URL of the service.
    pub issuer: String,
    /// How session tokens are written as JWTs; `None`: they are opaque.
    pub session_jwts: Option<SessionJwts>,
    /// The secrets that verify JWTs; the first one signs.
    pub jwt_secrets: Vec<JwtSecret>,
    /// The age at which keys that sign JWTs and biscuits are replaced.
    pub key_rotation: Duration,
    /// Where browsers may be redirected to after a login.
    pub return_to: ReturnTo,
}

/// The application: every use-case is a method of it.
pub struct Kayan {
    pub(crate) store: Stores,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) breaches: Option<Arc<dyn BreachedPasswords>>,
    pub(crate) attempts: Arc<dyn AttemptCounter>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) jws: Arc<dyn JwsKeys>,
    pub(crate) biscuits: Arc<dyn UserBiscuits>,
    pub(crate) tokens: Arc<dyn AdminTokens>,
    pub(crate) totp: Arc<dyn TotpCodes>,
    pub(crate) relying_party: RelyingPartyOf,
    pub(crate) providers: Vec<Arc<dyn IdentityProvider>>,
    pub(crate) messaging: Option<Messaging>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) schema: IdentitySchema,
    pub(crate) settings: Settings,
    pub(crate) last_id: AtomicU64,
    pub(crate) dating: Mutex<Dating>,
    pub(crate) flood: Mutex<Flood>,
    pub(crate) roles: Mutex<RememberedRoles>,
    pub(crate) issuer_keys: Mutex<HashMap<KeyId, Arc<dyn JwsKey>>>,
    pub(crate) verifying_keys: Mutex<HashMap<KeyId, CachedKey>>,
    pub(crate) making_key: futures_util::lock::Mutex<()>,
}

/// What verifies the passkeys of a tenant: a relying party of its own if it has hosts of its own. `None` where there is no
/// domain that a browser takes for passkeys.
pub type RelyingPartyOf = Arc<dyn Fn(&TenantId) -> Option<Arc<dyn WebAuthn>> + Send + Sync>;

/// The ports that [`Kayan`] uses.
pub struct Ports {
    /// The database.
    pub store: Stores,
    /// The password hasher.
    pub hasher: Arc<dyn PasswordHasher>,
    /// The passwords that are known from breaches; `None`: nothing is known of any.
    pub breaches: Option<Arc<dyn BreachedPasswords>>,
    /// The counter of attempts.
    pub attempts: Arc<dyn AttemptCounter>,
    /// The counter of requests, used only with rate limits.
    pub limiter: Arc<dyn RateLimiter>,
    /// The store of signing keys.
    pub keys: Arc<dyn Keys>,
    /// Generates keys for JWTs and biscuits, and loads those that sign JWTs.
    pub jws: Arc<dyn JwsKeys>,
    /// Signs biscuits for users.
    pub biscuits: Arc<dyn UserBiscuits>,
    /// Creates and reads admin tokens.
    pub tokens: Arc<dyn AdminTokens>,
    /// Verifies the codes of authenticator apps.
    pub totp: Arc<dyn TotpCodes>,
    /// Verifies the passkeys of a tenant.
    pub relying_party: RelyingPartyOf,
    /// The identity providers that users log in with, in the order in which they are shown.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Renders and delivers messages; `None`: there are none.
    pub messaging: Option<Messaging>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness for tokens and ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Kayan {
    /// Creates the application.
    pub fn new(ports: Ports, schema: IdentitySchema, settings: Settings) -> Self {
        let Ports {
            store,
            hasher,
            breaches,
            attempts,
            limiter,
            keys,
            jws,
            biscuits,
            tokens,
            totp,
            relying_party,
            providers,
            messaging,
            clock,
            entropy,
        } = ports;
        Self {
            store,
            hasher,
            breaches,
            attempts,
            limiter,
            keys,
            jws,
            biscuits,
            tokens,
            totp,
            relying_party,
            providers,
            messaging,
            clock,
            entropy,
            schema,
            settings,
            last_id: AtomicU64::new(0),
            dating: Mutex::default(),
            flood: Mutex::default(),
            roles: Mutex::default(),
            issuer_keys: Mutex::default(),
            verifying_keys: Mutex::default(),
            making_key: futures_util::lock::Mutex::default(),
        }
    }

    /// A new random UUID (version 4 of RFC 9562, section 5.4), which does not even say when it was made.
    pub(crate) fn random_id(&self) -> Uuid {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid()
    }

    /// A new UUIDv7 (RFC 9562, section 5.7) for this time. The 12 bits after the milliseconds count (section 6.2,
    /// method 1), so that the ids of one process sort in the order of creation, even within one commit.
    pub(crate) fn new_id(&self, now: Timestamp) -> Uuid {
        let tick = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default() << 12;
        let next = |last: u64| Some(tick.max(last + 1));
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        let mine = tick.max(last + 1);
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        if let Some(counter) = random.first_chunk_mut::<2>() {
            *counter = u16::try_from(mine & 0xfff).unwrap_or_default().to_be_bytes();
        }
        uuid::Builder::from_unix_timestamp_millis(mine >> 12, &random).into_uuid()
    }
}
