//! A server that says what a test wants, whatever it is sent.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What it does when it is connected to, and with each line that it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// Says this.
    Says(&'static str),
    /// Says nothing.
    Silent,
    /// Closes the connection.
    Closes,
}

/// The server, which says the same on each connection; stopped when dropped.
pub(crate) struct Scripted {
    task: JoinHandle<()>,
    port: u16,
}

impl Scripted {
    pub(crate) async fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, script.clone()));
            }
        });
        Self { task, port }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers each line, or what it takes for one: a mail has more lines than answers.
async fn play(stream: TcpStream, script: Vec<Answer>) {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    for (number, answer) in script.into_iter().enumerate() {
        line.clear();
        if number > 0 && lines.read_line(&mut line).await.is_ok_and(|read| read == 0) {
            return;
        }
        match answer {
            Answer::Says(text) => drop(lines.get_mut().write_all(text.as_bytes()).await),
            Answer::Silent => std::future::pending().await,
            Answer::Closes => return,
        }
    }
    while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        line.clear();
    }
}
