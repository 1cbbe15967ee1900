//! A user of the service.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::{Answer, Client, ask};

/// A password that the policy accepts.
pub const PASSWORD: &str = "correct horse battery staple 7";

/// A registered user, with the current tokens.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their client.
    pub client: Client,
    /// Their identity's id.
    pub id: String,
    /// Their identifier.
    pub email: String,
    /// Their current session token.
    pub session_token: String,
    /// Their current refresh token.
    pub refresh_token: String,
}

impl Person {
    /// Registers `name@example.com`.
    pub async fn register(client: &Client, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let answer = ask(Self::registration(client, &email)).await.expect(201);
        Self {
            client: client.clone(),
            id: answer.at("/identity/id"),
            email,
            session_token: answer.at("/session/session_token"),
            refresh_token: answer.at("/session/refresh_token"),
        }
    }

    /// The request that registers an address with the usual password.
    pub fn registration(client: &Client, email: &str) -> RequestBuilder {
        client.tell("/api/v1/registration", &json!({ "traits": { "email": email }, "password": PASSWORD }))
    }

    /// The request that logs in.
    pub fn login(client: &Client, email: &str, password: &str) -> RequestBuilder {
        client.tell("/api/v1/login", &json!({ "identifier": email, "password": password }))
    }

    /// The request that refreshes.
    pub fn refreshing(client: &Client, token: &str) -> RequestBuilder {
        client.tell("/api/v1/sessions/refresh", &json!({ "refresh_token": token }))
    }

    /// The request for the owner of a token.
    pub fn asking(client: &Client, token: &str) -> RequestBuilder {
        client.get("/api/v1/whoami").bearer_auth(token)
    }

    /// The same user in a new session.
    pub async fn log_in(&self) -> Self {
        let answer = ask(Self::login(&self.client, &self.email, PASSWORD)).await.expect(200);
        Self { session_token: answer.at("/session_token"), refresh_token: answer.at("/refresh_token"), ..self.clone() }
    }

    /// Calls `whoami`.
    pub async fn who_am_i(&self) -> Answer {
        ask(Self::asking(&self.client, &self.session_token)).await
    }

    /// Refreshes the session; keeps the old tokens.
    pub async fn refresh(&self) -> Answer {
        ask(Self::refreshing(&self.client, &self.refresh_token)).await
    }

    /// Logs out.
    pub async fn log_out(&self) -> Answer {
        ask(self.client.post("/api/v1/logout").bearer_auth(&self.session_token)).await
    }

    /// Asserts that neither token is valid.
    pub async fn assert_out(&self) {
        self.who_am_i().await.refused(401, "unauthorized");
        self.refresh().await.refused(401, "invalid_token");
    }
}
