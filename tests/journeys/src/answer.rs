//! A complete response, and the assertions that hold for any.

use std::fmt;

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// A complete response.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Sends a request, which must get a complete response.
pub async fn ask(request: RequestBuilder) -> Answer {
    Answer::to(request).await.expect("every request gets a whole answer")
}

impl Answer {
    /// Sends a request; an error if the response is not complete.
    pub async fn to(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The text at a JSON Pointer into the body; empty if there is none.
    pub fn at(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// A header as text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Asserts that this is an error with this status and code, in the format of all errors.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, &*self.at("/code")), (status, code), "{self:?}");
        self.assert_shape();
        self
    }

    /// Asserts that an error has the format of RFC 9457 and names its request.
    #[track_caller]
    pub fn assert_shape(&self) {
        let body = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(body.get("status"), Some(&Value::from(self.status)), "{self:?}");
        for member in ["/type", "/title", "/code", "/message", "/request_id"] {
            assert!(!self.at(member).is_empty(), "{member}: {self:?}");
        }
        assert_eq!(self.at("/request_id"), self.header("x-request-id"), "{self:?}");
    }

    /// The values of all `Set-Cookie` headers.
    pub fn cookies(&self) -> Vec<String> {
        let values = self.headers.get_all("set-cookie").iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }
}
