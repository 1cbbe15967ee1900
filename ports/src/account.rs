//! Accounts as an export reads them: one tenant after the other, oldest first.

use crate::{Identity, IdentityId, PasswordHash, State, TenantId, Timestamp};

/// Which accounts to read next.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those after the one that was created then and has this id.
    pub after: Option<(Timestamp, IdentityId)>,
    /// Whether their passwords' hashes are wanted.
    pub hashes: bool,
    /// At most so many.
    pub limit: u32,
}

/// An identity, and the hash of its password where one is there and wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub identity: Identity,
    /// What its password is compared with.
    pub hash: Option<PasswordHash>,
}
