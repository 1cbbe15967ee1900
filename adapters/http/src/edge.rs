//! What all requests share, in one layer: id, client address, headers, the error shape, panics and the access line.
//!
//! One hand-fused layer costs a third of a stack of small ones, and this is on every hot path.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use kayan_core::{Allowance, Caller};
use kayan_ports::TenantId;
use opentelemetry::trace::FutureExt as _;
use poem::{
    Endpoint, Request as HttpRequest, Response, Result,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};
use poem_openapi::OperationId;

use crate::{
    Application, HttpSettings, caller,
    client_ip::client_ip,
    docs::Pages,
    errors::Code,
    methods::Methods,
    observations::Observations,
    origins,
    problem::Problem,
    rate_limit,
    refused::Refusal,
    server_span::{self, Told},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What the handlers may know of a request beside what it says itself.
#[derive(Clone)]
pub(crate) struct Request {
    /// Its id: what the log, the audit trail and the answer call it.
    pub(crate) id: String,
    /// The client's address.
    pub(crate) ip: Option<IpAddr>,
    /// What the API stands on.
    pub(crate) app: Arc<Application>,
}

impl Request {
    /// What the edge has noted about a request.
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
    /// What this process's request ids begin with, and how many it has given.
    id_prefix: String,
    id_count: AtomicU64,
}

impl<E: Endpoint<Output = Response>> Edge<E> {
    /// Puts the layer around the API.
    pub(crate) fn new(inner: E, app: Arc<Application>, observations: Observations) -> Self {
        let mut random = [0; 8];
        app.entropy.fill(&mut random);
        Self {
            inner,
            pages: Pages::default(),
            methods: OnceLock::new(),
            observations,
            id_prefix: hexadecimal(u64::from_be_bytes(random)).collect(),
            id_count: AtomicU64::new(0),
            app,
        }
    }

    fn request_id(&self, request: &HttpRequest) -> String {
        let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_sane(id));
        // Unique, not secret: nothing is opened by a request id.
        let make = || {
            let mut id = String::with_capacity(2 * ID_DIGITS as usize);
            id.push_str(&self.id_prefix);
            id.extend(hexadecimal(self.id_count.fetch_add(1, Ordering::Relaxed)));
            id
        };
        given.map_or_else(make, str::to_owned)
    }

    fn client_ip(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.remote_addr().as_socket_addr()?.ip();
        if self.app.settings.trusted_proxies.is_empty() {
            return Some(peer.to_canonical());
        }
        let forwarded = request.headers().get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        Some(client_ip(peer, forwarded, &self.app.settings.trusted_proxies))
    }

    /// Counts the request against its client's limit, if it has one and the path is one that counts.
    async fn allow(&self, request: &HttpRequest) -> Result<Option<Allowance>> {
        let counts = |path: &str| path.starts_with("/api/") || path.starts_with("/admin/");
        if !self.app.kayan.limits_clients() || !counts(request.uri().path()) {
            return Ok(None);
        }
        let context = Request::of(request)?;
        let caller =
            Caller { client: caller::client(request)?, request_id: Some(context.id.clone()), ..Caller::default() };
        self.app.kayan.limit_client(&caller).await.map_err(|error| error.problem().into())
    }

    fn methods(&self) -> &Methods {
        self.methods.get_or_init(|| Methods::read(self.pages.document()))
    }

    /// Any error, the library's own included, in the one shape; says which operation refused, if one was reached.
    fn refuse(&self, error: poem::Error, method: &Method, path: &str) -> (Problem, Option<OperationId>) {
        let operation = error.data::<OperationId>().copied();
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return (problem.clone(), operation);
        }
        let problem = match error.status() {
            StatusCode::NOT_FOUND if !Pages::PATHS.contains(&path) => Problem::new(Code::NotFound),
            // The router knows nothing of the pages.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => {
                let message = format!("this path does not have the method {method}");
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
        let id = self.request_id(&request);
        let origin = request.headers().get(header::ORIGIN).cloned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let at_once = self.pages.answer(&method, uri.path());
        if let Some(mut response) = at_once.or_else(|| origins::preflight(&request, &self.app.settings)) {
            secure(&mut response, &id, &self.app.settings);
            let took = begun.elapsed();
            self.observations.note(None, response.status(), took);
            let page = Pages::PATHS.into_iter().find(|page| *page == uri.path());
            let (route, status) = (page.unwrap_or("-"), response.status());
            self.tell(&Told { method: &method, route, status, tenant: None, request_id: &id }, took);
            return Ok(response);
        }
        let ip = self.client_ip(&request);
        request.extensions_mut().insert(Request { id: id.clone(), ip, app: self.app.clone() });

        // Looked up for the log and the span alone.
        let is_told = tracing::enabled!(target: "kayan::access", tracing::Level::INFO)
            || (self.app.tracer.is_some() && server_span::is_kept());
        let tenant = is_told.then(|| caller::named_tenant(&request).ok().flatten()).flatten();
        let work = async {
            let allowance = self.allow(&request).await?;
            let mut response = self.inner.call(request).await?;
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
                (problem.respond(&id), operation)
            }
            Err(_panic) => {
                tracing::error!(request_id = id, path = uri.path(), "request panicked");
                (Problem::new(Code::Internal).respond(&id), None)
            }
        };
        origins::share(origin.as_ref(), &mut response, &self.app.settings);
        secure(&mut response, &id, &self.app.settings);
        let took = begun.elapsed();
        let status = response.status();
        let route = self.observations.note(operation, status, took);
        self.tell(&Told { method: &method, route, status, tenant: tenant.as_ref(), request_id: &id }, took);
        Ok(response)
    }

    /// The access line, one for each request; and the end of its span.
    fn tell(&self, told: &Told<'_>, took: Duration) {
        tracing::info!(
            target: "kayan::access",
            method = told.method.as_str(),
            route = told.route,
            status = told.status.as_u16(),
            ms = f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1000.0,
            tenant = told.tenant.map(TenantId::as_str),
            request_id = told.request_id,
            "request"
        );
        if self.app.tracer.is_some() {
            // What clients speak to a proxy in front, if that is known; the service itself speaks no other.
            let public = self.app.settings.public_origin.as_ref();
            let scheme = if public.is_some_and(|it| it.as_str().starts_with("https:")) { "https" } else { "http" };
            server_span::end(told, scheme);
        }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, request: HttpRequest) -> Result<Response> {
        match &self.app.tracer {
            None => self.answer(request).await,
            Some(tracer) => {
                let span = server_span::begin(tracer, &request);
                self.answer(request).with_context(span).await
            }
        }
    }
}

/// Digits of either half of an id.
const ID_DIGITS: u32 = 12;

/// The last digits, which is quicker than a format.
fn hexadecimal(number: u64) -> impl Iterator<Item = char> {
    let digit = move |place| char::from_digit(u32::try_from(number >> (4 * place) & 15).unwrap_or_default(), 16);
    (0..ID_DIGITS).rev().filter_map(digit)
}

/// A request id that may be taken over: short and without surprises in a log.
fn is_sane(id: &str) -> bool {
    (8..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The headers every answer has: OWASP's for an API, unless the answer knows better.
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
