//! Permissions, and the patterns that grant them.
//!
//! A permission is one to eight segments parted by `:`, as in `users:read`. A grant is a pattern: `*` in it stands for one
//! segment, `**` at its end for one or more, and a lone `*` for everything. Wildcards count in grants only: what is asked
//! for is always spelled out (I-32).

use std::{borrow::Cow, fmt, str::FromStr};

/// The most segments there are in one.
const MOST_SEGMENTS: usize = 8;
/// The longest segment, in bytes.
const LONGEST_SEGMENT: usize = 63;

/// Something that may be allowed, spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission(Cow<'static, str>);

/// What permissions a grant gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(String);

/// Why a text is not a permission, or not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// Its syntax is wrong.
    #[error(
        "`{0}` is no permission: write one to eight segments of a-z, 0-9, '-', '_' and '.', parted by ':', as in users:read"
    )]
    Malformed(String),
    /// It has a wildcard where none is allowed.
    #[error("`{0}` has a wildcard: `*` for a segment and `**` at the end count in grants only")]
    Wildcard(String),
}

macro_rules! built_in {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        impl Permission {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)+

            /// Every permission that the service itself asks for.
            pub const BUILT_IN: &[Self] = &[$(Self::$name),+];
        }
    };
}

built_in! {
    /// Look at users.
    USERS_READ = "users:read";
    /// Make and change users.
    USERS_WRITE = "users:write";
    /// Remove users.
    USERS_DELETE = "users:delete";
    /// Look at tenants.
    TENANTS_READ = "tenants:read";
    /// Make and change tenants.
    TENANTS_WRITE = "tenants:write";
    /// Remove tenants.
    TENANTS_DELETE = "tenants:delete";
    /// Look at roles.
    ROLES_READ = "roles:read";
    /// Make, change, give and take roles.
    ROLES_WRITE = "roles:write";
    /// Remove roles.
    ROLES_DELETE = "roles:delete";
    /// Look at sessions.
    SESSIONS_READ = "sessions:read";
    /// End sessions.
    SESSIONS_REVOKE = "sessions:revoke";
    /// Look at the audit trail.
    AUDIT_READ = "audit:read";
    /// Take the audit trail out.
    AUDIT_EXPORT = "audit:export";
    /// Remove events by their age.
    AUDIT_PURGE = "audit:purge";
    /// Look at messages, without what they say.
    MESSAGES_READ = "messages:read";
    /// Send messages again, and discard them.
    MESSAGES_WRITE = "messages:write";
    /// Look at signing keys, without their private halves.
    KEYS_READ = "keys:read";
    /// Replace and retire signing keys.
    KEYS_WRITE = "keys:write";
    /// Look into the process.
    DEBUG_READ = "debug:read";
    /// Change how the process does its work: how much it logs.
    DEBUG_WRITE = "debug:write";
}

impl Permission {
    /// The permission as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    /// Everything.
    pub fn everything() -> Self {
        Self("**".to_owned())
    }

    /// Exactly this permission.
    pub fn only(permission: &Permission) -> Self {
        Self(permission.0.clone().into_owned())
    }

    /// The pattern as text; a lone `*` reads `**`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the permission is one of those it gives.
    pub fn covers(&self, permission: &Permission) -> bool {
        takes_in(&self.0, &permission.0)
    }

    /// Whether every permission that `other` gives is one that this gives.
    pub fn includes(&self, other: &Self) -> bool {
        takes_in(&self.0, &other.0)
    }
}

/// Whether `wide` gives all that `narrow` does. A wildcard of `narrow` is taken in by the same or a wider one only.
fn takes_in(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split(':'), narrow.split(':'));
    loop {
        match (wide.next(), narrow.next()) {
            (None, None) | (Some("**"), Some(_)) => return true,
            (Some("*"), Some(segment)) if segment != "**" => {}
            (Some(segment), Some(other)) if segment == other => {}
            _ => return false,
        }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('*') {
            return Err(PermissionError::Wildcard(shown(text)));
        }
        if is_well_formed(text, is_segment) { Ok(Self(text.to_owned().into())) } else { Err(malformed(text)) }
    }
}

