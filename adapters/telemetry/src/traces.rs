//! Traces: which requests leave spans, and how these reach a collector, by OTLP over HTTP.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanBuilder, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _},
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

/// How long the last spans may take to be delivered when the service ends.
const GRACE: Duration = Duration::from_secs(5);

/// What this process keeps, once it does.
static KEPT: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Which spans are kept, and where they go. Prints without secrets.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// The whole URL of the collector, `/v1/traces` included.
    pub endpoint: String,
    /// Headers that the collector wants, often with a key of its own.
    pub headers: Vec<(String, SecretString)>,
    /// How long one delivery may take, with whatever it is tried again.
    pub timeout: Duration,
    /// Whether what is sent is compressed.
    pub gzip: bool,
    /// What the service says of itself, `service.name` among it.
    pub resource: BTreeMap<String, String>,
    /// Which traces are kept.
    pub sampling: Sampling,
    /// How long a span waits for others at most.
    pub delay: Duration,
    /// So many spans wait at most; more are dropped.
    pub queue: usize,
    /// So many spans are sent at once at most.
    pub batch: usize,
}

/// Which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Whether a caller that takes part in the trace has decided already.
    pub by_parent: bool,
    /// The part of all other traces that is kept, 0 to 1.
    pub ratio: f64,
}

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The library refuses.
    #[error("traces can't be set up: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The client refuses.
    #[error("traces can't be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS can't be set up.
    #[error("traces can't be sent by TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system knows no authority.
    #[error(
        "this system has no trusted certificates; install its ca-certificates, or name a PEM file in SSL_CERT_FILE"
    )]
    NoAuthorities,
    /// Something in this process keeps traces already.
    #[error("traces are kept already in this process; set them up once, at start")]
    AlreadyKept,
}

/// The traces of this process. What is not delivered when it ends is lost, so it is to be closed.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Keeps spans from now on, and delivers them on a thread of its own: whatever asked for a `tracer` before has none.
    ///
    /// # Errors
    /// What can't be set up; `AlreadyKept` at the second call. Must not be called within an asynchronous runtime.
    pub fn keep(settings: TraceSettings) -> Result<Self, TracesError> {
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
        let exporter = Telling { inner: exporter.build()?, endpoint, failing: AtomicBool::new(false) };
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
        KEPT.set(provider.clone()).map_err(|_| TracesError::AlreadyKept)?;
        Ok(Self(provider))
    }

    /// Delivers what is left, for some seconds at most; nothing is kept from then on.
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

/// What begins spans, if this process keeps them.
pub fn tracer() -> Option<SdkTracer> {
    KEPT.get().map(|provider| provider.tracer("kayan"))
}

/// Begins a span below the present one; none when that is not kept either, or when there is none.
pub(crate) fn below(
    tracer: Option<&SdkTracer>,
    name: impl Into<Cow<'static, str>>,
    kind: SpanKind,
    attributes: impl FnOnce() -> Vec<KeyValue>,
) -> Option<Span> {
    let tracer = tracer?;
    Context::map_current(|present| {
        let kept = present.span().span_context().is_sampled();
        let builder = || SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes());
        kept.then(|| tracer.build_with_context(builder(), present))
    })
}

/// A client that waits for nobody longer than this, and takes its headers to no other place.
fn client(endpoint: &str, timeout: Duration) -> Result<blocking::Client, TracesError> {
    let roots = if endpoint.starts_with("https:") { authorities()? } else { RootCertStore::empty() };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let tls = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    let client = blocking::Client::builder().timeout(timeout).redirect(redirect::Policy::none());
    Ok(client.tls_backend_preconfigured(tls).build()?)
}

fn authorities() -> Result<RootCertStore, TracesError> {
    let mut roots = RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if known == 0 { Err(TracesError::NoAuthorities) } else { Ok(roots) }
}

/// Delivers spans, and tells when that begins to fail and when it is over: not each time.
#[derive(Debug)]
struct Telling {
    inner: SpanExporter,
    endpoint: String,
    failing: AtomicBool,
}

impl Export for Telling {
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
