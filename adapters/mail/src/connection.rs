//! A connection to the server: opened, encrypted and logged in, and one mail sent over it.

use std::{io, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kayan_ports::{MailError, MailFailure};
use lettre::transport::smtp::{
    authentication::{Credentials, DEFAULT_MECHANISMS},
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt, Rset},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    response::{Response, Severity},
};
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret as _;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    failure::{self, Stage},
    line::Line,
    message::Written,
    starttls,
    url::{Login, SmtpUrl, Tls},
};

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Finding the host and connecting to it.
    pub connect: Duration,
    /// TLS and the greeting, and again logging in.
    pub greeting: Duration,
    /// The answer to one command.
    pub command: Duration,
    /// The answer to the mail itself.
    pub content: Duration,
    /// All of these together, and waiting for a connection.
    pub whole: Duration,
    /// How long a connection is kept open without a mail.
    pub idle: Duration,
}

impl Default for Limits {
    /// The whole is shorter than the sum, so that no mail takes a minute.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            greeting: Duration::from_secs(10),
            command: Duration::from_secs(15),
            content: Duration::from_secs(30),
            whole: Duration::from_secs(55),
            idle: Duration::from_secs(30),
        }
    }
}

/// The server, and how it is connected to.
pub(crate) struct Server {
    pub(crate) url: SmtpUrl,
    /// `None` if there is no TLS.
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) limits: Limits,
}

/// A connection that is open and logged in.
pub(crate) struct Connection(AsyncSmtpConnection);

impl Server {
    /// Opens a connection.
    pub(crate) async fn open(&self) -> Result<Connection, MailError> {
        let Limits { connect, greeting, .. } = self.limits;
        let stream = match timeout(connect, self.dial()).await {
            Ok(dialled) => dialled.map_err(|why| self.unreachable(&why.to_string()))?,
            Err(_) => return Err(self.unreachable(&format!("no answer within {} s", connect.as_secs()))),
        };
        let mut connection = within(greeting, Stage::Greeting, self.greet(stream)).await?;
        if let Some(login) = &self.url.login {
            let logged_in = within(greeting, Stage::Login, log_in(&mut connection, login)).await;
            logged_in.map_err(|why| without_secrets(why, login))?;
        }
        Ok(Connection(connection))
    }

    fn unreachable(&self, why: &str) -> MailError {
        failure::error(MailFailure::Unreachable, &format!("{}:{}: {why}", self.url.host, self.url.port))
    }

    /// Connects to the first of the host's addresses that answers; each gets an equal part of the time.
    async fn dial(&self) -> io::Result<TcpStream> {
        let places: Vec<_> = lookup_host((self.url.host.as_str(), self.url.port)).await?.collect();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        let share = self.limits.connect / u32::try_from(places.len().max(1)).unwrap_or(u32::MAX);
        for place in places {
            match timeout(share, TcpStream::connect(place)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(why)) => last = why,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer"),
            }
        }
        Err(last)
    }

    /// From an open stream to the server's list of extensions, in TLS where that is wanted.
    async fn greet(&self, mut stream: TcpStream) -> Result<AsyncSmtpConnection, MailError> {
        stream.set_nodelay(true).map_err(|why| self.unreachable(&why.to_string()))?;
        let name = own_name(&stream);
        let line = match self.url.tls {
            Tls::Implicit => Line::tls(self.encrypt(stream).await?),
            Tls::None => Line::plain(stream),
            Tls::Required | Tls::Opportunistic => {
                let is_ready = starttls::begin(&mut stream, &name).await?;
                if is_ready {
                    Line::tls(self.encrypt(stream).await?).greeted()
                } else if self.url.tls == Tls::Required {
                    let hint = "the server does not offer STARTTLS; use its port for TLS with smtps://";
                    return Err(failure::error(MailFailure::Tls, hint));
                } else {
                    Line::plain(stream).greeted()
                }
            }
        };
        let connection = AsyncSmtpConnection::connect_with_transport(Box::new(line), &name).await;
        connection.map_err(|why| failure::failed(Stage::Greeting, &why))
    }

    async fn encrypt(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, MailError> {
        let failed = |why: &dyn std::fmt::Display| failure::error(MailFailure::Tls, &format!("TLS: {why}"));
        let name = ServerName::try_from(self.url.host.clone()).map_err(|why| failed(&why))?;
        let connector = self.tls.as_ref().ok_or_else(|| failed(&"it is not set up"))?;
        connector.connect(name, stream).await.map_err(|why| {
            let is_closed = !failure::is_of_tls(&why) && why.kind() != io::ErrorKind::UnexpectedEof;
            if is_closed { self.unreachable(&why.to_string()) } else { failed(&why) }
        })
    }
}

