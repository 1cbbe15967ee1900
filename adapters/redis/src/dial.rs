//! Connects to any kind of Redis.

use std::{io, pin::Pin, time::Duration};

use futures_util::{FutureExt as _, future::select_ok};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, IntoConnectionInfo as _, Pipeline, RedisConnectionInfo, RedisFuture,
    Role, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
};
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use crate::{
    errors::{ServerError, unconnected},
    tls::{self, ConnectError},
    url::{Address, Login, Place, RedisUrl},
};

/// How often a command is redirected to another node of a cluster, or retried.
const REDIRECTIONS: u32 = 5;

impl RedisUrl {
    /// Checks that the file of trusted authorities, if any, can be read.
    pub fn check_files(&self) -> Result<(), ConnectError> {
        Dialer::new(self, Duration::from_secs(1)).map(drop)
    }
}

/// Connects to Redis.
pub(crate) struct Dialer {
    url: RedisUrl,
    tls: Option<TlsConnector>,
    /// Set for a cluster.
    cluster: Option<ClusterClient>,
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}
type Bytes = Pin<Box<dyn Stream>>;

/// A connection for commands.
pub(crate) enum Connection {
    One(One),
    Cluster(ClusterConnection),
}

/// A connection to one server.
pub(crate) struct One {
    commands: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for One {
    fn drop(&mut self) {
        // Outstanding answers are not waited for; they may never come.
        self.driver.abort();
    }
}

impl Connection {
    /// Whether it is known to be unusable.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::One(one) => one.driver.is_finished(),
            // It reconnects by itself.
            Self::Cluster(_) => false,
        }
    }

    /// Whether a missing answer makes all later ones doubtful; not in a cluster, where each node has its own timeout.
    pub(crate) fn ends_with_a_missing_answer(&self) -> bool {
        matches!(self, Self::One(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.commands.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.commands.req_packed_commands(cmd, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.commands.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

impl Dialer {
    /// Does not connect yet. A silent node of a cluster is given up before `patience` is over.
    pub(crate) fn new(url: &RedisUrl, patience: Duration) -> Result<Self, ConnectError> {
        let tls = url.tls.then(|| tls::connector(url.authorities.as_deref())).transpose()?;
        let cluster = match &url.place {
            Place::Cluster(nodes) => Some(cluster(url, nodes, patience)?),
            Place::Server(_) | Place::Unix(_) | Place::Sentinel { .. } => None,
        };
        Ok(Self { url: url.clone(), tls, cluster })
    }

    /// A connection for commands, without a time limit.
    pub(crate) async fn dial(&self) -> Result<Connection, ServerError> {
        let login = self.login();
        let one = match &self.url.place {
            Place::Server(address) => one(self.tcp(address).await?, &login).await?,
            Place::Unix(path) => one(unix(path).await?, &login).await?,
            Place::Sentinel { .. } => self.master().await?.1,
            Place::Cluster(_) => {
                let Some(cluster) = &self.cluster else { return Err(ServerError::Unreachable) };
                return Ok(Connection::Cluster(cluster.get_async_connection().await?));
            }
        };
        Ok(Connection::One(one))
    }

    /// A connection that listens on a channel. In a cluster every node forwards the messages.
    pub(crate) async fn listen(&self, channel: &str) -> Result<PubSub, ServerError> {
        let login = self.login();
        match &self.url.place {
            Place::Server(address) => subscribed(self.tcp(address).await?, &login, channel).await,
            Place::Unix(path) => subscribed(unix(path).await?, &login, channel).await,
            Place::Sentinel { .. } => {
                let (address, _) = self.master().await?;
                subscribed(self.tcp(&address).await?, &login, channel).await
            }
            Place::Cluster(nodes) => {
                let login = &login;
                let each = |node| async move { subscribed(self.tcp(node).await?, login, channel).await }.boxed();
                select_ok(nodes.iter().map(each)).await.map(|(first, _)| first)
            }
        }
    }

    fn login(&self) -> RedisConnectionInfo {
        connection_info(&self.url.login).set_db(self.url.database.into())
    }

    /// The master as the sentinels name it, and a connection to it, if its role agrees.
    async fn master(&self) -> Result<(Address, One), ServerError> {
        let Place::Sentinel { sentinels, master, login } = &self.url.place else { return Err(ServerError::NoMaster) };
        let login = &connection_info(login);
        let each = |sentinel| {
            async move {
                let mut sentinel = one(self.tcp(sentinel).await?, login).await?;
                let mut ask = redis::cmd("SENTINEL");
                ask.arg("get-master-addr-by-name").arg(master);
                let known = ask.query_async::<Option<(String, u16)>>(&mut sentinel.commands).await;
                let known = known.map_err(|error| match error.into() {
                    ServerError::Refused { code } if code == "ERR" => ServerError::NoSentinel,
                    trouble => trouble,
                })?;
                known.map(|(host, port)| Address { host, port }).ok_or(ServerError::NoMaster)
            }
            .boxed()
        };
        let (address, _) = select_ok(sentinels.iter().map(each)).await?;
        let mut server = one(self.tcp(&address).await?, &self.login()).await?;
        let role: Role = redis::cmd("ROLE").query_async(&mut server.commands).await?;
        if matches!(role, Role::Primary { .. }) { Ok((address, server)) } else { Err(ServerError::NotMaster) }
    }

    async fn tcp(&self, address: &Address) -> Result<Bytes, ServerError> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = stream.map_err(|error| unconnected(&error))?;
        let Some(tls) = &self.tls else { return Ok(Box::pin(stream)) };
        let name = ServerName::try_from(address.host.clone());
        let name = name.map_err(|_| ServerError::Tls("no certificate can name this host"))?;
        let stream = tls.connect(name, stream).await.map_err(|error: io::Error| unconnected(&error))?;
        Ok(Box::pin(stream))
    }
}

async fn unix(path: &std::path::Path) -> Result<Bytes, ServerError> {
    let stream = UnixStream::connect(path).await.map_err(|error| unconnected(&error))?;
    Ok(Box::pin(stream))
}

async fn one(stream: Bytes, login: &RedisConnectionInfo) -> Result<One, ServerError> {
    // The caller sets the time limit.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (commands, driver) = MultiplexedConnection::new_with_config(login, stream, config).await.map_err(refused)?;
    Ok(One { commands, driver: tokio::spawn(driver) })
}

async fn subscribed(stream: Bytes, login: &RedisConnectionInfo, channel: &str) -> Result<PubSub, ServerError> {
    let mut heard = PubSub::new(login, stream).await.map_err(refused)?;
    heard.subscribe(channel).await?;
    Ok(heard)
}

/// Authentication, or the choice of the database, failed.
fn refused(error: redis::RedisError) -> ServerError {
    if error.to_string().contains("refused to switch database") { ServerError::NoDatabase } else { error.into() }
}

fn connection_info(login: &Login) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = &login.user {
        info = info.set_username(user);
    }
    if let Some(password) = &login.password {
        info = info.set_password(password.expose_secret());
    }
    info
}

fn cluster(url: &RedisUrl, nodes: &[Address], patience: Duration) -> Result<ClusterClient, ConnectError> {
    let failed = |error: redis::RedisError| ConnectError::Setup(error.to_string());
    let node = |address: &Address| {
        let (host, port) = (address.host.clone(), address.port);
        let place = if url.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        place.into_connection_info().map(|info| info.set_redis_settings(connection_info(&url.login)))
    };
    let nodes = nodes.iter().map(node).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    // A new connection meets a silent node twice, here and as a node of the cluster, before it is usable.
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(patience / 4)
        .response_timeout(patience / 2)
        .retries(REDIRECTIONS);
    if let Some(path) = &url.authorities {
        let root_cert = Some(tls::read(path)?);
        builder = builder.certs(TlsCertificates { client_tls: None, root_cert });
    }
    builder.build().map_err(failed)
}
