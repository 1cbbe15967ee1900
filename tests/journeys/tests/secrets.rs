//! I-36: a full tour with planted secrets, none of which may be in a response, the log or an audit event.

use kayan_journeys::{Answer, Client, Database, Home, Person, Service, ask};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

const SESSION_SECRET: &str = "planted-session-secret-Zq7xVb2nMk4w";
const JWT_SECRET: &str = "planted-signing-secret-Tg5hYu8jIk3l";
const PASSWORD: &str = "planted-password-Wd9fRt6g";
const WRONG: &str = "planted-wrong-one-Hb4kLp2s";
const NEXT: &str = "planted-next-one-Xc1vBn8m";

/// Words of SQL, of its library, of the source and of the machine.
const INSIDES: [&str; 14] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE FROM",
    "sqlite",
    "postgres",
    "mysql",
    "MariaDB",
    ".rs:",
    "$2b$",
    "kayan.db",
    "panicked",
    "token_hash",
    "secret =",
];

/// A client that keeps every response.
struct Tour {
    client: Client,
    answers: Vec<Answer>,
    tokens: Vec<String>,
}

impl Tour {
    async fn ask(&mut self, request: RequestBuilder) -> Answer {
        let answer = ask(request).await;
        self.answers.push(answer.clone());
        answer
    }

    /// Requests tokens, which must be in the body and the cookie of that response only.
    async fn get_tokens(&mut self, request: RequestBuilder, at: &str) -> (String, String) {
        let mut answer = ask(request).await;
        let tokens = (answer.at(&format!("{at}/session_token")), answer.at(&format!("{at}/refresh_token")));
        assert!(tokens.0.starts_with("kys_") && tokens.1.starts_with("kyr_"), "{answer:?}");
        assert!(answer.cookies()[0].contains(&tokens.0), "{answer:?}");
        answer.headers.remove("set-cookie");
        answer.body = answer.text().replacen(&tokens.0, "", 1).replacen(&tokens.1, "", 1).into_bytes();
        self.answers.push(answer);
        self.tokens.extend([tokens.0.clone(), tokens.1.clone()]);
        tokens
    }

    fn body(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(path).header("Content-Type", "application/json").body(body)
    }

    async fn succeed(&mut self) -> (String, String) {
        let client = self.client.clone();
        let register = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
        self.get_tokens(client.tell("/api/v1/registration", &register), "/session").await;
        let (session, refresh) = self.get_tokens(Person::login(&client, "ada@example.com", PASSWORD), "").await;
        for path in ["/api/v1/whoami", "/api/v1/sessions", "/api/v1/me/export", "/health", "/openapi.json"] {
            self.ask(client.get(path).bearer_auth(&session)).await.expect(200);
        }
        let change = json!({ "current_password": PASSWORD, "new_password": NEXT });
        self.ask(client.tell("/api/v1/password", &change).bearer_auth(&session)).await.expect(204);
        let patch = json!({ "traits": { "name": "Ada" } });
        let patch = client.request(Method::PATCH, "/api/v1/me").json(&patch).bearer_auth(&session);
        self.ask(patch).await.expect(200);
        let fresh = self.get_tokens(Person::refreshing(&client, &refresh), "").await;
        let stolen = Person::refreshing(&client, &refresh).header("User-Agent", "thief");
        self.ask(stolen).await.refused(401, "token_reused");
        self.ask(Person::asking(&client, &fresh.0)).await.refused(401, "unauthorized");
        self.get_tokens(Person::login(&client, "ada@example.com", NEXT), "").await
    }

