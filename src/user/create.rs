//! Creates a user for an operator.

use kayan_ports::{
    AccountChange, AdoptError, Change, CommitError, CredentialChange, EventType, Guard, HashCost, Identity, Password,
    PasswordHash, State, TenantId, Traits, Unique,
};
use serde_json::json;

use crate::{
    DeniedError, Failure, FieldError, Kayan, Operator, Weakness,
    access::{grants::Standing, idempotency::Once},
    account::identity::path,
    factor::password::NewPasswordOf,
    policy::{permission::Permission, role::UnknownRole},
    user::change::{ROUNDS, is_outdated, keeps_changing},
};

/// The password of a new user.
#[derive(Debug)]
pub enum FirstPassword {
    /// In the clear: checked and hashed here.
    Clear(Password),
    /// Hashed elsewhere, in any format that is verified.
    Hashed(PasswordHash),
}

impl<T: Into<Password>> From<T> for FirstPassword {
    fn from(clear: T) -> Self {
        Self::Clear(clear.into())
    }
}

/// Creates a user.
#[derive(Debug)]
pub struct CreateUser {
    /// The tenant.
    pub tenant: TenantId,
    /// The user's traits.
    pub traits: Traits,
    /// The password, if the user gets one.
    pub password: Option<FirstPassword>,
    /// Whether the user may log in.
    pub state: State,
    /// The names of the roles.
    pub roles: Vec<String>,
}

/// Why the user was not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateUserError {
    /// The operator may not, or does not hold what the roles grant (I-30).
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The traits do not match the identity schema.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// The password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// The hash has an unknown format, or costs too much to verify.
    #[error(transparent)]
    Hash(#[from] AdoptError),
    /// A role does not exist.
    #[error(transparent)]
    UnknownRole(#[from] UnknownRole),
    /// The identifier is taken.
    #[error("a user with this identifier exists already")]
    AlreadyExists,
    /// The tenant is unknown or inactive.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Creates a user, with a password if one is given.
    pub async fn create_user(&self, operator: &Operator, cmd: CreateUser) -> Result<Identity, CreateUserError> {
        self.permit(operator, &Permission::USERS_WRITE, ACTION).await?;
        self.once(operator, |once| self.make_user(once, operator, cmd)).await
    }

    async fn make_user(
        &self,
        once: Once<'_>,
        operator: &Operator,
        cmd: CreateUser,
    ) -> Result<Identity, CreateUserError> {
        if operator.scope.tenant().is_some_and(|own| *own != cmd.tenant) {
            return Err(CreateUserError::NoTenant(cmd.tenant));
        }
        let identifiers = self.schema.identify_new(&cmd.traits).map_err(CreateUserError::InvalidTraits)?;
        let now = self.clock.now();
        let mut identity = self.new_identity(&cmd.tenant, cmd.traits, now);
        (identity.roles, identity.state) = (cmd.roles, cmd.state);
        let hash = match cmd.password {
            None => None,
            Some(FirstPassword::Clear(password)) => {
                let tenant = self.home_of(&identity).await?;
                let of = NewPasswordOf { tenant: &tenant, identifiers: &identifiers, traits: &identity.traits };
                let password = self.accept_password::<CreateUserError>(&password, &of).await?;
                self.refuse_breached(&password, &tenant.settings).await?;
                Some(self.hash_password(&cmd.tenant, &password).await?)
            }
            Some(FirstPassword::Hashed(hash)) => Some(self.hasher.adopt(&hash, HashCost::Ordinary)?),
        };
        let password = hash.map(|hash| self.new_password(&identity, hash, now));
        for _ in 0..ROUNDS {
            let mut changes = self.permitted_roles(operator, &identity).await?;
            let (new, names) = (Box::new(identity.clone()), identifiers.clone());
            changes.push(Change::Account(AccountChange::Create { identity: new, identifiers: names }));
            changes
                .extend(password.clone().map(|password| Change::Credential(CredentialChange::Add(Box::new(password)))));
            changes.extend(self.user_created(operator, &identity, password.is_some()));
            match once.commit(changes, Some(identity.id), &identity).await {
                Ok(()) => return Ok(identity),
                Err(error) if is_outdated(&error) => {}
                Err(CommitError::Conflict(Unique::Identifier)) => return Err(CreateUserError::AlreadyExists),
                Err(CommitError::Stale(Guard::Tenant)) => return Err(CreateUserError::NoTenant(cmd.tenant)),
                Err(other) => return Err(CreateUserError::Failed(other.into())),
            }
        }
        Err(keeps_changing().into())
    }

    /// Checks that the operator holds all that the new user's roles grant; returns the changes that keep this true.
    async fn permitted_roles(&self, operator: &Operator, identity: &Identity) -> Result<Vec<Change>, CreateUserError> {
        if identity.roles.is_empty() {
            return Ok(Vec::new());
        }
        let required = (&Permission::USERS_WRITE, ACTION);
        let Standing { grants, definitions, holds } = self.standing(operator, &identity.tenant, required).await?;
        definitions.know(&identity.roles)?;
        if let Some(missing) = grants.missing(&definitions.grants(&identity.roles)) {
            self.forbid(operator, missing, ACTION).await?;
        }
        Ok(holds)
    }

    fn user_created(&self, operator: &Operator, identity: &Identity, has_password: bool) -> [Change; 2] {
        let (tenant, now) = (&identity.tenant, identity.created_at);
        let created = self
            .operator_event(operator, tenant, EventType::IdentityCreated, now, "created by an administrator")
            .about(identity.id)
            .resource(path(identity));
        let new = json!({ "roles": identity.roles, "state": identity.state, "password": has_password });
        let event = self
            .operator_event(operator, tenant, EventType::AdminAction, now, "a user was created")
            .about(identity.id)
            .resource(path(identity))
            .with("action", ACTION)
            .values(None, Some(new));
        [created.record(), event.record()]
    }
}

/// The name of the action in the audit trail.
const ACTION: &str = "user.create";

#[cfg(test)]
mod tests;
