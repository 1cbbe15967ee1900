//! Roles: what they grant, and what they inherit.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    slice,
};

use kayan_ports::{ADMIN, DefinedRoles, Role, Version};

use crate::policy::permission::{Grants, Pattern, PermissionError};

/// How many parents one may have above it, in a line.
pub const MOST_GENERATIONS: usize = 32;
/// How many permissions, and how many parents, one role has at most.
pub const MOST_ENTRIES: usize = 256;

/// The built-in roles, and what they grant.
pub const BUILT_IN: [(&str, &[&str]); 3] = [
    (ADMIN, &["**"]),
    ("operator", &["users:read", "tenants:read", "sessions:*", "audit:read", "messages:read"]),
    ("viewer", &["*:read"]),
];

/// Why a role's definition is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// Its name is not valid.
    #[error(
        "`{0}` is not a valid name for a role: write 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit"
    )]
    Name(String),
    /// It has the name of a built-in role.
    #[error("the role `{0}` is built in and stays as it is")]
    BuiltIn(String),
    /// The permission at this position is not valid.
    #[error("{1}")]
    Permission(usize, PermissionError),
    /// The parent at this position does not exist.
    #[error("there is no role `{1}` to inherit from")]
    UnknownParent(usize, String),
    /// It would inherit from itself, through these roles.
    #[error("the role would inherit from itself: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// It would have too many generations of parents.
    #[error("there would be more than {MOST_GENERATIONS} generations of parents above `{0}`")]
    TooDeep(String),
    /// It has too many permissions or parents.
    #[error("a role has at most {MOST_ENTRIES} permissions and {MOST_ENTRIES} parents")]
    TooMany,
}

/// No role has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role `{name}`; there are {}", known.join(", "))]
pub struct UnknownRole {
    /// The name.
    pub name: String,
    /// The names of the existing roles.
    pub known: Vec<String>,
}

/// A tenant's roles, including the built-in ones.
#[derive(Debug)]
pub struct Definitions {
    roles: BTreeMap<String, Definition>,
    /// Of what was read from the store.
    pub version: Version,
}

#[derive(Debug, Clone)]
struct Definition {
    permissions: Vec<Pattern>,
    parents: Vec<String>,
}

/// Whether this is the name of a built-in role.
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
}

impl Definitions {
    /// The stored and the built-in roles. A stored permission that is not valid grants nothing.
    pub fn new(stored: &DefinedRoles) -> Self {
        let read = |permissions: &[String]| permissions.iter().filter_map(|text| text.parse().ok()).collect();
        let stored_roles = stored.defined.iter().map(|role| {
            let definition = Definition { permissions: read(&role.permissions), parents: role.parents.clone() };
            (role.name.clone(), definition)
        });
        let built_in = BUILT_IN.iter().map(|(name, permissions)| {
            let permissions = permissions.iter().filter_map(|text| text.parse().ok()).collect();
            ((*name).to_owned(), Definition { permissions, parents: Vec::new() })
        });
        Self { roles: stored_roles.chain(built_in).collect(), version: stored.version }
    }

    /// Returns `Ok` if there is a role for each of these names.
    pub fn know(&self, names: &[String]) -> Result<(), UnknownRole> {
        match names.iter().find(|name| !self.roles.contains_key(*name)) {
            None => Ok(()),
            Some(unknown) => Err(UnknownRole { name: unknown.clone(), known: self.roles.keys().cloned().collect() }),
        }
    }

    /// What these roles grant, and through which roles. Each role is visited once, along the shortest path; an unknown one
    /// grants nothing.
    pub fn grants(&self, names: &[String]) -> Grants {
        let mut grants = Grants::default();
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut next: VecDeque<(&str, Vec<String>)> =
            names.iter().map(|name| (name.as_str(), vec![name.clone()])).collect();
        while let Some((name, line)) = next.pop_front() {
            let Some((known, definition)) = self.roles.get_key_value(name) else { continue };
            if lines.contains_key(known.as_str()) || line.len() > MOST_GENERATIONS + 1 {
                continue;
            }
            for pattern in &definition.permissions {
                grants.add(pattern.clone(), line.clone());
            }
            for parent in &definition.parents {
                let mut longer = line.clone();
                longer.push(parent.clone());
                next.push_back((parent.as_str(), longer));
            }
            lines.insert(known.as_str(), line);
        }
        grants
    }

