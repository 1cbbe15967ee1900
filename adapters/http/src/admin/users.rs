//! Users, as administrators see and change them.

mod errors;
mod requests;

use std::sync::Arc;

use kayan_core::{
    AssignRole, AssignRoleError, ChangeUserError, CreateUser, CreateUserError, DeleteUser, DeniedError, FindUserError,
    FirstPassword, ImportUsersError, ListUsers, RevokeSessions, RevokeSessionsError, SetUserPassword,
    SetUserPasswordError, SetUserState, UpdateUser, UpdateUserError, UserRef, policy::period,
};
use kayan_ports::{PasswordHash, State, Traits};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
};
use serde::Serialize;
use time::Duration;
use uuid::Uuid;

use self::{
    errors::{LOCK_NOBODY_OUT, TAKE_A_ROLE},
    requests::{CreateUserBody, LockBody, PasswordBody, ReasonBody, UpdateUserBody},
};
use crate::{
    Application, Tag,
    admin::{Done, import::ImportReport, operator::Admin, sessions::Revocation},
    wire::{
        answers::{Identity, IdentityState, SessionInfo},
        body::{Body, Lines, MaybeBody},
        codes::Code,
        etag::{self, IfMatch},
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, List},
        problem::Problem,
        refused::Refused,
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Users {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

#[derive(ApiResponse)]
enum UserAnswer {
    /// The user.
    #[oai(status = 200)]
    Shown(
        Reply<Identity>,
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum UserCreated {
    /// The new user.
    #[oai(status = 201)]
    Created(
        Reply<Identity>,
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

/// The names of a user's roles.
#[derive(Object, Serialize)]
struct UserRoles {
    /// The names.
    data: Vec<String>,
}

fn shown(identity: kayan_ports::Identity) -> UserAnswer {
    let tag = etag::of(identity.version);
    UserAnswer::Shown(Reply::new(&identity.into()), tag)
}

fn user(id: &Path<Uuid>) -> UserRef {
    UserRef(id.0.to_string())
}

impl From<IdentityState> for State {
    fn from(state: IdentityState) -> Self {
        match state {
            IdentityState::Active => Self::Active,
            IdentityState::Inactive => Self::Inactive,
            IdentityState::Locked => Self::Locked,
            IdentityState::Pending => Self::Pending,
        }
    }
}

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Administration")]
impl Users {
    /// List users
    ///
    /// Newest first. Needs `users:read`.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// Only those of whose identifiers one contains this text, whatever its case.
        #[oai(validator(max_length = 254))]
        q: Query<Option<String>>,
        /// Only those in this state.
        state: Query<Option<IdentityState>>,
        /// At most so many; without it, 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// After so many.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<List<Identity>>, Refused<DeniedError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let query = ListUsers { state: state.0.map(State::from), contains: q.0, limit, offset };
        let page = self.app.kayan.list_users(&operator, &query).await?;
        Ok(Reply::new(&List::new(page, limit, offset)))
    }

    /// Make a user
    ///
    /// Needs `users:write`, and everything that the roles grant.
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        admin: Admin,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Body(body): Body<CreateUserBody>,
    ) -> Result<UserCreated, Refused<CreateUserError>> {
        let password = match (body.password, body.password_hash) {
            (Some(_), Some(_)) => {
                let told = "give the password or its hash, not both".to_owned();
                return Err(Problem::new(Code::InvalidInput).field("/password_hash", "either_or", told).into());
            }
            (clear, hash) => {
                let hashed = hash.map(|hash| FirstPassword::Hashed(PasswordHash::new(hash)));
                clear.map(FirstPassword::from).or(hashed)
            }
        };
        let cmd = CreateUser {
            tenant: admin.tenant(),
            traits: Traits(body.traits.0),
            password,
            state: body.state.map_or(State::Active, State::from),
            roles: body.roles,
        };
        let created = self.app.kayan.create_user(&key.with(admin.0), cmd).await?;
        let tag = etag::of(created.version);
        Ok(UserCreated::Created(Reply::new(&created.into()), tag))
    }

    /// Import users
    ///
    /// With the password hashes that they have elsewhere: bcrypt, argon2, scrypt or PBKDF2, each of at most four times the
    /// cost of a hash made here and 64 MiB of memory. Whoever is in already is left as they are, so the same import can be
    /// sent again. For more than 1 MiB or 10,000 lines send several, or use `kayan admin user import`. An operator of one
    /// tenant brings users in under new ids, which are the same each time. Needs `users:write`, and everything that the
    /// users' roles grant.
    #[oai(path = "/import", method = "post", operation_id = "importUsers")]
    async fn import(
        &self,
        Admin(operator): Admin,
        /// Whether to change nothing, and only tell what would come of it.
        #[oai(default)]
        dry_run: Query<bool>,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Lines(lines): Lines,
    ) -> Result<Reply<ImportReport>, Refused<ImportUsersError>> {
        let report = self.app.kayan.import_ndjson(&key.with(operator), &lines, dry_run.0).await?;
        Ok(Reply::new(&report.into()))
    }

    /// Show a user
    ///
    /// Needs `users:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getUser")]
    async fn get(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<UserAnswer, Refused<FindUserError>> {
        Ok(shown(self.app.kayan.find_user(&operator, &user(&id)).await?))
    }

    /// Change a user
    ///
    /// Needs `users:write`, and everything that the user's roles grant.
    #[oai(path = "/:id", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<UpdateUserBody>,
    ) -> Result<UserAnswer, Refused<UpdateUserError>> {
        let cmd = UpdateUser {
            user: user(&id),
            traits: body.traits.map(|traits| Traits(traits.0)),
            state: body.state.map(State::from),
            expected: if_match.0,
        };
        Ok(shown(self.app.kayan.update_user(&operator, cmd).await?))
    }

    /// Delete a user
    ///
    /// With all credentials and sessions; the audit events stay. Needs `users:delete`, and everything that the user's roles
    /// grant.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<ChangeUserError>> {
        let cmd = DeleteUser { user: user(&id), reason: None, expected: if_match.0 };
        self.app.kayan.delete_user(&operator, cmd).await?;
        Ok(Done::Done)
    }

    /// Lock a user out
    ///
    /// Ends every session of theirs. Needs `users:write`, and everything that the user's roles grant. A lock that is over is
    /// lifted within seconds.
    #[oai(path = "/:id/lock", method = "post", operation_id = "lockUser")]
    async fn lock(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<LockBody>,
    ) -> Result<UserAnswer, Refused<ChangeUserError>> {
        let until = body.until.as_deref().map(|text| period::moment("until", text, Duration::DAY)).transpose();
        let until =
            until.map_err(|error| Problem::new(Code::InvalidInput).field("/until", "invalid", error.to_string()))?;
        let cmd = SetUserState { user: user(&id), state: State::Locked, until, reason: body.reason, expected: None };
        Ok(shown(self.app.kayan.set_user_state(&key.with(operator), cmd).await?))
    }

    /// Let a user in again
    ///
    /// Also forgets the wrong guesses that have locked the user out. Needs `users:write`, and everything that the user's
    /// roles grant.
    #[oai(path = "/:id/unlock", method = "post", operation_id = "unlockUser")]
    async fn unlock(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<ReasonBody>,
    ) -> Result<UserAnswer, Refused<ChangeUserError, LOCK_NOBODY_OUT>> {
        let cmd =
            SetUserState { user: user(&id), state: State::Active, until: None, reason: body.reason, expected: None };
        Ok(shown(self.app.kayan.set_user_state(&key.with(operator), cmd).await?))
    }

    /// Set a user's password
    ///
    /// Ends every session of theirs. Needs `users:write`, and everything that the user's roles grant.
    #[oai(path = "/:id/password", method = "put", operation_id = "setUserPassword")]
    async fn set_password(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<PasswordBody>,
    ) -> Result<Done, Refused<SetUserPasswordError, LOCK_NOBODY_OUT>> {
        let cmd = SetUserPassword { user: user(&id), password: body.password.into(), expected: if_match.0 };
        self.app.kayan.set_user_password(&operator, cmd).await?;
        Ok(Done::Done)
    }

    /// List a user's sessions
    ///
    /// Those that are open, newest first. Needs `sessions:read`.
    #[oai(path = "/:id/sessions", method = "get", operation_id = "listUserSessions")]
    async fn sessions(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// At most so many; without it, 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// After so many.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<List<SessionInfo>>, Refused<FindUserError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let page = self.app.kayan.list_user_sessions(&operator, &user(&id), (limit, offset)).await?;
        Ok(Reply::new(&List::new(page, limit, offset)))
    }

    /// End a user's sessions
    ///
    /// Needs `sessions:revoke`.
    #[oai(path = "/:id/sessions", method = "delete", operation_id = "revokeUserSessions")]
    async fn revoke_sessions(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<Reply<Revocation>, Refused<RevokeSessionsError>> {
        let cmd = RevokeSessions { user: Some(user(&id)), ..RevokeSessions::default() };
        Ok(Reply::new(&Revocation { revoked: self.app.kayan.revoke_sessions(&operator, cmd).await? }))
    }

    /// List a user's roles
    ///
    /// Needs `users:read`.
    #[oai(path = "/:id/roles", method = "get", operation_id = "listUserRoles")]
    async fn roles(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<Reply<UserRoles>, Refused<FindUserError>> {
        let found = self.app.kayan.find_user(&operator, &user(&id)).await?;
        Ok(Reply::new(&UserRoles { data: found.roles }))
    }

    /// Give a user a role
    ///
    /// Whoever has it already keeps it. Needs `roles:write`, and everything that the role and the user's other roles grant.
    #[oai(path = "/:id/roles/:role", method = "put", operation_id = "grantUserRole")]
    async fn grant_role(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The role's name.
        role: Path<String>,
        /// The ETag of the user as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<UserAnswer, Refused<AssignRoleError, LOCK_NOBODY_OUT>> {
        let cmd = AssignRole { user: user(&id), role: role.0, give: true, expected: if_match.0 };
        Ok(shown(self.app.kayan.assign_role(&operator, cmd).await?))
    }

    /// Take a role from a user
    ///
    /// Whoever lacks it goes on lacking it. Needs `roles:write`, and everything that the user's roles grant.
    #[oai(path = "/:id/roles/:role", method = "delete", operation_id = "revokeUserRole")]
    async fn revoke_role(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The role's name.
        role: Path<String>,
        /// The ETag of the user as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<UserAnswer, Refused<AssignRoleError, TAKE_A_ROLE>> {
        let cmd = AssignRole { user: user(&id), role: role.0, give: false, expected: if_match.0 };
        Ok(shown(self.app.kayan.assign_role(&operator, cmd).await?))
    }
}
