//! Which requests count against their client's rate limit.

use kayan_core::{Allowance, Caller, Failure, Kayan, LimitError};
use poem::{Request as HttpRequest, Result};

use crate::{
    api::docs::Pages,
    edge::{Request, caller},
    wire::refused::{Refusal, refusals},
};

refusals! {
    LimitError {
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::Failed(failure) => (failure: Failure),
    }
}

/// Whether requests to this path count.
pub(crate) fn counts(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/admin/") || Pages::PATHS.contains(&path)
}

/// Counts a request against its client's limit, if clients have one and the path counts.
pub(super) async fn allow(request: &HttpRequest, kayan: &Kayan) -> Result<Option<Allowance>> {
    if !kayan.limits_clients() || !counts(request.uri().path()) {
        return Ok(None);
    }
    let request_id = Some(Request::of(request)?.id.clone());
    let caller = Caller { client: caller::client(request)?, request_id, ..Caller::default() };
    kayan.limit_client(&caller).await.map_err(|error| error.problem().into())
}
