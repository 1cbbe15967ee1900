//! Servers that answer the same bytes without doing anything for them: what Kayan's speed is compared with.

use std::{net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use clap::ValueEnum;
use poem::{
    Endpoint, EndpointExt as _, Request, Response, Result, Route, Server,
    endpoint::{BoxEndpoint, make_sync},
    http::{HeaderName, HeaderValue, header},
    listener::TcpListener,
};
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, payload::Binary};
use rand::{Rng as _, rand_core::UnwrapErr, rngs::SysRng};

use crate::failure::Failure;

/// What is put around the handler; each has what the one before it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Layers {
    /// Nothing.
    Poem,
    /// Connections that say nothing are closed after a while.
    IdleTimeout,
    /// A random id in each answer.
    RequestId,
    /// The headers that an API should have.
    Headers,
    /// A poem-openapi operation that takes a bearer token.
    OpenApi,
}

impl Layers {
    /// What it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Poem => "poem",
            Self::IdleTimeout => "idle-timeout",
            Self::RequestId => "request-id",
            Self::Headers => "headers",
            Self::OpenApi => "open-api",
        }
    }
}

/// Serves the file's bytes as JSON, until the process is killed.
pub(crate) async fn serve(layers: Layers, address: SocketAddr, body: &Path) -> Result<(), Failure> {
    let body = std::fs::read(body).map_err(Failure::io(format!("can't read {}", body.display())))?;
    let inner = if layers < Layers::OpenApi { handler(body.into()) } else { operation(body.into()) };
    let endpoint = Around { inner, id: layers >= Layers::RequestId, headers: layers >= Layers::Headers };
    let mut server = Server::new(TcpListener::bind(address));
    if layers >= Layers::IdleTimeout {
        server = server.idle_timeout(Duration::from_secs(75));
    }
    server.run(endpoint).await.map_err(Failure::io(format!("can't serve on {address}")))
}

fn handler(body: Bytes) -> BoxEndpoint<'static> {
    make_sync(move |_| Response::builder().content_type("application/json").body(body.clone())).boxed()
}

fn operation(body: Bytes) -> BoxEndpoint<'static> {
    Route::new().nest("/", OpenApiService::new(Api { body }, "bare", "1")).map_to_response().boxed()
}

struct Api {
    body: Bytes,
}

/// The token, not verified.
#[derive(SecurityScheme)]
#[oai(ty = "bearer")]
struct Bearer(#[expect(dead_code, reason = "that it is there is all")] poem_openapi::auth::Bearer);

#[OpenApi]
impl Api {
    #[oai(path = "/api/v1/whoami", method = "get")]
    #[expect(clippy::unused_async, reason = "operations are asynchronous")]
    async fn whoami(&self, _bearer: Bearer) -> Binary<Bytes> {
        Binary(self.body.clone())
    }
}

struct Around {
    inner: BoxEndpoint<'static>,
    id: bool,
    headers: bool,
}

impl Endpoint for Around {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let id = self.id.then(random_id);
        let mut response = self.inner.call(request).await?;
        let headers = response.headers_mut();
        if let Some(id) = id.and_then(|id| HeaderValue::try_from(id).ok()) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if self.headers {
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
        }
        Ok(response)
    }
}

// 96 bits, as 24 hexadecimal digits.
fn random_id() -> String {
    let mut random = [0; 16];
    UnwrapErr(SysRng).fill_bytes(&mut random);
    format!("{:024x}", u128::from_be_bytes(random) >> 32)
}
