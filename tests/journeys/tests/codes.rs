//! Every error code over HTTP: its format, and that the OpenAPI document lists it.

use std::collections::BTreeSet;

use kayan_authenticator::Model;
use kayan_journeys::{
    Answer, Client, Connection, Document, Home, HostileProvider, Metrics, PASSWORD, Person, Service, ask,
};
use reqwest::Method;
use serde_json::json;
use syn::{
    Ident, Item, LitStr, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{passkeys::Owner, providers, second_factors::App};

/// The source of the closed list of codes.
const SOURCE: &str = include_str!("../../../adapters/http/src/wire/codes.rs");

/// The mails to the addresses of new users.
const DELIVERED: &str = r#"kayan_messages_delivered_total{kind="verification"}"#;

/// A line of the list: `Variant = "name", STATUS, "title", "message"`.
struct Listed(LitStr);

impl Parse for Listed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<Ident>()?;
        input.parse::<Token![=]>()?;
        let name = input.parse()?;
        input.parse::<Token![,]>()?;
        input.parse::<Ident>()?;
        input.parse::<Token![,]>()?;
        Punctuated::<LitStr, Token![,]>::parse_separated_nonempty(input)?;
        Ok(Self(name))
    }
}

fn listed() -> BTreeSet<String> {
    let mut items = syn::parse_file(SOURCE).unwrap().items.into_iter();
    let list = items.find_map(|item| match item {
        Item::Macro(called) if called.mac.path.is_ident("codes") => Some(called.mac),
        _ => None,
    });
    let codes = list.unwrap().parse_body_with(Punctuated::<Listed, Token![;]>::parse_terminated).unwrap();
    let names: BTreeSet<String> = codes.iter().map(|Listed(name)| name.value()).collect();
    assert!(names.len() >= 18, "{names:?}");
    names
}

/// The provoked errors, each with its operation.
struct Provoked {
    client: Client,
    answers: Vec<(&'static str, Answer)>,
}

const NONE: &str = "no operation";

impl Provoked {
    async fn by(&mut self, operation: &'static str, request: reqwest::RequestBuilder, status: u16, code: &str) {
        let answer = ask(request).await.refused(status, code);
        self.answers.push((operation, answer));
    }

    async fn by_strangers(&mut self) {
        let client = self.client.clone();
        let login =
            |body: &'static str| client.post("/api/v1/login").header("Content-Type", "application/json").body(body);
        let weak = json!({ "traits": { "email": "w@example.com" }, "password": "password1" });
        let large = client.post("/api/v1/login").header("Content-Type", "application/json").body("x".repeat(1 << 21));
        self.by("post /api/v1/login", login("{"), 400, "invalid_input").await;
        self.by("post /api/v1/registration", client.tell("/api/v1/registration", &weak), 400, "weak_password").await;
        self.by("get /api/v1/whoami", client.get("/api/v1/whoami"), 401, "unauthorized").await;
        self.by("post /api/v1/login", Person::login(&client, "x@example.com", PASSWORD), 401, "invalid_credentials")
            .await;
        self.by("post /api/v1/sessions/refresh", Person::refreshing(&client, "kyr_x"), 401, "invalid_token").await;
        self.by("post /api/v1/login", client.post("/api/v1/login").body("x"), 415, "unsupported_media_type").await;
        self.by("post /api/v1/login", large, 413, "payload_too_large").await;
        let elsewhere = Person::login(&client, "x", "x").header("X-Tenant-ID", "nowhere");
        self.by("post /api/v1/login", elsewhere, 404, "tenant_not_found").await;
        self.by(NONE, client.get("/nowhere"), 404, "not_found").await;
        self.by(NONE, client.get("/api/v1/login"), 405, "method_not_allowed").await;
    }

