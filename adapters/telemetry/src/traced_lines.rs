//! Log lines that name the trace that they belong to.

use std::fmt;

use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, TraceId},
};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// The form of a line, and at its end the present trace's id, if there is one.
pub(crate) struct Traced<F>(pub(crate) F);

fn present() -> Option<TraceId> {
    let id = Context::map_current(|present| present.span().span_context().trace_id());
    (id != TraceId::INVALID).then_some(id)
}

/// The fields of a line of text.
impl<'writer, F: for<'lent> FormatFields<'lent>> FormatFields<'writer> for Traced<F> {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        present().map_or(Ok(()), |id| write!(writer, " trace_id={id}"))
    }
}

/// A whole line of JSON.
impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = present() else { return self.0.format_event(ctx, writer, event) };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let object = line.trim_end().strip_suffix('}').unwrap_or(&line);
        writeln!(writer, "{object},\"trace_id\":\"{id}\"}}")
    }
}
