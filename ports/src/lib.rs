//! Kayan's domain types and the ports its use-cases speak to.
//!
//! A port is a promise. The doc of each trait says what an implementor must do, and `tests/contract` holds the same
//! promises as executable laws; an adapter that passes them can be trusted by every use-case. This crate knows no
//! database, no protocol, no clock and no random source.

mod account;
mod admin_token;
mod audit;
mod change;
mod credential;
mod event_query;
mod hasher;
mod identity;
mod ids;
mod kept_answer;
mod keys;
mod limits;
mod lock_order;
mod log_control;
mod probe;
mod profiler;
mod role;
mod seal;
mod session;
mod source;
mod store;
mod tenant;
pub mod terminal;
mod window;

pub use account::{Account, AccountQuery};
pub use admin_token::{AdminToken, AdminTokenError, AdminTokenText, AdminTokens, Bounds, Revocation, TokenBlock};
pub use audit::{AuditEvent, EventType, Outcome};
pub use change::{Change, Guard, Outdated, Sealing, Unique};
pub use credential::{Credential, CredentialKind, PasswordHash};
pub use event_query::{EventCursor, EventOrder, EventPage, EventQuery};
pub use hasher::{AdoptError, HashCost, HashError, HashFormat, Password, PasswordHasher, Verdict, Work};
pub use identity::{Identifier, Identity, NamedIdentifier, State, Traits, Version};
pub use ids::{AdminTokenId, CredentialId, EventId, IdentityId, KeyId, Scope, SessionId, TenantId, TenantIdError};
pub use kept_answer::KeptAnswer;
pub use keys::{KeyError, KeyPurpose, Keys, Sealed, SealedKey, SigningKey, WrappedKey, Wrapper};
pub use limits::{
    Admission, AttemptCounter, AttemptKey, CountError, Lockout, RateLimit, RateLimiter, Reservation, Target,
};
pub use lock_order::Locked;
pub use log_control::{LogControl, LogLevel};
pub use probe::{Condition, Probe};
pub use profiler::{ProfileError, Profiler, Resident};
pub use role::{ADMIN, Role, Roles};
pub use seal::{Position, Seal, Stretch, TrailEvent, Unsealed};
pub use session::{Aal, Client, Method, MethodUse, RefreshToken, Session, Spent, TokenHash};
pub use source::{Clock, Entropy, Timestamp};
pub use store::{
    CommitError, IdentityQuery, Known, Lookup, Page, Presented, Refreshing, SessionQuery, SignIn, Store, StoreError,
};
pub use tenant::{Tenant, TenantLimit, TenantQuery, TenantSettings};
pub use window::Window;
