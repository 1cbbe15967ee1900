//! Administration: reading and exporting the audit trail.

mod event;

use std::sync::Arc;

use kayan_core::{
    DeniedError, EventExport, ExportEvents, ExportFormat, Kayan, Operator,
    policy::{cursor, period},
};
use kayan_ports::{EventOrder, EventQuery, EventType, Outcome};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiResponse, Enum, OpenApi,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};

use self::event::EventList;
use crate::{
    Application, Tag,
    admin::operator::Admin,
    wire::{
        codes::Code, paging::DEFAULT_LIMIT, problem::Problem, query::Query, refused::Refused, reply::Reply,
        streamed::streamed,
    },
};

/// The operation whose answer is streamed.
pub(crate) const EXPORT: &str = "exportAuditEvents";

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct AuditTrail {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The outcome of an event.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum EventStatus {
    /// It succeeded.
    Success,
    /// It failed.
    Failure,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum Format {
    /// A JSON array.
    Json,
    /// CSV with a header row (RFC 4180).
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// The filter of a request.
struct Wanted {
    types: Query<Option<String>>,
    actor: Query<Option<String>>,
    subject: Query<Option<String>>,
    status: Query<Option<EventStatus>>,
    start: Query<Option<String>>,
    end: Query<Option<String>>,
    ip: Query<Option<String>>,
}

impl Wanted {
    fn query(self, operator: &Operator, order: EventOrder) -> Result<EventQuery, Box<Problem>> {
        let named = self.types.0.as_deref().into_iter().flat_map(|types| types.split(','));
        let types = named.map(|name| EventType::from_name(name.trim()).ok_or_else(|| no_type(name)));
        let (start, end) = period::read(self.start.0.as_deref(), self.end.0.as_deref())
            .map_err(|error| parameter("start", "period", error.to_string()))?;
        Ok(EventQuery {
            order,
            types: types.collect::<Result<_, _>>()?,
            actor: self.actor.0,
            subject: self.subject.0,
            outcome: self.status.0.map(|status| match status {
                EventStatus::Success => Outcome::Success,
                EventStatus::Failure => Outcome::Failure,
            }),
            ip: self.ip.0,
            start,
            end,
            ..EventQuery::all(operator.scope.clone())
        })
    }
}

fn parameter(name: &str, code: &str, message: String) -> Box<Problem> {
    Box::new(Problem::new(Code::InvalidInput).field(name, code, message))
}

fn no_type(name: &str) -> Box<Problem> {
    let name: String = name.chars().take(64).collect();
    parameter("types", "enum", format!("unknown event type {name:?}; the schema AuditEvent lists all types"))
}

/// An export that is being written.
struct Exported {
    format: ExportFormat,
    body: Body,
}

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let name = match self.format {
            ExportFormat::Json => "attachment; filename=\"audit.json\"",
            ExportFormat::Csv => "attachment; filename=\"audit.csv\"",
            ExportFormat::Ndjson => "attachment; filename=\"audit.ndjson\"",
        };
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.media_type()));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
        response
    }
}

