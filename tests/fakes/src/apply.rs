//! Applies one change to the rows.

use kayan_ports::{Change, CommitError, Guard, Scope, Spent};

use crate::rows::Rows;

impl Rows {
    /// Applies one change; after an error the rows are good for nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::CreateIdentity { identity, identifiers } => self.create_identity(*identity, identifiers),
            Change::ReplaceTraits { tenant, identity, expected, traits, identifiers, verified, at } => {
                let found = self.changeable(&Scope::Tenant(tenant.clone()), identity, Some(expected), at)?;
                found.traits = traits;
                found.verified = verified;
                self.name(&tenant, identity, identifiers)
            }
            Change::SetState { scope, identity, expected, state, until, at } => {
                self.changeable(&scope, identity, expected, at)?.state = state;
                self.locked_until.remove(&identity);
                self.locked_until.extend(until.map(|until| (identity, until)));
                Ok(())
            }
            Change::DeleteIdentity { scope, identity, expected } => self.delete_identity(&scope, identity, expected),
            Change::SetRoles { tenant, identity, expected, roles, at } => {
                self.set_roles(tenant, (identity, expected), roles, at)
            }
            Change::HoldIdentity { tenant, identity, version } => self.hold_identity(&tenant.into(), identity, version),
            Change::HoldRoles { tenant, version } => self.hold_roles(&tenant, version),
            Change::CreateRole(role) => self.create_role(*role),
            Change::ReplaceRole(role) => self.replace_role(*role),
            Change::DeleteRole { tenant, name, expected } => self.delete_role(&tenant, &name, expected),
            Change::KeepAdmin(tenant) => self.keep_admin(&tenant),
            Change::CreateTenant(tenant) => self.create_tenant(*tenant),
            Change::ReplaceTenant(tenant) => self.replace_tenant(*tenant),
            Change::DeleteTenant { tenant, expected } => self.delete_tenant(&tenant, expected),
            Change::AddCredential(credential) => self.add_credential(*credential),
            Change::ReplaceCredential(credential) => self.replace_credential(*credential),
            Change::UseCredential { tenant, credential, version, .. } => {
                self.credential(&tenant, credential, version).map(|_| ())
            }
            Change::OpenSession(session) => self.open_session(*session),
            Change::IssueRefresh(token) => self.issue_refresh(*token),
            Change::RotateRefresh { spent, at, salt, client, next } => {
                self.spend(&next.tenant, &spent, Spent { at, salt, client })?;
                self.issue_refresh(*next)
            }
            Change::RenewSession { tenant, session, token, expires_at, at } => {
                self.check_token_is_new(&token)?;
                let session = self.active_session(&tenant, session)?;
                session.token = token;
                session.expires_at = expires_at;
                session.last_seen_at = at;
                Ok(())
            }
            Change::SeeSession { tenant, session, at } => {
                self.see_session(&tenant, session, at);
                Ok(())
            }
            Change::RevokeSessions { scope, identity, except } => {
                self.revoke_sessions(&scope, Some(identity), except);
                Ok(())
            }
            Change::RevokeAllSessions { scope, epoch } => {
                self.begin_epoch(&scope, epoch);
                self.revoke_sessions(&scope, None, None);
                Ok(())
            }
            Change::RevokeSession { tenant, identity, session } => {
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
            Change::KeepDataKey(key) => self.keep_data_key(*key),
            Change::RewrapDataKey(key) => self.rewrap_data_key(*key),
            Change::KeepSigningKey(key) => self.keep_signing_key(*key),
            Change::RevokeToken(revocation) => self.revoke_token(*revocation),
            Change::KeepAnswer(kept) => self.keep_answer(*kept),
            Change::RemoveOutdated(outdated) => {
                self.remove_outdated(&outdated);
                Ok(())
            }
            Change::AddSeal(seal) => self.add_seal(*seal),
            Change::KeepSealing(sealing) => self.keep_sealing(&sealing),
            Change::PurgeEvents { scope, until, .. } => {
                self.purge_events(&scope, until);
                Ok(())
            }
            Change::Record(event) => self.record(*event),
        }
    }
}
