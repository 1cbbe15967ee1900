//! The settings of traces, which are OpenTelemetry's own.

use std::collections::BTreeMap;
use std::time::Duration;

use kayan_telemetry::{Sampling, TraceSettings};

use super::parse;
use super::values::Values;

/// How traces are kept and sent; nothing: there is nowhere to send them, or somebody wants none.
pub(crate) fn assemble(values: &Values) -> Option<TraceSettings> {
    if values.switch("OTEL_SDK_DISABLED") || values.word("OTEL_TRACES_EXPORTER") == "none" {
        return None;
    }
    let below = |text: &str| format!("{}/v1/traces", text.trim_end_matches('/'));
    let whole = values.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(str::to_owned);
    let endpoint = whole.or_else(|| values.text("OTEL_EXPORTER_OTLP_ENDPOINT").map(below))?;
    let milliseconds = |name| Duration::from_millis(values.number(name));
    Some(TraceSettings {
        endpoint,
        headers: values.read("OTEL_EXPORTER_OTLP_HEADERS", parse::headers).unwrap_or_default(),
        timeout: milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT"),
        gzip: values.word("OTEL_EXPORTER_OTLP_COMPRESSION") == "gzip",
        resource: resource(values),
        sampling: sampling(values),
        delay: milliseconds("OTEL_BSP_SCHEDULE_DELAY"),
        queue: values.number("OTEL_BSP_MAX_QUEUE_SIZE"),
        batch: values.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
    })
}

/// The service's name may stand among the attributes; who sets it by itself means that more.
fn resource(values: &Values) -> BTreeMap<String, String> {
    let name = values.text("OTEL_SERVICE_NAME").unwrap_or_default();
    let name = ("service.name".to_owned(), name.to_owned());
    let version = ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let mut resource = BTreeMap::from([name.clone(), version]);
    resource.extend(values.read("OTEL_RESOURCE_ATTRIBUTES", parse::pairs).unwrap_or_default());
    if values.given("OTEL_SERVICE_NAME") {
        resource.extend([name]);
    }
    resource
}

fn sampling(values: &Values) -> Sampling {
    let word = values.word("OTEL_TRACES_SAMPLER");
    let own = word.strip_prefix("parentbased_");
    let ratio = match own.unwrap_or(&word) {
        "always_off" => 0.0,
        "traceidratio" => values.read("OTEL_TRACES_SAMPLER_ARG", parse::part).unwrap_or_default(),
        _ => 1.0,
    };
    Sampling { by_parent: own.is_some(), ratio }
}
