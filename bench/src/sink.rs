//! A mail server that accepts every mail at once and notes which it got, so that what is measured is who sends them.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::failure::Failure;

/// What came in.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// How often each mail came, by its Message-ID.
    mails: HashMap<String, u32>,
    /// When the first and the last of them came.
    times: Option<(Instant, Instant)>,
}

impl Received {
    /// How many different mails came.
    pub(crate) fn count(&self) -> usize {
        self.mails.len()
    }

    /// How many came more than once.
    pub(crate) fn repeated(&self) -> usize {
        self.mails.values().filter(|times| **times > 1).count()
    }

    /// Mails a second, from the first to the last.
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    pub(crate) fn rate(&self) -> f64 {
        let took = self.times.map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        if took > 0.0 { (self.count() - 1) as f64 / took } else { 0.0 }
    }
}

/// The server; it ends with the runtime.
#[derive(Debug)]
pub(crate) struct Sink {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

impl Sink {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::io("can't listen for mail"))?;
        let address = listener.local_addr().map_err(Failure::io("can't listen for mail"))?;
        let received = Arc::<Mutex<Received>>::default();
        let noted = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    // A client that hangs up has no more mail.
                    drop(converse(stream, &noted).await);
                });
            }
        });
        Ok(Self { address, received })
    }

    /// The service's setting that names it.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}?tls=none&connections=16", self.address)
    }

    /// What came in so far.
    pub(crate) fn received(&self) -> MutexGuard<'_, Received> {
        lock(&self.received)
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As much of SMTP as a client needs that makes no mistakes.
async fn converse(stream: TcpStream, received: &Mutex<Received>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 bench ESMTP\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match line.get(..4) {
            Some("EHLO") => b"250-bench\r\n250 8BITMIME\r\n",
            Some("QUIT") => return stream.write_all(b"221 bye\r\n").await,
            Some("DATA") => {
                stream.write_all(b"354 go on\r\n").await?;
                let id = message_id(&mut stream).await?;
                note(received, id);
                b"250 accepted\r\n"
            }
            _ => b"250 well\r\n",
        };
        stream.write_all(answer).await?;
    }
}

/// Reads a mail to its end, and returns its Message-ID.
async fn message_id(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let (mut line, mut id) = (String::new(), String::new());
    loop {
        line.clear();
        // No line of a mail is longer than 998 bytes (RFC 5322, section 2.1.1).
        if (&mut *stream).take(1_000).read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(id);
        }
        if let Some(value) = line.strip_prefix("Message-ID:") {
            value.trim().clone_into(&mut id);
        }
    }
}

fn note(received: &Mutex<Received>, id: String) {
    let mut received = lock(received);
    let now = Instant::now();
    *received.mails.entry(id).or_default() += 1;
    let (first, _) = received.times.unwrap_or((now, now));
    received.times = Some((first, now));
}
