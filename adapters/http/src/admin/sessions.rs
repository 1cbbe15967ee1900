//! Who is logged in, as administrators see and end it.

use std::sync::Arc;

use kayan_core::{DeniedError, FindUserError, ListSessions, RevokeSessions, RevokeSessionsError, UserRef};
use kayan_ports::{IdentityId, SessionId, TenantId};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin, tenants::NO_SUCH_TENANT},
    wire::{
        answers::SessionInfo,
        body::MaybeBody,
        codes::Code,
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, List},
        problem::Problem,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct AdminSessions {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// Whose sessions end; without either, all that you may end.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "RevokeSessionsRequest")]
struct RevokeBody {
    /// Only those of this tenant.
    #[oai(validator(max_length = 63))]
    tenant_id: Option<String>,
    /// Only those of this user.
    user_id: Option<Uuid>,
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    reason: Option<String>,
}

/// How many sessions were ended.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Revocation {
    /// So many were open; nothing when the database was too busy to count them before they were ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<u64>,
}

#[OpenApi(prefix_path = "/admin/sessions", tag = "Tag::Administration")]
impl AdminSessions {
    /// List sessions
    ///
    /// Those that are open, newest first. Needs `sessions:read`.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// Only this user's.
        user_id: Query<Option<Uuid>>,
        /// At most so many; without it, 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// After so many.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<List<SessionInfo>>, Refused<DeniedError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let query = ListSessions { identity: user_id.0.map(IdentityId), tenant: None, limit, offset };
        let page = self.app.kayan.list_sessions(&operator, &query).await?;
        Ok(Reply::new(&List::new(page, limit, offset)))
    }

    /// End a session
    ///
    /// Needs `sessions:revoke`.
    #[oai(path = "/:id", method = "delete", operation_id = "revokeSession")]
    async fn revoke(
        &self,
        Admin(operator): Admin,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<Done, Refused<RevokeSessionsError>> {
        self.app.kayan.revoke_session(&operator, SessionId(id.0), None).await?;
        Ok(Done::Done)
    }

    /// End all sessions
    ///
    /// Of a user, of a tenant, or all that you may end; your own included. Needs `sessions:revoke`.
    #[oai(path = "/revoke-all", method = "post", operation_id = "revokeAllSessions")]
    async fn revoke_all(
        &self,
        Admin(operator): Admin,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<RevokeBody>,
    ) -> Result<Reply<Revocation>, Refused<RevokeSessionsError>> {
        let tenant = body.tenant_id.map(|name| name.parse::<TenantId>());
        let tenant = tenant.transpose().map_err(|_| Problem::new(Code::NotFound).message(NO_SUCH_TENANT))?;
        let user = body.user_id.map(|id| UserRef(id.to_string()));
        let cmd = RevokeSessions { user, tenant, reason: body.reason };
        Ok(Reply::new(&Revocation { revoked: self.app.kayan.revoke_sessions(&key.with(operator), cmd).await? }))
    }
}

refusals! {
    RevokeSessionsError {
        Self::Find(error) => (error: FindUserError),
        Self::NoTenant(_) => NotFound.message(NO_SUCH_TENANT),
        Self::NoSession(_) => NotFound.message("there is no such session, or it is over"),
    }
}