    async fn by_members(&mut self, home: &Home) {
        let client = self.client.clone();
        let ada = Person::register(&client, "ada").await;
        let cookie = format!("kayan_session={}", ada.session_token);
        let forged = client.post("/api/v1/logout").header("Cookie", cookie).header("Origin", "https://evil.example");
        self.by("post /api/v1/logout", forged, 403, "csrf_rejected").await;
        let path = "/api/v1/sessions/01890000-0000-7000-8000-000000000000";
        let missing = client.delete(path).bearer_auth(&ada.session_token);
        self.by("delete /api/v1/sessions/{id}", missing, 404, "not_found").await;
        let again = Person::registration(&client, &ada.email);
        self.by("post /api/v1/registration", again, 409, "already_exists").await;
        let body = json!({ "current_password": "not the password 5", "new_password": "a new one, and long 6" });
        let change = client.tell("/api/v1/password", &body).bearer_auth(&ada.session_token);
        self.by("post /api/v1/password", change, 403, "invalid_credentials").await;
        let mint = client.tell("/api/v1/tokens/jwt", &json!({ "audience": "x" })).bearer_auth(&ada.session_token);
        self.by("post /api/v1/tokens/jwt", mint, 403, "audience_not_allowed").await;
        ada.refresh().await.expect(200);
        let stolen = Person::refreshing(&client, &ada.refresh_token).header("User-Agent", "thief");
        self.by("post /api/v1/sessions/refresh", stolen, 401, "token_reused").await;
        assert_eq!(home.run(&format!("admin user lock --id {}", ada.id)).await.code, 0);
        let locked = Person::login(&client, &ada.email, PASSWORD);
        self.by("post /api/v1/login", locked, 403, "identity_inactive").await;
    }

    async fn by_factors(&mut self, home: &Home) {
        let client = self.client.clone();
        let grace = Person::register(&client, "grace").await;
        let enroll = || client.post("/api/v1/mfa/totp/enroll").bearer_auth(&grace.session_token);
        let app = App(ask(enroll()).await.expect(200).at("/secret"));
        self.by("post /api/v1/mfa/totp/enroll", enroll(), 409, "already_enrolled").await;
        let wrong = client.tell("/api/v1/mfa/totp/verify", &json!({ "code": "x" })).bearer_auth(&grace.session_token);
        self.by("post /api/v1/mfa/totp/verify", wrong, 401, "invalid_code").await;
        app.confirm(&grace).await;
        let disable = client.delete("/api/v1/mfa/totp").bearer_auth(&grace.session_token);
        self.by("delete /api/v1/mfa/totp", disable, 403, "aal2_required").await;
        // A session of long ago, which the service has not seen yet.
        let henry = Person::register(&client, "henry").await;
        let methods = r#"[{"method": "password", "completed_at": "2020-01-01T00:00:00.000000Z"}]"#;
        let backdate = format!("UPDATE sessions SET methods = '{methods}' WHERE identity_id = '{}'", henry.id);
        home.database().await.execute(&backdate).await;
        let recent = client.get("/api/v1/whoami?max_age=300").bearer_auth(&henry.session_token);
        self.by("get /api/v1/whoami", recent, 403, "reauthentication_required").await;
    }

    async fn by_passkeys(&mut self, home: &Home) {
        let client = self.client.clone();
        let mut ivy = Owner::register(&client, "ivy", Model::phone()).await;
        ivy.log_in().await;
        let nothing = json!({ "session_id": "kyc_x", "credential": ivy.begin_login().await.signed_by(&mut ivy.key) });
        let finish = client.tell("/api/v1/webauthn/login/finish", &nothing);
        self.by("post /api/v1/webauthn/login/finish", finish, 401, "invalid_token").await;
        let none = Person::register(&client, "jack").await.session_token;
        let begin = client.tell("/api/v1/webauthn/login/begin", &json!({ "step_up": true })).bearer_auth(none);
        self.by("post /api/v1/webauthn/login/begin", begin, 400, "ceremony_failed").await;
        let password = format!("DELETE FROM credentials WHERE kind = 'password' AND identity_id = '{}'", ivy.person.id);
        home.database().await.execute(&password).await;
        let remove = client.delete(&format!("/api/v1/webauthn/credentials/{}", ivy.id));
        let remove = remove.bearer_auth(&ivy.person.session_token);
        self.by("delete /api/v1/webauthn/credentials/{id}", remove, 409, "last_credential").await;
    }

