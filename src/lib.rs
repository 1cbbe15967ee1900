//! Kayan's use-cases: what the service does, free of any database, protocol or clock.
//!
//! [`Kayan`] is the application. It holds the ports and the settings; every other file here adds one use-case to it: a
//! command in, an outcome or its own closed error out. Rules that can be wrong live in [`policy`], pure and synchronous.

mod assign_role;
mod attempt;
mod attenuate_admin_token;
mod authenticate;
mod authenticate_admin_token;
mod authenticate_operator;
mod bundle;
mod caller;
mod change_password;
mod change_user;
mod check_health;
mod check_newest_seals;
mod check_permission;
mod create_admin_token;
mod create_user;
mod define_role;
mod delete_me;
mod delete_role;
mod delete_user;
mod event;
mod event_writer;
mod export_events;
mod export_me;
mod export_users;
mod failure;
mod find_role;
mod find_session;
mod find_user;
mod grants;
mod import_users;
mod inspect_admin_token;
mod limit;
mod list_events;
mod list_my_sessions;
mod log_in;
mod log_out;
mod manage_tenant;
mod measure;
mod once;
mod open_session;
mod permit;
pub mod policy;
mod profile;
mod purge_events;
mod refresh_session;
mod register;
mod restore;
mod revoke_admin_token;
mod revoke_my_sessions;
mod revoke_sessions;
mod schema;
mod seal_events;
mod seal_key;
mod set_log_level;
mod set_user_password;
mod set_user_state;
#[cfg(test)]
mod stage;
mod tidy;
mod token;
mod update_me;
mod update_user;
mod user_line;
mod verify_trail;
mod watch_clock;
mod who_am_i;
mod yielding;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kayan_ports::{AdminTokens, AttemptCounter, Clock, Entropy, Keys, PasswordHasher, RateLimiter, Store, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

pub use crate::{
    assign_role::{AssignRole, AssignRoleError},
    attempt::{AttemptError, Locked, LockoutSettings},
    attenuate_admin_token::{AttenuateAdminToken, AttenuateAdminTokenError, attenuate_admin_token},
    authenticate::AuthenticateError,
    authenticate_admin_token::AuthenticateAdminTokenError,
    bundle::{BundleError, BundleReader, ExportBundleError, Exported, Line, parse as parse_bundle_line},
    caller::{Caller, Operator},
    change_password::{ChangePassword, ChangePasswordError},
    change_user::ChangeUserError,
    check_health::{CheckHealth, HealthReport, ProbeReport},
    check_newest_seals::NewestSeal,
    check_permission::{CheckPermission, CheckPermissionError, PermissionCheck},
    create_admin_token::{CreateAdminToken, CreateAdminTokenError, CreatedAdminToken},
    create_user::{CreateUser, CreateUserError, FirstPassword},
    define_role::{CreateRole, DefineRoleError, UpdateRole},
    delete_me::{DeleteMe, DeleteMeError},
    delete_role::{DeleteRole, DeleteRoleError},
    delete_user::DeleteUser,
    event_writer::{EventWriter, ExportFormat},
    export_events::{EventExport, ExportEvents, SETTLES_WITHIN},
    export_me::Export,
    export_users::{ExportUsers, ExportUsersError, UserExport},
    failure::Failure,
    find_session::ListSessions,
    find_user::{FindUserError, ListUsers, UserRef},
    import_users::{
        BATCH_BYTES, BATCH_LINES, Fate, ImportReport, ImportUsers, ImportUsersError, LineReport, MOST_LINES, ReadLine,
        Refusal, SeenUsers,
    },
    inspect_admin_token::{InspectAdminTokenError, InspectedAdminToken},
    limit::{Allowance, LimitError, Limited, RateLimits},
    list_events::MOST_LISTED,
    log_in::{LogIn, LogInError},
    manage_tenant::{CreateTenant, ManageTenantError, UpdateTenant},
    once::Once,
    open_session::Opened,
    permit::DeniedError,
    policy::{
        lifetime::Lifetimes,
        password::Weakness,
        permission::{Grants, Pattern, Permission, PermissionError},
        role::{RoleError, UnknownRole},
    },
    profile::{Insider, LookInsideError},
    purge_events::PurgeEventsError,
    refresh_session::{RefreshSession, RefreshSessionError},
    register::{Register, RegisterError},
    restore::RestoredBackup,
    revoke_admin_token::{RevokeAdminToken, RevokeAdminTokenError, RevokedAdminToken, WhichAdminToken},
    revoke_my_sessions::RevokeMySessionError,
    revoke_sessions::{RevokeSessions, RevokeSessionsError},
    schema::{FieldError, IdentitySchema, MarkError, SchemaError},
    seal_events::{LAG as SEAL_LAG, MOST as SEAL_MOST, Sealed},
    set_log_level::SetLogLevelError,
    set_user_password::{SetUserPassword, SetUserPasswordError},
    set_user_state::SetUserState,
    token::{Purpose, Token},
    update_me::{UpdateMe, UpdateMeError},
    update_user::{UpdateUser, UpdateUserError},
    user_line::MAX_LINE_BYTES,
    verify_trail::VerifyTrail,
    watch_clock::WatchedClock,
};
use crate::{
    grants::RememberedRoles,
    policy::{dating::Dating, flood::Flood},
};

/// What can be set about the use-cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long sessions and their tokens live.
    pub lifetimes: Lifetimes,
    /// For how long after it was spent a refresh token gets the same successors again; 0: not at all.
    pub refresh_reuse_window: Duration,
    /// The shortest password taken, in characters.
    pub password_min_length: usize,
    /// When guessing ends; nothing: never.
    pub lockout: Option<LockoutSettings>,
    /// How often a client may ask.
    pub limits: RateLimits,
}

/// The application: every use-case is a method of it.
pub struct Kayan {
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    attempts: Arc<dyn AttemptCounter>,
    limiter: Arc<dyn RateLimiter>,
    keys: Arc<dyn Keys>,
    tokens: Arc<dyn AdminTokens>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    schema: IdentitySchema,
    settings: Settings,
    last_id: AtomicU64,
    dating: Mutex<Dating>,
    flood: Mutex<Flood>,
    roles: Mutex<RememberedRoles>,
}

/// The ports that [`Kayan`] stands on.
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The password hasher.
    pub hasher: Arc<dyn PasswordHasher>,
    /// The counter of attempts, used with a lockout only.
    pub attempts: Arc<dyn AttemptCounter>,
    /// The counter of requests, used with rate limits only.
    pub limiter: Arc<dyn RateLimiter>,
    /// The place where signing keys are kept.
    pub keys: Arc<dyn Keys>,
    /// Makes and reads admin tokens.
    pub tokens: Arc<dyn AdminTokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The source of tokens and ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Kayan {
    /// Puts the application together.
    pub fn new(ports: Ports, schema: IdentitySchema, settings: Settings) -> Self {
        let Ports { store, hasher, attempts, limiter, keys, tokens, clock, entropy } = ports;
        Self {
            store,
            hasher,
            attempts,
            limiter,
            keys,
            tokens,
            clock,
            entropy,
            schema,
            settings,
            last_id: AtomicU64::new(0),
            dating: Mutex::default(),
            flood: Mutex::default(),
            roles: Mutex::default(),
        }
    }

    /// A new UUIDv7 (RFC 9562, section 5.7) for this moment. The 12 bits after the milliseconds count (section 6.2,
    /// method 1), so that what one process makes, even in one commit, sorts in the order in which it was made.
    fn new_id(&self, now: Timestamp) -> Uuid {
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
