//! Requests at the edge of HTTP and beyond it.

use kayan_journeys::{Answer, Connection, Service, ask, exchange};

async fn raw(service: &Service, request: &[u8]) -> Option<Answer> {
    exchange(service.address(), request).await
}

/// A request for `target` with one more header line.
fn get(target: &[u8], header: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", header, b"\r\n\r\n"].concat()
}

#[tokio::test]
async fn i_38_junk_in_the_path_is_not_found_or_not_valid_in_the_one_shape() {
    let service = Service::start().await;
    for target in [
        "/",
        "//",
        "///api/v1/login",
        "/nowhere",
        "/api/v1/login/",
        "/api/v1/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%00",
        "/%ff%fe",
        "/%",
        "/%zz",
        "/%u0041",
        "/api/v1/whoami%00",
        "/API/V1/WHOAMI",
        "/docs/../kayan.db",
        "/kayan.db",
        "/.env",
        "/api/v1/;x=1",
        "/api/v1/whoami/%2f",
        "*",
    ] {
        let answer = raw(&service, &get(target.as_bytes(), b"X-A: b")).await.expect(target);
        assert!([400, 404].contains(&answer.status), "{target}: {answer:?}");
        answer.assert_shape();
    }
    let long = format!("/{}", "a".repeat(60_000));
    raw(&service, &get(long.as_bytes(), b"X-A: b")).await.unwrap().refused(404, "not_found");
    for id in ["x", "%ff", "%00", "01890000", "{id}", "01890000-0000-7000-8000-00000000000g"] {
        let answer = ask(service.client().delete(&format!("/api/v1/sessions/{id}"))).await;
        assert!([400, 401, 404].contains(&answer.status), "{id}: {answer:?}");
        answer.assert_shape();
    }
}

