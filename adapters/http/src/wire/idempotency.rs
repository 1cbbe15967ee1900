//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use kayan_core::{Idempotency, Operator};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef, Registry},
};
use sha2::{Digest, Sha256};

use crate::wire::{body, codes::Code, problem::Problem};

const HEADER: &str = "Idempotency-Key";

/// The key of a request, if it has one, with a digest of the request.
pub(crate) struct IdempotencyKey(Option<Idempotency>);

impl IdempotencyKey {
    /// The operator, with the key.
    pub(crate) fn with(self, operator: Operator) -> Operator {
        Operator { idempotency: self.0, ..operator }
    }
}

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let schema = MetaSchema {
            min_length: Some(1),
            max_length: Some(255),
            pattern: Some("^[!-~]+$".to_owned()),
            ..MetaSchema::new("string")
        };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    /// Reads the body for the digest, and puts it back for the extractor that parses it.
    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let mut given = request.headers().get_all(HEADER).iter();
        let Some(key) = given.next() else { return Ok(Self(None)) };
        let bytes = body::whole(request, body).await?;
        let mut digest = Sha256::new();
        for part in [request.method().as_str(), &request.original_uri().to_string()] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(&bytes);
        *body = RequestBody::new(Body::from(bytes));
        let once = Idempotency::new(unquoted(key.to_str().unwrap_or_default()), digest.finalize().into());
        let once = once.filter(|_| given.next().is_none()).ok_or_else(|| {
            let message =
                "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID, and sent only once";
            Problem::new(Code::InvalidInput).message(message)
        })?;
        Ok(Self(Some(once)))
    }
}

/// The draft writes a key as a string of RFC 9651, in quotes; many clients leave them out.
fn unquoted(key: &str) -> &str {
    let key = key.trim();
    key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key)
}
