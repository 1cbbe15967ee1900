//! Applies one change to the rows.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, Guard, KeyChange, PurgeEvents, RoleChange, Scope, SealChange,
    SessionChange, Spent, TenantChange,
};

use crate::rows::Rows;

impl Rows {
    /// Applies one change; after an error the rows are good for nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::Account(AccountChange::Create { identity, identifiers }) => {
                self.create_identity(*identity, identifiers)
            }
            Change::Account(AccountChange::ReplaceTraits {
                tenant,
                identity,
                expected,
                traits,
                identifiers,
                verified,
                at,
            }) => {
                let found = self.changeable(&Scope::Tenant(tenant.clone()), identity, Some(expected), at)?;
                found.traits = traits;
                found.verified = verified;
                self.name(&tenant, identity, identifiers)
            }
            Change::Account(AccountChange::SetState { scope, identity, expected, state, until, at }) => {
                self.changeable(&scope, identity, expected, at)?.state = state;
                self.locked_until.remove(&identity);
                self.locked_until.extend(until.map(|until| (identity, until)));
                Ok(())
            }
            Change::Account(AccountChange::Delete { scope, identity, expected }) => {
                self.delete_identity(&scope, identity, expected)
            }
            Change::Role(RoleChange::Assign { tenant, identity, expected, roles, at }) => {
                self.set_roles(tenant, (identity, expected), roles, at)
            }
            Change::Account(AccountChange::Pin { tenant, identity, version }) => {
                self.hold_identity(&tenant.into(), identity, version)
            }
            Change::Role(RoleChange::Pin { tenant, version }) => self.hold_roles(&tenant, version),
            Change::Role(RoleChange::Create(role)) => self.create_role(*role),
            Change::Role(RoleChange::Replace(role)) => self.replace_role(*role),
            Change::Role(RoleChange::Delete { tenant, name, expected }) => self.delete_role(&tenant, &name, expected),
            Change::Role(RoleChange::RequireAdmin(tenant)) => self.keep_admin(&tenant),
            Change::Tenant(TenantChange::Create(tenant)) => self.create_tenant(*tenant),
            Change::Tenant(TenantChange::Replace(tenant)) => self.replace_tenant(*tenant),
            Change::Tenant(TenantChange::Delete { tenant, expected }) => self.delete_tenant(&tenant, expected),
            Change::Credential(CredentialChange::Add(credential)) => self.add_credential(*credential),
            Change::Credential(CredentialChange::Replace(credential)) => self.replace_credential(*credential),
            Change::Credential(CredentialChange::Use { tenant, credential, version, .. }) => {
                self.credential(&tenant, credential, version).map(|_| ())
            }
            Change::Session(SessionChange::Open(session)) => self.open_session(*session),
            Change::Session(SessionChange::IssueRefresh(token)) => self.issue_refresh(*token),
            Change::Session(SessionChange::RotateRefresh { spent, at, salt, client, next }) => {
                self.spend(&next.tenant, &spent, Spent { at, salt, client })?;
                self.issue_refresh(*next)
            }
            Change::Session(SessionChange::Renew { tenant, session, token, expires_at, at }) => {
                self.check_token_is_new(&token)?;
                let session = self.active_session(&tenant, session)?;
                session.token = token;
                session.expires_at = expires_at;
                session.last_seen_at = at;
                Ok(())
            }
            Change::Session(SessionChange::Touch { tenant, session, at }) => {
                self.see_session(&tenant, session, at);
                Ok(())
            }
            Change::Session(SessionChange::RevokeOf { scope, identity, except }) => {
                self.revoke_sessions(&scope, Some(identity), except);
                Ok(())
            }
            Change::Session(SessionChange::RevokeAll { scope, epoch }) => {
                self.begin_epoch(&scope, epoch);
                self.revoke_sessions(&scope, None, None);
                Ok(())
            }
            Change::Session(SessionChange::Revoke { tenant, identity, session }) => {
                let session = self.active_session(&tenant, session)?;
                if session.identity != identity {
                    return Err(CommitError::Stale(Guard::Session));
                }
                session.active = false;
                Ok(())
            }
            Change::ForgetAttempts(key) => {
                self.attempts.remove(&key);
                Ok(())
            }
            Change::Key(KeyChange::StoreDataKey(key)) => self.keep_data_key(*key),
            Change::Key(KeyChange::RewrapDataKey(key)) => self.rewrap_data_key(*key),
            Change::Key(KeyChange::StoreSigningKey(key)) => self.keep_signing_key(*key),
            Change::RevokeAdminToken(revocation) => self.revoke_token(*revocation),
            Change::StoreResponse(response) => self.store_response(*response),
            Change::RemoveExpired(expired) => {
                self.remove_expired(&expired);
                Ok(())
            }
            Change::Seal(SealChange::Add(seal)) => self.add_seal(*seal),
            Change::Seal(SealChange::Lease(sealing)) => self.keep_sealing(&sealing),
            Change::PurgeEvents(PurgeEvents { scope, until, .. }) => {
                self.purge_events(&scope, until);
                Ok(())
            }
            Change::Record(event) => self.record(*event),
        }
    }
}
