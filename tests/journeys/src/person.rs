//! Somebody who uses the service.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::{Answer, Client, ask};

/// A password that the policy takes.
pub const PASSWORD: &str = "correct horse battery staple 7";

/// Somebody who has registered, with the tokens they hold.
#[derive(Debug, Clone)]
pub struct Person {
    /// How they talk to the service.
    pub client: Client,
    /// Their identity's id.
    pub id: String,
    /// What they log in with.
    pub email: String,
    /// Their present session token.
    pub session_token: String,
    /// Their present refresh token.
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

    /// The request that asks who a token's owner is.
    pub fn asking(client: &Client, token: &str) -> RequestBuilder {
        client.get("/api/v1/whoami").bearer_auth(token)
    }

    /// The same person in a new session.
    pub async fn log_in(&self) -> Self {
        let answer = ask(Self::login(&self.client, &self.email, PASSWORD)).await.expect(200);
        Self { session_token: answer.at("/session_token"), refresh_token: answer.at("/refresh_token"), ..self.clone() }
    }

    /// Asks who they are.
    pub async fn who_am_i(&self) -> Answer {
        ask(Self::asking(&self.client, &self.session_token)).await
    }

    /// Asks for new tokens; keeps the old.
    pub async fn refresh(&self) -> Answer {
        ask(Self::refreshing(&self.client, &self.refresh_token)).await
    }

    /// Logs out.
    pub async fn log_out(&self) -> Answer {
        ask(self.client.post("/api/v1/logout").bearer_auth(&self.session_token)).await
    }

    /// Asserts that neither token opens anything any more.
    pub async fn assert_out(&self) {
        self.who_am_i().await.refused(401, "unauthorized");
        self.refresh().await.refused(401, "invalid_token");
    }
}
