//! What an admin token allows.

use kayan_ports::{AdminToken, AdminTokenId, Bounds, Scope, TenantId, Timestamp};
use time::Duration;

use crate::policy::permission::{Grants, Pattern, Permission};

/// The shortest and the longest lifetime of a token.
pub const LIFETIMES: (Duration, Duration) = (Duration::SECOND, Duration::days(366));
/// The maximum number of patterns in a block.
pub const MOST_PERMISSIONS: usize = 32;

/// Why a token can't be created or attenuated like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// It grants a permission that nothing requires: most likely a typing mistake.
    #[error("`{0}` gives none of the permissions there are: {known}, or patterns of them such as users:* or *", known = known())]
    Unknown(Pattern),
    /// No permission, or too many.
    #[error("name 1 to {MOST_PERMISSIONS} permissions, not {0}")]
    Permissions(usize),
    /// The lifetime is too short or too long.
    #[error("a token lives for at least a second and at most 366 days, not {0}")]
    Lifetime(Duration),
}

fn known() -> String {
    let names: Vec<&str> = Permission::BUILT_IN.iter().map(Permission::as_str).collect();
    names.join(", ")
}

/// The patterns of a block, if each grants a known permission.
pub fn permissions(patterns: &[Pattern]) -> Result<Vec<String>, BoundsError> {
    if patterns.is_empty() || patterns.len() > MOST_PERMISSIONS {
        return Err(BoundsError::Permissions(patterns.len()));
    }
    let gives_something = |pattern: &Pattern| Permission::BUILT_IN.iter().any(|known| pattern.covers(known));
    match patterns.iter().find(|pattern| !gives_something(pattern)) {
        Some(unknown) => Err(BoundsError::Unknown(unknown.clone())),
        None => Ok(patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()),
    }
}

/// When a token with this lifetime expires, rounded down to a whole second.
pub fn end(now: Timestamp, ttl: std::time::Duration) -> Result<Timestamp, BoundsError> {
    let ttl = Duration::try_from(ttl).unwrap_or(Duration::MAX);
    if ttl < LIFETIMES.0 || ttl > LIFETIMES.1 {
        return Err(BoundsError::Lifetime(ttl));
    }
    Ok((now + ttl).truncate_to_second())
}

fn all(token: &AdminToken) -> impl Iterator<Item = &Bounds> {
    std::iter::once(&token.first.bounds).chain(token.later.iter().map(|block| &block.bounds))
}

/// When it expires: at the earliest expiry of its blocks.
pub fn expires_at(token: &AdminToken) -> Option<Timestamp> {
    all(token).filter_map(|bounds| bounds.expires_at).min()
}

/// The tenant that it is bound to. If its blocks name several, it is valid in none.
pub fn tenant(token: &AdminToken) -> Option<&TenantId> {
    all(token).find_map(|bounds| bounds.tenant.as_ref())
}

/// Its scope.
pub fn scope(token: &AdminToken) -> Scope {
    tenant(token).map_or(Scope::System, Scope::from)
}

/// The ids under which it can be revoked, its own last.
pub fn ids(token: &AdminToken) -> Vec<AdminTokenId> {
    std::iter::once(token.first.id).chain(token.later.iter().map(|block| block.id)).collect()
}

/// Its permissions: those that the first block and every later one grant. `None` if a pattern is not valid: nothing is
/// guessed.
pub fn grants(token: &AdminToken) -> Option<Grants> {
    let read = |texts: &[String]| texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<Pattern>>>();
    let mut grants = Grants::direct(read(token.first.bounds.permissions.as_deref()?)?);
    for limit in token.later.iter().filter_map(|block| block.bounds.permissions.as_deref()) {
        grants = grants.limited_to(read(limit)?);
    }
    Some(grants)
}
