//! Makes connections.

use kayan_sql::DriverError;
use std::{fs, panic::AssertUnwindSafe, path::Path, time::Duration};

use futures_util::FutureExt as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts, prelude::Queryable};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::{
    ConnectError, DsnError,
    dsn::{Dsn, Place, Tls},
    errors::{unconnected, unencrypted},
};

/// What every session begins with, so that nothing depends on how the server is set up: exact texts, strict values,
/// times in UTC, each statement on the newest rows, and nothing left waiting for long when the caller is gone. Timeouts are in
/// seconds, that of MySQL alone in milliseconds and for queries only; each marked comment is run by one of the two servers.
const SESSION: &str = "-- session.begin
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1,
  completion_type = 'NO_CHAIN', foreign_key_checks = 1, unique_checks = 1, sql_safe_updates = 0,
  innodb_lock_wait_timeout = 1, lock_wait_timeout = 1
  /*M! , max_statement_time = 30 */ /*!80000 , max_execution_time = 30000 */;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// The longer timeouts of a migration's session.
const MIGRATING: &str = "-- session.migrate
SET SESSION innodb_lock_wait_timeout = 60, lock_wait_timeout = 60, wait_timeout = 28800
  /*M! , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */";

/// The certificates in a PEM file.
fn authorities(path: &Path) -> Result<Vec<u8>, ConnectError> {
    let named = || path.to_owned();
    let pem = fs::read(path).map_err(|why| ConnectError::AuthoritiesUnread { path: named(), why })?;
    let has_one = std::str::from_utf8(&pem).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"));
    if has_one { Ok(pem) } else { Err(ConnectError::NoAuthorities(named())) }
}

impl Dsn {
    /// Reads the file of trusted authorities, if there is one.
    pub fn check_files(&self) -> Result<(), ConnectError> {
        Dialer::new(self, Duration::ZERO).map(drop)
    }
}

/// Opens connections to the server.
#[derive(Debug)]
pub(crate) struct Dialer {
    options: Opts,
    /// Where the server may be without TLS.
    plain: Option<Opts>,
    patience: Duration,
}

impl Dialer {
    /// Does not connect yet; a connection may take up to `patience`.
    pub(crate) fn new(dsn: &Dsn, patience: Duration) -> Result<Self, ConnectError> {
        let options = OptsBuilder::default()
            .user(Some(dsn.user.clone()))
            .pass(Some(dsn.password.expose_secret()).filter(|password| !password.is_empty()))
            .db_name(Some(dsn.database.clone()))
            .client_found_rows(true)
            .prefer_socket(false)
            .stmt_cache_size(0);
        let options = match &dsn.place {
            Place::Tcp { host, port } => {
                let options = options.ip_or_hostname(host.clone()).tcp_port(*port);
                options.tcp_keepalive(Some(Duration::from_secs(30)))
            }
            Place::Unix(path) => options.socket(Some(path.to_str().ok_or(DsnError::SocketPath)?)),
        };
        let ssl = match (&dsn.place, dsn.tls) {
            (Place::Unix(_), _) | (_, Tls::Off) => None,
            (_, Tls::Verified) => Some(match &dsn.ca {
                None => SslOpts::default(),
                Some(path) => {
                    let roots = vec![authorities(path)?.into()];
                    SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true)
                }
            }),
            (_, Tls::SkipVerify | Tls::Preferred) => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        };
        let plain = (dsn.tls == Tls::Preferred && ssl.is_some()).then(|| options.clone().into());
        let patience = dsn.timeout.map_or(patience, |timeout| timeout.min(patience));
        Ok(Self { options: options.ssl_opts(ssl).into(), plain, patience })
    }

    /// A new session.
    pub(crate) async fn dial(&self) -> Result<Conn, DriverError> {
        // Without TLS, `caching_sha2_password` encrypts the password with a key that the server sends, and `mysql_async`
        // panics when it can't.
        let dialed = timeout(self.patience, AssertUnwindSafe(self.session()).catch_unwind()).await;
        let late = || DriverError::Unavailable("the server does not answer".to_owned());
        dialed.map_err(|_| late())?.map_err(|_| unencrypted())?.map_err(|error| unconnected(&error))
    }

    /// A new session that may wait and work for long.
    pub(crate) async fn dial_to_migrate(&self) -> Result<Conn, DriverError> {
        let mut connection = self.dial().await?;
        connection.query_drop(MIGRATING).await.map_err(|error| unconnected(&error))?;
        Ok(connection)
    }

    async fn session(&self) -> Result<Conn, Error> {
        let mut connection = match (Conn::new(self.options.clone()).await, &self.plain) {
            (Err(Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer)), Some(plain)) => {
                Conn::new(plain.clone()).await?
            }
            (dialed, _) => dialed?,
        };
        connection.query_drop(SESSION).await?;
        Ok(connection)
    }
}
