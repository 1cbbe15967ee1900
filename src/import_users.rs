//! Brings users along from elsewhere, with the password hashes that they have there.

mod bring_in;
mod refusal;
mod roles;
mod seen;

use kayan_ports::{Change, Identity, NamedIdentifier, PasswordHash, TenantId, Timestamp};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use time::Duration;

pub use self::{refusal::Refusal, seen::SeenUsers};
use crate::{
    DeniedError, Failure, FieldError, Kayan, Operator,
    policy::{identifier, permission::Permission},
    user_line::UserLine,
};

/// So many lines are best brought in at once: enough to make the disk's part of each small, few enough that logins do
/// not wait long behind them.
pub const BATCH_LINES: usize = 500;
/// A batch whose lines have so many bytes together is large enough.
pub const BATCH_BYTES: usize = 1024 * 1024;

/// So many things that are wrong with a line are told.
const MOST_ERRORS: usize = 20;

/// The wish for more users: a batch of lines in the order of the file.
#[derive(Debug)]
pub struct ImportUsers<'a> {
    /// What was read.
    pub lines: Vec<ReadLine>,
    /// Changes nothing, and tells as far as it can what would come of it.
    pub dry_run: bool,
    /// What the batches before this one had.
    pub seen: &'a mut SeenUsers,
}

/// What came of reading a line.
#[derive(Debug)]
pub struct ReadLine {
    number: u64,
    user: Result<Box<NewUser>, Refusal>,
}

/// Somebody to be brought in.
#[derive(Debug, Clone)]
struct NewUser {
    identity: Identity,
    identifiers: Vec<NamedIdentifier>,
    hash: Option<PasswordHash>,
    /// Whether the line has the id, or it was made here.
    brings_id: bool,
    /// The changes that keep what its roles were judged by; none if it has no roles.
    holds: Vec<Change>,
}

/// What the audit trail calls it.
const ACTION: &str = "user.import";

/// What came of a line. As JSON: `{"line", "outcome", "id"?}`, or with `code`, `reason` and `fields` if it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// Its number in the file, from 1.
    pub line: u64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// The user is in.
    Imported(kayan_ports::IdentityId),
    /// The user would be in, were it not a dry run.
    WouldImport,
    /// The user was in already and is left as it is.
    Exists(kayan_ports::IdentityId),
    /// The user is not in.
    Refused(Refusal),
}

