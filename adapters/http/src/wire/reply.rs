//! A response's JSON body, written directly from the type that documents it.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

use crate::wire::{codes::Code, problem::Problem};

/// A JSON body with status 200, unless the response type has another.
pub(crate) struct Reply<T> {
    /// `None` if the value can't be written as JSON, which is a bug.
    body: Option<Bytes>,
    documented: PhantomData<fn() -> T>,
}

impl<T: Serialize> Reply<T> {
    /// Writes the body.
    pub(crate) fn new(value: &T) -> Self {
        let mut body = Vec::with_capacity(1024);
        let written = serde_json::to_writer(&mut body, value);
        Self { body: written.is_ok().then(|| body.into()), documented: PhantomData }
    }
}

impl<T> Clone for Reply<T> {
    /// Cheap: the body is shared.
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), documented: PhantomData }
    }
}

impl<T: Type> Payload for Reply<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let Some(body) = self.body else {
            let problem = Problem::new(Code::Internal).because("the response can't be written as JSON".to_owned());
            return poem::Error::from(problem).into_response();
        };
        let mut response = Body::from_bytes(body).into_response();
        let headers = response.headers_mut();
        // Leaves room for the headers of the edge, so that the map grows only once.
        headers.reserve(12);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl<T: Type> ApiResponse for Reply<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }];
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Success.",
                status: Some(200),
                status_range: None,
                content,
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
