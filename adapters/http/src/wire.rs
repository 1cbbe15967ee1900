//! Reads requests and writes responses: bodies, errors, codes, header fields and times.

pub(crate) mod answers;
pub(crate) mod body;
pub(crate) mod channel;
pub(crate) mod codes;
pub(crate) mod cookies;
pub(crate) mod credentials;
pub(crate) mod device;
pub(crate) mod etag;
pub(crate) mod export;
pub(crate) mod idempotency;
pub(crate) mod jws;
pub(crate) mod paging;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod refused;
pub(crate) mod reply;
pub(crate) mod streamed;
pub(crate) mod work;
