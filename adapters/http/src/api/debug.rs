//! Looks into the process: profiles, and memory that is given back.

use std::{sync::Arc, time::Duration};

use kayan_core::{DeniedError, LookInsideError};
use kayan_ports::ProfileError;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Query, payload::Binary};
use serde::Serialize;

use crate::{
    Application, Tag,
    api::process_access::DebugAccess,
    wire::{
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

/// Resident memory before and after.
#[derive(Object, Serialize)]
struct Purged {
    /// Bytes before.
    resident_before: u64,
    /// Bytes after.
    resident_after: u64,
}

#[derive(ApiResponse)]
enum Profile {
    /// The profile, for `go tool pprof` and whatever else reads its format.
    #[oai(status = 200, content_type = "application/octet-stream")]
    Taken(Binary<Vec<u8>>),
}

#[OpenApi(prefix_path = "/debug", tag = "Tag::System")]
impl Debug {
    /// Heap profile
    ///
    /// The memory in use, by where it was asked for: one allocation in two megabytes is noted. In development open to this
    /// machine; else needs `debug:read` over all tenants.
    #[oai(path = "/pprof/heap", method = "get", operation_id = "debugHeap")]
    async fn heap(&self, DebugAccess(who): DebugAccess) -> Result<Profile, Refused<LookInsideError>> {
        Ok(Profile::Taken(Binary(self.app.kayan.profile_heap(&who, &*self.app.profiler).await?)))
    }

    /// CPU profile
    ///
    /// Where the processors are busy for so long. In development open to this machine; else needs `debug:read` over all
    /// tenants.
    #[oai(path = "/pprof/profile", method = "get", operation_id = "debugProfile")]
    async fn profile(
        &self,
        DebugAccess(who): DebugAccess,
        /// For so many seconds; without it, 30.
        #[oai(validator(minimum(value = "1"), maximum(value = "60")))]
        seconds: Query<Option<u64>>,
    ) -> Result<Profile, Refused<LookInsideError>> {
        let time = Duration::from_secs(seconds.0.unwrap_or(30));
        Ok(Profile::Taken(Binary(self.app.kayan.profile_cpu(&who, &*self.app.profiler, time).await?)))
    }

    /// Give memory back
    ///
    /// What the allocator keeps in store goes back to the operating system; nothing is collected, as nothing is garbage. In
    /// development open to this machine, but to no page of another site; else needs `debug:read` over all tenants.
    #[oai(path = "/gc", method = "post", operation_id = "debugGc")]
    async fn purge(&self, DebugAccess(who): DebugAccess) -> Result<Reply<Purged>, Refused<LookInsideError>> {
        let resident = self.app.kayan.purge_memory(&who, &*self.app.profiler).await?;
        Ok(Reply::new(&Purged { resident_before: resident.before, resident_after: resident.after }))
    }
}

refusals! {
    LookInsideError {
        Self::Denied(error) => (error: DeniedError),
        Self::Profile(error @ ProfileError::Busy) => InUse.message(error.to_string()),
        Self::Profile(ProfileError::Unavailable(why)) => Unavailable.because(why),
    }
}
