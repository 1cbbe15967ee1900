//! The settings of traces, which are OpenTelemetry's own.

use std::collections::BTreeMap;
use std::time::Duration;

use kayan_telemetry::{Sampling, TraceSettings};
use secrecy::SecretString;
use url::Url;

use super::Section;
use crate::config::{parse, setting::Setting, values::Values};

/// Whether a parent's decision holds, and the ratio of other traces to keep; `None` takes `OTEL_TRACES_SAMPLER_ARG`.
type Sampler = (bool, Option<f64>);

const DISABLED: Setting<bool> =
    Setting::switch("OTEL_SDK_DISABLED", "Send no traces, whatever else is set").or("false");
/// Whether traces are exported.
const EXPORTER: Setting<bool> =
    Setting::choice("OTEL_TRACES_EXPORTER", "How traces are sent", &[("otlp", true), ("none", false)]).or("otlp");
const ENDPOINT: Setting<Url> =
    Setting::parsed("OTEL_EXPORTER_OTLP_ENDPOINT", "Collector; traces go to its /v1/traces", parse::bare_url);
const TRACES_ENDPOINT: Setting<Url> =
    Setting::parsed("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "The whole URL that traces go to", parse::bare_url)
        .computed("OTEL_EXPORTER_OTLP_ENDPOINT");
const HEADERS: Setting<Vec<(String, SecretString)>> =
    Setting::parsed("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector: NAME=VALUE, commas", parse::headers)
        .hidden();
const PROTOCOL: Setting<()> =
    Setting::choice("OTEL_EXPORTER_OTLP_PROTOCOL", "Protocol", &[("http/protobuf", ())]).or("http/protobuf");
/// Whether deliveries are compressed with gzip.
const COMPRESSION: Setting<bool> =
    Setting::choice("OTEL_EXPORTER_OTLP_COMPRESSION", "Compression", &[("none", false), ("gzip", true)]).or("none");
const TIMEOUT: Setting<u64> =
    Setting::number("OTEL_EXPORTER_OTLP_TIMEOUT", "Maximum time of a delivery, in milliseconds", &(1, 600_000))
        .or("10000");
const SERVICE_NAME: Setting<String> = Setting::text("OTEL_SERVICE_NAME", "The service's name in traces").or("kayan");
const RESOURCE_ATTRIBUTES: Setting<Vec<(String, String)>> = Setting::parsed(
    "OTEL_RESOURCE_ATTRIBUTES",
    "Other attributes of the service in traces: NAME=VALUE, commas",
    parse::pairs,
);
const SAMPLER: Setting<Sampler> = Setting::choice(
    "OTEL_TRACES_SAMPLER",
    "Which traces are kept",
    &[
        ("always_on", (false, Some(1.0))),
        ("always_off", (false, Some(0.0))),
        ("traceidratio", (false, None)),
        ("parentbased_always_on", (true, Some(1.0))),
        ("parentbased_always_off", (true, Some(0.0))),
        ("parentbased_traceidratio", (true, None)),
    ],
)
.or("parentbased_always_on");
const SAMPLER_ARG: Setting<f64> =
    Setting::parsed("OTEL_TRACES_SAMPLER_ARG", "The ratio that …traceidratio keeps, 0 to 1", parse::ratio).or("1");
const SCHEDULE_DELAY: Setting<u64> =
    Setting::number("OTEL_BSP_SCHEDULE_DELAY", "Longest wait of a span, in milliseconds", &(1, 600_000)).or("5000");
const MAX_QUEUE_SIZE: Setting<usize> =
    Setting::number("OTEL_BSP_MAX_QUEUE_SIZE", "Spans that may wait; more are dropped", &(1, 100_000)).or("2048");
const MAX_EXPORT_BATCH_SIZE: Setting<usize> =
    Setting::number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "Spans sent at once", &(1, 100_000)).or("512");

pub(super) const SECTION: Section = Section {
    title: "Tracing",
    settings: &[
        &DISABLED,
        &EXPORTER,
        &ENDPOINT,
        &TRACES_ENDPOINT,
        &HEADERS,
        &PROTOCOL,
        &COMPRESSION,
        &TIMEOUT,
        &SERVICE_NAME,
        &RESOURCE_ATTRIBUTES,
        &SAMPLER,
        &SAMPLER_ARG,
        &SCHEDULE_DELAY,
        &MAX_QUEUE_SIZE,
        &MAX_EXPORT_BATCH_SIZE,
    ],
};

/// The traces of the configuration; `None` when they are disabled or there is no endpoint.
pub(crate) fn read(values: &Values) -> Option<TraceSettings> {
    if values.get(&DISABLED) || !values.get(&EXPORTER) {
        return None;
    }
    let below = |text: &str| format!("{}/v1/traces", text.trim_end_matches('/'));
    let whole = values.text(&TRACES_ENDPOINT).map(str::to_owned);
    Some(TraceSettings {
        endpoint: whole.or_else(|| values.text(&ENDPOINT).map(below))?,
        headers: values.get(&HEADERS),
        timeout: Duration::from_millis(values.get(&TIMEOUT)),
        gzip: values.get(&COMPRESSION),
        resource: resource(values),
        sampling: sampling(values),
        delay: Duration::from_millis(values.get(&SCHEDULE_DELAY)),
        queue: values.get(&MAX_QUEUE_SIZE),
        batch: values.get(&MAX_EXPORT_BATCH_SIZE),
    })
}

/// The attributes may contain the service's name; `OTEL_SERVICE_NAME` overrides it when it is set.
fn resource(values: &Values) -> BTreeMap<String, String> {
    let name = ("service.name".to_owned(), values.get(&SERVICE_NAME));
    let version = ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let mut resource = BTreeMap::from([name.clone(), version]);
    resource.extend(values.get(&RESOURCE_ATTRIBUTES));
    if values.given(&SERVICE_NAME).is_some() {
        resource.extend([name]);
    }
    resource
}

fn sampling(values: &Values) -> Sampling {
    let (by_parent, ratio) = values.get(&SAMPLER);
    Sampling { by_parent, ratio: ratio.unwrap_or_else(|| values.get(&SAMPLER_ARG)) }
}