    /// Whether one who has the roles `held` has one of `names`, directly or by inheritance.
    pub fn include(&self, held: &[String], names: &[String]) -> bool {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = held.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            if names.iter().any(|wanted| wanted == name) {
                return true;
            }
            if seen.insert(name) {
                let definition = self.roles.get(name);
                next.extend(definition.into_iter().flat_map(|it| &it.parents).map(String::as_str));
            }
        }
        false
    }

    /// These roles and all that they inherit from, as far as they exist, in order.
    pub fn effective(&self, names: &[String]) -> Vec<String> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = names.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            if let Some((name, definition)) = self.roles.get_key_value(name)
                && seen.insert(name)
            {
                next.extend(definition.parents.iter().map(String::as_str));
            }
        }
        seen.into_iter().map(str::to_owned).collect()
    }

    /// These roles and all that inherit from them, as far as they exist.
    pub fn heirs(&self, names: &[String]) -> Vec<&str> {
        let roles = self.roles.keys();
        roles.filter(|role| self.include(slice::from_ref(*role), names)).map(String::as_str).collect()
    }

    /// Judges a role that is to be added, or to replace the one of its name.
    pub fn judge(&self, wished: &Role) -> Result<(), RoleError> {
        if !is_name(&wished.name) {
            return Err(RoleError::Name(wished.name.chars().filter(|c| !c.is_control()).take(80).collect()));
        }
        if is_built_in(&wished.name) {
            return Err(RoleError::BuiltIn(wished.name.clone()));
        }
        if wished.permissions.len() > MOST_ENTRIES || wished.parents.len() > MOST_ENTRIES {
            return Err(RoleError::TooMany);
        }
        for (position, text) in wished.permissions.iter().enumerate() {
            text.parse::<Pattern>().map_err(|error| RoleError::Permission(position, error))?;
        }
        for (position, parent) in wished.parents.iter().enumerate() {
            if *parent != wished.name && !self.roles.contains_key(parent) {
                return Err(RoleError::UnknownParent(position, parent.clone()));
            }
        }
        self.judge_lines(wished)
    }

    /// Every path of parents from the new definition upwards, and every one that leads to it, is short and ends.
    fn judge_lines(&self, wished: &Role) -> Result<(), RoleError> {
        let definition = Definition { permissions: Vec::new(), parents: wished.parents.clone() };
        let mut all: BTreeMap<&str, &Definition> =
            self.roles.iter().map(|(name, definition)| (name.as_str(), definition)).collect();
        all.insert(&wished.name, &definition);
        let mut heights = BTreeMap::new();
        for name in all.keys() {
            climb(&all, name, &mut Vec::new(), &mut heights)?;
        }
        match heights.iter().find(|(_, height)| **height > MOST_GENERATIONS) {
            Some((name, _)) => Err(RoleError::TooDeep((*name).to_owned())),
            None => Ok(()),
        }
    }
}

/// How many generations of parents are above a role; each role is climbed once. `line` is what led to it.
fn climb<'a>(
    all: &BTreeMap<&'a str, &'a Definition>,
    name: &'a str,
    line: &mut Vec<String>,
    heights: &mut BTreeMap<&'a str, usize>,
) -> Result<usize, RoleError> {
    if let Some(height) = heights.get(name) {
        return Ok(*height);
    }
    if let Some(begin) = line.iter().position(|before| before == name) {
        let mut cycle = line.split_off(begin);
        cycle.push(name.to_owned());
        return Err(RoleError::Cycle(cycle));
    }
    // Stored definitions are never deeper, and the new one adds one.
    if line.len() > MOST_GENERATIONS + 1 {
        return Err(RoleError::TooDeep(line.first().cloned().unwrap_or_default()));
    }
    line.push(name.to_owned());
    let mut height = 0;
    for parent in all.get(name).map(|definition| definition.parents.as_slice()).unwrap_or_default() {
        if all.contains_key(parent.as_str()) {
            height = height.max(climb(all, parent, line, heights)? + 1);
        }
    }
    line.pop();
    heights.insert(name, height);
    Ok(height)
}