    async fn by_providers(&mut self, provider: &HostileProvider) {
        let client = self.client.clone();
        let begin = |path: &str| client.get(&format!("/api/v1/oidc/{path}"));
        self.by("get /api/v1/oidc/{provider}", begin("nobody"), 404, "provider_not_found").await;
        let elsewhere = begin("idp?return_to=https://evil.example");
        self.by("get /api/v1/oidc/{provider}", elsewhere, 400, "invalid_return_to").await;
        self.by("get /api/v1/oidc/{provider}/callback", begin("idp/callback?state=x"), 401, "oidc_failed").await;
        let exchange = || {
            let body = json!({ "code": "c", "code_verifier": "a".repeat(43), "redirect_uri": providers::NATIVE, "nonce": "n" });
            client.tell("/api/v1/oidc/idp/exchange", &body)
        };
        for (email, status, code) in
            [(json!(null), 403, "email_required"), (json!("ada@example.com"), 409, "link_required")]
        {
            provider.next(&json!({ "claims": { "nonce": "n", "email": email } })).await;
            self.by("post /api/v1/oidc/{provider}/exchange", exchange(), status, code).await;
        }
    }

    async fn by_administrators(&mut self, home: &Home) {
        let client = self.client.clone();
        let root = Person::register(&client, "root").await;
        let viewer = Person::register(&client, "viewer").await;
        for (role, id) in [("admin", &root.id), ("viewer", &viewer.id)] {
            assert_eq!(home.run(&format!("admin role grant --role {role} --id {id}")).await.code, 0);
        }
        let own = format!("/admin/users/{}", root.id);
        let by = |method, path: &str| client.request(method, path).bearer_auth(&root.session_token);
        let lock = client.post(&format!("{own}/lock")).bearer_auth(&viewer.session_token);
        self.by("post /admin/users/{id}/lock", lock, 403, "forbidden").await;
        self.by("delete /admin/users/{id}", by(Method::DELETE, &own), 409, "own_account").await;
        let demote = by(Method::DELETE, &format!("{own}/roles/admin"));
        self.by("delete /admin/users/{id}/roles/{role}", demote, 409, "last_admin").await;
        let built_in = by(Method::DELETE, "/admin/roles/viewer");
        self.by("delete /admin/roles/{id}", built_in, 409, "in_use").await;
        let delivered = |metrics: &Metrics| metrics.get(DELIVERED) > 0.0;
        Metrics::until(&client, delivered).await;
        let sent = ask(by(Method::GET, "/admin/messages?state=delivered&limit=1")).await.expect(200);
        let again = by(Method::POST, &format!("/admin/messages/{}/retry", sent.at("/data/0/id")));
        self.by("post /admin/messages/{id}/retry", again, 409, "wrong_state").await;
        let make = |email: &str| {
            let request = by(Method::POST, "/admin/users").header("Idempotency-Key", "same");
            request.json(&json!({ "traits": { "email": email } }))
        };
        ask(make("new@example.com")).await.expect(201);
        self.by("post /admin/users", make("other@example.com"), 422, "idempotency_key_reused").await;
        let late = by(Method::PATCH, &own).header("If-Match", "\"0\"").json(&json!({ "state": "active" }));
        self.by("patch /admin/users/{id}", late, 412, "precondition_failed").await;
    }

