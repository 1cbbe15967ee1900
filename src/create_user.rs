//! Makes an identity on an operator's behalf.

use kayan_ports::{Change, CommitError, EventType, Guard, Identity, Password, TenantId, Traits, Unique};
use serde_json::json;

use crate::{Failure, FieldError, Kayan, Operator, Weakness, register::path};

/// The wish for another user.
#[derive(Debug)]
pub struct CreateUser {
    /// The tenant.
    pub tenant: TenantId,
    /// What the user is like.
    pub traits: Traits,
    /// The password, if the user is to have one.
    pub password: Option<Password>,
    /// The names of the roles.
    pub roles: Vec<String>,
}

/// Why there is no such user now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateUserError {
    /// The traits are not what the schema allows.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// The password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// No role has this name.
    #[error("there is no role `{0}`; there are admin, operator and viewer")]
    UnknownRole(String),
    /// Somebody has the identifier already.
    #[error("a user with this identifier exists already")]
    AlreadyExists,
    /// The tenant is unknown or inactive.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// The service can't do it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The roles that are there from the start.
const BUILT_IN_ROLES: [&str; 3] = ["admin", "operator", "viewer"];

/// Whether there is a role of that name.
pub(crate) fn is_role(name: &str) -> bool {
    BUILT_IN_ROLES.contains(&name)
}

impl Kayan {
    /// Makes an identity, with a password if one is given.
    pub async fn create_user(&self, operator: &Operator, cmd: CreateUser) -> Result<Identity, CreateUserError> {
        let identifiers = self.schema.identify(&cmd.traits).map_err(CreateUserError::InvalidTraits)?;
        if let Some(unknown) = cmd.roles.iter().find(|role| !is_role(role)) {
            return Err(CreateUserError::UnknownRole(unknown.clone()));
        }
        let hash = match &cmd.password {
            None => None,
            Some(password) => {
                self.judge_password(password, &identifiers)?;
                Some(self.hasher.hash(password).await.map_err(Failure::from)?)
            }
        };

        let now = self.clock.now();
        let mut identity = self.new_identity(&cmd.tenant, cmd.traits, now);
        identity.roles = cmd.roles;
        let event = self
            .operator_event(operator, &cmd.tenant, EventType::AdminAction, now, "a user was created")
            .about(identity.id)
            .resource(path(&identity))
            .with("action", "user.create")
            .values(None, Some(json!({ "roles": identity.roles, "password": hash.is_some() })));
        let created = self
            .operator_event(operator, &cmd.tenant, EventType::IdentityCreated, now, "created by an administrator")
            .about(identity.id)
            .resource(path(&identity));
        let mut changes = vec![Change::CreateIdentity { identity: Box::new(identity.clone()), identifiers }];
        changes.extend(hash.map(|hash| Change::AddCredential(Box::new(self.new_password(&identity, hash, now)))));
        changes.extend([created.record(), event.record()]);
        match self.store.commit(changes).await {
            Ok(()) => Ok(identity),
            Err(CommitError::Conflict(Unique::Identifier)) => Err(CreateUserError::AlreadyExists),
            Err(CommitError::Stale(Guard::Tenant)) => Err(CreateUserError::NoTenant(cmd.tenant)),
            Err(other) => Err(CreateUserError::Failed(other.into())),
        }
    }
}

#[cfg(test)]
mod tests;
