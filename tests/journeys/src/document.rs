//! The OpenAPI document, and whether it lists a response.

use serde_json::Value;

use crate::{Answer, Client, ask};

/// The OpenAPI document of a running service.
#[derive(Debug)]
pub struct Document(pub Value);

impl Document {
    /// Fetches it.
    pub async fn of(client: &Client) -> Self {
        Self(ask(client.get("/openapi.json")).await.expect(200).json())
    }

    /// Asserts that an operation, such as `post /api/v1/login`, lists the code of an error at its status.
    #[track_caller]
    pub fn assert_lists(&self, operation: &str, answer: &Answer) {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let operation = &self.0["paths"][path][method];
        assert!(operation.is_object(), "the document has no {method} {path}");
        let response = &operation["responses"][answer.status.to_string()];
        let listed = response["description"].as_str().unwrap_or_default();
        let code = answer.at("/code");
        assert!(listed.contains(&format!("`{code}`")), "{method} {path} {}: {listed:?} lacks {code}", answer.status);
        assert!(response["content"]["application/problem+json"].is_object(), "{method} {path} {}", answer.status);
    }
}