/// Why a batch was not brought in. Some of it may have been: the same again tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportUsersError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The service can't do it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Reads a line and judges what can be judged without the database; `None` for an empty one. Numbers begin at 1.
    pub fn read_line(&self, operator: &Operator, number: u64, line: &[u8]) -> Option<ReadLine> {
        // Some editors begin a file with a byte order mark.
        let line = if number == 1 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        if line.trim_ascii().is_empty() {
            return None;
        }
        let read = UserLine::read(line).and_then(|line| self.judge(operator, line));
        Some(ReadLine { number, user: read.map(Box::new) })
    }

    /// Reads what is longer than a line may be, without its text.
    pub fn overlong_line(number: u64) -> ReadLine {
        ReadLine { number, user: Err(Refusal::TooLong) }
    }

    /// Brings in whoever is not there yet, all with one commit if nothing is in the way, and tells of each line what
    /// came of it. Nobody's failure is another's.
    pub async fn import_users(
        &self,
        operator: &Operator,
        cmd: ImportUsers<'_>,
    ) -> Result<Vec<LineReport>, ImportUsersError> {
        self.permit(operator, &Permission::USERS_WRITE, ACTION).await?;
        let ImportUsers { lines, dry_run, seen } = cmd;
        let mut reports = Vec::with_capacity(lines.len());
        let mut wanted = Vec::with_capacity(lines.len());
        for ReadLine { number, user } in lines {
            match user.and_then(|user| seen.admit(number, &user).map(|()| user)) {
                Ok(user) => wanted.push((number, user)),
                Err(refusal) => reports.push(LineReport { line: number, fate: Fate::Refused(refusal) }),
            }
        }
        let (wanted, refused) = self.let_roles_in(operator, wanted, dry_run).await?;
        reports.extend(refused);
        let outcomes = if dry_run { self.foresee(wanted).await? } else { self.bring_in(operator, wanted).await? };
        reports.extend(outcomes);
        reports.sort_unstable_by_key(|report| report.line);
        Ok(reports)
    }

    /// Brings in the users of a whole NDJSON text.
    pub async fn import_ndjson(
        &self,
        operator: &Operator,
        text: &[u8],
        dry_run: bool,
    ) -> Result<Vec<LineReport>, ImportUsersError> {
        self.permit(operator, &Permission::USERS_WRITE, ACTION).await?;
        let fates: Vec<(u64, Fate)> = self.once(operator, self.import_all(operator, text, dry_run)).await?;
        Ok(fates.into_iter().map(|(line, fate)| LineReport { line, fate }).collect())
    }

    async fn import_all(
        &self,
        operator: &Operator,
        text: &[u8],
        dry_run: bool,
    ) -> Result<Vec<(u64, Fate)>, ImportUsersError> {
        let mut seen = SeenUsers::default();
        let numbered = (1..).zip(text.split(|&byte| byte == b'\n'));
        let mut lines: Vec<ReadLine> =
            numbered.filter_map(|(number, line)| self.read_line(operator, number, line)).collect();
        let mut fates = Vec::with_capacity(lines.len());
        while !lines.is_empty() {
            let rest = lines.split_off(lines.len().min(BATCH_LINES));
            let cmd = ImportUsers { lines, dry_run, seen: &mut seen };
            let reports = self.import_users(operator, cmd).await?;
            fates.extend(reports.into_iter().map(|report| (report.line, report.fate)));
            lines = rest;
        }
        // Broken off before this, it is carried out again, and finds in whoever came in.
        if let Some(kept) = self.keeping(operator, None, &fates).await? {
            self.store.commit(vec![kept]).await.map_err(Failure::from)?;
        }
        Ok(fates)
    }

    fn judge(&self, operator: &Operator, line: UserLine) -> Result<NewUser, Refusal> {
        let now = self.clock.now();
        let mut errors = Vec::new();
        let tenant = home(operator, line.tenant_id, &mut errors);
        let identifiers = self.schema.identify(&line.traits).unwrap_or_else(|wrong| {
            errors.extend(wrong);
            Vec::new()
        });
        if errors.is_empty() && identifiers.is_empty() && line.id.is_none() {
            let why = "is required of a user without an identifier, so that a second run finds it";
            errors.push(FieldError::new("/id", "required", why));
        }
        if line.id.is_some_and(|id| id.0.is_nil() || id.0.is_max()) {
            errors.push(FieldError::new("/id", "invalid", "must be a UUID of somebody, not the nil or the max UUID"));
        }
        if errors.is_empty() {
            errors.extend(strangers(&line.verified, &identifiers));
        }
        let unknown = |hash: &PasswordHash| !self.hasher.recognises(hash);
        if line.password_hash.as_ref().is_some_and(unknown) {
            let why = "must be a hash by bcrypt, argon2, scrypt or PBKDF2 of a bearable cost";
            errors.push(FieldError::new("/password_hash", "unknown_hash", why));
        }
        for (at, pointer) in [(line.created_at, "/created_at"), (line.last_login_at, "/last_login_at")] {
            errors.extend(at.filter(|at| !is_plausible(*at, now)).map(|_| {
                FieldError::new(pointer, "implausible", "must be after 1970 and no more than a day ahead of now")
            }));
        }
        if !errors.is_empty() {
            errors.truncate(MOST_ERRORS);
            return Err(Refusal::Invalid(errors));
        }
        let mut identity = self.new_identity(&tenant, line.traits, now);
        identity.id = line.id.unwrap_or(identity.id);
        identity.state = line.state.unwrap_or(identity.state);
        identity.verified = line.verified;
        for role in line.roles {
            if !identity.roles.contains(&role) {
                identity.roles.push(role);
            }
        }
        identity.created_at = line.created_at.unwrap_or(now);
        identity.last_login_at = line.last_login_at;
        Ok(NewUser { identity, identifiers, hash: line.password_hash, brings_id: line.id.is_some(), holds: Vec::new() })
    }
}

/// The tenant of a line: its own, if the operator may go there, or else the operator's.
fn home(operator: &Operator, named: Option<TenantId>, errors: &mut Vec<FieldError>) -> TenantId {
    let own = operator.scope.tenant();
    if let (Some(named), Some(own)) = (&named, own)
        && named != own
    {
        let why = format!("must be {own}, into which this import goes; or be left out");
        errors.push(FieldError::new("/tenant_id", "other_tenant", why));
    }
    named.or_else(|| own.cloned()).unwrap_or_default()
}

/// Addresses said to be verified that nobody logs in with.
fn strangers(verified: &[String], identifiers: &[NamedIdentifier]) -> Vec<FieldError> {
    let own = |address: &str| {
        identifier::canonical(address).is_ok_and(|value| identifiers.iter().any(|named| named.value == value))
    };
    let strange = verified.iter().enumerate().filter(|(_, address)| !own(address));
    let told = strange.map(|(at, _)| {
        FieldError::new(format!("/verified/{at}"), "not_an_identifier", "must be one of the user's own identifiers")
    });
    told.collect()
}

/// Every database keeps these years, and lists are in the order of creation.
fn is_plausible(at: Timestamp, now: Timestamp) -> bool {
    at >= Timestamp::UNIX_EPOCH && at <= now.saturating_add(Duration::DAY)
}

impl Fate {
    /// The name in a report.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Imported(_) => "imported",
            Self::WouldImport => "would_import",
            Self::Exists(_) => "exists",
            Self::Refused(_) => "failed",
        }
    }
}

impl Serialize for LineReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("line", &self.line)?;
        out.serialize_entry("outcome", self.fate.as_str())?;
        match &self.fate {
            Fate::WouldImport => {}
            Fate::Imported(id) | Fate::Exists(id) => out.serialize_entry("id", id)?,
            Fate::Refused(refusal) => {
                out.serialize_entry("code", refusal.code())?;
                out.serialize_entry("reason", &refusal.to_string())?;
                if let Refusal::Invalid(fields) = refusal {
                    out.serialize_entry("fields", fields)?;
                }
            }
        }
        out.end()
    }
}

#[cfg(test)]
mod tests;