    async fn fail(&mut self, session: &str) {
        let client = self.client.clone();
        for body in [
            format!(r#"{{"identifier":"ada@example.com","password":"{WRONG}""#),
            format!(r#"{{"identifier":"ada@example.com","password":["{WRONG}"]}}"#),
            format!(r#"{{"identifier":"ada@example.com","password":{{"{WRONG}":1}}}}"#),
            format!(r#"{{"identifier":"ada@example.com","password":"{WRONG}","password":"{WRONG}"}}"#),
            format!(r#"{{"identifier":["{WRONG}"],"password":"{WRONG}"}}"#),
            format!(r#"{{"identifier":"{WRONG}","password":"{WRONG}"}}"#),
            format!(r#"{{"{WRONG}":"{WRONG}"}}"#),
            format!(r#"{{"refresh_token":["{WRONG}"]}}"#),
            format!(r#"{{"traits":{{"email":"{WRONG}"}},"password":"{WRONG}"}}"#),
            format!(r#"{{"traits":{{"email":"ada@example.com"}},"password":"{WRONG}"}}"#),
            format!(r#"{{"traits":{{"email":"x@example.com","name":["{WRONG}"]}},"password":"{PASSWORD}"}}"#),
            format!(r#"{{"traits":"{WRONG}","password":"{WRONG}"}}"#),
            format!(r#""{WRONG}""#),
            WRONG.to_owned(),
        ] {
            for path in ["/api/v1/login", "/api/v1/registration", "/api/v1/sessions/refresh", "/api/v1/password"] {
                let answer = self.ask(self.body(path, body.clone()).bearer_auth(session)).await;
                assert!((400..500).contains(&answer.status), "{answer:?}");
            }
        }
        let delete = client.delete("/api/v1/me").json(&json!({ "password": WRONG })).bearer_auth(session);
        self.ask(delete).await.refused(403, "invalid_credentials");
        for request in [
            client.get(&format!("/{WRONG}")),
            client.get(&format!("/api/v1/whoami?token={WRONG}")),
            client.get("/api/v1/whoami").bearer_auth(WRONG),
            client.get("/api/v1/whoami").header("X-Session-Token", WRONG),
            client.get("/api/v1/whoami").basic_auth("ada", Some(WRONG)),
            client.post("/api/v1/logout").header("Cookie", format!("kayan_session={session}; other={WRONG}")),
            client.delete(&format!("/api/v1/sessions/{WRONG}")).bearer_auth(session),
            client.post("/api/v1/login").body(WRONG),
        ] {
            let answer = self.ask(request).await;
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }

    /// Failures of the database, after which nothing works.
    async fn break_down(&mut self, database: &Database, session: &str) {
        let client = self.client.clone();
        database.execute("UPDATE identities SET roles = '1'").await;
        self.ask(Person::asking(&client, session)).await.refused(500, "internal");
        database.execute("ALTER TABLE audit_events RENAME TO kept").await;
        let register = json!({ "traits": { "email": "eve@example.com" }, "password": PASSWORD });
        assert!(self.ask(client.tell("/api/v1/registration", &register)).await.status >= 500);
        database.execute("ALTER TABLE sessions RENAME TO gone").await;
        assert!(self.ask(Person::asking(&client, session)).await.status >= 500);
        self.ask(client.get("/health")).await;
    }
}

/// Every cell of a table as text; bytes in hexadecimal digits.
async fn cells(database: &Database, table: &str) -> String {
    let rows = database.rows(&format!("SELECT * FROM {table}")).await;
    rows.into_iter().flatten().flatten().fold(String::new(), |text, cell| text + &cell + "\n")
}

/// The hashes of passwords and tokens, as they might be printed.
async fn hashes(database: &Database) -> Vec<String> {
    let mut hashes = Vec::new();
    for sql in ["SELECT secret FROM credentials", "SELECT token_hash FROM sessions", "SELECT hash FROM refresh_tokens"]
    {
        hashes.extend(database.texts(sql).await);
    }
    hashes
}

#[tokio::test]
async fn i_36_no_secret_token_hash_sql_or_path_is_in_any_answer_log_or_event() {
    let home = Home::new()
        .with("KAYAN_SESSION_CACHE_TTL", "0s")
        .with("KAYAN_LOG_LEVEL", "debug")
        .with("KAYAN_SESSION_SECRET", SESSION_SECRET)
        .with("KAYAN_JWT_SECRET", JWT_SECRET);
    let service = Service::start_in(home).await;
    let mut tour = Tour { client: service.client(), answers: Vec::new(), tokens: Vec::new() };
    let (session, _) = tour.succeed().await;
    tour.fail(&session).await;
    let database = service.home().database().await;
    let mut secrets = hashes(&database).await;
    assert!(secrets.len() >= 6, "{secrets:?}");
    tour.break_down(&database, &session).await;
    let (code, log, home) = {
        service.terminate();
        service.ended().await
    };
    assert_eq!(code, 0, "{log}");

    secrets.extend([SESSION_SECRET, JWT_SECRET, PASSWORD, WRONG, NEXT].map(str::to_owned));
    // Without the prefix, as a careless debug output would print it.
    secrets.extend(tour.tokens.iter().map(|token| token[4..].to_owned()));
    let trail = cells(&database, "kept").await;
    for (kind, least) in [("identity.created", 1), ("auth.login.failure", 1), ("auth.refresh.reused", 1)] {
        assert!(trail.matches(kind).count() >= least, "the trail is the real one: {kind}");
    }
    assert!(log.contains("kayan::access") && log.contains("ERROR"), "the log is the real one: {log}");
    let folder = home.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let told: Vec<String> = tour.answers.iter().map(|answer| format!("{answer:?}")).collect();
    for secret in &secrets {
        assert!(!log.contains(secret), "in the log: {secret}: {:?}", line_with(&log, secret));
        assert!(!trail.contains(secret), "in the audit trail: {secret}");
        let leaky = told.iter().find(|answer| answer.contains(secret));
        assert_eq!(leaky, None, "in an answer: {secret}");
    }
    for inside in INSIDES.into_iter().chain([folder, home.dsn()]) {
        // The banner may name places; the log of requests may not.
        assert!(!log.contains(inside), "in the log: {inside}: {:?}", line_with(&log, inside));
        let leaky = told.iter().find(|answer| answer.contains(inside));
        assert_eq!(leaky, None, "in an answer: {inside}");
    }
}

fn line_with<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    text.lines().find(|line| line.contains(part))
}
