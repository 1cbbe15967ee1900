//! `kayan healthcheck`: a probe for containers.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use url::Url;

use crate::exit::Exit;

const PATIENCE: Duration = Duration::from_secs(3);

/// Sends the request, and fails unless the response is 200.
pub(crate) fn run(url: Option<Url>) -> Result<(), Exit> {
    let (address, path) = match &url {
        Some(url) => asked(url)?,
        None => (own_address()?, "/health/ready".to_owned()),
    };
    let unreachable = |error: std::io::Error| Exit::failed(format!("no answer from {address}: {error}"));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(Exit::failed)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").map_err(unreachable)?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).map_err(unreachable)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(status) => {
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            Err(Exit::failed(format!("{status} from {address}{path}: {body}")))
        }
        None => Err(Exit::failed(format!("{address} does not speak HTTP"))),
    }
}

fn own_address() -> Result<SocketAddr, Exit> {
    let config = super::settings()?;
    let host = match config.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    Ok(SocketAddr::new(host, config.port))
}

fn asked(url: &Url) -> Result<(SocketAddr, String), Exit> {
    let refuse = || Exit::usage(format!("--url {url}: write http://HOST:PORT/PATH"));
    if url.scheme() != "http" {
        return Err(refuse());
    }
    let host = url.host_str().ok_or_else(refuse)?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or_else(refuse)?;
    let found = (host, port).to_socket_addrs().map_err(Exit::failed)?.next();
    Ok((found.ok_or_else(refuse)?, url.path().to_owned()))
}