    /// Tenants that refuse logins by password.
    async fn by_strict_tenants(&mut self, home: &Home) {
        let client = self.client.clone();
        let strict = "admin tenant create --id strict --settings {\"mfa_required\":true}";
        let verifying = "admin tenant create --id verifying --settings {\"verification_required\":true}";
        let aging = "admin tenant create --id aging --settings {\"password_max_age_days\":1}";
        let working = "admin tenant create --id working --settings {\"proof_of_work\":[\"registration\"]}";
        for line in [strict, verifying, aging, working, "admin tenant create --id closed"] {
            assert_eq!(home.run(line).await.code, 0);
        }
        // What only a later version could write: a list without a known method.
        let none = "UPDATE tenants SET settings = '{\"methods\":[]}' WHERE id = 'closed'";
        let database = home.database().await;
        database.execute(none).await;
        let register = |tenant| Person::registration(&client, "new@example.com").header("X-Tenant-ID", tenant);
        self.by("post /api/v1/registration", register("strict"), 403, "mfa_required").await;
        self.by("post /api/v1/registration", register("verifying"), 403, "verification_required").await;
        self.by("post /api/v1/registration", register("working"), 403, "proof_of_work_required").await;
        self.by("post /api/v1/registration", register("closed"), 403, "method_disabled").await;
        ask(register("aging")).await.expect(201);
        let yesterday = database.earlier("updated_at", 86_400);
        database.execute(&format!("UPDATE credentials SET updated_at = {yesterday} WHERE tenant_id = 'aging'")).await;
        let old = Person::login(&client, "new@example.com", PASSWORD).header("X-Tenant-ID", "aging");
        self.by("post /api/v1/login", old, 403, "password_expired").await;
    }

    /// If every identifier is optional, one is still needed.
    async fn by_nameless_people(&mut self) {
        let identifier = json!({ "type": "string", "x-kayan-identifier": true });
        let schema = json!({ "type": "object", "properties": { "email": identifier } });
        let service = Service::start_in(Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())).await;
        let ada = Person::register(&service.client(), "ada").await;
        let patch = ada.client.request(Method::PATCH, "/api/v1/me").bearer_auth(&ada.session_token);
        let nameless = patch.json(&json!({ "traits": { "email": null } }));
        self.by("patch /api/v1/me", nameless, 409, "last_identifier").await;
    }

    /// Failed logins for one account until it is locked, and further until the rate limit.
    async fn by_guessing(&mut self) {
        let client = self.client.clone();
        let guess = || Person::login(&client, "guessed@example.com", "not the password 5");
        for _ in 0..2 {
            ask(guess()).await.refused(401, "invalid_credentials");
        }
        self.by("post /api/v1/login", guess(), 423, "account_locked").await;
        self.by("post /api/v1/login", guess(), 429, "rate_limited").await;
    }

    async fn by_overload(&mut self) {
        let logins = (0..32).map(|n| ask(Person::login(&self.client, &format!("{n}@example.com"), PASSWORD)));
        let answers = futures_util::future::join_all(logins).await;
        // A slow database may refuse some for a reason of its own.
        let busy = answers.into_iter().find(|answer| answer.status == 503 && answer.json()["code"] == "overloaded");
        let busy = busy.expect("a queue of one is full");
        self.answers.push(("post /api/v1/login", busy.refused(503, "overloaded")));
    }

    /// Breaks the database, so this comes last.
    async fn by_a_broken_database(&mut self, home: &Home) {
        let database = home.database().await;
        database.execute("DELETE FROM schema_migrations").await;
        let ready = self.client.get("/health/ready");
        self.by("get /health/ready", ready, 503, "unavailable").await;
        let eve = Person::register(&self.client, "eve").await;
        // A value that the service never writes.
        database.execute("UPDATE identities SET roles = '1'").await;
        let whoami = Person::asking(&self.client, &eve.session_token);
        self.by("get /api/v1/whoami", whoami, 500, "internal").await;
    }
}

