//! Administration of users.

pub(super) mod errors;
mod requests;

use std::sync::Arc;

use kayan_core::{
    AssignRole, AssignRoleError, ChangeUserError, CreateUser, CreateUserError, DeleteUser, DeniedError, FindUserError,
    FirstPassword, ImportUsersError, ListUsers, RevokeSessions, RevokeSessionsError, SetUserPassword,
    SetUserPasswordError, SetUserState, UpdateUser, UpdateUserError, UserRef, policy::period,
};
use kayan_ports::{PasswordHash, State, Traits};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::Serialize;
use time::Duration;
use uuid::Uuid;

use self::{
    errors::{DOES_NOT_LOCK, REVOKES_A_ROLE},
    requests::{CreateUserBody, LockBody, PasswordBody, ReasonBody, UpdateUserBody},
};
use crate::{
    Application, Tag,
    admin::{
        Done,
        import::ImportReport,
        operator::Admin,
        sessions::{Revocation, SessionInfoList},
    },
    wire::{
        answers::{Identity, IdentityState},
        body::{Body, Lines, MaybeBody},
        codes::Code,
        etag::{self, IfMatch},
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, page},
        problem::Problem,
        query::Query,
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
    Found(
        Reply<Identity>,
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
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
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

page!(IdentityList of Identity);

/// The roles of a user.
#[derive(Object, Serialize)]
struct UserRoles {
    /// The names of the roles.
    data: Vec<String>,
}

fn found(identity: kayan_ports::Identity) -> UserAnswer {
    let tag = etag::of(identity.version);
    UserAnswer::Found(Reply::new(&identity.into()), tag)
}

fn user(id: &Path<Uuid>) -> UserRef {
    UserRef(id.0.to_string())
}

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Administration")]
impl Users {
    /// List users
    ///
    /// Returns users, newest first. Requires `users:read`.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// Only users with an identifier that contains this text, ignoring case.
        #[oai(validator(max_length = 254))]
        q: Query<Option<String>>,
        /// Only users in this state.
        state: Query<Option<IdentityState>>,
        /// Only users without a second factor: an authenticator app that is confirmed, or a passkey.
        #[oai(default)]
        without_mfa: Query<bool>,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// The number of results to skip. Default: 0.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<IdentityList>, Refused<DeniedError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let (state, without_mfa) = (state.0.map(State::from), without_mfa.0);
        let query = ListUsers { state, contains: q.0, without_mfa, limit, offset };
        let page = self.app.kayan.list_users(&operator, &query).await?;
        Ok(Reply::new(&IdentityList::new(page, limit, offset)))
    }

    /// Create a user
    ///
    /// Requires `users:write` and every permission that the given roles grant.
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        admin: Admin,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Body(body): Body<CreateUserBody>,
    ) -> Result<UserCreated, Refused<CreateUserError>> {
        let password = match (body.password, body.password_hash) {
            (Some(_), Some(_)) => {
                let message = "give the password or its hash, not both".to_owned();
                return Err(Problem::new(Code::InvalidInput).field("/password_hash", "either_or", message).into());
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
    /// Creates users with the password hashes that they have in another system: bcrypt, argon2, scrypt or PBKDF2, each at most
    /// four times as costly as a hash that this service makes, and with at most 64 MiB of memory. Existing users are left
    /// unchanged, so an import can be repeated. Split an import of more than 1 MiB or 10,000 lines into several requests, or use
    /// `kayan admin user import`. An operator of one tenant can't choose ids: the users get new ones, the same in each import.
    /// Requires `users:write` and every permission that the users' roles grant.
    #[oai(path = "/import", method = "post", operation_id = "importUsers")]
    async fn import(
        &self,
        Admin(operator): Admin,
        /// Reports what the import would do, without changing anything.
        #[oai(default)]
        dry_run: Query<bool>,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Lines(lines): Lines,
    ) -> Result<Reply<ImportReport>, Refused<ImportUsersError>> {
        let report = self.app.kayan.import_ndjson(&key.with(operator), &lines, dry_run.0).await?;
        Ok(Reply::new(&report.into()))
    }

    /// Get a user
    ///
    /// Requires `users:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getUser")]
    async fn get(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
    ) -> Result<UserAnswer, Refused<FindUserError>> {
        Ok(found(self.app.kayan.find_user(&operator, &user(&id)).await?))
    }

    /// Update a user
    ///
    /// Requires `users:write` and every permission that the user's roles grant.
    #[oai(path = "/:id", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
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
        Ok(found(self.app.kayan.update_user(&operator, cmd).await?))
    }

    /// Delete a user
    ///
    /// Deletes the user with all credentials and sessions; the audit events are kept. Requires `users:delete` and every
    /// permission that the user's roles grant.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<ChangeUserError>> {
        let cmd = DeleteUser { user: user(&id), reason: None, expected: if_match.0 };
        self.app.kayan.delete_user(&operator, cmd).await?;
        Ok(Done::Done)
    }

    /// Lock a user
    ///
    /// The user can't log in, and all of the user's sessions are revoked. A lock with an end is lifted within seconds of it.
    /// Requires `users:write` and every permission that the user's roles grant.
    #[oai(path = "/:id/lock", method = "post", operation_id = "lockUser")]
    async fn lock(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<LockBody>,
    ) -> Result<UserAnswer, Refused<ChangeUserError>> {
        let until = body.until.as_deref().map(|text| period::moment("until", text, Duration::DAY)).transpose();
        let until =
            until.map_err(|error| Problem::new(Code::InvalidInput).field("/until", "invalid", error.to_string()))?;
        let cmd = SetUserState { user: user(&id), state: State::Locked, until, reason: body.reason, expected: None };
        Ok(found(self.app.kayan.set_user_state(&key.with(operator), cmd).await?))
    }

    /// Unlock a user
    ///
    /// Also lifts a lockout after too many failed logins. Requires `users:write` and every permission that the user's roles
    /// grant.
    #[oai(path = "/:id/unlock", method = "post", operation_id = "unlockUser")]
    async fn unlock(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<ReasonBody>,
    ) -> Result<UserAnswer, Refused<ChangeUserError, DOES_NOT_LOCK>> {
        let cmd =
            SetUserState { user: user(&id), state: State::Active, until: None, reason: body.reason, expected: None };
        Ok(found(self.app.kayan.set_user_state(&key.with(operator), cmd).await?))
    }

    /// Set a user's password
    ///
    /// Revokes all of the user's sessions. Requires `users:write` and every permission that the user's roles grant.
    #[oai(path = "/:id/password", method = "put", operation_id = "setUserPassword")]
    async fn set_password(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<PasswordBody>,
    ) -> Result<Done, Refused<SetUserPasswordError, DOES_NOT_LOCK>> {
        let cmd = SetUserPassword { user: user(&id), password: body.password.into(), expected: if_match.0 };
        self.app.kayan.set_user_password(&operator, cmd).await?;
        Ok(Done::Done)
    }

    /// List a user's sessions
    ///
    /// Returns the active sessions of the user, newest first. Requires `sessions:read`.
    #[oai(path = "/:id/sessions", method = "get", operation_id = "listUserSessions")]
    async fn sessions(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// The number of results to skip. Default: 0.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<SessionInfoList>, Refused<FindUserError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let page = self.app.kayan.list_user_sessions(&operator, &user(&id), (limit, offset)).await?;
        Ok(Reply::new(&SessionInfoList::new(page, limit, offset)))
    }

    /// Revoke a user's sessions
    ///
    /// Revokes all of them. Requires `sessions:revoke`.
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
    /// Requires `users:read`.
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

    /// Grant a role to a user
    ///
    /// Does nothing if the user already has the role. Requires `roles:write` and every permission that the role and the user's
    /// other roles grant.
    #[oai(path = "/:id/roles/:role", method = "put", operation_id = "grantUserRole")]
    async fn grant_role(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The role's name.
        role: Path<String>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<UserAnswer, Refused<AssignRoleError, DOES_NOT_LOCK>> {
        let cmd = AssignRole { user: user(&id), role: role.0, give: true, expected: if_match.0 };
        Ok(found(self.app.kayan.assign_role(&operator, cmd).await?))
    }

    /// Revoke a role from a user
    ///
    /// Does nothing if the user doesn't have the role. Requires `roles:write` and every permission that the user's roles grant.
    #[oai(path = "/:id/roles/:role", method = "delete", operation_id = "revokeUserRole")]
    async fn revoke_role(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The role's name.
        role: Path<String>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<UserAnswer, Refused<AssignRoleError, REVOKES_A_ROLE>> {
        let cmd = AssignRole { user: user(&id), role: role.0, give: false, expected: if_match.0 };
        Ok(found(self.app.kayan.assign_role(&operator, cmd).await?))
    }
}
