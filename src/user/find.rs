//! Finds identities for an operator.

use kayan_ports::{Identity, IdentityId, IdentityQuery, Page, State};

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{identifier, permission::Permission},
};

/// How an operator names somebody: by id, or by an identifier such as an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRef(pub String);

/// Why nobody was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindUserError {
    /// The operator may not look.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// Nobody has this id or identifier where the operator may look.
    #[error("no user has the id or identifier `{0}`")]
    NotFound(String),
    /// Several have it, in different tenants.
    #[error("users of the tenants {1} have the identifier `{0}`: name the tenant, or give the id")]
    Ambiguous(String, String),
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The wish to see who there is.
#[derive(Debug, Clone, Default)]
pub struct ListUsers {
    /// Only in this state.
    pub state: Option<State>,
    /// Only those of whose identifiers one contains this text, whatever its case.
    pub contains: Option<String>,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

impl Kayan {
    /// The one identity of this id or identifier.
    pub async fn find_user(&self, operator: &Operator, user: &UserRef) -> Result<Identity, FindUserError> {
        self.permit(operator, &Permission::USERS_READ, "user.get").await?;
        self.named(operator, user).await
    }

    /// The same, for a use-case that asks for a permission of its own.
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

    /// Identities, newest first; the operator's scope is the query's.
    pub async fn list_users(&self, operator: &Operator, query: &ListUsers) -> Result<Page<Identity>, DeniedError> {
        self.permit(operator, &Permission::USERS_READ, "user.list").await?;
        let ListUsers { state, contains, limit, offset } = query.clone();
        let query = IdentityQuery { scope: operator.scope.clone(), state, contains, limit, offset };
        Ok(self.store.accounts.identities(&query).await?)
    }
}
