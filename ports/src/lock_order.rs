//! The order in which a list of changes locks rows, so that no two lists deadlock.

use crate::Change;

/// The rows that a change locks first, in the order in which a list locks them.
///
/// What belongs to an identity is locked after the identity itself or, where only one session changes, without it.
/// Deleting an identity locks its row and then what belongs to it, so no list may lock in the opposite order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locked {
    /// The tenant's row: its settings, its role definitions and its administrators.
    Tenant,
    /// The identity's row. Lists that lock several identities lock their tenant first.
    Identity,
    /// A credential or a session.
    Belonging,
    /// A refresh token.
    RefreshToken,
}

impl Change {
    /// Whether a list keeps the order: each change locks rows that were locked before, or that come after all locked
    /// ones.
    pub fn in_lock_order(changes: &[Self]) -> bool {
        let mut locked: Vec<Locked> = Vec::new();
        changes.iter().filter_map(Self::locks).all(|next| {
            let keeps = locked.contains(&next) || locked.iter().all(|before| *before < next);
            locked.push(next);
            keeps
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountChange, CredentialChange, CredentialId, IdentityId, RoleChange, TenantId, Timestamp};
    use uuid::Uuid;

    #[test]
    fn a_list_locks_the_tenant_then_the_identity_then_what_belongs_to_it() {
        let tenant = TenantId::default();
        let pin_roles = Change::Role(RoleChange::Pin { tenant: tenant.clone(), version: 1 });
        let pin = Change::Account(AccountChange::Pin {
            tenant: tenant.clone(),
            identity: IdentityId(Uuid::nil()),
            version: 1,
        });
        let prove = Change::Credential(CredentialChange::Use {
            tenant: tenant.clone(),
            credential: CredentialId(Uuid::nil()),
            version: 1,
            at: Timestamp::UNIX_EPOCH,
        });
        let keep = Change::Role(RoleChange::RequireAdmin(tenant));
        assert!(Change::in_lock_order(&[pin_roles.clone(), pin.clone(), prove.clone(), keep.clone()]));
        assert!(Change::in_lock_order(&[pin.clone(), prove.clone(), pin.clone()]), "it is locked already");
        assert!(!Change::in_lock_order(&[pin.clone(), keep]));
        assert!(!Change::in_lock_order(&[prove, pin.clone()]));
        assert!(!Change::in_lock_order(&[pin, pin_roles]));
    }
}