/// A body that stops arriving, until the service refuses it.
async fn too_slow(service: &Service) -> Answer {
    let mut connection = Connection::to(service.address()).await;
    let head = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40\r\n";
    connection.send(format!("{head}Connection: close\r\n\r\n{{\"identifier\":").as_bytes()).await;
    connection.receive().await.expect("an answer")
}

#[tokio::test]
async fn every_code_is_produced_has_the_one_shape_and_is_in_the_document() {
    let home =
        Home::new().with("KAYAN_HASH_CONCURRENCY", "1").with("KAYAN_HASH_QUEUE", "1").with("KAYAN_BCRYPT_COST", "8");
    let home = home.with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "2");
    let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let home = home.with("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "3").with("KAYAN_RATE_LIMIT_REQUESTS", "1000");
    let provider = HostileProvider::start().await;
    let home = providers::redirecting(providers::with_provider(home, &provider.issuer(), &json!({})));
    let service = Service::start_in(home).await;
    let document = Document::of(&service.client()).await;
    let mut provoked = Provoked { client: service.client(), answers: Vec::new() };
    let others = async {
        provoked.by_strangers().await;
        provoked.by_members(service.home()).await;
        provoked.by_factors(service.home()).await;
        provoked.by_passkeys(service.home()).await;
        provoked.by_providers(&provider).await;
        provoked.by_administrators(service.home()).await;
        provoked.by_strict_tenants(service.home()).await;
        provoked.by_nameless_people().await;
        provoked.by_guessing().await;
        provoked.by_overload().await;
        // A broken database must not change the response to the slow body.
        provoked.by_a_broken_database(service.home()).await;
    };
    let (slow, ()) = futures_util::future::join(too_slow(&service), others).await;
    provoked.answers.push(("post /api/v1/login", slow.refused(408, "request_timeout")));

    let seen: BTreeSet<String> = provoked.answers.iter().map(|(_, answer)| answer.at("/code")).collect();
    assert_eq!(seen, listed());
    for (operation, answer) in &provoked.answers {
        if *operation != NONE {
            document.assert_lists(operation, answer);
        }
        let lacks_proof = ["aal2_required", "reauthentication_required"].contains(&&*answer.at("/code"));
        let asks = answer.status == 401 || lacks_proof;
        assert_eq!(asks, !answer.header("www-authenticate").is_empty(), "{answer:?}");
        assert_eq!([423, 429, 503].contains(&answer.status), !answer.header("retry-after").is_empty(), "{answer:?}");
        assert_eq!(answer.status == 405, !answer.header("allow").is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_answered_with_those_it_has() {
    let service = Service::start().await;
    let client = service.client();
    for (method, path, allow) in [
        ("GET", "/api/v1/login", "POST"),
        ("BREW", "/api/v1/login", "POST"),
        ("PUT", "/api/v1/sessions", "DELETE, GET, HEAD"),
        ("GET", "/api/v1/sessions/01890000-0000-7000-8000-000000000000", "DELETE"),
        ("POST", "/api/v1/me", "DELETE, PATCH"),
        ("OPTIONS", "/api/v1/logout", "POST"),
        ("HEAD", "/api/v1/login", "POST"),
        ("TRACE", "/health", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ] {
        let answer = ask(client.request(Method::from_bytes(method.as_bytes()).unwrap(), path)).await.expect(405);
        let mut methods: Vec<&str> = answer.header("allow").split(", ").collect();
        methods.sort_unstable();
        assert_eq!(methods.join(", "), allow, "{method} {path}");
        if method == "HEAD" {
            assert!(answer.body.is_empty(), "{answer:?}");
        } else {
            answer.refused(405, "method_not_allowed");
        }
    }
    for path in ["/health", "/health/live", "/health/ready", "/docs", "/openapi.json", "/openapi.yaml"] {
        let (get, head) =
            (ask(client.get(path)).await.expect(200), ask(client.request(Method::HEAD, path)).await.expect(200));
        assert_eq!((head.body.len(), head.header("content-type")), (0, get.header("content-type")), "{path}");
    }
}
