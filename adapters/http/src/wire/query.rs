//! Reads the parameters of the query string.

use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ParseParamError,
    registry::{MetaParamIn, MetaSchemaRef, Registry},
    types::ParseFromParameter,
};
use url::form_urlencoded;

/// A parameter of the query string. Unlike `poem_openapi::param::Query`, it doesn't depend on what the library's router
/// stores in every request, so that [`ExactRoutes`](crate::edge::exact_routes::ExactRoutes) can call its operation.
pub(crate) struct Query<T>(pub(crate) T);

impl<'a, T: ParseFromParameter> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;

    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    fn param_raw_type(&self) -> Option<&T::RawValueType> {
        self.0.as_raw_value()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, options: ExtractParamOptions<T>) -> Result<Self> {
        let query = request.uri().query().unwrap_or_default();
        let all = form_urlencoded::parse(query.as_bytes());
        let mut values = all.filter(|(name, _)| name == options.name).map(|(_, value)| value).peekable();
        if let Some(default) = options.default_value
            && values.peek().is_none()
        {
            return Ok(Self(default()));
        }
        let wrong = |reason| ParseParamError { name: options.name, reason };
        T::parse_from_parameters(values).map(Self).map_err(|error| wrong(error.into_message()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read<T: ParseFromParameter>(target: &str, default_value: Option<fn() -> T>) -> Result<T> {
        let request = Request::builder().uri(target.parse().unwrap()).finish();
        let (name, ignore_case, explode) = ("max age", false, true);
        let options =
            ExtractParamOptions { name, ignore_case, default_value, example_value: None, explode, style: None };
        Ok(Query::from_request(&request, &mut RequestBody::default(), options).await?.0)
    }

    #[tokio::test]
    async fn a_parameter_is_read_from_the_target_alone() {
        for (target, expected) in [
            ("/x", None),
            ("/x?", None),
            ("/x?other=1&Max%20age=2", None),
            ("/x?other=1&max%20age=2", Some(2)),
            ("/x?max+age=%33", Some(3)),
        ] {
            assert_eq!(read::<Option<u32>>(target, None).await.unwrap(), expected, "{target}");
        }
    }

    #[tokio::test]
    async fn the_default_stands_in_for_a_parameter_that_is_not_sent() {
        assert_eq!(read("/x", Some(|| 7_u32)).await.unwrap(), 7);
        assert_eq!(read("/x?max+age=2", Some(|| 7_u32)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn an_error_names_the_parameter() {
        for target in ["/x", "/x?max+age=soon"] {
            let error = read::<u32>(target, None).await.unwrap_err();
            assert_eq!(error.downcast_ref::<ParseParamError>().unwrap().name, "max age", "{target}");
        }
    }
}
