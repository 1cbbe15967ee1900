//! A wire to the database that can be watched, stalled and cut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

const LATENCY: Duration = Duration::from_millis(20);

pub(crate) struct Proxy {
    /// The database's address through this.
    pub(crate) dsn: String,
    wire: Arc<Wire>,
}

struct Wire {
    turns: AtomicU64,
    asking: AtomicBool,
    refuses: AtomicBool,
    stalls: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
}

impl Proxy {
    /// Before the server of `dsn`; nothing is encrypted on the way.
    pub(crate) async fn before(dsn: &str) -> Self {
        let (rest, database) = dsn.rsplit_once('/').unwrap();
        let (credentials, server) = rest.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dsn = format!("{credentials}@{}/{database}?sslmode=disable", listener.local_addr().unwrap());
        let wire = Arc::new(Wire {
            turns: AtomicU64::new(0),
            asking: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            stalls: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
        });
        tokio::spawn(serve(listener, server.to_owned(), Arc::clone(&wire)));
        Self { dsn, wire }
    }

    /// How many times the client has asked after an answer, or for the first time.
    pub(crate) fn turns(&self) -> u64 {
        self.wire.turns.load(Ordering::SeqCst)
    }

    /// Whether new connections are closed at once.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.wire.refuses.store(refuse, Ordering::SeqCst);
    }

    /// Whether bytes wait, in both directions.
    pub(crate) fn stall(&self, stall: bool) {
        self.wire.stalls.send_replace(stall);
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        self.wire.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn serve(listener: TcpListener, server: String, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        if wire.refuses.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::spawn(carry(from_client, to_server, Arc::clone(&wire), true));
        tokio::spawn(carry(from_server, to_client, Arc::clone(&wire), false));
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: Arc<Wire>, asks: bool) {
    let (mut stalls, mut cuts) = (wire.stalls.subscribe(), wire.cuts.subscribe());
    cuts.mark_unchanged();
    let mut bytes = vec![0; 65_536];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = cuts.changed() => return,
        };
        let Ok(length @ 1..) = read else { return };
        if stalls.wait_for(|stalled| !stalled).await.is_err() {
            return;
        }
        if !asks {
            // As over a distance: what was sent without waiting for this has arrived by then.
            sleep(LATENCY).await;
        }
        let asked = wire.asking.swap(asks, Ordering::SeqCst);
        wire.turns.fetch_add(u64::from(asks && !asked), Ordering::SeqCst);
        if to.write_all(bytes.get(..length).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
