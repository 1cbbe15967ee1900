//! Commits many users at once, and finds the few that conflict.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use kayan_ports::{
    AccountChange, Change, Client, CommitError, CredentialChange, EventType, Guard, Identifier, NamedIdentifier,
    TenantId, Timestamp,
};

use super::{ImportOutcome, LineReport, NewUser, Refusal};
use crate::{Failure, Kayan, Operator, account::identity::path};

/// A line's number and its user.
pub(super) type Numbered = (u64, Box<NewUser>);

/// How many users are looked up concurrently.
const CONCURRENT: usize = 16;

impl Kayan {
    /// What would happen to these users, as far as it can be known.
    pub(super) async fn preview(&self, wanted: Vec<Numbered>) -> Result<Vec<LineReport>, Failure> {
        let (free, mut reports) = self.look(wanted).await?;
        reports.extend(free.into_iter().map(|(line, user)| LineReport::of(line, &user, ImportOutcome::WouldImport)));
        Ok(reports)
    }

    /// Imports those users who do not exist yet.
    pub(super) async fn import_new(
        &self,
        operator: &Operator,
        wanted: Vec<Numbered>,
    ) -> Result<Vec<LineReport>, Failure> {
        // A user with a derived id would not conflict, even if the original id is taken.
        let unseen = wanted.iter().all(|(_, user)| !user.has_new_id());
        if unseen && self.commit_users(operator, &wanted).await? {
            return Ok(wanted.iter().map(imported).collect());
        }
        let (free, mut reports) = self.look(wanted).await?;
        let mut parts = vec![free];
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            if self.commit_users(operator, &part).await? {
                reports.extend(part.iter().map(imported));
            } else if part.len() > 1 {
                // A conflict appeared after the lookup: retry in halves, until the conflicting users stand alone.
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            } else {
                let (raced, told) = self.look(part).await?;
                reports.extend(told);
                reports.extend(
                    raced.into_iter().map(|(line, _)| LineReport::new(line, ImportOutcome::Refused(Refusal::Raced))),
                );
            }
        }
        Ok(reports)
    }

    /// Commits all users, each with its audit event (I-33), and one event of the operator's for each tenant (I-31);
    /// `false`, with nothing committed, if one of them conflicts.
    async fn commit_users(&self, operator: &Operator, users: &[Numbered]) -> Result<bool, Failure> {
        let now = self.clock.now();
        let mut changes = Vec::with_capacity(3 * users.len() + 2);
        changes.extend(holds(users));
        for (_, user) in users {
            self.creation(operator, user, now, &mut changes);
        }
        changes.extend(self.summaries(operator, users, now));
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_) | CommitError::Stale(Guard::Tenant | Guard::Roles | Guard::Identity)) => {
                Ok(false)
            }
            Err(other) => Err(other.into()),
        }
    }

    fn creation(&self, operator: &Operator, user: &NewUser, now: Timestamp, changes: &mut Vec<Change>) {
        let NewUser { identity, identifiers, hash, .. } = user;
        let event = self
            .operator_event(operator, &identity.tenant, EventType::IdentityCreated, now, "imported")
            .about(identity.id)
            .resource(path(identity));
        changes.push(Change::Account(AccountChange::Create {
            identity: Box::new(identity.clone()),
            identifiers: identifiers.clone(),
        }));
        let password = hash.clone().map(|hash| self.new_password(identity, hash, now));
        changes.extend(password.map(|password| Change::Credential(CredentialChange::Add(Box::new(password)))));
        changes.push(event.record());
    }

    fn summaries(&self, operator: &Operator, users: &[Numbered], now: Timestamp) -> Vec<Change> {
        let mut tenants: BTreeMap<&TenantId, (u64, u64, u64)> = BTreeMap::new();
        for (line, user) in users {
            let (count, _, last) = tenants.entry(&user.identity.tenant).or_insert((0, *line, *line));
            *count += 1;
            *last = *line;
        }
        let told = tenants.into_iter().map(|(tenant, (count, first, last))| {
            self.operator_event(operator, tenant, EventType::AdminAction, now, "users were imported")
                .with("action", super::ACTION)
                .with("count", count)
                .with("lines", format!("{first}-{last}"))
                .record()
        });
        told.collect()
    }

    /// Separates the users who do not exist yet from the others, with the outcome of these.
    async fn look(&self, users: Vec<Numbered>) -> Result<(Vec<Numbered>, Vec<LineReport>), Failure> {
        let mut fates = Vec::with_capacity(users.len());
        for some in users.chunks(CONCURRENT) {
            fates.extend(try_join_all(some.iter().map(|(_, user)| self.look_for(user))).await?);
        }
        let (mut free, mut reports) = (Vec::new(), Vec::new());
        for ((line, user), fate) in users.into_iter().zip(fates) {
            match fate {
                None => free.push((line, user)),
                Some(fate) => reports.push(LineReport::new(line, fate)),
            }
        }
        Ok((free, reports))
    }

    /// Why a user can't be imported; `None` if they can.
    async fn look_for(&self, user: &NewUser) -> Result<Option<ImportOutcome>, Failure> {
        let NewUser { identity, identifiers, given_id, .. } = user;
        // A user without an identifier still needs a tenant.
        let nameless = [NamedIdentifier { field: String::new(), value: Identifier::from_canonical(String::new()) }];
        let names = if identifiers.is_empty() { &nameless[..] } else { identifiers };
        let mut owner = None;
        for NamedIdentifier { field, value } in names {
            let Some(found) =
                self.store.credentials.login_candidate(&identity.tenant, value, &Client::default(), None).await?
            else {
                return Ok(Some(ImportOutcome::Refused(Refusal::NoTenant(identity.tenant.clone()))));
            };
            let Some(found) = found.known.map(|known| known.identity.id) else { continue };
            let another = given_id.is_some_and(|given_id| given_id != found && identity.id != found);
            if another || owner.is_some_and(|owner| owner != found) {
                return Ok(Some(ImportOutcome::Refused(Refusal::IdentifierTaken(field.clone()))));
            }
            owner = Some(found);
        }
        match owner {
            Some(owner) => Ok(Some(ImportOutcome::Exists(owner))),
            None => self.look_for_id(user).await,
        }
    }
}

/// Keeps what the check of roles depends on until the commit. Only an operator bound to a tenant needs this, so there
/// is one tenant.
fn holds(users: &[Numbered]) -> impl Iterator<Item = Change> {
    let with_roles = users.iter().filter(|(_, user)| !user.holds.is_empty());
    let tenants: BTreeMap<&TenantId, &[Change]> =
        with_roles.map(|(_, user)| (&user.identity.tenant, user.holds.as_slice())).collect();
    tenants.into_values().flatten().cloned()
}

fn imported((line, user): &Numbered) -> LineReport {
    LineReport::of(*line, user, ImportOutcome::Imported(user.identity.id))
}
