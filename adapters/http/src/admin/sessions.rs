//! Administration of sessions.

use std::sync::Arc;

use kayan_core::{DeniedError, FindUserError, ListSessions, RevokeSessions, RevokeSessionsError, UserRef};
use kayan_ports::{IdentityId, SessionId, TenantId};
use poem_openapi::{Object, OpenApi, param::Path};
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
        paging::{DEFAULT_LIMIT, page},
        problem::Problem,
        query::Query,
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

page!(SessionInfoList of SessionInfo);

/// Whose sessions to revoke. Without a tenant and a user, all sessions that you may revoke.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "RevokeSessionsRequest")]
struct RevokeBody {
    /// Only sessions in this tenant.
    #[oai(validator(max_length = 63))]
    tenant_id: Option<String>,
    /// Only sessions of this user.
    user_id: Option<Uuid>,
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    reason: Option<String>,
}

/// The result of revoking sessions.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Revocation {
    /// How many sessions were revoked. Left out if the database was too busy to count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<u64>,
}

#[OpenApi(prefix_path = "/admin/sessions", tag = "Tag::Administration")]
impl AdminSessions {
    /// List sessions
    ///
    /// Returns active sessions, newest first. Requires `sessions:read`.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// Only sessions of this user.
        user_id: Query<Option<Uuid>>,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// The number of results to skip. Default: 0.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<SessionInfoList>, Refused<DeniedError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let query = ListSessions { identity: user_id.0.map(IdentityId), tenant: None, limit, offset };
        let page = self.app.kayan.list_sessions(&operator, &query).await?;
        Ok(Reply::new(&SessionInfoList::new(page, limit, offset)))
    }

    /// Revoke a session
    ///
    /// Requires `sessions:revoke`.
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

    /// Revoke all sessions
    ///
    /// Revokes all sessions of a user, of a tenant, or all that you may revoke, including your own. Requires `sessions:revoke`.
    #[oai(path = "/revoke-all", method = "post", operation_id = "revokeAllSessions")]
    async fn revoke_all(
        &self,
        Admin(operator): Admin,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
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
        Self::NoSession(_) => NotFound.message("there is no such session, or it has ended"),
    }
}