impl ApiResponse for Exported {
    fn meta() -> MetaResponses {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let events = MetaSchema { items: Some(Box::new(event::event_ref())), ..MetaSchema::new("array") };
        let media = |format: ExportFormat, schema| MetaMediaType { content_type: format.media_type(), schema };
        let content = vec![
            media(ExportFormat::Json, MetaSchemaRef::Inline(Box::new(events))),
            media(ExportFormat::Csv, text()),
            media(ExportFormat::Ndjson, text()),
        ];
        let name = MetaHeader {
            name: "Content-Disposition".to_owned(),
            description: Some("A name for the file (RFC 6266).".to_owned()),
            required: true,
            deprecated: false,
            schema: text(),
        };
        let description = "The events, oldest first. If the export fails, the response is cut off before its end.";
        MetaResponses {
            responses: vec![MetaResponse {
                description,
                status: Some(200),
                status_range: None,
                content,
                headers: vec![name],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        EventList::register(registry);
    }
}

/// Streams the export, and audits how it ended even if the client disconnects.
fn written(kayan: Arc<Kayan>, operator: Operator, mut export: EventExport) -> Body {
    streamed(EXPORT, operator.request_id.clone(), async move |pieces| {
        let mut piece = Vec::new();
        let done = loop {
            match export.next(&mut piece).await {
                Ok(true) if pieces.send(std::mem::take(&mut piece)).await => {}
                Ok(_) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        if let Err(failure) = kayan.end_export(&operator, &export).await {
            tracing::error!(cause = %failure, "the end of an export of the audit trail could not be audited");
        }
        done
    })
}

#[OpenApi(prefix_path = "/admin/audit", tag = "Tag::Administration")]
impl AuditTrail {
    /// List audit events
    ///
    /// Returns events, newest first. A filter with few matches can return fewer events than `limit`, or none, although there
    /// are more: continue with `next_cursor` until it is `null`. Requires `audit:read`.
    #[oai(path = "/events", method = "get", operation_id = "listAuditEvents")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn events(
        &self,
        Admin(operator): Admin,
        /// Only events of these types, separated by commas.
        #[oai(validator(max_length = 2048))]
        types: Query<Option<String>>,
        /// Only events caused by this actor: a user's id, or a name such as `cli`.
        #[oai(validator(max_length = 254))]
        actor: Query<Option<String>>,
        /// Only events about this user, by id.
        #[oai(validator(max_length = 254))]
        subject: Query<Option<String>>,
        /// Only events with this outcome.
        status: Query<Option<EventStatus>>,
        /// Only events from this date (UTC) or time (RFC 3339) on.
        #[oai(validator(max_length = 64))]
        start: Query<Option<String>>,
        /// Only events until the end of this date (UTC) or until this time (RFC 3339).
        #[oai(validator(max_length = 64))]
        end: Query<Option<String>>,
        /// Only events from this IP address.
        #[oai(validator(max_length = 64))]
        ip: Query<Option<String>>,
        /// The `next_cursor` of the previous page.
        #[oai(validator(max_length = 64))]
        cursor: Query<Option<String>>,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
    ) -> Result<Reply<EventList>, Refused<DeniedError>> {
        let wanted = Wanted { types, actor, subject, status, start, end, ip };
        let query = wanted.query(&operator, EventOrder::NewestFirst)?;
        let after = cursor.0.as_deref().map(cursor::read).transpose();
        let after = after.map_err(|error| parameter("cursor", "cursor", error.to_string()))?;
        let page = self.app.kayan.list_events(&operator, &query, after, limit.0.unwrap_or(DEFAULT_LIMIT)).await?;
        let next_cursor = page.next.as_ref().map(cursor::write);
        Ok(Reply::new(&EventList { data: page.events, next_cursor }))
    }

    /// Export audit events
    ///
    /// Returns events, oldest first, each exactly once even if events are written meanwhile. The start and the outcome of the
    /// export are audited. Requires `audit:export`.
    #[oai(path = "/export", method = "get", operation_id = "exportAuditEvents")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn export(
        &self,
        Admin(operator): Admin,
        /// The format. Default: `json`.
        format: Query<Option<Format>>,
        /// Only events of these types, separated by commas.
        #[oai(validator(max_length = 2048))]
        types: Query<Option<String>>,
        /// Only events caused by this actor: a user's id, or a name such as `cli`.
        #[oai(validator(max_length = 254))]
        actor: Query<Option<String>>,
        /// Only events about this user, by id.
        #[oai(validator(max_length = 254))]
        subject: Query<Option<String>>,
        /// Only events with this outcome.
        status: Query<Option<EventStatus>>,
        /// Only events from this date (UTC) or time (RFC 3339) on.
        #[oai(validator(max_length = 64))]
        start: Query<Option<String>>,
        /// Only events until the end of this date (UTC) or until this time (RFC 3339).
        #[oai(validator(max_length = 64))]
        end: Query<Option<String>>,
        /// Only events from this IP address.
        #[oai(validator(max_length = 64))]
        ip: Query<Option<String>>,
    ) -> Result<Exported, Refused<DeniedError>> {
        let wanted = Wanted { types, actor, subject, status, start, end, ip };
        let format = match format.0 {
            None | Some(Format::Json) => ExportFormat::Json,
            Some(Format::Csv) => ExportFormat::Csv,
            Some(Format::Ndjson) => ExportFormat::Ndjson,
        };
        let query = wanted.query(&operator, EventOrder::OldestFirst)?;
        let export = self.app.kayan.export_events(&operator, ExportEvents { query, format }).await?;
        Ok(Exported { format, body: written(self.app.kayan.clone(), operator, export) })
    }
}