impl FromStr for Pattern {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::everything());
        }
        let (begin, end) = text.rsplit_once(':').unwrap_or(("", text));
        let begin_is_sound = begin.is_empty() && !text.starts_with(':') || !begin.split(':').any(|it| it == "**");
        let is_sound = |segment: &str| matches!(segment, "*" | "**") || is_segment(segment);
        if begin_is_sound && is_sound(end) && is_well_formed(text, is_sound) {
            Ok(Self(text.to_owned()))
        } else {
            Err(malformed(text))
        }
    }
}

fn is_well_formed(text: &str, is_sound: impl Fn(&str) -> bool) -> bool {
    text.split(':').take(MOST_SEGMENTS + 1).count() <= MOST_SEGMENTS && text.split(':').all(is_sound)
}

fn is_segment(segment: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    segment.len() <= LONGEST_SEGMENT
        && segment.bytes().next().is_some_and(plain)
        && segment.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_' | b'.'))
}

fn malformed(text: &str) -> PermissionError {
    PermissionError::Malformed(shown(text))
}

/// What was written, as far as it can be shown in one line.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The patterns that an identity or a token holds, and through which role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    held: Vec<Held>,
    /// What a token's later blocks leave of it: each set must cover, too.
    limits: Vec<Vec<Pattern>>,
}

/// A pattern that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    pattern: Pattern,
    /// The role that was given, then the parents that lead to the one that has the pattern; empty: held directly.
    via: Vec<String>,
}

impl Grants {
    /// Everything, as an operator at the command line has.
    pub fn everything() -> Self {
        Self::direct([Pattern::everything()])
    }

    /// These patterns, through no role.
    pub fn direct(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let held = patterns.into_iter().map(|pattern| Held { pattern, via: Vec::new() });
        Self { held: held.collect(), limits: Vec::new() }
    }

    /// Also this pattern, through these roles.
    pub fn add(&mut self, pattern: Pattern, via: Vec<String>) {
        self.held.push(Held { pattern, via });
    }

    /// Only what these patterns give, too.
    #[must_use]
    pub fn limited_to(mut self, patterns: Vec<Pattern>) -> Self {
        self.limits.push(patterns);
        self
    }

    /// Whether the permission is given.
    pub fn covers(&self, permission: &Permission) -> bool {
        self.via(permission).is_some()
    }

    /// Through which roles the permission is given, if it is: the shortest way, or no role when it is held directly.
    pub fn via(&self, permission: &Permission) -> Option<&[String]> {
        let within = self.limits.iter().all(|limit| limit.iter().any(|pattern| pattern.covers(permission)));
        let held = self.held.iter().filter(|held| within && held.pattern.covers(permission));
        held.map(|held| held.via.as_slice()).min_by_key(|via| via.len())
    }

