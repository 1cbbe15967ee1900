//! The span of a request: its parent and its attributes.

use kayan_ports::TenantId;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracer};
use poem::{
    Request,
    http::{HeaderMap, HeaderName, StatusCode},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is read, in bytes; W3C Trace Context, section 3.3.1.5, asks for at least these.
const STATE_BYTES: usize = 512;

/// What the log and the span say about a request: neither the caller nor the path, which may contain names.
pub(crate) struct Summary<'a> {
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) tenant: Option<&'a TenantId>,
    pub(crate) request_id: &'a str,
}

/// Begins the span of a request, in the caller's trace if it names one, else in a new trace.
pub(crate) fn begin(tracer: &SdkTracer, request: &Request) -> Context {
    let parent = parent(request.headers());
    let builder =
        SpanBuilder::from_name(known(request.method().as_str()).unwrap_or("HTTP")).with_kind(SpanKind::Server);
    parent.with_span(tracer.build_with_context(builder, &parent))
}

/// Whether the span of the current request is sampled.
pub(crate) fn is_kept() -> bool {
    Context::map_current(|present| present.span().span_context().is_sampled())
}

/// Ends the span of the current request.
pub(crate) fn end(summary: &Summary<'_>, scheme: &'static str) {
    Context::map_current(|present| {
        let span = present.span();
        if !span.span_context().is_sampled() {
            return;
        }
        let method = known(summary.method);
        let status = summary.status;
        let mut attributes = vec![
            KeyValue::new("http.request.method", method.unwrap_or("_OTHER")),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("url.scheme", scheme),
            KeyValue::new("kayan.request_id", summary.request_id.to_owned()),
        ];
        if summary.route != "-" {
            span.update_name(format!("{} {}", method.unwrap_or("HTTP"), summary.route));
            attributes.push(KeyValue::new("http.route", summary.route.to_owned()));
        }
        attributes.extend(summary.tenant.map(|tenant| KeyValue::new("kayan.tenant", tenant.as_str().to_owned())));
        if status.is_server_error() {
            attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.set_attributes(attributes);
        span.end();
    });
}

/// The name of a standard method.
fn known(method: &str) -> Option<&'static str> {
    Some(match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => return None,
    })
}

/// The caller's span, by W3C Trace Context; none if `traceparent` is malformed or sent twice.
fn parent(headers: &HeaderMap) -> Context {
    let none = Context::new();
    match Caller::of(headers) {
        Some(caller) => TraceContextPropagator::new().extract_with_context(&none, &caller),
        None => none,
    }
}

/// The headers that name the caller's span, for the propagator.
struct Caller<'a> {
    parent: &'a str,
    state: Option<String>,
}

impl<'a> Caller<'a> {
    /// Refuses what the propagator would accept against the standard: signs, short numbers, a dash at the end.
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next().filter(|_| parents.next().is_none())?.to_str().ok()?.trim();
        let (span, more) = parent.split_at_checked("00-".len() + 32 + "-".len() + 16 + "-00".len())?;
        let digits = |part: &str| part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let well_formed = span.split('-').map(str::len).eq([2, 32, 16, 2]) && span.split('-').all(digits);
        // Only later versions may add to it.
        let whole = more.is_empty() || (more.starts_with('-') && !parent.starts_with("00"));
        (well_formed && whole).then(|| Self { parent, state: state(headers) })
    }
}

impl Extractor for Caller<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT {
            Some(self.parent)
        } else if key == TRACESTATE {
            self.state.as_deref()
        } else {
            None
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// All `tracestate` headers as one, as RFC 9110, section 5.3, has it.
fn state(headers: &HeaderMap) -> Option<String> {
    let states: Option<Vec<&str>> = headers.get_all(TRACESTATE).iter().map(|state| state.to_str().ok()).collect();
    states.map(|states| states.join(",")).filter(|state| !state.is_empty() && state.len() <= STATE_BYTES)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::SpanContext;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn caller(headers: &HeaderMap) -> Option<SpanContext> {
        let parent = parent(headers);
        parent.has_active_span().then(|| parent.span().span_context().clone())
    }

    #[test]
    fn a_caller_is_known_by_its_trace_and_its_flag() {
        for (text, sampled) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe", false),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-comes-later", true),
        ] {
            let caller =
                caller(&headers(&[("traceparent", text), ("tracestate", "a=1"), ("tracestate", "b=2")])).unwrap();
            assert_eq!(caller.trace_id().to_string(), TRACE);
            assert_eq!(caller.span_id().to_string(), "00f067aa0ba902b7");
            assert_eq!((caller.is_sampled(), caller.is_remote()), (sampled, true), "{text}");
            assert_eq!(caller.trace_state().header(), "a=1,b=2");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_nobody() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(caller(&headers(&[("traceparent", text)])), None, "{text}");
        }
        let good = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(caller(&headers(&[good, good])), None, "two callers are none");
        let long = format!("a={}", "x".repeat(STATE_BYTES));
        for state in ["no pairs", &long] {
            let caller = caller(&headers(&[good, ("tracestate", state)])).unwrap();
            assert_eq!(caller.trace_state().header(), "", "the state is dropped, the caller stays");
        }
    }
}
