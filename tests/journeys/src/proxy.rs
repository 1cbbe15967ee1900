//! A TCP proxy to a server, which a test may redirect or cut.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A port that forwards to a server's port.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Wire {
    target: AtomicU16,
    /// How many bytes may still come from the server, over all connections.
    left: AtomicU64,
}

impl Proxy {
    /// Forwards to this port on this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let own = listener.local_addr().expect("an address").port();
        let wire = Arc::new(Wire { target: AtomicU16::new(port), left: AtomicU64::new(u64::MAX) });
        Self { port: own, serving: tokio::spawn(serve(listener, Arc::clone(&wire))), wire }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards new connections to this port; open ones keep their server, as after a failover.
    pub fn lead_to(&self, port: u16) {
        self.wire.target.store(port, Ordering::SeqCst);
    }

    /// Lets this many more bytes come from the server, then ends every connection with more to read, and every new one.
    pub fn cut_after(&self, bytes: u64) {
        self.wire.left.store(bytes, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = (Ipv4Addr::LOCALHOST, wire.target.load(Ordering::SeqCst));
        let wire = Arc::clone(&wire);
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            let ((mut from_client, to_client), (from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            // When one direction ends, so does the other.
            tokio::select! {
                _ = copy(&mut from_client, &mut to_server) => {}
                () = bring(from_server, to_client, &wire) => {}
            }
        });
    }
}

async fn bring(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, wire: &Wire) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let taken = wire.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u64::MAX => Some(left),
            left => left.checked_sub(length as u64),
        });
        if taken.is_err() || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
