//! A collector of traces: OTLP, protobuf over HTTP.

use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(45);

/// The collector; stopped when dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: Arc<Received>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Received {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

/// The contents of one request.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The request's line and headers, in lower case.
    pub head: String,
    /// The message, decompressed.
    pub bytes: Vec<u8>,
    /// The attributes of the sender.
    pub resource: Vec<(String, String)>,
    /// Its spans.
    pub spans: Vec<Span>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    /// Starts a collector.
    pub async fn start() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), true).await
    }

    /// Starts a collector that accepts everything and never answers.
    pub async fn silent() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false).await
    }

    /// Starts a collector at this address.
    pub async fn at(address: SocketAddr, answers: bool) -> Self {
        let listener = TcpListener::bind(address).await.expect("an address");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(Received::default());
        let keeping = received.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, keeping.clone(), answers));
            }
        });
        Self { address, received, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for the settings of a service.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The deliveries so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.received.deliveries.lock().expect("the lock is not poisoned").clone()
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.deliveries().into_iter().flat_map(|delivery| delivery.spans).collect()
    }

    /// Waits until something has arrived.
    pub async fn hears(&self) {
        let arriving = async {
            while self.deliveries().is_empty() {
                self.received.arrived.notified().await;
            }
        };
        timeout(PATIENCE, arriving).await.expect("something is delivered");
    }
}

/// The text, or the number as text, of an attribute; empty if there is none.
pub fn attribute(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

async fn serve(mut stream: TcpStream, received: Arc<Received>, answers: bool) {
    while let Some((head, body)) = message(&mut stream).await {
        let mut bytes = Vec::new();
        if head.contains("content-encoding: gzip") {
            GzDecoder::new(&*body).read_to_end(&mut bytes).expect("gzip");
        } else {
            bytes = body;
        }
        let request = ExportTraceServiceRequest::decode(&*bytes).expect("a message of this kind");
        let (mut resource, mut spans) = (Vec::new(), Vec::new());
        for of_resource in request.resource_spans {
            let attributes = of_resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let pair = |it: &KeyValue| (it.key.clone(), attribute(&attributes, &it.key));
            resource.extend(attributes.iter().map(pair));
            spans.extend(of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans));
        }
        let delivery = Delivery { head, bytes, resource, spans };
        received.deliveries.lock().expect("the lock is not poisoned").push(delivery);
        received.arrived.notify_one();
        if !answers {
            return std::future::pending().await;
        }
        let answer = ExportTraceServiceResponse::default().encode_to_vec();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(&[head.as_bytes(), &answer].concat()).await.is_err() {
            return;
        }
    }
}

/// The head and body of the next request; `None` when the sender has disconnected.
async fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
