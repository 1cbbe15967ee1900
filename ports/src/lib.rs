//! Kayan's domain types and the ports that its use-cases call.
//!
//! The doc of each trait says what an implementation must do, and `tests/contract` tests the same guarantees, so every
//! use-case can trust an adapter that passes. This crate knows no database, no protocol, no clock and no random source.

mod accounts;
mod admin_tokens;
mod audit;
mod biscuits;
mod breaches;
mod change;
mod cleanup;
mod credentials;
mod devices;
mod entropy;
mod factors;
mod failure;
mod hasher;
mod idempotency;
mod ids;
mod issuer_keys;
mod keys;
mod limits;
mod lock_order;
mod log_control;
mod mail;
mod methods;
mod one_time;
mod outbox;
mod passkeys;
mod probe;
mod profiler;
mod providers;
mod roles;
mod seals;
mod sessions;
mod store;
mod tenants;
pub mod terminal;
pub mod timestamp;
mod window;

pub use accounts::{
    Account, AccountChange, AccountQuery, Accounts, Identifier, Identity, IdentityQuery, NamedIdentifier, State,
    Traits, Version,
};
pub use admin_tokens::{
    AdminToken, AdminTokenError, AdminTokenText, AdminTokens, Bounds, Revocation, Revocations, TokenBlock,
};
pub use audit::{
    AuditEvent, AuditTrail, EventCursor, EventOrder, EventPage, EventQuery, EventType, Outcome, PurgeEvents,
};
pub use biscuits::{BiscuitFacts, UserBiscuits};
pub use breaches::BreachedPasswords;
pub use change::{Affected, Change, Commit, Concerns, Guard, Unique};
pub use cleanup::{Cleanup, Expired};
pub use credentials::{Credential, CredentialChange, CredentialKind, Credentials, Known, LoginCandidate, PasswordHash};
pub use devices::{Device, DeviceChange, Devices, Trust};
pub use entropy::Entropy;
pub use factors::{
    Factor, FactorChange, FactorKind, Factors, KnownFactors, RecoveryHash, Removed, TotpCodes, TotpSetup, WaysIn,
};
pub use failure::{CommitError, Failure};
pub use hasher::{AdoptError, HashCost, HashError, HashFormat, Password, PasswordHasher, Verdict, Work};
pub use idempotency::{StoredResponse, StoredResponses};
pub use ids::{
    AdminTokenId, CredentialId, DeviceId, EventId, IdentityId, KeyId, MessageId, Scope, SessionId, TenantId,
    TenantIdError,
};
pub use issuer_keys::{
    ExpectedJwt, IssuerKey, IssuerKeyChange, IssuerKeyState, IssuerKeys, Jwk, JwsAlgorithm, JwsKey, JwsKeys, JwtKey,
    KeyUse, VerifiedBy,
};
pub use keys::{
    KeyChange, KeyError, KeyPurpose, Keys, Sealed, SealedKey, SecretOf, SigningKey, StoredKeys, WrappedKey, Wrapper,
};
pub use limits::{Admission, AttemptCounter, AttemptKey, Lockout, RateLimit, RateLimiter, Reservation, Target};
pub use lock_order::Locked;
pub use log_control::{LogControl, LogLevel};
pub use mail::{Channel, Mail, MailError, MailFailure, Mailer, Rendered, Templates};
pub use methods::{Method, MethodUse, PasskeyProof, ProviderProof};
pub use one_time::{OneTimeChange, OneTimePurpose, OneTimeToken, OneTimeTokens};
pub use outbox::{Backlog, Message, MessageKind, MessageQuery, MessageState, Outbox, OutboxChange};
pub use passkeys::{
    AllowedPasskey, Assertion, AssertionResponse, AttestationResponse, Ceremony, CeremonyError, Passkey, PasskeyUser,
    ResidentKey, UserVerification, WebAuthn,
};
pub use probe::{Condition, Probe};
pub use profiler::{ProfileError, Profiler, Resident};
pub use providers::{
    AuthorizationRequest, IdentityProvider, ProviderAccount, ProviderAssertion, ProviderError, ProviderLink,
    ProviderName, ProviderNameError, ProviderRules, Redemption,
};
pub use roles::{ADMIN, DefinedRoles, Role, RoleChange, Roles};
pub use seals::{Position, Seal, SealChange, Sealing, Seals, Stretch, TrailEvent, Unsealed};
pub use sessions::{
    Aal, AccessTokens, AuthenticatedSession, Client, Lookup, RefreshToken, Refreshing, Session, SessionChange,
    SessionQuery, Sessions, Spent, TokenHash,
};
pub use store::{Page, Store, Stores};
pub use tenants::{
    JwtAudience, OptionalNotice, Tenant, TenantChange, TenantLimit, TenantQuery, TenantSettings, Tenants, WorkPurpose,
};
pub use timestamp::{Clock, Timestamp};
pub use window::Window;
