//! I-38: malformed bodies, each refused in the same format.

use kayan_journeys::{Answer, Client, Connection, PASSWORD, Person, Service, ask, count};
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    ask(client.post(path).header("Content-Type", "application/json").body(body)).await
}

async fn register(client: &Client, body: impl Into<reqwest::Body>) -> Answer {
    post(client, "/api/v1/registration", body).await
}

/// The one field that the error names.
fn field(answer: &Answer) -> (String, String) {
    (answer.at("/details/fields/0/pointer"), answer.at("/details/fields/0/code"))
}

fn deep(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn i_38_what_is_not_json_is_told_where_it_ends_to_be() {
    let service = Service::start().await;
    let client = service.client();
    let whole = json!({ "traits": { "email": "a@example.com" }, "password": PASSWORD }).to_string();
    let mut bodies: Vec<Vec<u8>> =
        ["", " ", "{", "}", "nul", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "NaN", "\u{feff}{}", "01"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec();
    bodies.push(format!("{whole}{whole}").into_bytes());
    bodies.push(format!("{whole}]").into_bytes());
    bodies.push(whole.replace("a@", "a\u{0}@").into_bytes());
    bodies.push([whole.as_bytes(), b"\0"].concat());
    bodies.push(whole.as_bytes().split_last().unwrap().1.to_vec());
    bodies.push(
        [&b"{\"traits\":{\"email\":\"a\xff\xfe@example.com\"},\"password\":\""[..], PASSWORD.as_bytes(), b"\"}"]
            .concat(),
    );
    bodies.push(whole.replace("a@", "\\ud800@").into_bytes());
    bodies.push(deep(10_000).into_bytes());
    bodies.push(format!("{{\"traits\":{}}}", deep(10_000)).into_bytes());
    bodies.push(whole.replace("\"a@example.com\"", &deep(10_000)).into_bytes());
    bodies.push(format!("{}1{}", "{\"traits\":".repeat(10_000), "}".repeat(10_000)).into_bytes());
    for body in bodies {
        let told = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        for path in ["/api/v1/registration", "/api/v1/login", "/api/v1/sessions/refresh"] {
            let answer = post(&client, path, body.clone()).await;
            assert_eq!((answer.status, &*answer.at("/code")), (400, "invalid_input"), "{path} {told}: {answer:?}");
            answer.assert_shape();
        }
    }
    assert_eq!(count(&service.home().database().await, "SELECT COUNT(*) FROM identities").await, 0);
}

#[tokio::test]
async fn a_member_given_twice_is_refused_wherever_it_stands() {
    let service = Service::start().await;
    let client = service.client();
    for (body, pointer) in [
        (r#"{"traits":{"email":"a@example.com"},"password":"P","password":"P"}"#, "/password"),
        (r#"{"traits":{"email":"a@example.com"},"traits":{"email":"b@example.com"},"password":"P"}"#, "/traits"),
        (r#"{"traits":{"email":"a@example.com","email":"b@example.com"},"password":"P"}"#, "/traits"),
        (r#"{"traits":{"email":"a@example.com","\u0065mail":"b@example.com"},"password":"P"}"#, "/traits"),
        (r#"{"traits":{"email":"a@example.com","name":{"x":1,"x":2}},"password":"P"}"#, "/traits"),
        (r#"{"traits":{"email":"a@example.com","name":[{"x":1,"x":2}]},"password":"P"}"#, "/traits"),
    ] {
        let answer =
            register(&client, body.replace("\"P\"", &format!("{PASSWORD:?}"))).await.refused(400, "invalid_input");
        let (at, code) = field(&answer);
        assert_eq!(code, "duplicate", "{body}: {answer:?}");
        assert!(at.starts_with(pointer), "{body}: {at}");
    }
    let login = r#"{"identifier":"a","identifier":"b","password":"x"}"#;
    assert_eq!(field(&post(&client, "/api/v1/login", login).await.refused(400, "invalid_input")).1, "duplicate");
}

#[tokio::test]
async fn a_wrong_type_or_a_missing_member_is_named() {
    let service = Service::start().await;
    let client = service.client();
    let good = json!({ "email": "a@example.com" });
    for (body, pointer, code) in [
        (json!({ "password": PASSWORD }), "/traits", "required"),
        (json!({ "traits": good }), "/password", "required"),
        (json!({ "traits": good, "password": null }), "/password", "type"),
        (json!({ "traits": good, "password": 12_345_678 }), "/password", "type"),
        (json!({ "traits": good, "password": { "x": PASSWORD } }), "/password", "type"),
        (json!({ "traits": [good], "password": PASSWORD }), "/traits", "type"),
        (json!({ "traits": "a@example.com", "password": PASSWORD }), "/traits", "type"),
        (json!({ "traits": null, "password": PASSWORD }), "/traits", "type"),
        (json!({ "traits": {}, "password": PASSWORD }), "/traits/email", "required"),
        (json!({ "traits": { "email": 7 }, "password": PASSWORD }), "/traits/email", "type"),
        (json!({ "traits": { "email": null }, "password": PASSWORD }), "/traits/email", "type"),
        (
            json!({ "traits": { "email": "a@example.com", "name": ["x"] }, "password": PASSWORD }),
            "/traits/name",
            "type",
        ),
        (
            json!({ "traits": { "email": "a@example.com", "age": 7 }, "password": PASSWORD }),
            "/traits/age",
            "additional_properties",
        ),
        (json!([]), "", "type"),
        (json!(null), "", "type"),
        (json!("text"), "", "type"),
        (json!(7), "", "type"),
    ] {
        let answer = register(&client, body.to_string()).await.refused(400, "invalid_input");
        assert_eq!(field(&answer), (pointer.to_owned(), code.to_owned()), "{body}: {answer:?}");
        assert!(!answer.text().contains(PASSWORD) && !answer.text().contains("12345678"), "{answer:?}");
    }
}

#[tokio::test]
async fn i_09_an_address_that_is_absurd_or_deceives_the_eye_is_refused() {
    let service = Service::start().await;
    let client = service.client();
    Person::register(&client, "ada").await;
    let long = format!("{}@example.com", "a".repeat(10_000));
    for email in [
        &*long,
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example..com",
        "ada@exa mple.com",
        "a\u{0}da@example.com",
        "ada\n@example.com",
        "a\u{200b}da@example.com",
        "\u{202e}ada@example.com",
        "ad\u{430}@example.com",
        "ada@ex\u{430}mple.com",
        "ada\u{fe0f}@example.com",
        "\u{feff}ada@example.com",
        "ada\u{3164}@example.com",
    ] {
        let told = email.chars().take(40).collect::<String>();
        let body = json!({ "traits": { "email": email }, "password": PASSWORD });
        let answer = register(&client, body.to_string()).await;
        assert_eq!((answer.status, &*answer.at("/code")), (400, "invalid_input"), "{told:?}: {answer:?}");
        assert_eq!(answer.at("/details/fields/0/pointer"), "/traits/email", "{told:?}");
        let login = ask(Person::login(&client, email, PASSWORD)).await;
        assert_eq!((login.status, &*login.at("/code")), (401, "invalid_credentials"), "{told:?}: {login:?}");
    }
    // Another spelling of the same address is not an attack.
    for same in ["ADA@EXAMPLE.COM", "\u{ff41}da@example.com", "ada@\u{ff25}xample.com"] {
        let body = json!({ "traits": { "email": same }, "password": PASSWORD });
        let answer = register(&client, body.to_string()).await;
        assert!(answer.status == 409 || answer.at("/code") == "invalid_input", "{same}: {answer:?}");
        ask(Person::login(&client, same, PASSWORD)).await.expect(200);
    }
    assert_eq!(count(&service.home().database().await, "SELECT COUNT(*) FROM identities").await, 1);
}

#[tokio::test]
async fn a_password_with_a_nul_or_of_absurd_length_is_weak_and_never_a_failure() {
    let service = Service::start().await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    for password in
        [format!("{PASSWORD}\u{0}"), "\u{0}".to_owned(), "k9".repeat(5_000), "k9".repeat(200_000), String::new()]
    {
        let body = json!({ "traits": { "email": "b@example.com" }, "password": password });
        let answer = register(&client, body.to_string()).await;
        assert!([400, 413].contains(&answer.status), "{}: {answer:?}", password.len());
        answer.assert_shape();
        ask(Person::login(&client, &ada.email, &password)).await.refused(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused_unread() {
    let service = Service::start().await;
    let client = service.client();
    let body = json!({ "identifier": "a@example.com", "password": PASSWORD }).to_string();
    let login = || client.post("/api/v1/login").body(body.clone());
    ask(login()).await.refused(415, "unsupported_media_type");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
        "",
        "application/json5",
        "text/json, application/json",
    ] {
        let answer = ask(login().header("Content-Type", kind)).await;
        assert_eq!((answer.status, &*answer.at("/code")), (415, "unsupported_media_type"), "{kind}: {answer:?}");
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        ask(login().header("Content-Type", kind)).await.refused(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_body_of_10_megabytes_is_too_large_however_it_is_sent() {
    let service = Service::start().await;
    let head = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let chunk = vec![b'x'; 1 << 16];
    // The larger one is more than the service reads on for.
    for (chunked, megabytes) in [(false, 10), (true, 10), (false, 40), (true, 40)] {
        let mut connection = Connection::to(service.address()).await;
        let length = format!("Content-Length: {}", megabytes << 20);
        let length = if chunked { "Transfer-Encoding: chunked" } else { &length };
        connection.send(format!("{head}{length}\r\n\r\n").as_bytes()).await;
        let framed = if chunked { [b"10000\r\n", &chunk[..], b"\r\n"].concat() } else { chunk.clone() };
        let mut heard = true;
        for _ in 0..megabytes * 16 {
            heard = heard && connection.send(&framed).await;
        }
        if chunked && heard {
            connection.send(b"0\r\n\r\n").await;
        }
        connection.receive().await.expect("an answer").refused(413, "payload_too_large");
    }
    // A body just within the limit is read.
    let name = "x".repeat((1 << 20) - 200);
    let body = json!({ "traits": { "email": "a@example.com", "name": name }, "password": PASSWORD });
    let answer = register(&service.client(), body.to_string()).await.refused(400, "invalid_input");
    assert_eq!(field(&answer), ("/traits".to_owned(), "too_large".to_owned()));
    let value: Value = answer.json();
    assert!(!value.to_string().contains("xxxx"), "the answer does not repeat what was sent");
}
