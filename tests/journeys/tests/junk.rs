//! I-38: two thousand random byte sequences in every field, header, query, cookie and path.

use futures_util::{StreamExt, future::join_all, stream};
use kayan_journeys::{Answer, PASSWORD, Person, Service, ask, exchange};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

const TRIES: usize = 2_000;

/// Inputs that have broken programs before.
const NASTY: [&str; 24] = [
    "",
    " ",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{fffd}",
    "%00",
    "%n%s%x",
    "../../../../etc/passwd",
    "' OR 1=1 --",
    "\"; DROP TABLE x; --",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>",
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "a\r\nSet-Cookie: x=y",
    "İ",
    "ß\u{301}\u{301}\u{301}",
    "\u{1f469}\u{200d}\u{1f469}",
];

const HEADERS: [&str; 16] = [
    "X-Tenant-ID",
    "Authorization",
    "X-Session-Token",
    "Cookie",
    "Origin",
    "X-Request-Id",
    "Content-Type",
    "User-Agent",
    "X-Forwarded-For",
    "Accept",
    "Sec-Fetch-Site",
    "If-Match",
    "Expect",
    "Accept-Encoding",
    "Access-Control-Request-Method",
    "X-Anything",
];

/// Those with a body come first.
const OPERATIONS: [(&str, &str); 16] = [
    ("POST", "/api/v1/registration"),
    ("POST", "/api/v1/login"),
    ("POST", "/api/v1/sessions/refresh"),
    ("POST", "/api/v1/password"),
    ("PATCH", "/api/v1/me"),
    ("DELETE", "/api/v1/me"),
    ("GET", "/api/v1/whoami"),
    ("POST", "/api/v1/logout"),
    ("GET", "/api/v1/sessions"),
    ("DELETE", "/api/v1/sessions"),
    ("DELETE", "/api/v1/sessions/x"),
    ("GET", "/api/v1/me/export"),
    ("GET", "/forward-auth"),
    ("POST", "/forward-auth/x"),
    ("GET", "/health"),
    ("GET", "/docs"),
];
const WITH_BODY: usize = 6;

struct Junk(StdRng);

