//! What is said before STARTTLS (RFC 3207).

use std::{io, str::FromStr as _};

use kayan_ports::{MailError, MailFailure};
use lettre::transport::smtp::{
    commands::{Ehlo, Starttls},
    extension::{ClientId, Extension, ServerInfo},
    response::Response,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::failure::{self, Stage};

/// The most bytes of an answer.
const LONGEST: u64 = 64 * 1024;

/// Whether the server is ready for TLS now; otherwise it does not offer it.
///
/// No answer that is read here is used after TLS has begun: an attacker on the network could have written it.
pub(crate) async fn begin(stream: &mut TcpStream, name: &ClientId) -> Result<bool, MailError> {
    let mut reader = BufReader::new(stream);
    answer(&mut reader).await?;
    let extensions = ask(&mut reader, &Ehlo::new(name.clone()).to_string()).await?;
    let server = ServerInfo::from_response(&extensions).map_err(|why| failure::failed(Stage::Greeting, &why))?;
    if !server.supports_feature(Extension::StartTls) {
        return Ok(false);
    }
    ask(&mut reader, &Starttls.to_string()).await?;
    if reader.buffer().is_empty() {
        return Ok(true);
    }
    let detail =
        "STARTTLS: something was sent ahead of TLS, as if it were an answer in it; is there a proxy in between?";
    Err(failure::error(MailFailure::Tls, detail))
}

async fn ask(reader: &mut BufReader<&mut TcpStream>, command: &str) -> Result<Response, MailError> {
    reader.get_mut().write_all(command.as_bytes()).await.map_err(broken)?;
    answer(reader).await
}

/// Reads an answer, which must be no refusal.
async fn answer(reader: &mut BufReader<&mut TcpStream>) -> Result<Response, MailError> {
    let mut text = String::new();
    let mut reader = reader.take(LONGEST);
    loop {
        let begins = text.len();
        reader.read_line(&mut text).await.map_err(broken)?;
        let line = text.get(begins..).unwrap_or_default();
        if !line.ends_with('\n') {
            return Err(broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    let response = Response::from_str(&text)
        .map_err(|_| broken(io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of SMTP")))?;
    if response.is_positive() {
        return Ok(response);
    }
    let said = response.message().collect::<Vec<_>>().join(" ");
    Err(failure::refused(Stage::Greeting, response.code().into(), &said))
}

fn broken(why: io::Error) -> MailError {
    failure::error(MailFailure::Unreachable, &format!("the greeting: {why}"))
}
