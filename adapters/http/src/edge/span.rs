//! The span of a request: its parent and its attributes.

use kayan_ports::TenantId;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _,
    },
};
use opentelemetry_sdk::trace::SdkTracer;
use poem::{
    Request,
    http::{HeaderMap, HeaderName, StatusCode},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The maximum length of `tracestate`, in bytes: the least that the standard requires.
const STATE_BYTES: usize = 512;

/// What the log and the span say about a request: neither the caller nor the path, which may contain names.
pub(crate) struct Summary<'a> {
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) tenant: Option<&'a TenantId>,
    pub(crate) request_id: &'a str,
}

/// Starts the span of a request, in the caller's trace or in a new one.
pub(crate) fn begin(tracer: &SdkTracer, request: &Request) -> Context {
    let parent = caller(request.headers());
    let parent = parent.map_or_else(Context::new, |caller| Context::new().with_remote_span_context(caller));
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

/// The caller's span (W3C Trace Context), unless the header is malformed or sent twice.
fn caller(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    let (trace, span, flags) = parts(parent.to_str().ok()?)?;
    Some(SpanContext::new(trace, span, flags, true, state(headers).unwrap_or_default()))
}

/// `version-trace-span-flags`; later versions may add more parts.
fn parts(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = text.trim().split('-');
    let mut next = |digits: usize| {
        let good = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        parts.next().filter(|part| part.len() == digits && part.bytes().all(good))
    };
    let version = next(2).filter(|version| *version != "ff")?;
    let trace = TraceId::from_hex(next(32)?).ok().filter(|id| *id != TraceId::INVALID)?;
    let span = SpanId::from_hex(next(16)?).ok().filter(|id| *id != SpanId::INVALID)?;
    let flags = u8::from_str_radix(next(2)?, 16).ok()?;
    // The only flag of this version.
    let known = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    (version != "00" || parts.next().is_none()).then_some((trace, span, known))
}

fn state(headers: &HeaderMap) -> Option<TraceState> {
    let texts: Option<Vec<&str>> = headers.get_all(TRACESTATE).iter().map(|text| text.to_str().ok()).collect();
    let text = texts.filter(|texts| !texts.is_empty())?.join(",");
    if text.len() > STATE_BYTES { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
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