impl Junk {
    /// Bytes of one of several kinds, most of them short.
    fn bytes(&mut self) -> Vec<u8> {
        let random = &mut self.0;
        let length =
            if random.random_ratio(1, 40) { random.random_range(0..20_000) } else { random.random_range(0..40) };
        match random.random_range(0..8) {
            0 => NASTY.choose(random).unwrap().as_bytes().to_vec(),
            1 => NASTY.choose(random).unwrap().repeat(length / 8 + 1).into_bytes(),
            2 => (0..length / 4).map(|_| random.random::<char>()).collect::<String>().into_bytes(),
            3 => vec![random.random(); length],
            4 => (0..length).map(|_| *b"{}[]\",:\\0123456789.eE+-tfn ".choose(random).unwrap()).collect(),
            _ => {
                let mut bytes = vec![0; length];
                random.fill_bytes(&mut bytes);
                bytes
            }
        }
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// A valid value with a few bytes changed, removed or doubled.
    fn mutant(&mut self, good: &str) -> Vec<u8> {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..self.0.random_range(1..5) {
            let at = self.0.random_range(0..bytes.len());
            match self.0.random_range(0..3) {
                0 => bytes[at] = self.0.random(),
                1 => drop(bytes.drain(at..(at + self.0.random_range(1..8)).min(bytes.len()))),
                _ => bytes.insert(at, bytes[at]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.0.random_range(0..if depth > 3 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => json!(self.0.random::<bool>()),
            2 => json!(self.0.random::<f64>() * 1e300),
            3 => json!(self.0.random::<i64>()),
            4 => json!(self.text()),
            5 => (0..3).map(|_| self.value(depth + 1)).collect(),
            _ => Value::Object((0..3).map(|_| (self.text(), self.value(depth + 1))).collect()),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let value = self.value(0);
        let (email, password) = (json!("x@example.com"), json!(PASSWORD));
        let good = json!({ "traits": { "email": email, "name": "X" }, "password": password, "identifier": email, "refresh_token": "kyr_x" });
        let body = match self.0.random_range(0..11) {
            0 => return self.bytes(),
            1 => return self.mutant(&good.to_string()),
            // In the middle of a string, where it stays JSON if possible.
            2 => return [br#"{"identifier":"x@example.com","password":""#, &*self.bytes(), br#""}"#].concat(),
            3 => return [br#"{"traits":{"email":""#, &*self.bytes(), br#""},"password":"a good one 9"}"#].concat(),
            4 => value,
            5 => json!({ "traits": { "email": value }, "password": password }),
            6 => json!({ "traits": { "email": email, "name": value }, "password": password }),
            7 => json!({ "traits": value, "password": value }),
            8 => json!({ "identifier": value, "password": password }),
            9 => json!({ "identifier": email, "password": value, "current_password": value, "new_password": value }),
            _ => json!({ "refresh_token": value }),
        };
        body.to_string().into_bytes()
    }

    /// A complete request, valid enough for the HTTP library to pass it on.
    fn request(&mut self, person: &Person) -> Vec<u8> {
        let choice = if self.0.random_ratio(1, 2) { &OPERATIONS[..WITH_BODY] } else { &OPERATIONS[..] };
        let (method, path) = *choice.choose(&mut self.0).unwrap();
        let mut target = path.to_owned();
        match self.0.random_range(0..6) {
            0 => target = format!("/{}", percent(&self.bytes())),
            1 => target = format!("{path}/{}", percent(&self.bytes())),
            2 => target = format!("{path}?{}={}", percent(&self.bytes()), percent(&self.bytes())),
            _ => {}
        }
        target.truncate(30_000);
        let body = self.body();
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len())
                .into_bytes();
        if self.0.random_ratio(9, 10) {
            head.extend_from_slice(b"Content-Type: application/json\r\n");
        }
        if self.0.random_ratio(1, 2) {
            head.extend_from_slice(format!("Authorization: Bearer {}\r\n", person.session_token).as_bytes());
        }
        if self.0.random_ratio(1, 2) {
            let name = HEADERS.choose(&mut self.0).unwrap();
            let prefix = *["", "", "Bearer ", "kayan_session=", "kys_"].choose(&mut self.0).unwrap();
            head.extend_from_slice(format!("{name}: {prefix}").as_bytes());
            head.extend(self.bytes().into_iter().filter(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)));
            head.extend_from_slice(b"\r\n");
        }
        [head, b"\r\n".to_vec(), body].concat()
    }
}

fn percent(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    bytes.iter().map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

fn judge(answer: Option<Answer>) -> Result<(), String> {
    let answer = answer.ok_or("no answer")?;
    let shaped = answer.header("content-type") == "application/problem+json"
        && answer.at("/request_id") == answer.header("x-request-id");
    match answer.status {
        200..300 => Ok(()),
        400..500 if shaped && !answer.at("/code").is_empty() => Ok(()),
        _ => Err(format!("{answer:?}")),
    }
}

#[tokio::test]
async fn i_38_no_sequence_of_bytes_makes_the_service_fail_hang_or_panic() {
    let service = Service::start().await;
    // The user whom the junk may log out, change or delete.
    let client = service.client();
    let names: Vec<String> = (0..20).map(|n| format!("victim{n}")).collect();
    let victims = join_all(names.iter().map(|name| Person::register(&client, name))).await;
    let ada = Person::register(&client, "ada").await;
    let tries = stream::iter(0..TRIES).map(|seed| {
        // Each try can be repeated by itself.
        let request = Junk(StdRng::seed_from_u64(seed as u64)).request(&victims[seed % victims.len()]);
        let address = service.address();
        async move { (seed, judge(exchange(address, &request).await), request) }
    });
    let failed: Vec<String> = tries
        .buffer_unordered(16)
        .filter_map(async |(seed, verdict, request)| {
            let request = String::from_utf8_lossy(&request).chars().take(300).collect::<String>();
            verdict.err().map(|why| format!("seed {seed}: {request:?}\n  → {why}"))
        })
        .collect()
        .await;
    assert!(failed.is_empty(), "{} of {TRIES}:\n{}", failed.len(), failed.join("\n"));
    ada.who_am_i().await.expect(200);
    assert_eq!(ask(ada.client.get("/health")).await.expect(200).at("/status"), "healthy");
    let log = service.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}
