//! Factors and one-time tokens.

use kayan_ports::{
    CommitError, CredentialId, Factor, FactorChange, FactorKind, Guard, IdentityId, OneTimeChange, OneTimePurpose,
    OneTimeToken, Removed, State, TenantId, Timestamp, TokenHash, Unique,
};

use crate::{passkeys, rows::Rows};

impl Rows {
    pub(crate) fn factors(&self, tenant: &TenantId, identity: IdentityId) -> Vec<Factor> {
        let theirs = |factor: &&Factor| factor.tenant == *tenant && factor.identity == identity;
        let mut factors: Vec<_> = self.factors.values().filter(theirs).cloned().collect();
        factors.sort_by_key(|factor| (factor.created_at, factor.id));
        factors
    }

    pub(crate) fn apply_factor(&mut self, change: FactorChange) -> Result<(), CommitError> {
        match change {
            FactorChange::Pin { tenant, identity, known } => return self.pin_factors(&tenant, identity, known),
            FactorChange::Add(factor) => return self.add_factor(*factor),
            FactorChange::Confirm { tenant, identity, factor, step, at } => {
                let totp = self.totp(&tenant, identity, factor)?;
                if *totp.confirmed {
                    return Err(CommitError::Stale(Guard::Factor));
                }
                totp.accept(step, at);
            }
            FactorChange::UseTotp { tenant, identity, factor, step, at } => {
                let totp = self.totp(&tenant, identity, factor)?;
                if !*totp.confirmed || *totp.last_step >= step {
                    return Err(CommitError::Stale(Guard::Factor));
                }
                totp.accept(step, at);
            }
            FactorChange::UseRecoveryCode { tenant, identity, hash } => {
                let spent = FactorKind::RecoveryCode { hash };
                return self.remove_factors(&tenant, identity, |factor| factor.kind == spent, 1);
            }
            FactorChange::UsePasskey { tenant, identity, factor, counter, backed_up, at } => {
                let factor = self.factor(&tenant, identity, factor)?;
                return passkeys::accept(factor, (counter, backed_up), at);
            }
            FactorChange::Rename { tenant, identity, factor, name, .. } => {
                let factor = self.factor(&tenant, identity, factor)?;
                if matches!(factor.kind, FactorKind::RecoveryCode { .. }) {
                    return Err(CommitError::Stale(Guard::Factor));
                }
                factor.name = name;
            }
            FactorChange::KeepWayIn { tenant, identity, without, ways_in } => {
                return self.keep_way_in(&tenant, (identity, without), ways_in);
            }
            FactorChange::Remove { tenant, identity, which } => {
                let unconfirmed = |factor: &Factor| !factor.kind.is_usable();
                return match which {
                    Removed::One(id) => self.remove_factors(&tenant, identity, |factor| factor.id == id, 1),
                    Removed::RecoveryCodes => {
                        let is_code = |factor: &Factor| matches!(factor.kind, FactorKind::RecoveryCode { .. });
                        self.remove_factors(&tenant, identity, is_code, 0)
                    }
                    Removed::UnconfirmedBefore(before) => {
                        let old = |factor: &Factor| unconfirmed(factor) && factor.created_at < before;
                        self.remove_factors(&tenant, identity, old, 0)
                    }
                    Removed::All => self.remove_factors(&tenant, identity, |_| true, 0),
                };
            }
        }
        Ok(())
    }

    fn add_factor(&mut self, factor: Factor) -> Result<(), CommitError> {
        self.identity(&(&factor.tenant).into(), factor.identity).ok_or(CommitError::Stale(Guard::Identity))?;
        let same = |other: &Factor| match (&other.kind, &factor.kind) {
            (FactorKind::Totp { .. }, FactorKind::Totp { .. }) => !other.kind.is_usable() && !factor.kind.is_usable(),
            (FactorKind::Webauthn(_), _) => false,
            (one, other) => one == other,
        };
        if let FactorKind::Webauthn(passkey) = &factor.kind
            && self.passkey(&factor.tenant, &passkey.credential_id).is_some()
        {
            return Err(CommitError::Conflict(Unique::Credential));
        }
        if self.factors(&factor.tenant, factor.identity).iter().any(same) {
            return Err(CommitError::Conflict(Unique::Credential));
        }
        self.factors.insert(factor.id, factor);
        Ok(())
    }