    /// The patterns, whichever roles they are held through. Limits are not looked at.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.held.iter().map(|held| &held.pattern)
    }

    /// The first pattern of `other` that is not wholly held here; `None` when this holds all that `other` gives.
    ///
    /// Cautious: a pattern counts as held when a single one here includes it. Limits of `other` are not looked at.
    pub fn missing(&self, other: &Self) -> Option<Pattern> {
        let holds = |wanted: &Pattern| {
            let within = self.limits.iter().all(|limit| limit.iter().any(|pattern| pattern.includes(wanted)));
            within && self.held.iter().any(|held| held.pattern.includes(wanted))
        };
        other.patterns().find(|wanted| !holds(wanted)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    fn permission(text: &str) -> Permission {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_stands_for_one_segment_and_two_at_the_end_for_the_rest() {
        for (grant, covered, not) in [
            ("users:read", &["users:read"][..], &["users:write", "users", "users:read:own"][..]),
            ("users:*", &["users:read", "users:write"], &["users", "users:read:own", "roles:read"]),
            ("*:read", &["users:read", "roles:read"], &["users:write", "read", "a:b:read"]),
            ("users:**", &["users:read", "users:read:own"], &["users", "roles:read"]),
            ("*:*", &["users:read"], &["users", "users:read:own"]),
            ("*", &["users", "users:read", "a:b:c:d"], &[]),
            ("**", &["users", "users:read", "a:b:c:d"], &[]),
        ] {
            for asked in covered {
                assert!(pattern(grant).covers(&permission(asked)), "{grant} {asked}");
            }
            for asked in not {
                assert!(!pattern(grant).covers(&permission(asked)), "{grant} {asked}");
            }
        }
    }

    #[test]
    fn i_32_wildcards_count_in_grants_only() {
        for asked in ["*", "users:*", "users:**", "us*ers:read"] {
            assert_eq!(asked.parse::<Permission>(), Err(PermissionError::Wildcard(asked.to_owned())));
        }
    }

    #[test]
    fn what_is_no_permission_is_refused() {
        let long = "a".repeat(64);
        for text in ["", ":", "users:", ":read", "Users:read", "users read", "a:b:c:d:e:f:g:h:i", "ü:read", &long, "-a"]
        {
            assert!(text.parse::<Permission>().is_err(), "{text}");
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
        for text in ["**:read", "users:**:own", "users:re*", "***", "*:"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_includes_exactly_what_it_gives_at_least() {
        let all = ["a", "b", "a:a", "a:b", "b:a", "a:a:a", "a:b:a", "*:a", "a:*", "*:*", "a:**", "**", "*:*:*", "*:**"];
        let permissions = ["a", "b", "a:a", "a:b", "b:a", "b:b", "a:a:a", "a:b:a", "b:a:a", "a:a:a:a"].map(permission);
        for wide in all.map(pattern) {
            for narrow in all.map(pattern).iter().filter(|narrow| wide.includes(narrow)) {
                let given = permissions.iter().filter(|permission| narrow.covers(permission));
                given.for_each(|permission| assert!(wide.covers(permission), "{wide} {narrow} {permission}"));
            }
            assert!(wide.includes(&wide), "{wide}");
            assert!(Pattern::everything().includes(&wide), "{wide}");
        }
        assert!(!pattern("users:*").includes(&pattern("users:**")));
        assert!(!pattern("users:read").includes(&pattern("users:*")));
    }

    #[test]
    fn i_30_what_is_not_wholly_held_is_missing() {
        let mine = Grants::direct(["users:*", "audit:read"].map(pattern));
        assert_eq!(mine.missing(&Grants::direct(["users:read", "audit:read"].map(pattern))), None);
        assert_eq!(mine.missing(&Grants::direct(["users:read", "audit:*"].map(pattern))), Some(pattern("audit:*")));
        assert_eq!(mine.missing(&Grants::everything()), Some(pattern("**")));
        let limited = Grants::everything().limited_to(vec![pattern("users:read")]);
        assert_eq!(limited.missing(&Grants::direct([pattern("users:write")])), Some(pattern("users:write")));
    }

    #[test]
    fn a_limit_narrows_and_never_widens() {
        let grants = Grants::direct([pattern("users:*")]).limited_to(["users:read", "roles:read"].map(pattern).into());
        assert!(grants.covers(&permission("users:read")));
        assert!(!grants.covers(&permission("users:write")), "the limit leaves it out");
        assert!(!grants.covers(&permission("roles:read")), "it was never held");
        assert!(!grants.limited_to(Vec::new()).covers(&permission("users:read")), "nothing is left");
    }

    #[test]
    fn the_shortest_way_to_a_permission_is_told() {
        let mut grants = Grants::default();
        grants.add(pattern("users:*"), vec!["boss".to_owned(), "editor".to_owned()]);
        grants.add(pattern("users:read"), vec!["viewer".to_owned()]);
        assert_eq!(grants.via(&permission("users:read")), Some(&["viewer".to_owned()][..]));
        assert_eq!(grants.via(&permission("users:write")), Some(&["boss".to_owned(), "editor".to_owned()][..]));
        assert_eq!(grants.via(&permission("roles:read")), None);
    }
}
