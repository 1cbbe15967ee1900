//! Exports users as NDJSON, in the format of the import.

use kayan_ports::{AccountQuery, EventType, IdentityId, State, TenantId, Timestamp, terminal};
use serde_json::json;

use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission, user::line::UserLine};

/// How many users are read at once.
const PAGE: u32 = 500;

/// Exports users.
#[derive(Debug, Clone)]
pub struct ExportUsers {
    /// Only those in this state.
    pub state: Option<State>,
    /// Whether to include the hashes of their passwords, which allow guessing offline.
    pub hashes: bool,
}

/// Why the export failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportUsersError {
    /// The operator may not export users.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The tenant is unknown.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A running export: one tenant after the other, oldest user first. A user who exists during the whole export is in it
/// once.
pub struct UserExport<'a> {
    kayan: &'a Kayan,
    operator: &'a Operator,
    cmd: ExportUsers,
    place: Place,
}

/// The position of the export.
enum Place {
    /// After all users of this tenant, if any.
    Behind(Option<TenantId>),
    /// Within a tenant, after this user if any.
    Within(TenantId, Option<(Timestamp, IdentityId)>),
    /// At its end.
    End,
}

impl Kayan {
    /// Starts to export the users that the operator may access. Hashes require the permission to set passwords as well.
    pub async fn export_users<'a>(
        &'a self,
        operator: &'a Operator,
        cmd: ExportUsers,
    ) -> Result<UserExport<'a>, ExportUsersError> {
        self.permit(operator, &Permission::USERS_READ, "user.export").await?;
        if cmd.hashes {
            self.permit(operator, &Permission::USERS_WRITE, "user.export").await?;
        }
        let mut export = UserExport { kayan: self, operator, cmd, place: Place::Behind(None) };
        if let Some(tenant) = operator.scope.tenant() {
            // An inactive tenant may be about to be deleted, which is when its users are exported.
            if self.store.tenants.tenant(tenant).await?.is_none() {
                return Err(ExportUsersError::NoTenant(tenant.clone()));
            }
            export.enter(tenant.clone()).await?;
        }
        Ok(export)
    }
}

impl UserExport<'_> {
    /// The next users, one on each line; `None` at the end. Uses the memory of one page.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ExportUsersError> {
        loop {
            let (tenant, after) = match &self.place {
                Place::End => return Ok(None),
                Place::Within(tenant, after) => (tenant.clone(), *after),
                Place::Behind(tenant) => {
                    let next = self.kayan.store.accounts.tenant_with_accounts(tenant.as_ref()).await?;
                    let Some(next) = next else {
                        self.place = Place::End;
                        continue;
                    };
                    self.enter(next).await?;
                    continue;
                }
            };
            if let Some(lines) = self.page(tenant, after).await? {
                return Ok(Some(lines));
            }
        }
    }

    /// Goes to a tenant's first user, and audits that before any of them is returned (I-31).
    async fn enter(&mut self, tenant: TenantId) -> Result<(), Failure> {
        let (kayan, cmd) = (self.kayan, &self.cmd);
        let event = kayan
            .operator_event(self.operator, &tenant, EventType::AdminAction, kayan.clock.now(), "users were exported")
            .with("action", "user.export")
            .with("with_hashes", cmd.hashes)
            .with("state", json!(cmd.state));
        kayan.record(event).await?;
        self.place = Place::Within(tenant, None);
        Ok(())
    }

    /// A page of a tenant's users, and moves behind it; `None` at the end.
    async fn page(
        &mut self,
        tenant: TenantId,
        after: Option<(Timestamp, IdentityId)>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let ExportUsers { state, hashes } = self.cmd;
        let query = AccountQuery { tenant: tenant.clone(), state, after, hashes, limit: PAGE };
        let accounts = self.kayan.store.accounts.accounts(&query).await?;
        let Some(last) = accounts.last() else {
            let one = self.operator.scope.tenant().is_some();
            self.place = if one { Place::End } else { Place::Behind(Some(tenant)) };
            return Ok(None);
        };
        self.place = Place::Within(tenant, Some((last.identity.created_at, last.identity.id)));
        let mut lines = Vec::with_capacity(accounts.len() * 512);
        for account in accounts {
            terminal::write_json(&mut lines, &UserLine::of(account.identity, account.hash))
                .map_err(|error| Failure::Fault(format!("cannot be written as JSON: {error}")))?;
            lines.push(b'\n');
        }
        Ok(Some(lines))
    }
}

#[cfg(test)]
mod tests;
