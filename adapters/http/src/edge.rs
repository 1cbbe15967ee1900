//! The layer that all requests pass through: id, client address, headers, error format, panics and the access log.
//!
//! It is one layer because a stack of small ones costs three times as much, on every hot path.

pub(crate) mod browser;
pub(crate) mod caller;
mod client_ip;
pub(crate) mod even_times;
pub(crate) mod exact_routes;
pub(crate) mod forwarded;
mod host;
pub(crate) mod limits;
mod methods;
pub(crate) mod observations;
pub(crate) mod origin;
pub(crate) mod origins;
mod request_ids;
mod span;
pub(crate) mod tenant_hosts;
pub(crate) mod to_its_end;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use kayan_core::Allowance;
use kayan_ports::TenantId;
use opentelemetry::trace::FutureExt as _;
use poem::{
    Endpoint, IntoResponse as _, Request as HttpRequest, Response, Result,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    web::Redirect,
};
use poem_openapi::OperationId;

use self::{
    client_ip::client_ip,
    host::named_once,
    methods::Methods,
    observations::Observations,
    request_ids::{REQUEST_ID, RequestIds},
    span::Summary,
};
use crate::{
    Application, HttpSettings,
    api::{docs::Pages, document},
    server::Refusal,
    wire::{codes::Code, problem::Problem, rate_limit},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The maximum length of a logged path, in bytes.
const MAX_PATH: usize = 128;

/// What the edge knows about a request, for extractors and handlers.
#[derive(Clone)]
pub(crate) struct Request {
    /// Its id, as in the log, the audit trail and the response.
    pub(crate) id: String,
    /// The client's address.
    pub(crate) ip: Option<IpAddr>,
    /// The languages that its user prefers, as an `Accept-Language` header has them.
    pub(crate) languages: String,
    /// The application that it is for.
    pub(crate) app: Arc<Application>,
}

impl Request {
    /// What the edge knows about this request.
    pub(crate) fn of(request: &HttpRequest) -> Result<&Self> {
        request.extensions().get().ok_or_else(|| {
            Problem::new(Code::Internal).because("a request has not come through the edge layer".to_owned()).into()
        })
    }
}

/// The layer around the whole API.
pub(crate) struct Edge<E> {
    inner: E,
    app: Arc<Application>,
    pages: Pages,
    methods: OnceLock<Methods>,
    observations: Observations,
    ids: RequestIds,
}

impl<E: Endpoint<Output = Response>> Edge<E> {
    /// The layer around `inner`.
    pub(crate) fn new(inner: E, app: Arc<Application>, observations: Observations) -> Self {
        let pages = Pages::new(&app.settings);
        let ids = RequestIds::new(&*app.entropy);
        Self { inner, pages, methods: OnceLock::new(), observations, ids, app }
    }

    fn client_ip(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.remote_addr().as_socket_addr()?.ip();
        if self.app.settings.trusted_proxies.is_empty() {
            return Some(peer.to_canonical());
        }
        let forwarded = request.headers().get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        Some(client_ip(peer, forwarded, &self.app.settings.trusted_proxies))
    }

    fn methods(&self) -> &Methods {
        self.methods.get_or_init(|| Methods::read(&document::json(""), &self.pages))
    }

    /// Turns an error, including the library's own, into a problem; also returns the operation, if one was reached.
    fn refuse(&self, error: poem::Error, method: &Method, path: &str) -> (Problem, Option<OperationId>) {
        let operation = error.data::<OperationId>().copied();
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return (problem.clone(), operation);
        }
        let problem = match error.status() {
            StatusCode::NOT_FOUND if !self.pages.paths().any(|page| page == path) => Problem::new(Code::NotFound),
            // The router doesn't know the pages.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => {
                let message = format!("this path does not have the method {}", methods::short_name(method));
                Problem::new(Code::MethodNotAllowed).message(message).allow(self.methods().of(path))
            }
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(Code::UnsupportedMediaType),
            status if status.is_client_error() => {
                Problem::new(Code::InvalidInput).message("a parameter of the path or the query is not valid")
            }
            _ => Problem::new(Code::Internal).because(error.to_string()),
        };
        (problem, operation)
    }

    async fn answer(&self, mut request: HttpRequest) -> Result<Response> {
        let begun = Instant::now();
        forwarded::receive(&mut request);
        let id = self.ids.of(request.headers());
        let origin = request.headers().get(header::ORIGIN).cloned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // A proxy that asks about a preflight must not take the answer to its own for consent.
        let preflight = (!forwarded::is_question(&request)).then(|| origins::preflight(&request, &self.app.settings));
        if let Some(mut response) = preflight.flatten() {
            secure(&mut response, &id, &self.app.settings);
            let took = begun.elapsed();
            let status = response.status();
            let route = self.observations.note(None, status, took);
            let method = methods::short_name(&method);
            self.log(&Summary { method, route, status, tenant: None, request_id: &id }, took);
            return Ok(response);
        }
        let languages = caller::languages(&request);
        let page = self.pages.find(&method, uri.path());
        let is_home = self.app.settings.development && is_browser_at_root(&request);
        let ip = self.client_ip(&request);
        request.extensions_mut().insert(Request {
            id: id.clone(),
            ip,
            languages: languages.clone(),
            app: self.app.clone(),
        });

        // Needed only for the log and the span.
        let is_logged = tracing::enabled!(target: "kayan::access", tracing::Level::INFO)
            || (self.app.tracer.is_some() && span::is_kept());
        let tenant = is_logged.then(|| caller::named_tenant(&request).ok().flatten()).flatten();
        let work = async {
            named_once(request.headers())?;
            let allowance = limits::allow(&request, &self.app.kayan, &self.pages).await?;
            let mut response = match page {
                Some(page) => self.pages.answer(page, request.headers()).await?,
                // For a developer who opens the address of a new service.
                None if is_home => {
                    Redirect::see_other(format!("{}/docs", self.app.settings.public_path)).into_response()
                }
                None => self.inner.call(request).await?,
            };
            if let Some(Allowance { limit, remaining, reset }) = allowance {
                rate_limit::tell(response.headers_mut(), limit, remaining, reset);
            }
            Ok(response)
        };
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        let (mut response, operation) = match outcome {
            Ok(Ok(response)) => {
                let operation = response.data::<OperationId>().copied();
                (response, operation)
            }
            Ok(Err(error)) => {
                let (problem, operation) = self.refuse(error, &method, uri.path());
                if let Some(cause) = problem.cause() {
                    tracing::error!(request_id = id, cause, "request failed");
                }
                (problem.respond_in(&languages, &id), operation)
            }
            Err(_panic) => {
                let path = uri.path();
                let path = path.get(..path.floor_char_boundary(MAX_PATH)).unwrap_or_default();
                tracing::error!(request_id = id, path, "request panicked");
                (Problem::new(Code::Internal).respond(&id), None)
            }
        };
        origins::share(origin.as_ref(), &mut response, &self.app.settings);
        secure(&mut response, &id, &self.app.settings);
        let took = begun.elapsed();
        let status = response.status();
        let route = self.observations.note(operation, status, took);
        let (method, route) = (methods::short_name(&method), page.unwrap_or(route));
        self.log(&Summary { method, route, status, tenant: tenant.as_ref(), request_id: &id }, took);
        Ok(response)
    }

    /// The response to something that is not a valid HTTP request, which the HTTP library refuses with this status.
    pub(crate) fn refuse_unread(&self, status: StatusCode) -> Refusal {
        let message = match status {
            StatusCode::URI_TOO_LONG => "the target of the request is longer than 65,534 bytes",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                "the request has more than 100 headers, or its head is larger than 128 KiB"
            }
            _ => "this can't be read as an HTTP request",
        };
        let id = self.ids.make();
        let mut response = Problem::new(Code::InvalidInput).status_code(status).message(message).respond(&id);
        secure(&mut response, &id, &self.app.settings);
        let route = self.observations.note(None, status, Duration::ZERO);
        self.log(&Summary { method: "-", route, status, tenant: None, request_id: &id }, Duration::ZERO);
        let mut headers = Vec::new();
        for (name, value) in response.headers() {
            headers.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        // The whole body is in memory.
        let body = response.into_body().into_vec().now_or_never().and_then(Result::ok);
        Refusal { headers, body: body.unwrap_or_default() }
    }

    /// Writes the line in the access log and ends the span.
    fn log(&self, summary: &Summary<'_>, took: Duration) {
        tracing::info!(
            target: "kayan::access",
            method = summary.method,
            route = summary.route,
            status = summary.status.as_u16(),
            ms = f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1000.0,
            tenant = summary.tenant.map(TenantId::as_str),
            request_id = summary.request_id,
            "request"
        );
        if self.app.tracer.is_some() {
            // The scheme that clients use, if it is configured; the service itself speaks only HTTP.
            let public = self.app.settings.public_origin.as_ref();
            let scheme = if public.is_some_and(|it| it.as_str().starts_with("https:")) { "https" } else { "http" };
            span::end(summary, scheme);
        }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, request: HttpRequest) -> Result<Response> {
        match &self.app.tracer {
            None => self.answer(request).await,
            Some(tracer) => {
                let span = span::begin(tracer, &request);
                self.answer(request).with_context(span).await
            }
        }
    }
}

/// Whether a person opens `/` in a browser, which asks for a page.
fn is_browser_at_root(request: &HttpRequest) -> bool {
    request.method() == Method::GET && request.uri().path() == "/" && forwarded::accepts_pages(request.headers())
}

/// Adds the headers of every response: OWASP's for an API, unless the response has its own.
fn secure(response: &mut Response, id: &str, settings: &HttpSettings) {
    let headers = response.headers_mut();
    headers.reserve(8);
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if settings.secure_cookies {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
}
