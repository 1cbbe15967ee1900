//! What an admin token is worth.

use kayan_ports::{AdminToken, AdminTokenId, Bounds, Scope, TenantId, Timestamp};
use time::Duration;

use crate::policy::permission::{Grants, Pattern, Permission};

/// The shortest and the longest life of a token.
pub const LIFETIMES: (Duration, Duration) = (Duration::SECOND, Duration::days(366));
/// The most patterns that one block has.
pub const MOST_PERMISSIONS: usize = 32;

/// Says why a token can't be made or narrowed like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// It gives a permission that nothing asks for: most likely a slip of the pen.
    #[error("`{0}` gives none of the permissions there are: {known}, or patterns of them such as users:* or *", known = known())]
    Unknown(Pattern),
    /// None, or too many.
    #[error("name 1 to {MOST_PERMISSIONS} permissions, not {0}")]
    Permissions(usize),
    /// Too short or too long a life.
    #[error("a token lives for at least a second and at most 366 days, not {0}")]
    Lifetime(Duration),
}

fn known() -> String {
    let names: Vec<&str> = Permission::BUILT_IN.iter().map(Permission::as_str).collect();
    names.join(", ")
}

/// The patterns as a block has them, if each gives something that there is.
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

/// When a token ends that lives so long from now: a whole second, and no later.
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

/// When it ends: when its first block to end does.
pub fn expires_at(token: &AdminToken) -> Option<Timestamp> {
    all(token).filter_map(|bounds| bounds.expires_at).min()
}

/// The tenant that it is bound to. Of several, it is good in none: then it does not hold.
pub fn tenant(token: &AdminToken) -> Option<&TenantId> {
    all(token).find_map(|bounds| bounds.tenant.as_ref())
}

/// What may be seen and touched with it.
pub fn scope(token: &AdminToken) -> Scope {
    tenant(token).map_or(Scope::System, Scope::from)
}

/// The ids that revoke it, its own last.
pub fn ids(token: &AdminToken) -> Vec<AdminTokenId> {
    std::iter::once(token.first.id).chain(token.later.iter().map(|block| block.id)).collect()
}

/// What may be done with it: what the first block gives, as far as every later one gives it, too. `None` when a pattern is
/// none, which is no reason to guess.
pub fn grants(token: &AdminToken) -> Option<Grants> {
    let read = |texts: &[String]| texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<Pattern>>>();
    let mut grants = Grants::direct(read(token.first.bounds.permissions.as_deref()?)?);
    for limit in token.later.iter().filter_map(|block| block.bounds.permissions.as_deref()) {
        grants = grants.limited_to(read(limit)?);
    }
    Some(grants)
}
