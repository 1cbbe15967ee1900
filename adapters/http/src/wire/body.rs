//! A request's JSON body: limited in size, time and depth, without duplicate members, and with precise errors.

use std::pin::pin;

use futures_util::StreamExt;
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;

use crate::{
    edge::Request as Context,
    wire::{codes::Code, problem::Problem},
};

/// The maximum size of a body, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// How much of a body that is too large is read and discarded, in bytes. Many clients read the response only after they have
/// sent everything: if the connection were closed earlier, they would not learn why.
const MAX_DISCARDED: usize = 16 << 20;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        if !is_json(request.header(header::CONTENT_TYPE).unwrap_or_default()) {
            return Err(Problem::new(Code::UnsupportedMediaType).into());
        }
        parse(&whole(request, body).await?).map(Body)
    }
}

/// An optional JSON body; the default value if it is left out.
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<'a, T: Type + DeserializeOwned + Default> ApiExtractor<'a> for MaybeBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Body::<T>::request_meta().map(|meta| MetaRequest { required: false, ..meta })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let bytes = whole(request, body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json(request.header(header::CONTENT_TYPE).unwrap_or_default()) {
            return Err(Problem::new(Code::UnsupportedMediaType).into());
        }
        parse(&bytes).map(Self)
    }
}

/// A body of JSON lines, not parsed.
pub(crate) struct Lines(pub(crate) Vec<u8>);

const NDJSON: &str = "application/x-ndjson";

impl<'a> ApiExtractor<'a> for Lines {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let description = Some("One JSON object per line; empty lines are ignored.");
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: NDJSON, schema }];
        Some(MetaRequest { description, content, required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let given = essence(request.header(header::CONTENT_TYPE).unwrap_or_default());
        if given != NDJSON && given != "application/ndjson" && given != "application/jsonl" {
            let message = "send the users as Content-Type: application/x-ndjson, one JSON object per line";
            return Err(Problem::new(Code::UnsupportedMediaType).message(message).into());
        }
        whole(request, body).await.map(Self)
    }
}

/// Reads the whole body.
pub(crate) async fn whole(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let limit = Context::of(request)?.app.settings.body_timeout;
    let arrived = tokio::time::timeout(limit, arrive(body.take()?)).await;
    arrived.unwrap_or_else(|_elapsed| Err(Problem::new(Code::RequestTimeout).into()))
}

async fn arrive(body: poem::Body) -> Result<Vec<u8>> {
    let mut frames = pin!(body.into_bytes_stream());
    let (mut bytes, mut seen) = (Vec::new(), 0);
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|_broken| Problem::new(Code::InvalidInput).message("the body is incomplete"))?;
        seen += frame.len();
        if seen <= MAX_BYTES {
            bytes.extend_from_slice(&frame);
        } else if seen > MAX_DISCARDED {
            break;
        }
    }
    if seen > MAX_BYTES { Err(Problem::new(Code::PayloadTooLarge).into()) } else { Ok(bytes) }
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        explain(error.inner(), pointer)
    })?;
    json.end().map_err(|error| explain(&error, String::new()))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// Says what is wrong without repeating the input, which may contain a password.
fn explain(error: &serde_json::Error, pointer: String) -> Problem {
    let problem = Problem::new(Code::InvalidInput);
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        return problem.message(format!("the body is not valid JSON: look at line {line}, column {column}"));
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let quoted = text.split('`').nth(1);
    let field = |name: &str| format!("{pointer}/{name}");
    let (pointer, code, message) = match (text.split('`').next().unwrap_or_default().trim(), quoted) {
        ("missing field", Some(name)) => (field(name), "required", "is required".to_owned()),
        ("duplicate field", Some(name)) => (field(name), "duplicate", "is given more than once".to_owned()),
        _ if text.starts_with(DUPLICATE) => {
            (pointer, "duplicate", "has a member that is given more than once".to_owned())
        }
        _ => {
            let wanted = text.rsplit_once("expected ").map_or("of another type", |(_, wanted)| wanted);
            (pointer, "type", format!("must be {wanted}"))
        }
    };
    let message = message.replace("struct ", "an object like ");
    problem.field(&pointer, code, message)
}

const DUPLICATE: &str = "duplicate member";

/// Reads a JSON object and refuses duplicate members at any depth.
pub(crate) mod strict {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde_json::{Map, Value};

    struct Strict(Value);

    impl<'de> Deserialize<'de> for Strict {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(AnyValue).map(Self)
        }
    }

    /// For `#[serde(deserialize_with)]`.
    pub(crate) fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        deserializer.deserialize_map(Object)
    }

    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut map = Map::new();
            while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
                if map.insert(name, value).is_some() {
                    return Err(A::Error::custom(super::DUPLICATE));
                }
            }
            Ok(map)
        }
    }

    struct AnyValue;

    impl<'de> Visitor<'de> for AnyValue {
        type Value = Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON value")
        }

        fn visit_unit<E: Error>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
            let mut list = Vec::new();
            while let Some(Strict(item)) = items.next_element()? {
                list.push(item);
            }
            Ok(list.into())
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
            Object.visit_map(members).map(Value::Object)
        }
    }
}