#[tokio::test]
async fn i_38_junk_in_the_query_changes_nothing() {
    let service = Service::start().await;
    for query in ["%", "%zz", "%00=%ff", "a=b&a=c", "=&&==", "?", "id=1%27%20OR%201=1--", &"a".repeat(50_000)] {
        let answer = raw(&service, &get(format!("/health/live?{query}").as_bytes(), b"X-A: b")).await.unwrap();
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn i_38_bytes_in_headers_that_are_no_text_are_refused_as_what_they_stand_for() {
    let service = Service::start().await;
    let whoami = async |header: &[u8]| raw(&service, &get(b"/api/v1/whoami", header)).await.unwrap();
    for header in [
        &b"Authorization: Bearer \xff\xfe"[..],
        b"Authorization: \xff",
        b"Authorization: Bearer",
        b"Authorization:",
        b"Authorization: Bearer  ",
        b"X-Session-Token: \x80\x81",
        b"X-Session-Token:",
        b"Cookie: kayan_session=\xff",
        b"Cookie: kayan_session",
        b"Cookie: ;;;=;kayan_session=;",
        b"Cookie: \xff\xff",
        b"Authorization: Bearer kys_",
        b"User-Agent: \xff\xfe\x80",
        b"Accept: \xff",
        b"Origin: \xff",
        b"Host: y",
    ] {
        let answer = whoami(header).await;
        assert!([400, 401].contains(&answer.status), "{}: {answer:?}", String::from_utf8_lossy(header));
        if !header.starts_with(b"Host") {
            answer.refused(401, "unauthorized");
        }
    }
    whoami(b"X-Tenant-ID: \xff").await.refused(404, "tenant_not_found");
    let long = format!("Authorization: Bearer kys_{}", "a".repeat(100_000));
    whoami(long.as_bytes()).await.refused(401, "unauthorized");
    let cookies = format!("Cookie: {}", "a=b; ".repeat(10_000));
    whoami(cookies.as_bytes()).await.refused(401, "unauthorized");
}

/// Requests that the HTTP library refuses before a handler sees them.
#[tokio::test]
async fn i_38_what_is_not_http_is_refused_in_the_one_shape_and_the_service_goes_on() {
    let service = Service::start().await;
    let mut requests: Vec<Vec<u8>> = [
        &b"GARBAGE\r\n\r\n"[..],
        b"\r\n\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: \0\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nX A: b\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n: b\r\n\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, nonsense\r\n\r\n0\r\n\r\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    requests.push(get(b"/health/live", &[b"X-A: b\r\n".repeat(500), b"X-B: c".to_vec()].concat()));
    requests.push(get(b"/health/live", format!("X-A: {}", "a".repeat(1 << 20)).as_bytes()));
    requests.push(get(format!("/{}", "a".repeat(1 << 17)).as_bytes(), b"X-A: b"));
    let (mut answers, sent) = (0, requests.len());
    for request in requests {
        let told = String::from_utf8_lossy(&request).chars().take(70).collect::<String>();
        let mut connection = Connection::to(service.address()).await;
        connection.send(&request).await;
        // Some of these could be the beginning of a valid request.
        if let Some(answer) = connection.hang_up().await {
            assert!([400, 414, 431].contains(&answer.status), "{told:?}: {answer:?}");
            answer.assert_shape();
            assert_eq!(answer.header("connection"), "close", "{told:?}: {answer:?}");
            answers += 1;
        }
        assert_eq!(raw(&service, &get(b"/health/live", b"X-A: b")).await.unwrap().status, 200, "after {told:?}");
    }
    // For two of them there is no response.
    assert!(answers >= sent - 2, "{answers} of {sent}");
    assert!(!service.log().contains("panicked"), "{}", service.log());
}

#[tokio::test]
async fn i_38_a_method_of_60_000_letters_is_neither_logged_nor_repeated_whole() {
    let service = Service::start().await;
    let method = "M".repeat(60_000);
    for path in ["/health/live", "/docs", "/nowhere"] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw(&service, request.as_bytes()).await.unwrap();
        assert!([404, 405].contains(&answer.status) && answer.body.len() < 1_000, "{}", answer.body.len());
        answer.assert_shape();
        service.log_with(&answer.at("/request_id")).await;
    }
    let log = service.log();
    assert!(log.contains(&"M".repeat(32)) && !log.contains(&"M".repeat(33)), "{} bytes", log.len());
}

#[tokio::test]
async fn i_38_a_chunk_that_is_none_is_a_body_that_did_not_arrive() {
    let service = Service::start().await;
    let head = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n", "2;ext=\"\r\n{}\r\n0\r\n\r\n", "-1\r\n"] {
        let answer = raw(&service, format!("{head}{chunks}").as_bytes()).await;
        if let Some(answer) = answer {
            answer.refused(400, "invalid_input");
        }
    }
}

#[tokio::test]
async fn a_sane_request_id_is_taken_over_and_another_replaced() {
    let service = Service::start().await;
    let client = service.client();
    let asked = async |id: &str| ask(client.get("/nowhere").header("X-Request-Id", id)).await.refused(404, "not_found");
    for sane in ["0123-4567_89.ab", "01890000-0000-7000-8000-000000000000", &"a".repeat(128)] {
        assert_eq!(asked(sane).await.header("x-request-id"), sane);
    }
    let long = "x".repeat(129);
    let insane = [
        &*long,
        "",
        "a",
        "with space",
        "semi;colon",
        "quo\"te",
        "<script>",
        "../../etc",
        "a\tb-------",
        "${jndi:ldap}",
    ];
    let mut made = std::collections::BTreeSet::new();
    for id in insane {
        let answer = asked(id).await;
        let given = answer.header("x-request-id");
        assert!(given.len() == 24 && given.bytes().all(|b| b.is_ascii_hexdigit()), "{id}: {answer:?}");
        made.insert(answer.header("x-request-id").to_owned());
    }
    assert_eq!(made.len(), insane.len(), "every request has its own");
    for path in ["/health", "/docs", "/openapi.json", "/api/v1/whoami", "/nowhere"] {
        assert_eq!(ask(client.get(path)).await.header("x-request-id").len(), 24, "{path}");
    }
}
