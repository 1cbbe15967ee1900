//! Bytes that a service may be sent, well-formed or not, and what may be asked of its answers.

use std::{
    fmt::Write as _,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The beginnings of requests whose rest never comes.
pub(super) const HALVES: [&[u8]; 4] = [
    b"GET /api/v1/whoa",
    b"GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nX-Half: a",
    PREFACE,
    b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"identifier\":",
];

/// How HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// NUL, other controls, and what is not ASCII, in UTF-8 and not.
const ODD: [&[u8]; 8] =
    [b"\0", b"a\0b", b"\x7f", b"\xe9", b"\xff\xfe", b"\xc0\xaf", "é".as_bytes(), "пример\u{202e}".as_bytes()];

/// Headers that the service, or a server in general, looks at.
const HEADERS: [&str; 24] = [
    "Accept",
    "Accept-Encoding",
    "Access-Control-Request-Method",
    "Authorization",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Origin",
    "Sec-Fetch-Site",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "X-Forwarded-For",
    "X-Request-Id",
    "X-Session-Token",
    "X-Tenant-ID",
    "traceparent",
    "tracestate",
];

/// Targets in absolute form and other odd ones (RFC 9112, section 3.2).
const TARGETS: [&[u8]; 16] = [
    b"http://example.com/api/v1/whoami",
    b"HTTP://EXAMPLE.COM:80/health",
    b"http://[::1]:1/docs",
    b"http://user:password@example.com/docs",
    b"https://example.com/openapi.json",
    b"ftp://example.com/health",
    b"http:///health",
    b"http://",
    b"//example.com/health",
    b"*",
    b"example.com:80",
    b"http://\xe9.example/health",
    b"http://example.com\0/health",
    b"/health\0",
    b"/\xe9",
    b"/%",
];

/// Each odd text in each header, query field and part of a path, and each odd target; as an administrator with all permissions.
/// Operations in `skipped` are left out.
pub(super) fn requests(document: &Value, token: &str, skipped: &[&str]) -> Vec<Vec<u8>> {
    let bearer = format!("Bearer {token}");
    let auth = ("Authorization", bearer.as_str());
    let mut requests: Vec<_> =
        TARGETS.into_iter().flat_map(|target| ["GET", "OPTIONS", "CONNECT"].map(|it| raw(it, target))).collect();
    requests.push(raw(&"M".repeat(60_000), b"/health"));
    requests.push(raw("GET", &b"/".repeat(70_000)));
    for odd in ODD {
        requests.push([b"GET /health HTTP/1.1\r\nHost: x\r\nX-", odd, b": 1\r\nConnection: close\r\n\r\n"].concat());
        requests.push([odd, b" /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat());
        requests.extend(HEADERS.map(|header| with_header("GET", "/api/v1/whoami", header, odd)));
    }
    for (method, path, operation) in operations(document, skipped) {
        let plain = path.replace(['{', '}'], "");
        let put = |target: &str| request(&method, target, &[auth, ("Content-Type", "application/json")], b"{}");
        for odd in ODD {
            if plain != path {
                let odd = percent(odd);
                requests.push(put(&path
                    .split('/')
                    .map(|part| if part.starts_with('{') { &*odd } else { part })
                    .collect::<Vec<_>>()
                    .join("/")));
            }
            for (place, name) in parameters(operation) {
                match place {
                    "query" => {
                        requests.push(put(&format!("{plain}?{name}={}", percent(odd))));
                        requests.push(raw(&method, &[plain.as_bytes(), b"?", name.as_bytes(), b"=", odd].concat()));
                    }
                    "header" => requests.push(with_header(&method, &plain, name, odd)),
                    _ => {}
                }
            }
        }
    }
    requests
}

/// Method, path and description of each operation.
fn operations<'a>(document: &'a Value, skipped: &[&str]) -> Vec<(String, &'a str, &'a Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let all = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    });
    let named = |operation: &Value| operation.get("operationId").and_then(Value::as_str).map(str::to_owned);
    all.filter(|(.., operation)| named(operation).is_some_and(|name| !skipped.contains(&&*name))).collect()
}

/// Place and name of each parameter.
fn parameters(operation: &Value) -> impl Iterator<Item = (&str, &str)> {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.filter_map(|it| Some((it.get("in")?.as_str()?, it.get("name")?.as_str()?)))
}

/// A well-formed request, after whose answer the connection ends.
pub(super) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        // writing to a String does not fail
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A request after which the connection goes on.
pub(super) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn raw(method: &str, target: &[u8]) -> Vec<u8> {
    let end: &[u8] = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    [method.as_bytes(), b" ", target, end].concat()
}

fn with_header(method: &str, target: &str, name: &str, value: &[u8]) -> Vec<u8> {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{name}: ");
    [head.as_bytes(), value, b"\r\n\r\n"].concat()
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02x}");
        text
    })
}

/// An HTTP/2 connection that asks for a page a hundred times and has no room for any answer.
pub(super) fn unread_streams() -> Vec<u8> {
    // SETTINGS_INITIAL_WINDOW_SIZE (4) is 0; then GET /docs of http, by the static table of RFC 7541 or without one
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    for number in 0..100 {
        bytes.extend(frame(1, 0x5, 2 * number + 1, b"\x82\x86\x04\x05/docs\x01\x09localhost"));
    }
    bytes
}

/// A frame (RFC 9113, section 4.1); the payload has less than 256 bytes.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    [&[0, 0, length, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// Sends all, and reads until the service closes the connection.
pub(super) fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    // It may answer, and close the connection, before it has all.
    let sent = connection.write_all(request);
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ if answer.is_empty() => sent.map(|()| answer),
        _ => Ok(answer),
    }
}

/// The status code.
pub(super) fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

/// What follows the head, as far as it is text.
pub(super) fn body(answer: &[u8]) -> &str {
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    answer.get(start..).and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default()
}

/// Whether it is none, or a good one, or a refusal in the error shape. What HTTP/2 answers is not looked into.
pub(super) fn is_fair(answer: &[u8]) -> bool {
    let head = String::from_utf8_lossy(answer).to_ascii_lowercase();
    match status(answer) {
        _ if answer.is_empty() || !answer.starts_with(b"HTTP/1") => true,
        Some(200..400) => true,
        Some(400..500) => head.contains("content-type: application/problem+json") && body(answer).contains("\"code\""),
        _ => false,
    }
}

/// The beginning, as it may be printed.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(600).collect();
    format!("{text:?}")
}
