//! Delivers mail to a server over SMTP (RFC 5321, RFC 6409).

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use kayan_ports::{Mail, MailError, MailFailure, Mailer};
use kayan_tls::{NoSystemAuthorities, authorities_in, system_authorities};
use parking_lot::Mutex;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::{sync::Semaphore, time::timeout};
use tokio_rustls::TlsConnector;

use crate::{
    address::Sender,
    connection::{Connection, Limits, Server},
    failure,
    message::{self, Written},
    url::{SmtpUrl, Tls},
};

/// Why mail can't be set up; it names the parameter of the URL, not the setting that holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file of authorities can't be read.
    #[error("ca: {}: {why}; let the service's user read it, or correct the path", path.display())]
    AuthoritiesUnread {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
    /// The file of authorities holds no certificate, or a damaged one.
    #[error("ca: {} contains no valid certificate; name a PEM file", .0.display())]
    NoAuthorities(PathBuf),
    /// The system trusts no certificate authority.
    #[error("{0}, or in ca")]
    NoSystemAuthorities(#[from] NoSystemAuthorities),
    /// The library refuses.
    #[error("TLS can't be set up: {0}; use a host that its certificate can name")]
    Tls(#[from] rustls::Error),
}

impl SmtpUrl {
    /// Checks the files that it names.
    pub fn check_files(&self) -> Result<(), SetupError> {
        self.authorities.as_deref().map_or(Ok(()), |path| authorities(path).map(drop))
    }

    /// A connector that trusts the authorities that are named, or else the system's; `None` without TLS.
    fn connector(&self) -> Result<Option<TlsConnector>, SetupError> {
        if self.tls == Tls::None {
            return Ok(None);
        }
        let roots = match &self.authorities {
            Some(path) => authorities(path)?,
            None => system_authorities()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Some(Arc::new(config).into()))
    }
}

fn authorities(path: &Path) -> Result<rustls::RootCertStore, SetupError> {
    let pem = fs::read(path).map_err(|why| SetupError::AuthoritiesUnread { path: path.to_owned(), why })?;
    authorities_in(&pem).ok_or_else(|| SetupError::NoAuthorities(path.to_owned()))
}

/// Delivers mail over a few connections, which are opened when they are needed and kept for a while.
pub struct SmtpMailer(Arc<Shared>);

struct Shared {
    server: Server,
    sender: Sender,
    /// One for each connection that may be open.
    permits: Semaphore,
    /// The connections without a mail, the one used last at the end.
    idle: Mutex<Vec<(u64, Connection)>>,
    /// How often a connection became idle.
    count: AtomicU64,
}

impl SmtpMailer {
    /// A mailer that connects with the first mail.
    pub fn new(url: SmtpUrl, sender: Sender, limits: Limits) -> Result<Self, SetupError> {
        let (tls, permits) = (url.connector()?, Semaphore::new(url.connections));
        let server = Server { url, tls, limits };
        Ok(Self(Arc::new(Shared { server, sender, permits, idle: Mutex::default(), count: AtomicU64::default() })))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn connections(&self) -> usize {
        self.0.server.url.connections
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let written = message::write(mail, &self.0.sender)?;
        self.0.in_time(self.0.deliver(&written)).await
    }

    async fn check(&self) -> Result<(), MailError> {
        let Server { limits, .. } = &self.0.server;
        let checked = async {
            self.0.server.open().await?.close(limits).await;
            Ok(())
        };
        self.0.in_time(checked).await
    }
}

impl Shared {
    /// Whatever takes longer is dropped, and its connection with it.
    async fn in_time(&self, work: impl Future<Output = Result<(), MailError>>) -> Result<(), MailError> {
        let limit = self.server.limits.whole;
        let detail = || format!("not done within {} s", limit.as_secs());
        timeout(limit, work).await.unwrap_or_else(|_| Err(failure::error(MailFailure::TimedOut, &detail())))
    }

    /// Sends over a connection that no other mail uses meanwhile. After an error it is not used again.
    async fn deliver(self: &Arc<Self>, mail: &Written) -> Result<(), MailError> {
        // The permits are never closed, so one is there before the time is up.
        let _permit = self.permits.acquire().await;
        let limits = &self.server.limits;
        let mut connection = match self.reuse().await {
            Some(connection) => connection,
            None => self.server.open().await?,
        };
        connection.send(mail, limits).await?;
        self.keep(connection);
        Ok(())
    }

    /// The idle connection that was used last, if the server still answers on it.
    async fn reuse(&self) -> Option<Connection> {
        let (_, mut connection) = self.idle.lock().pop()?;
        connection.reset(&self.server.limits).await.ok()?;
        Some(connection)
    }

    /// Keeps a connection until it was idle for too long.
    fn keep(self: &Arc<Self>, connection: Connection) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.idle.lock().push((number, connection));
        let (shared, limits) = (Arc::downgrade(self), self.server.limits);
        tokio::spawn(async move {
            tokio::time::sleep(limits.idle).await;
            let unused = shared.upgrade().and_then(|shared| shared.take(number));
            if let Some(connection) = unused {
                connection.close(&limits).await;
            }
        });
    }

    /// The connection that became idle as this one, unless it was used since.
    fn take(&self, number: u64) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let place = idle.iter().position(|(it, _)| *it == number)?;
        Some(idle.remove(place).1)
    }
}
