//! Imports users with their password hashes from other systems.

mod commit;
mod ids;
mod refusal;
mod report;
mod roles;
mod seen;

use kayan_ports::{
    AdoptError, Change, HashCost, Identity, IdentityId, NamedIdentifier, PasswordHash, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use time::Duration;

pub use self::{refusal::Refusal, report::ImportReport, seen::SeenUsers};
use crate::{
    DeniedError, Failure, FieldError, Kayan, Operator,
    access::idempotency::Once,
    policy::{identifier, permission::Permission},
    user::line::UserLine,
    yielding::yield_now,
};

/// The best number of lines in a batch: enough to spread the cost of a commit, few enough that logins do not wait long
/// behind it.
pub const BATCH_LINES: usize = 500;
/// A batch whose lines have this many bytes together is large enough.
pub const BATCH_BYTES: usize = 1024 * 1024;

/// The most lines in one request.
pub const MOST_LINES: usize = 10_000;

/// After this many bytes other tasks have their turn; each line counts as 256 bytes more than it has.
const YIELD_AFTER: usize = 16 * 1024;

/// The most errors that are reported of a line.
const MOST_ERRORS: usize = 20;

/// Imports users: a batch of lines in the order of the file.
#[derive(Debug)]
pub struct ImportUsers<'a> {
    /// The lines.
    pub lines: Vec<ReadLine>,
    /// Changes nothing, and reports as far as possible what would happen.
    pub dry_run: bool,
    /// The users of the batches before this one.
    pub seen: &'a mut SeenUsers,
}

/// A parsed line.
#[derive(Debug)]
pub struct ReadLine {
    number: u64,
    user: Result<Box<NewUser>, Refusal>,
}

/// A user to import.
#[derive(Debug, Clone)]
struct NewUser {
    identity: Identity,
    identifiers: Vec<NamedIdentifier>,
    hash: Option<PasswordHash>,
    /// The id in the line.
    given_id: Option<IdentityId>,
    /// The changes that keep what the check of its roles depends on; none if it has no roles.
    holds: Vec<Change>,
}

/// The name of the action in the audit trail.
const ACTION: &str = "user.import";

/// The report on a line. As JSON: `{"line", "outcome", "id"?, "cuts_at_72_bytes"?}`, or with `code`, `reason` and
/// `fields` if it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// Its number in the file, from 1.
    pub line: u64,
    /// The outcome.
    pub fate: ImportOutcome,
    /// Whether the imported hash covers only the first 72 bytes of the password.
    pub cutting: bool,
}

/// The outcome of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportOutcome {
    /// The user was imported.
    Imported(IdentityId),
    /// The user would be imported, were this not a dry run.
    WouldImport,
    /// The user exists already and was not changed.
    Exists(IdentityId),
    /// The user was not imported.
    Refused(Refusal),
}

