//! Traces: which spans are sampled, and how they are sent to a collector, by OTLP over HTTP.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kayan_tls::{NoSystemAuthorities, system_authorities};
use opentelemetry::{
    Context, KeyValue,
    trace::{FutureExt as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{Compression, ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::TelemetryResourceDetector,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, Span, SpanData,
        SpanExporter as Export,
    },
};
use reqwest::{blocking, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use secrecy::{ExposeSecret as _, SecretString};

/// How long delivering the last spans may take when the process ends.
const GRACE: Duration = Duration::from_secs(5);

/// The provider of this process, once traces are set up.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Which spans are sampled, and where they are sent. Its `Debug` form has no secrets.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The whole URL of the collector, `/v1/traces` included.
    pub endpoint: String,
    /// Headers for the collector, such as an API key.
    pub headers: Vec<(String, SecretString)>,
    /// How long one delivery may take, retries included.
    pub timeout: Duration,
    /// Whether deliveries are compressed.
    pub gzip: bool,
    /// The resource attributes, `service.name` included.
    pub resource: BTreeMap<String, String>,
    /// Which traces are sampled.
    pub sampling: Sampling,
    /// How long a span waits for its batch, at most.
    pub delay: Duration,
    /// How many spans may wait; further ones are dropped.
    pub queue: usize,
    /// How many spans a delivery has at most.
    pub batch: usize,
}

/// Which traces are sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Whether the caller decides, if it has a span in the trace.
    pub by_parent: bool,
    /// The ratio of all other traces that is sampled, 0 to 1.
    pub ratio: f64,
}

/// Why traces can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The exporter refuses the settings.
    #[error("traces can't be set up: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The HTTP client refuses the settings.
    #[error("traces can't be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS can't be set up.
    #[error("traces can't be sent by TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system trusts no certificate authority.
    #[error(transparent)]
    NoSystemAuthorities(#[from] NoSystemAuthorities),
    /// This process has set them up before.
    #[error("traces are already set up in this process; set them up once, at start")]
    AlreadyInstalled,
}

/// The traces of this process. Spans that are not delivered when the process ends are lost, so close it before.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts sampling spans, and delivers them on a thread of its own. [`tracer`] returns `None` before this.
    /// Must not be called within an asynchronous runtime.
    ///
    /// # Errors
    /// What can't be set up; `AlreadyInstalled` at the second call.
    pub fn install(settings: TraceSettings) -> Result<Self, TracesError> {
        let TraceSettings { endpoint, headers, timeout, gzip, resource, sampling, delay, queue, batch } = settings;
        let headers: HashMap<String, String> =
            headers.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned())).collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client(&endpoint, timeout)?)
            .with_endpoint(&endpoint)
            .with_timeout(timeout)
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_headers(headers);
        let exporter = if gzip { exporter.with_compression(Compression::Gzip) } else { exporter };
        let exporter = LoggedExporter { inner: exporter.build()?, endpoint, failing: AtomicBool::new(false) };
        let config = BatchConfigBuilder::default()
            .with_scheduled_delay(delay)
            .with_max_queue_size(queue)
            .with_max_export_batch_size(batch)
            .build();
        let resource = Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(resource.into_iter().map(|(name, value)| KeyValue::new(name, value)))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(config).build())
            .with_sampler(sampling.sampler())
            .with_resource(resource)
            .build();
        PROVIDER.set(provider.clone()).map_err(|_| TracesError::AlreadyInstalled)?;
        Ok(Self(provider))
    }

    /// Delivers the last spans, within [`GRACE`]; spans that end later are dropped.
    pub fn close(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(GRACE) {
            tracing::warn!(%error, "the last spans may not have reached the collector");
        }
    }
}

impl Sampling {
    fn sampler(self) -> Sampler {
        let own = Sampler::TraceIdRatioBased(self.ratio);
        if self.by_parent { Sampler::ParentBased(Box::new(own)) } else { own }
    }
}

/// The tracer of this process, if traces are set up.
pub fn tracer() -> Option<SdkTracer> {
    PROVIDER.get().map(|provider| provider.tracer("kayan"))
}

/// Begins a child of the present span, if that one is sampled.
pub(crate) fn child(
    tracer: Option<&SdkTracer>,
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    attributes: impl FnOnce() -> Vec<KeyValue>,
) -> Option<Span> {
    let tracer = tracer?;
    Context::map_current(|present| {
        let sampled = present.span().span_context().is_sampled();
        let builder = || SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes());
        sampled.then(|| tracer.build_with_context(builder(), present))
    })
}

/// Runs `work` within `span`, if there is one, and ends it. Of an error it has the kind alone: its text may quote values.
pub(crate) async fn within<T, E>(
    span: Option<Span>,
    work: impl Future<Output = Result<T, E>>,
    kind: fn(&E) -> &'static str,
) -> Result<T, E> {
    let Some(span) = span else { return work.await };
    let context = Context::current_with_span(span);
    let outcome = work.with_context(context.clone()).await;
    let span = context.span();
    if let Err(error) = &outcome {
        span.set_attribute(KeyValue::new("error.type", kind(error)));
        span.set_status(Status::error(""));
    }
    span.end();
    outcome
}

/// A client that follows no redirects: its headers are for the collector alone.
fn client(endpoint: &str, timeout: Duration) -> Result<blocking::Client, TracesError> {
    let roots = if endpoint.starts_with("https:") { system_authorities()? } else { RootCertStore::empty() };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let tls = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    let client = blocking::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
    Ok(client.tls_backend_preconfigured(tls).build()?)
}

/// Delivers spans, and logs when deliveries begin to fail and when they succeed again.
#[derive(Debug)]
struct LoggedExporter {
    inner: SpanExporter,
    endpoint: String,
    failing: AtomicBool,
}

impl Export for LoggedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.inner.export(batch).await;
        let failed_before = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !failed_before => {
                let endpoint = &self.endpoint;
                tracing::warn!(%error, endpoint, "spans don't reach the collector; they are dropped until they do");
            }
            Ok(()) if failed_before => tracing::info!("spans reach the collector again"),
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
