//! Which requests count against their client's rate limit.

use kayan_core::{Allowance, Caller, Failure, Kayan, LimitError};
use poem::{Request as HttpRequest, Result};

use crate::{
    api::docs::Pages,
    edge::{Request, caller, forwarded},
    wire::refused::{Refusal, refusals},
};

refusals! {
    LimitError {
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::Failed(failure) => (failure: Failure),
    }
}

/// Whether requests to this path of the API count.
pub(crate) fn counts(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/admin/") || path == forwarded::PATH
}

/// Counts a request against its client's limit, if clients have one and the path counts; that of a page does.
pub(super) async fn allow(request: &HttpRequest, kayan: &Kayan, pages: &Pages) -> Result<Option<Allowance>> {
    let path = request.uri().path();
    if !kayan.limits_clients() || !(counts(path) || pages.paths().any(|page| page == path)) {
        return Ok(None);
    }
    let request_id = Some(Request::of(request)?.id.clone());
    let caller = Caller { client: caller::client(request)?, request_id, ..Caller::default() };
    kayan.limit_client(&caller).await.map_err(|error| error.problem().into())
}
