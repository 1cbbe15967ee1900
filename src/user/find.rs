//! Finds users for an operator.

use kayan_ports::{Identity, IdentityId, IdentityQuery, Page, State};

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{identifier, permission::Permission},
};

/// A user, named by id or by an identifier such as an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRef(pub String);

/// Why no user was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindUserError {
    /// The operator may not read users.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// No user within the operator's scope has this id or identifier.
    #[error("no user has the id or identifier `{0}`")]
    NotFound(String),
    /// Users of several tenants have it.
    #[error("users of the tenants {1} have the identifier `{0}`: name the tenant, or give the id")]
    Ambiguous(String, String),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Lists users.
#[derive(Debug, Clone, Default)]
pub struct ListUsers {
    /// Only in this state.
    pub state: Option<State>,
    /// Only those with an identifier that contains this text, in any case.
    pub contains: Option<String>,
    /// Only those without a second factor that completes a login: an authenticator app or a passkey.
    pub without_mfa: bool,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

impl Kayan {
    /// The user with this id or identifier.
    pub async fn find_user(&self, operator: &Operator, user: &UserRef) -> Result<Identity, FindUserError> {
        self.permit(operator, &Permission::USERS_READ, "user.get").await?;
        self.named(operator, user).await
    }

    /// The same, for a use-case that checks a permission of its own.
    pub(crate) async fn named(&self, operator: &Operator, user: &UserRef) -> Result<Identity, FindUserError> {
        let found = if let Ok(id) = user.0.parse::<IdentityId>() {
            self.store.accounts.identity(&operator.scope, id).await?.into_iter().collect()
        } else if let Ok(identifier) = identifier::canonical(&user.0) {
            self.store.accounts.identities_named(&operator.scope, &identifier).await?
        } else {
            Vec::new()
        };
        match <[Identity; 1]>::try_from(found) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Err(FindUserError::NotFound(user.0.clone())),
            Err(many) => {
                let tenants: Vec<&str> = many.iter().map(|identity| identity.tenant.as_str()).collect();
                Err(FindUserError::Ambiguous(user.0.clone(), tenants.join(", ")))
            }
        }
    }

    /// Users, newest first, within the operator's scope.
    pub async fn list_users(&self, operator: &Operator, query: &ListUsers) -> Result<Page<Identity>, DeniedError> {
        self.permit(operator, &Permission::USERS_READ, "user.list").await?;
        let ListUsers { state, contains, without_mfa: without_factor, limit, offset } = query.clone();
        let scope = operator.scope.clone();
        let query = IdentityQuery { scope, state, contains, without_factor, limit, offset };
        Ok(self.store.accounts.identities(&query).await?)
    }
}
