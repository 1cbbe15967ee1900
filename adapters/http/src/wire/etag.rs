//! Entity tags and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1).
//!
//! The tag is the version of what PATCH can change. A login, for example, doesn't change it.

use kayan_ports::Version;
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchemaRef, Registry},
    types::Type,
};

use crate::wire::{codes::Code, problem::Problem};

/// A version that no resource has.
const NEVER: Version = -1;

/// The strong tag of a version.
pub(crate) fn of(version: Version) -> String {
    format!("\"{version}\"")
}

/// The version in a request's `If-Match`, if there is one.
pub(crate) struct IfMatch(pub(crate) Option<Version>);

impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <String as Type>::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(<String as Type>::schema_ref())
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let mut given = request.headers().get_all(header::IF_MATCH).iter();
        let Some(first) = given.next() else { return Ok(Self(None)) };
        let tag = first.to_str().unwrap_or_default().trim();
        if given.next().is_some() || tag.contains(',') {
            let message = "If-Match must name one version: the ETag of the resource as it was read";
            return Err(Problem::new(Code::InvalidInput).message(message).into());
        }
        Ok(Self(if tag == "*" { None } else { Some(read(tag)) }))
    }
}

/// A weak tag, or one that is not a number, matches no version.
fn read(tag: &str) -> Version {
    let number = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    number.and_then(|number| number.parse().ok()).filter(|version| *version >= 0).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_tag_is_its_version() {
        assert_eq!(read(&of(7)), 7);
        for other in ["7", "W/\"7\"", "\"seven\"", "\"-7\"", "\"\"", ""] {
            assert_eq!(read(other), NEVER, "{other}");
        }
    }
}
