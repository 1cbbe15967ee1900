//! Profiles of the process, and the release of unused memory.

use std::{sync::Arc, time::Duration};

use kayan_core::{DeniedError, DiagnosticsError};
use kayan_ports::ProfileError;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Binary};
use serde::Serialize;

use crate::{
    Application, Tag,
    api::process_access::DebugAccess,
    wire::{
        query::Query,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Debug {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The resident memory before and after the release.
#[derive(Object, Serialize)]
struct Purged {
    /// Resident memory before, in bytes.
    resident_before: u64,
    /// Resident memory after, in bytes.
    resident_after: u64,
}

#[derive(ApiResponse)]
enum Profile {
    /// The profile, for `go tool pprof` and other tools that read its format.
    #[oai(status = 200, content_type = "application/octet-stream")]
    Taken(Binary<Vec<u8>>),
}

#[OpenApi(prefix_path = "/debug", tag = "Tag::System")]
impl Debug {
    /// Take a heap profile
    ///
    /// Shows the memory in use by the code that allocated it; one allocation per two megabytes is sampled. Open to the local
    /// machine in development; otherwise requires `debug:read` over all tenants.
    #[oai(path = "/pprof/heap", method = "get", operation_id = "debugHeap")]
    async fn heap(&self, DebugAccess(who): DebugAccess) -> Result<Profile, Refused<DiagnosticsError>> {
        Ok(Profile::Taken(Binary(self.app.kayan.profile_heap(who.as_ref(), &*self.app.profiler).await?)))
    }

    /// Take a CPU profile
    ///
    /// Shows where the processors are busy during the given time. Open to the local machine in development; otherwise requires
    /// `debug:read` over all tenants.
    #[oai(path = "/pprof/profile", method = "get", operation_id = "debugProfile")]
    async fn profile(
        &self,
        DebugAccess(who): DebugAccess,
        /// The duration in seconds. Default: 30.
        #[oai(validator(minimum(value = "1"), maximum(value = "60")))]
        seconds: Query<Option<u64>>,
    ) -> Result<Profile, Refused<DiagnosticsError>> {
        let time = Duration::from_secs(seconds.0.unwrap_or(30));
        Ok(Profile::Taken(Binary(self.app.kayan.profile_cpu(who.as_ref(), &*self.app.profiler, time).await?)))
    }

    /// Release unused memory
    ///
    /// Returns memory that the allocator keeps in reserve to the operating system. There is no garbage collector to run. Open to
    /// the local machine in development, except to pages of other sites; otherwise requires `debug:read` over all tenants.
    #[oai(path = "/gc", method = "post", operation_id = "debugGc")]
    async fn purge(&self, DebugAccess(who): DebugAccess) -> Result<Reply<Purged>, Refused<DiagnosticsError>> {
        let resident = self.app.kayan.purge_memory(who.as_ref(), &*self.app.profiler).await?;
        Ok(Reply::new(&Purged { resident_before: resident.before, resident_after: resident.after }))
    }
}

refusals! {
    DiagnosticsError {
        Self::Denied(error) => (error: DeniedError),
        Self::Profile(error @ ProfileError::Busy) => InUse.message(error.to_string()),
        Self::Profile(ProfileError::Unavailable(why)) => Unavailable.because(why),
    }
}
