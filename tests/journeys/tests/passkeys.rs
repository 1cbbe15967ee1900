//! Passkeys: an authenticator in software registers them at the real binary, and logs in with them.

mod ceremonies;
mod database_independent;
mod logins;
mod management;
mod races;
mod secrecy;
mod states;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_authenticator::{Authenticator, Model};
use kayan_journeys::{Answer, Client, Home, Person, Service, ask};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// The origin of pages in development, when the port is not known beforehand.
const ORIGIN: &str = "http://localhost";
const REGISTRATION: &str = "/api/v1/webauthn/registration";
const LOGIN: &str = "/api/v1/webauthn/login";
const MINE: &str = "/api/v1/webauthn/credentials";
const UNKNOWN: &str = "the ceremony is unknown, expired or finished, or was begun elsewhere: begin again";

/// A ceremony that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    session_id: String,
    options: Value,
}

impl Begun {
    /// Begins one, which must succeed.
    async fn by(request: RequestBuilder) -> Self {
        Self::in_answer(&ask(request).await.expect(200))
    }

    fn in_answer(answer: &Answer) -> Self {
        Self { session_id: answer.at("/session_id"), options: answer.json()["publicKey"].clone() }
    }

    /// The response of an authenticator that makes a passkey.
    fn made_by(&self, key: &mut Authenticator) -> Value {
        key.register(&self.options.to_string(), ORIGIN).expect("a new passkey")
    }

    /// The response of an authenticator that signs with a passkey.
    pub(crate) fn signed_by(&self, key: &mut Authenticator) -> Value {
        key.log_in(&self.options.to_string(), ORIGIN).expect("a signature")
    }

    /// The body that finishes it.
    fn body(&self, credential: &Value) -> Value {
        json!({ "session_id": self.session_id, "credential": credential })
    }
}

fn begin(client: &Client, ceremony: &str, body: &Value) -> RequestBuilder {
    client.tell(&format!("{ceremony}/begin"), body)
}

fn finish(client: &Client, ceremony: &str, body: &Value) -> RequestBuilder {
    client.tell(&format!("{ceremony}/finish"), body)
}

/// The bytes of a member in base64url.
fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A user, and the authenticator with the passkey.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) person: Person,
    pub(crate) key: Authenticator,
    /// The id of the first passkey.
    pub(crate) id: String,
}

impl Owner {
    /// Registers a user with a passkey on an authenticator like this one.
    pub(crate) async fn register(client: &Client, name: &str, model: Model) -> Self {
        let person = Person::register(client, name).await;
        let mut owner = Self { person, key: Authenticator::new(model), id: String::new() };
        owner.id = owner.add().await.at("/credential_id");
        owner
    }

    fn client(&self) -> &Client {
        &self.person.client
    }

    fn begin_registration(&self) -> RequestBuilder {
        begin(self.client(), REGISTRATION, &json!({})).bearer_auth(&self.person.session_token)
    }

    /// Registers another passkey on the same authenticator.
    async fn add(&mut self) -> Answer {
        self.key.lies.ignores_excluded = true;
        let begun = Begun::by(self.begin_registration()).await;
        let body = begun.body(&begun.made_by(&mut self.key));
        ask(finish(self.client(), REGISTRATION, &body).bearer_auth(&self.person.session_token)).await.expect(200)
    }

    /// Begins to log in with the identifier.
    pub(crate) async fn begin_login(&self) -> Begun {
        Begun::by(begin(self.client(), LOGIN, &json!({ "identifier": self.person.email }))).await
    }

    /// Sends the response to a ceremony.
    async fn finish_login(&mut self, begun: &Begun) -> Answer {
        let body = begun.body(&begun.signed_by(&mut self.key));
        ask(finish(self.client(), LOGIN, &body)).await
    }

    /// The response to a login with the identifier.
    async fn try_log_in(&mut self) -> Answer {
        let begun = self.begin_login().await;
        self.finish_login(&begun).await
    }

    /// Logs in with the identifier, from now on in that session.
    pub(crate) async fn log_in(&mut self) {
        let opened = self.try_log_in().await.expect(200);
        self.person.session_token = opened.at("/session_token");
        self.person.refresh_token = opened.at("/refresh_token");
    }

    async fn remove(&self, id: &str) -> Answer {
        ask(self.client().delete(&format!("{MINE}/{id}")).bearer_auth(&self.person.session_token)).await
    }

    /// The passkeys as they are listed.
    async fn passkeys(&self) -> Vec<Value> {
        let list = ask(self.client().get(MINE).bearer_auth(&self.person.session_token)).await.expect(200);
        list.json()["data"].as_array().cloned().expect("a list")
    }
}

/// A service that hears many wrong responses before it locks.
fn patient() -> Home {
    Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "1000")
}

/// A service with a second tenant, `acme`.
async fn with_acme() -> Service {
    let service = Service::start().await;
    assert_eq!(service.home().run("admin tenant create --id acme").await.code, 0);
    service
}
