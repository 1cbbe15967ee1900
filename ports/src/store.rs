//! The database as the sum of its families, with a handle for each.

use std::sync::Arc;

use crate::{
    AccessTokens, Accounts, AuditTrail, Cleanup, Commit, Credentials, Devices, Factors, IssuerKeys, OneTimeTokens,
    Outbox, Revocations, Roles, Seals, Sessions, StoredKeys, StoredResponses, Tenants,
};

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// The ids of rows of the page that are damaged and can't be read.
    pub damaged: Vec<String>,
    /// The number of rows on all pages.
    pub total: u64,
}

/// The database: all reads and writes.
///
/// An implementation must, besides what [`Commit`] says,
/// - show every read what was acknowledged before it began;
/// - confine reads to their scope (I-29);
/// - answer `Unavailable` rather than hang, and leave nothing behind when the caller drops the future (I-41).
pub trait Store:
    Commit
    + Accounts
    + Credentials
    + Factors
    + Devices
    + OneTimeTokens
    + Outbox
    + AccessTokens
    + Sessions
    + Roles
    + Tenants
    + StoredKeys
    + IssuerKeys
    + AuditTrail
    + Seals
    + Revocations
    + StoredResponses
    + Cleanup
{
}

impl<S> Store for S where
    S: Commit
        + Accounts
        + Credentials
        + Factors
        + Devices
        + OneTimeTokens
        + Outbox
        + AccessTokens
        + Sessions
        + Roles
        + Tenants
        + StoredKeys
        + IssuerKeys
        + AuditTrail
        + Seals
        + Revocations
        + StoredResponses
        + Cleanup
{
}

/// A handle for each family.
///
/// A decorator implements the families that it changes and replaces their handles.
#[derive(Clone)]
pub struct Stores {
    /// All writes.
    pub changes: Arc<dyn Commit>,
    /// Identities.
    pub accounts: Arc<dyn Accounts>,
    /// Credentials.
    pub credentials: Arc<dyn Credentials>,
    /// Factors besides the password.
    pub factors: Arc<dyn Factors>,
    /// Devices.
    pub devices: Arc<dyn Devices>,
    /// One-time tokens.
    pub one_time: Arc<dyn OneTimeTokens>,
    /// Messages.
    pub outbox: Arc<dyn Outbox>,
    /// Lookups of access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// Sessions and refresh tokens.
    pub sessions: Arc<dyn Sessions>,
    /// Role definitions.
    pub roles: Arc<dyn Roles>,
    /// Tenants.
    pub tenants: Arc<dyn Tenants>,
    /// Sealed keys.
    pub keys: Arc<dyn StoredKeys>,
    /// Issuer keys.
    pub issuer_keys: Arc<dyn IssuerKeys>,
    /// The audit trail.
    pub audit: Arc<dyn AuditTrail>,
    /// Seals over the audit trail.
    pub seals: Arc<dyn Seals>,
    /// Revocations of admin tokens.
    pub revocations: Arc<dyn Revocations>,
    /// Stored responses.
    pub responses: Arc<dyn StoredResponses>,
    /// Expired rows.
    pub cleanup: Arc<dyn Cleanup>,
}

impl Stores {
    /// Handles that all refer to this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            changes: store.clone(),
            accounts: store.clone(),
            credentials: store.clone(),
            factors: store.clone(),
            devices: store.clone(),
            one_time: store.clone(),
            outbox: store.clone(),
            access_tokens: store.clone(),
            sessions: store.clone(),
            roles: store.clone(),
            tenants: store.clone(),
            keys: store.clone(),
            issuer_keys: store.clone(),
            audit: store.clone(),
            seals: store.clone(),
            revocations: store.clone(),
            responses: store.clone(),
            cleanup: store,
        }
    }
}
