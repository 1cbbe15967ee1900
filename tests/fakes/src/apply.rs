//! Applies one change to the rows.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, Guard, KeyChange, OneTimePurpose, RoleChange, Scope,
    SealChange, SessionChange, Spent, TenantChange,
};

use crate::rows::{Rows, takes_in};

impl Rows {
    /// Applies one change; after an error the rows are good for nothing.
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), CommitError> {
        match change {
            Change::Account(change) => self.apply_account(change),
            Change::Credential(change) => self.apply_credential(change),
            Change::Factor(change) => self.apply_factor(change),
            Change::Device(change) => self.apply_device(change),
            Change::OneTime(change) => self.apply_one_time(change),
            Change::Outbox(change) => self.apply_outbox(change),
            Change::Session(change) => self.apply_session(change),
            Change::Role(change) => self.apply_role(change),
            Change::Tenant(change) => self.apply_tenant(change),
            Change::Key(change) => self.apply_key(change),
            Change::IssuerKey(change) => self.apply_issuer_key(change),
            Change::Seal(SealChange::Add(seal)) => self.add_seal(*seal),
            Change::Seal(SealChange::Lease(sealing)) => self.lease_sealing(&sealing),
            Change::ForgetAttempts(key) => {
                self.attempts.remove(&key);
                Ok(())
            }
            Change::RevokeAdminToken(revocation) => self.revoke_token(*revocation),
            Change::StoreResponse(response) => self.store_response(*response),
            Change::RemoveExpired(expired) => {
                self.remove_expired(&expired);
                Ok(())
            }
            Change::PurgeEvents(purge) => {
                self.purge_events(&purge.scope, purge.until);
                Ok(())
            }
            Change::Record(event) => self.record(*event),
        }
    }

    fn apply_account(&mut self, change: AccountChange) -> Result<(), CommitError> {
        match change {
            AccountChange::Create { identity, identifiers } => self.create_identity(*identity, identifiers),
            AccountChange::ReplaceTraits { tenant, identity, expected, traits, identifiers, verified, at } => {
                let found = self.changeable(&Scope::Tenant(tenant.clone()), identity, Some(expected), at)?;
                found.traits = traits;
                found.verified = verified;
                self.name(&tenant, identity, identifiers)
            }
            AccountChange::SetState { scope, identity, expected, state, until, at } => {
                self.changeable(&scope, identity, expected, at)?.state = state;
                self.locked_until.remove(&identity);
                self.locked_until.extend(until.map(|until| (identity, until)));
                Ok(())
            }
            AccountChange::Delete { scope, identity, expected } => self.delete_identity(&scope, identity, expected),
            AccountChange::Pin { tenant, identity, version } => self.pin_identity(&tenant.into(), identity, version),
        }
    }

    fn apply_credential(&mut self, change: CredentialChange) -> Result<(), CommitError> {
        match change {
            CredentialChange::Add(credential) => self.add_credential(*credential),
            CredentialChange::Replace(credential) => self.replace_credential(*credential),
            CredentialChange::ChangePassword { credential, former } => {
                let id = credential.id;
                self.replace_credential(*credential)?;
                self.former_passwords.insert(id, former);
                Ok(())
            }
            CredentialChange::Link(link) => self.add_link(*link),
            CredentialChange::Unlink { tenant, identity, link } => self.remove_link(&tenant, identity, link),
            CredentialChange::Use { tenant, credential, version, at } => {
                if self.use_link(&tenant, (credential, version), at) {
                    return Ok(());
                }
                self.credential(&tenant, credential, version).map(|_| ())
            }
        }
    }

    fn apply_session(&mut self, change: SessionChange) -> Result<(), CommitError> {
        match change {
            SessionChange::Open(session) => return self.open_session(*session),
            SessionChange::IssueRefresh(token) => return self.issue_refresh(*token),
            SessionChange::RotateRefresh { spent, at, salt, client, next } => {
                self.spend(&next.tenant, &spent, Spent { at, salt, client })?;
                return self.issue_refresh(*next);
            }
            SessionChange::Renew { tenant, session, token, expires_at, at } => {
                self.check_token_is_new(&token)?;
                let session = self.active_session(&tenant, session)?;
                session.token = token;
                session.expires_at = expires_at;
                session.last_seen_at = at;
            }
            SessionChange::StepUp { presented, session } => {
                self.check_token_is_new(&session.token)?;
                let present = self.active_session(&session.tenant, session.id)?;
                if present.token != presented {
                    return Err(CommitError::Stale(Guard::Session));
                }
                *present = *session.clone();
                self.refresh_tokens.retain(|_, token| token.session != session.id);
            }
            SessionChange::Pin { tenant, session, token } => {
                if self.active_session(&tenant, session)?.token != token {
                    return Err(CommitError::Stale(Guard::Session));
                }
            }
            SessionChange::Touch { tenant, session, at } => self.touch_session(&tenant, session, at),
            SessionChange::Revoke { tenant, identity, session } => {
                let session = self.active_session(&tenant, session)?;
                if session.identity != identity {
                    return Err(CommitError::Stale(Guard::Session));
                }
                session.active = false;
            }
            SessionChange::RevokeOf { scope, identity, except } => {
                self.revoke_sessions(&scope, Some(identity), except);
                self.one_time.retain(|_, token| {
                    token.identity != Some(identity)
                        || !takes_in(&scope, &token.tenant)
                        || token.purpose == OneTimePurpose::EmailRevert
                });
                self.distrust(&scope, identity);
            }
            SessionChange::RevokeAll { scope, epoch } => {
                self.begin_epoch(&scope, epoch);
                self.revoke_sessions(&scope, None, None);
            }
        }
        Ok(())
    }

    fn apply_role(&mut self, change: RoleChange) -> Result<(), CommitError> {
        match change {
            RoleChange::Create(role) => self.create_role(*role),
            RoleChange::Replace(role) => self.replace_role(*role),
            RoleChange::Delete { tenant, name, expected } => self.delete_role(&tenant, &name, expected),
            RoleChange::Assign { tenant, identity, expected, roles, at } => {
                self.assign_roles(tenant, (identity, expected), roles, at)
            }
            RoleChange::Pin { tenant, version } => self.pin_roles(&tenant, version),
            RoleChange::RequireAdmin(tenant) => self.require_admin(&tenant),
        }
    }

    fn apply_tenant(&mut self, change: TenantChange) -> Result<(), CommitError> {
        match change {
            TenantChange::Create(tenant) => self.create_tenant(*tenant),
            TenantChange::Replace(tenant) => self.replace_tenant(*tenant),
            TenantChange::Delete { tenant, expected } => self.delete_tenant(&tenant, expected),
        }
    }

    fn apply_key(&mut self, change: KeyChange) -> Result<(), CommitError> {
        match change {
            KeyChange::StoreDataKey(key) => self.store_data_key(*key),
            KeyChange::RewrapDataKey(key) => self.rewrap_data_key(*key),
            KeyChange::StoreSigningKey(key) => self.store_signing_key(*key),
        }
    }
}
