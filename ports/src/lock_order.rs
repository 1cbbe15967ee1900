//! The one order in which a list of changes locks rows, so that no two lists wait for each other.

use crate::Change;

/// The rows that a change locks first, in the order in which a list of changes locks them.
///
/// Whatever belongs to an identity is locked after the identity itself or, where one session alone changes, without it.
/// As deleting an identity locks its row and then what belongs to it, nothing may go the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locked {
    /// The tenant's row: its settings, its role definitions, and who administers it.
    Tenant,
    /// The identity's row. Lists that lock several identities lock their tenant first.
    Identity,
    /// A credential or a session.
    Belonging,
    /// A refresh token.
    RefreshToken,
}

impl Change {
    /// The rows that it locks first; `None` when others never wait for it while they hold something.
    pub fn locks(&self) -> Option<Locked> {
        match self {
            Self::HoldRoles { .. }
            | Self::CreateRole(_)
            | Self::ReplaceRole(_)
            | Self::DeleteRole { .. }
            | Self::KeepAdmin(_)
            | Self::CreateTenant(_)
            | Self::ReplaceTenant(_)
            | Self::DeleteTenant { .. }
            | Self::RevokeAllSessions { .. } => Some(Locked::Tenant),
            Self::HoldIdentity { .. }
            | Self::CreateIdentity { .. }
            | Self::ReplaceTraits { .. }
            | Self::SetState { .. }
            | Self::DeleteIdentity { .. }
            | Self::SetRoles { .. }
            | Self::OpenSession(_)
            | Self::RevokeSessions { .. } => Some(Locked::Identity),
            Self::AddCredential(_)
            | Self::ReplaceCredential(_)
            | Self::UseCredential { .. }
            | Self::IssueRefresh(_)
            | Self::RenewSession { .. }
            | Self::SeeSession { .. }
            | Self::RevokeSession { .. } => Some(Locked::Belonging),
            Self::RotateRefresh { .. } => Some(Locked::RefreshToken),
            Self::ForgetAttempts(_)
            | Self::KeepDataKey(_)
            | Self::RewrapDataKey(_)
            | Self::KeepSigningKey(_)
            | Self::RevokeToken(_)
            | Self::KeepAnswer(_)
            | Self::RemoveOutdated(_)
            | Self::AddSeal(_)
            | Self::KeepSealing(_)
            | Self::PurgeEvents { .. }
            | Self::Record(_) => None,
        }
    }

    /// Whether a list keeps the order: what is locked late was locked before or comes after all that is locked already.
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
    use crate::{CredentialId, IdentityId, TenantId, Timestamp};
    use uuid::Uuid;

    #[test]
    fn a_list_locks_the_tenant_then_the_identity_then_what_belongs_to_it() {
        let tenant = TenantId::default();
        let hold_roles = Change::HoldRoles { tenant: tenant.clone(), version: 1 };
        let hold = Change::HoldIdentity { tenant: tenant.clone(), identity: IdentityId(Uuid::nil()), version: 1 };
        let prove = Change::UseCredential {
            tenant: tenant.clone(),
            credential: CredentialId(Uuid::nil()),
            version: 1,
            at: Timestamp::UNIX_EPOCH,
        };
        let keep = Change::KeepAdmin(tenant);
        assert!(Change::in_lock_order(&[hold_roles.clone(), hold.clone(), prove.clone(), keep.clone()]));
        assert!(Change::in_lock_order(&[hold.clone(), prove.clone(), hold.clone()]), "it is locked already");
        assert!(!Change::in_lock_order(&[hold.clone(), keep]));
        assert!(!Change::in_lock_order(&[prove, hold.clone()]));
        assert!(!Change::in_lock_order(&[hold, hold_roles]));
    }
}