    pub(crate) fn factor(
        &mut self,
        tenant: &TenantId,
        identity: IdentityId,
        factor: CredentialId,
    ) -> Result<&mut Factor, CommitError> {
        let found = self.factors.get_mut(&factor);
        let theirs = found.filter(|factor| factor.tenant == *tenant && factor.identity == identity);
        theirs.ok_or(CommitError::Stale(Guard::Factor))
    }

    fn totp(&mut self, tenant: &TenantId, identity: IdentityId, factor: CredentialId) -> Result<Totp<'_>, CommitError> {
        match self.factor(tenant, identity, factor)? {
            Factor { kind: FactorKind::Totp { confirmed, last_step, .. }, last_used_at, .. } => {
                Ok(Totp { confirmed, last_step, last_used_at })
            }
            _ => Err(CommitError::Stale(Guard::Factor)),
        }
    }

    /// Removes them; fewer than `least` is a broken guard.
    fn remove_factors(
        &mut self,
        tenant: &TenantId,
        identity: IdentityId,
        which: impl Fn(&Factor) -> bool,
        least: usize,
    ) -> Result<(), CommitError> {
        let before = self.factors.len();
        self.factors.retain(|_, it| it.tenant != *tenant || it.identity != identity || !which(it));
        if before - self.factors.len() < least { Err(CommitError::Stale(Guard::Factor)) } else { Ok(()) }
    }

    pub(crate) fn one_time(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Option<&OneTimeToken> {
        let good =
            |token: &&OneTimeToken| token.tenant == *tenant && token.purpose == purpose && token.expires_at > now;
        self.one_time.get(hash).filter(good)
    }

    pub(crate) fn apply_one_time(&mut self, change: OneTimeChange) -> Result<(), CommitError> {
        let stale = || CommitError::Stale(Guard::OneTime);
        match change {
            OneTimeChange::Issue(token) | OneTimeChange::Replace(token) => {
                let is_foreign = self.one_time.get(&token.hash).is_some_and(|other| other.tenant != token.tenant);
                let is_active =
                    |id| self.identity(&(&token.tenant).into(), id).is_some_and(|owner| owner.state == State::Active);
                if token.identity.is_some_and(|id| is_foreign || !is_active(id)) {
                    return Err(CommitError::Stale(Guard::Identity));
                }
                if token.identity.is_none() && (is_foreign || !self.is_open(&token.tenant)) {
                    return Err(CommitError::Stale(Guard::Tenant));
                }
                self.one_time.insert(token.hash, *token);
            }
            OneTimeChange::Try { tenant, purpose, hash, at } => {
                self.one_time(&tenant, purpose, &hash, at).filter(|token| token.tries > 0).ok_or_else(stale)?;
                self.one_time.entry(hash).and_modify(|token| token.tries -= 1);
            }
            OneTimeChange::Use { tenant, purpose, hash, at } => {
                self.one_time(&tenant, purpose, &hash, at).ok_or_else(stale)?;
                self.one_time.remove(&hash);
            }
            OneTimeChange::Void { tenant, identity, purpose, since } => self.one_time.retain(|_, token| {
                token.tenant != tenant
                    || token.identity != Some(identity)
                    || token.purpose != purpose
                    || token.created_at < since
            }),
        }
        Ok(())
    }
}

struct Totp<'a> {
    confirmed: &'a mut bool,
    last_step: &'a mut i64,
    last_used_at: &'a mut Option<Timestamp>,
}

impl Totp<'_> {
    fn accept(self, step: i64, at: Timestamp) {
        *self.confirmed = true;
        *self.last_step = step;
        *self.last_used_at = Some(at);
    }
}