/// Whether a role can have this name.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 63
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use kayan_ports::{TenantId, Timestamp};

    use super::*;

    fn role(name: &str, permissions: &[&str], parents: &[&str]) -> Role {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let at = Timestamp::UNIX_EPOCH;
        Role {
            tenant: TenantId::default(),
            name: name.to_owned(),
            description: String::new(),
            permissions: owned(permissions),
            parents: owned(parents),
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    fn definitions(defined: Vec<Role>) -> Definitions {
        Definitions::new(&DefinedRoles { defined, version: 1 })
    }

    fn via(definitions: &Definitions, roles: &[&str], permission: &str) -> Option<Vec<String>> {
        let names: Vec<String> = roles.iter().map(|name| (*name).to_owned()).collect();
        definitions.grants(&names).via(&permission.parse().unwrap()).map(<[String]>::to_vec)
    }

    fn line(count: usize) -> Vec<Role> {
        let name = |number: usize| format!("r{number}");
        (0..count)
            .map(|n| if n == 0 { role("r0", &["deep:read"], &[]) } else { role(&name(n), &[], &[&name(n - 1)]) })
            .collect()
    }

    #[test]
    fn the_built_in_roles_grant_what_they_say() {
        let none = definitions(vec![]);
        for (name, given, not) in [
            ("admin", &["users:delete", "anything:at:all"][..], &[][..]),
            ("operator", &["users:read", "sessions:revoke", "audit:read"], &["users:write", "audit:export"]),
            ("viewer", &["users:read", "audit:read", "debug:read"], &["users:write", "sessions:revoke"]),
        ] {
            for asked in given {
                assert!(via(&none, &[name], asked).is_some(), "{name} {asked}");
            }
            for asked in not {
                assert!(via(&none, &[name], asked).is_none(), "{name} {asked}");
            }
        }
        assert_eq!(via(&none, &["nobody"], "users:read"), None);
    }

    #[test]
    fn a_permission_is_inherited_and_the_line_it_came_along_is_told() {
        let known = definitions(vec![
            role("editor", &["users:write"], &["viewer"]),
            role("boss", &[], &["editor", "auditor"]),
            role("auditor", &["audit:*"], &[]),
        ]);
        assert_eq!(via(&known, &["boss"], "users:write"), Some(vec!["boss".to_owned(), "editor".to_owned()]));
        let long = ["boss", "editor", "viewer"].map(str::to_owned).to_vec();
        assert_eq!(via(&known, &["boss"], "roles:read"), Some(long));
        assert_eq!(via(&known, &["boss", "viewer"], "roles:read"), Some(vec!["viewer".to_owned()]), "the shortest");
        assert_eq!(via(&known, &["boss"], "users:delete"), None);
    }

    #[test]
    fn the_effective_roles_are_the_inherited_ones_as_well_each_once_and_in_order() {
        let known = definitions(vec![
            role("editor", &[], &["viewer", "auditor"]),
            role("boss", &[], &["editor", "auditor", "boss"]),
            role("auditor", &[], &[]),
        ]);
        let effective =
            |names: &[&str]| known.effective(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(effective(&["boss"]), ["auditor", "boss", "editor", "viewer"]);
        assert_eq!(effective(&["viewer", "nobody", "auditor"]), ["auditor", "viewer"]);
        assert_eq!(effective(&[]), [""; 0]);
    }

    #[test]
    fn i_32_a_cycle_is_refused_and_told_and_one_that_is_stored_ends() {
        let known = definitions(vec![role("a", &[], &["b"]), role("b", &[], &["c"]), role("c", &["x:read"], &[])]);
        let cycle = |names: &[&str]| RoleError::Cycle(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(known.judge(&role("c", &[], &["a"])), Err(cycle(&["a", "b", "c", "a"])));
        assert_eq!(known.judge(&role("d", &[], &["d"])), Err(cycle(&["d", "d"])));
        let stored = definitions(vec![role("a", &["x:read"], &["b"]), role("b", &["y:read"], &["a"])]);
        assert!(via(&stored, &["a"], "y:read").is_some());
    }

    #[test]
    fn i_32_unknown_parents_and_wrong_permissions_are_refused() {
        let known = definitions(vec![role("a", &[], &[])]);
        assert_eq!(known.judge(&role("b", &["users:*", "**"], &["a", "viewer"])), Ok(()));
        let refused = known.judge(&role("b", &[], &["a", "nobody"]));
        assert_eq!(refused, Err(RoleError::UnknownParent(1, "nobody".to_owned())));
        assert!(matches!(known.judge(&role("b", &["users:read", "?"], &[])), Err(RoleError::Permission(1, _))));
        assert_eq!(known.judge(&role("admin", &[], &[])), Err(RoleError::BuiltIn("admin".to_owned())));
        for name in ["", "A", "a b", "-a", "ü", &"a".repeat(64)] {
            assert_eq!(known.judge(&role(name, &[], &[])), Err(RoleError::Name(name.to_owned())));
        }
    }

    #[test]
    fn thirty_two_generations_of_parents_are_taken_and_no_more() {
        let known = definitions(line(MOST_GENERATIONS));
        assert_eq!(known.judge(&role("last", &[], &["r31"])), Ok(()));
        let full = definitions(line(MOST_GENERATIONS + 1));
        assert!(via(&full, &["r32"], "deep:read").is_some());
        assert_eq!(full.judge(&role("over", &[], &["r32"])), Err(RoleError::TooDeep("over".to_owned())));
        // A new parent below lengthens every line above it.
        assert!(matches!(full.judge(&role("r0", &[], &["viewer"])), Err(RoleError::TooDeep(_))));
    }

    #[test]
    fn many_ways_to_one_role_are_walked_once() {
        // Without a note of what was seen there would be 2^30 lines.
        let mut roles = vec![role("l0", &["deep:read"], &[]), role("m0", &[], &[])];
        for n in 1..=30 {
            let parents = [format!("l{}", n - 1), format!("m{}", n - 1)];
            let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
            roles.push(role(&format!("l{n}"), &[], &parents));
            roles.push(role(&format!("m{n}"), &[], &parents));
        }
        let known = definitions(roles);
        assert_eq!(via(&known, &["l30"], "deep:read").map(|line| line.len()), Some(31));
        assert_eq!(known.judge(&role("top", &[], &["l30", "m30"])), Ok(()));
    }
}