/// The address that this machine has for the server (RFC 5321, section 4.1.4): its name may mean nothing elsewhere.
fn own_name(stream: &TcpStream) -> ClientId {
    match stream.local_addr().map(|address| address.ip().to_canonical()) {
        Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::default(),
    }
}

async fn log_in(connection: &mut AsyncSmtpConnection, login: &Login) -> Result<(), MailError> {
    let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
    let answer = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
    completed(Stage::Login, answer)
}

/// Takes out the password, should the server repeat what it was sent.
fn without_secrets(mut error: MailError, login: &Login) -> MailError {
    let password = login.password.expose_secret();
    for secret in [BASE64.encode(format!("\0{}\0{password}", login.user)), BASE64.encode(password), password.to_owned()]
    {
        error.detail = error.detail.replace(&secret, "[redacted]");
    }
    error
}

impl Connection {
    /// Sends one mail.
    pub(crate) async fn send(&mut self, mail: &Written, limits: &Limits) -> Result<(), MailError> {
        let Limits { command, content, .. } = *limits;
        let parameters = self.parameters(mail)?;
        let smtp = &mut self.0;
        let sender = smtp.command(Mail::new(Some(mail.from.clone()), parameters));
        completed(Stage::Sender, timed(command, Stage::Sender, sender).await?)?;
        let recipient = smtp.command(Rcpt::new(mail.to.clone(), Vec::new()));
        completed(Stage::Recipient, timed(command, Stage::Recipient, recipient).await?)?;
        let ready = timed(command, Stage::Content, smtp.command(Data)).await?;
        answered(Stage::Content, Severity::PositiveIntermediate, ready)?;
        completed(Stage::Content, timed(content, Stage::Content, smtp.message(&mail.bytes)).await?)
    }

    /// What is said with MAIL FROM.
    fn parameters(&self, mail: &Written) -> Result<Vec<MailParameter>, MailError> {
        if !mail.is_international() {
            return Ok(Vec::new());
        }
        let server = self.0.server_info();
        if server.supports_feature(Extension::SmtpUtfEight) && server.supports_feature(Extension::EightBitMime) {
            return Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
        }
        let detail = "the server does not offer SMTPUTF8, which the letters before the @ of the address need";
        Err(failure::error(MailFailure::InvalidAddress, detail))
    }

    /// Makes sure that the server still answers, and is in the middle of nothing.
    pub(crate) async fn reset(&mut self, limits: &Limits) -> Result<(), MailError> {
        completed(Stage::Greeting, timed(limits.greeting / 2, Stage::Greeting, self.0.command(Rset)).await?)
    }

    /// Takes leave. It does not matter whether the server hears it.
    pub(crate) async fn close(mut self, limits: &Limits) {
        drop(timeout(limits.greeting / 2, self.0.quit()).await);
    }
}

type Answer = Result<Response, lettre::transport::smtp::Error>;

async fn timed(limit: Duration, stage: Stage, answer: impl Future<Output = Answer>) -> Result<Answer, MailError> {
    timeout(limit, answer).await.map_err(|_| failure::timed_out(stage, limit.as_secs()))
}

async fn within<T>(
    limit: Duration,
    stage: Stage,
    step: impl Future<Output = Result<T, MailError>>,
) -> Result<T, MailError> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(failure::timed_out(stage, limit.as_secs())))
}

fn completed(stage: Stage, answer: Answer) -> Result<(), MailError> {
    answered(stage, Severity::PositiveCompletion, answer)
}

/// Wants an answer of this kind: the library takes any that is no refusal.
fn answered(stage: Stage, wanted: Severity, answer: Answer) -> Result<(), MailError> {
    let response = answer.map_err(|why| failure::failed(stage, &why))?;
    if response.code().severity == wanted { Ok(()) } else { Err(failure::out_of_place(stage, &response)) }
}
