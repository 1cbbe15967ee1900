//! Checks for common problems with second factors.

use std::{collections::BTreeSet, slice};

use kayan_ports::{CredentialId, Factor, FactorKind, IdentityId, KeyError, Tenant, TenantId, TenantQuery, Timestamp};

use crate::{Failure, Kayan, factor::find::secret_of};

/// The most users that are looked at in each tenant, and with each role.
pub const MOST_USERS: u32 = 1_000;
/// The most credentials that are looked at.
pub const MOST_CREDENTIALS: u32 = 1_000;
/// The most tenants that are read.
const MOST_TENANTS: u64 = 1_000;
/// How many tenants are read at once.
const PAGE: u32 = 100;

/// A tenant that requires a second factor, now or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiringTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// When that begins, if it has not begun yet.
    pub from: Option<Timestamp>,
    /// The roles that it is required of and that don't exist.
    pub unknown_roles: Vec<String>,
    /// How many users have no second factor, of the newest [`MOST_USERS`] that are active and of whom it is required.
    pub without: usize,
}

/// What a sample of the secrets of authenticator apps showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedSecrets {
    /// How many secrets can be opened.
    pub opened: usize,
    /// Those that can't be opened, each with its owner.
    pub damaged: Vec<(CredentialId, IdentityId)>,
}

impl Kayan {
    /// The first tenants that require a second factor, `most` of them, among the first thousand by name.
    pub async fn check_required_factors(&self, most: usize) -> Result<Vec<RequiringTenant>, Failure> {
        let (mut found, mut offset) = (Vec::new(), 0);
        loop {
            let query = TenantQuery { only: None, limit: PAGE, offset };
            let page = self.store.tenants.tenants(&query).await?;
            for tenant in page.rows.iter().filter(|tenant| tenant.active && tenant.settings.mfa_required) {
                if found.len() == most {
                    return Ok(found);
                }
                found.push(self.check_required_factor(tenant).await?);
            }
            offset += u64::from(PAGE);
            if offset >= page.total.min(MOST_TENANTS) {
                return Ok(found);
            }
        }
    }

    async fn check_required_factor(&self, tenant: &Tenant) -> Result<RequiringTenant, Failure> {
        let (id, settings) = (&tenant.id, &tenant.settings);
        let (mut without, mut unknown_roles) = (BTreeSet::new(), Vec::new());
        match &settings.mfa_required_roles {
            None => without.extend(self.store.accounts.without_factor(id, None, MOST_USERS).await?),
            Some(roles) => {
                let definitions = self.definitions(id).await?;
                let is_unknown = |role: &&String| definitions.know(slice::from_ref(*role)).is_err();
                unknown_roles.extend(roles.iter().filter(is_unknown).cloned());
                for role in definitions.heirs(roles) {
                    without.extend(self.store.accounts.without_factor(id, Some(role), MOST_USERS).await?);
                }
            }
        }
        let from = settings.mfa_required_from.filter(|from| self.clock.now() < *from);
        Ok(RequiringTenant { tenant: id.clone(), from, unknown_roles, without: without.len() })
    }

    /// Opens the secrets of the authenticator apps among the newest [`MOST_CREDENTIALS`] credentials.
    pub async fn check_factor_secrets(&self) -> Result<CheckedSecrets, KeyError> {
        let mut checked = CheckedSecrets::default();
        for app in self.store.factors.newest_apps(MOST_CREDENTIALS).await? {
            let FactorKind::Totp { secret, .. } = &app.kind else { continue };
            match self.keys.open(secret_of(&app), secret).await {
                Ok(_) => checked.opened += 1,
                Err(KeyError::Failed(Failure::Fault(_))) => checked.damaged.push(of(&app)),
                Err(other) => return Err(other),
            }
        }
        Ok(checked)
    }
}

fn of(app: &Factor) -> (CredentialId, IdentityId) {
    (app.id, app.identity)
}

#[cfg(test)]
mod tests;