/// Why a batch failed. Some of it may be imported; repeat it to find out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportUsersError {
    /// The operator may not import users.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// More lines than [`MOST_LINES`]; none was imported.
    #[error("an import has at most {MOST_LINES} lines: send several, or use `kayan admin user import`")]
    TooManyLines,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Parses a line and checks what needs no database; `None` for an empty line. Numbers begin at 1. `most` is the
    /// highest cost of a hash.
    pub fn read_line(&self, operator: &Operator, most: HashCost, number: u64, line: &[u8]) -> Option<ReadLine> {
        // Some editors start a file with a byte order mark.
        let line = if number == 1 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        if line.trim_ascii().is_empty() {
            return None;
        }
        let read = UserLine::read(line).and_then(|line| self.judge(operator, most, line));
        Some(ReadLine { number, user: read.map(Box::new) })
    }

    /// The report on a line that exceeds the limit; its text was not read.
    pub fn overlong_line(number: u64) -> ReadLine {
        ReadLine { number, user: Err(Refusal::TooLong) }
    }

    /// Imports the users who do not exist yet, in one commit if none conflicts, and reports on each line. A line that
    /// fails does not affect the others.
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
                Err(refusal) => reports.push(LineReport::new(number, ImportOutcome::Refused(refusal))),
            }
        }
        let (wanted, refused) = self.check_roles(operator, wanted, dry_run).await?;
        reports.extend(refused);
        let outcomes = if dry_run { self.preview(wanted).await? } else { self.import_new(operator, wanted).await? };
        reports.extend(outcomes);
        reports.sort_unstable_by_key(|report| report.line);
        Ok(reports)
    }

    /// Imports an NDJSON text of at most [`MOST_LINES`] lines.
    pub async fn import_ndjson(
        &self,
        operator: &Operator,
        text: &[u8],
        dry_run: bool,
    ) -> Result<ImportReport, ImportUsersError> {
        self.permit(operator, &Permission::USERS_WRITE, ACTION).await?;
        let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n');
        if lines.take(MOST_LINES + 1).count() > MOST_LINES {
            return Err(ImportUsersError::TooManyLines);
        }
        self.once(operator, |once| self.import_all(once, operator, text, dry_run)).await
    }

    async fn import_all(
        &self,
        once: Once<'_>,
        operator: &Operator,
        text: &[u8],
        dry_run: bool,
    ) -> Result<ImportReport, ImportUsersError> {
        let (mut seen, mut report) = (SeenUsers::default(), ImportReport::default());
        let mut numbered = (1..).zip(text.split(|&byte| byte == b'\n'));
        loop {
            let mut lines = Vec::with_capacity(BATCH_LINES);
            let mut work = 0;
            for (number, line) in numbered.by_ref() {
                lines.extend(self.read_line(operator, HashCost::Ordinary, number, line));
                work += line.len() + 256;
                if work > YIELD_AFTER {
                    work = 0;
                    yield_now().await;
                }
                if lines.len() == BATCH_LINES {
                    break;
                }
            }
            if lines.is_empty() {
                break;
            }
            let cmd = ImportUsers { lines, dry_run, seen: &mut seen };
            report.add(self.import_users(operator, cmd).await?);
        }
        // Broken off before this, it is carried out again, and finds in whoever came in.
        once.commit(Vec::new(), None, &report).await.map_err(Failure::from)?;
        Ok(report)
    }

    fn judge(&self, operator: &Operator, most: HashCost, line: UserLine) -> Result<NewUser, Refusal> {
        let now = self.clock.now();
        let mut errors = Vec::new();
        let tenant = home(operator, line.tenant_id, &mut errors);
        let identifiers = self.schema.identify(&line.traits).unwrap_or_else(|wrong| {
            errors.extend(wrong);
            Vec::new()
        });
        if errors.is_empty() && identifiers.is_empty() && line.id.is_none() {
            let why = "is required for a user without an identifier, so that a second run finds it";
            errors.push(FieldError::new("/id", "required", why));
        }
        if line.id.is_some_and(|id| id.0.is_nil() || id.0.is_max()) {
            errors.push(FieldError::new("/id", "invalid", "must be a UUID other than the nil and the max UUID"));
        }
        if errors.is_empty() {
            errors.extend(unknown_addresses(&line.verified, &identifiers));
        }
        let adopted = line.password_hash.as_ref().map(|hash| self.hasher.adopt(hash, most)).transpose();
        let hash = adopted.unwrap_or_else(|error| {
            let code = match error {
                AdoptError::Unknown => "unknown_hash",
                AdoptError::Costly => "costly_hash",
            };
            errors.push(FieldError::new("/password_hash", code, error.to_string()));
            None
        });
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
        identity.id = line.id.map_or(identity.id, |id| ids::id_of(operator, &tenant, id));
        identity.state = line.state.unwrap_or(identity.state);
        identity.verified = line.verified;
        for role in line.roles {
            if !identity.roles.contains(&role) {
                identity.roles.push(role);
            }
        }
        identity.created_at = line.created_at.unwrap_or(now);
        identity.last_login_at = line.last_login_at;
        Ok(NewUser { identity, identifiers, hash, given_id: line.id, holds: Vec::new() })
    }
}

/// The tenant of a line: the one it names, if the operator may access it, or else the operator's.
fn home(operator: &Operator, named: Option<TenantId>, errors: &mut Vec<FieldError>) -> TenantId {
    let own = operator.scope.tenant();
    if let (Some(named), Some(own)) = (&named, own)
        && named != own
    {
        let why = format!("must be {own}, the tenant of this import, or be left out");
        errors.push(FieldError::new("/tenant_id", "other_tenant", why));
    }
    named.or_else(|| own.cloned()).unwrap_or_default()
}

/// Verified addresses that are none of the user's identifiers.
fn unknown_addresses(verified: &[String], identifiers: &[NamedIdentifier]) -> Vec<FieldError> {
    let own = |address: &str| {
        identifier::canonical(address).is_ok_and(|value| identifiers.iter().any(|named| named.value == value))
    };
    let strange = verified.iter().enumerate().filter(|(_, address)| !own(address));
    let told = strange.map(|(at, _)| {
        FieldError::new(format!("/verified/{at}"), "not_an_identifier", "must be one of the user's own identifiers")
    });
    told.collect()
}

/// Every database can store these years, and lists are sorted by creation time.
fn is_plausible(at: Timestamp, now: Timestamp) -> bool {
    at >= Timestamp::UNIX_EPOCH && at <= now.saturating_add(Duration::DAY)
}

impl ImportOutcome {
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

impl LineReport {
    fn new(line: u64, fate: ImportOutcome) -> Self {
        Self { line, fate, cutting: false }
    }

    /// The report on a user who is, or would be, imported.
    fn of(line: u64, user: &NewUser, fate: ImportOutcome) -> Self {
        Self { line, fate, cutting: user.hash.as_ref().is_some_and(PasswordHash::is_cutting) }
    }
}

impl Serialize for LineReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("line", &self.line)?;
        out.serialize_entry("outcome", self.fate.as_str())?;
        match &self.fate {
            ImportOutcome::WouldImport => {}
            ImportOutcome::Imported(id) | ImportOutcome::Exists(id) => out.serialize_entry("id", id)?,
            ImportOutcome::Refused(refusal) => {
                out.serialize_entry("code", refusal.code())?;
                out.serialize_entry("reason", &refusal.to_string())?;
                if let Refusal::Invalid(fields) = refusal {
                    out.serialize_entry("fields", fields)?;
                }
            }
        }
        if self.cutting {
            out.serialize_entry("cuts_at_72_bytes", &true)?;
        }
        out.end()
    }
}

#[cfg(test)]
mod tests;
