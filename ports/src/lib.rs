//! Kayan's domain types and the ports its use-cases speak to.
//!
//! A port is a promise. The doc of each trait says what an implementor must do, and `tests/contract` holds the same
//! promises as executable laws; an adapter that passes them can be trusted by every use-case. This crate knows no
//! database, no protocol, no clock and no random source.

mod account;
mod audit;
mod change;
mod credential;
mod event_query;
mod hasher;
mod identity;
mod ids;
mod limits;
mod probe;
mod role;
mod session;
mod source;
mod store;
mod tenant;
mod window;

pub use account::{Account, AccountQuery};
pub use audit::{AuditEvent, EventType, Outcome};
pub use change::{Change, Guard, Outdated, SessionFilter, Unique};
pub use credential::{Credential, CredentialKind, PasswordHash};
pub use event_query::{EventCursor, EventOrder, EventPage, EventQuery};
pub use hasher::{HashError, HashFormat, Password, PasswordHasher, Verdict};
pub use identity::{Identifier, Identity, NamedIdentifier, State, Traits, Version};
pub use ids::{CredentialId, EventId, IdentityId, Scope, SessionId, TenantId, TenantIdError};
pub use limits::{
    Admission, AttemptCounter, AttemptKey, CountError, Lockout, RateLimit, RateLimiter, Reservation, Target,
};
pub use probe::{Condition, Probe};
pub use role::{ADMIN, Role, Roles};
pub use session::{Aal, Client, Method, MethodUse, RefreshToken, Session, Spent, TokenHash};
pub use source::{Clock, Entropy, Timestamp};
pub use store::{
    CommitError, IdentityQuery, Known, Lookup, Page, Presented, Refreshing, SessionQuery, SignIn, Store, StoreError,
};
pub use tenant::{Tenant, TenantLimit, TenantQuery, TenantSettings};
pub use window::Window;
