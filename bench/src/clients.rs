//! Clients: each has a connection and sends one request over and over.

use std::net::SocketAddr;

use crate::{connection::Connection, failure::Failure};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple 7";

const TOKEN_LENGTH: usize = 52;
const REFRESH_TOKEN: &str = "\"refresh_token\":\"";

/// A connection with what is asked over it.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    // Which of them comes next.
    turn: usize,
    // Where in the request the refresh token stands, if it is to be replaced by the answer's.
    token: Option<usize>,
}

impl Client {
    /// Asks the same each time.
    pub(crate) async fn new(address: SocketAddr, request: String) -> Result<Self, Failure> {
        Self::in_turn(address, vec![request]).await
    }

    /// Asks one after the other, and then again from the first.
    pub(crate) async fn in_turn(address: SocketAddr, requests: Vec<String>) -> Result<Self, Failure> {
        let connection = Connection::open(address).await;
        let connection = connection.map_err(Failure::io(format!("can't connect to {address}")))?;
        let requests = requests.into_iter().map(String::into_bytes).collect();
        Ok(Self { connection, requests, turn: 0, token: None })
    }

    /// Spends a refresh token, then the one that it got for it, and so on.
    pub(crate) async fn refreshing(address: SocketAddr, refresh_token: &str) -> Result<Self, Failure> {
        let body = format!("{{{REFRESH_TOKEN}{refresh_token}\"}}");
        let request = post("/api/v1/sessions/refresh", &body);
        let token = request.len() - "\"}".len() - TOKEN_LENGTH;
        Ok(Self { token: Some(token), ..Self::new(address, request).await? })
    }

    /// Asks once; anything but 200 or 201 is a failure.
    pub(crate) async fn ask(&mut self) -> Result<&[u8], Failure> {
        let turn = self.turn;
        self.turn = (turn + 1) % self.requests.len().max(1);
        let request = self.requests.get_mut(turn).ok_or_else(|| Failure::Wrong("nothing to ask".to_owned()))?;
        let answer = self.connection.ask(request).await.map_err(Failure::io("a connection broke"))?;
        if !matches!(answer.status, 200 | 201) {
            let body = String::from_utf8_lossy(answer.body);
            return Err(Failure::Wrong(format!("a request was answered {}: {body}", answer.status)));
        }
        if let Some(at) = self.token {
            let next = member(answer.body, REFRESH_TOKEN).map(str::as_bytes);
            match (next, request.get_mut(at..at + TOKEN_LENGTH)) {
                (Some(next), Some(place)) if next.len() == TOKEN_LENGTH => place.copy_from_slice(next),
                _ => return Err(Failure::Wrong("a refresh was answered without a refresh token".to_owned())),
            }
        }
        Ok(answer.body)
    }
}

/// A request without a body, as the owner of a session if there is a token.
pub(crate) fn get(path: &str, session_token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {session_token}\r\n\r\n")
}

/// A login; everybody has the same password.
pub(crate) fn login(identifier: &str) -> String {
    post("/api/v1/login", &format!(r#"{{"identifier":"{identifier}","password":"{PASSWORD}"}}"#))
}

/// A login with a wrong password, as long as the right one.
pub(crate) fn failed_login(identifier: &str) -> String {
    post("/api/v1/login", &format!(r#"{{"identifier":"{identifier}","password":"correct horse battery staple 8"}}"#))
}

/// A registration by this identifier; everybody has the same password.
pub(crate) fn registration(identifier: &str) -> String {
    post("/api/v1/registration", &format!(r#"{{"traits":{{"email":"{identifier}"}},"password":"{PASSWORD}"}}"#))
}

/// The request, as the owner of a session.
pub(crate) fn in_session(request: &str, session_token: &str) -> String {
    with_header(request, &format!("Authorization: Bearer {session_token}"))
}

/// A request with a JSON body.
pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The request with one more header.
pub(crate) fn with_header(request: &str, header: &str) -> String {
    request.replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

/// The text member of a JSON document that begins with `key`, which is `"name":"`. Good for tokens: knows no escapes.
pub(crate) fn member<'a>(body: &'a [u8], key: &str) -> Option<&'a str> {
    let (_, rest) = str::from_utf8(body).ok()?.split_once(key)?;
    rest.split_once('"').map(|(value, _)| value)
}
