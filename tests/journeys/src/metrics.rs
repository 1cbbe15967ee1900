//! The metrics of a service, parsed for assertions.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{Answer, Client, ask};

/// The time limit for a metric to change.
const PATIENCE: Duration = Duration::from_secs(45);

/// One scrape.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The text as received.
    pub text: String,
    /// The values, by series as in `kayan_login_total{status="success",strategy="password"}`.
    pub series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Scrapes.
    pub async fn of(client: &Client) -> Self {
        Self::in_answer(&ask(client.get("/metrics")).await.expect(200))
    }

    /// Scrapes with an admin token, for where the metrics require one.
    pub async fn by_token(client: &Client, token: &str) -> Self {
        Self::in_answer(&ask(client.get("/metrics").bearer_auth(token)).await.expect(200))
    }

    fn in_answer(answer: &Answer) -> Self {
        let text = answer.text();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a series and its value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        });
        let series = series.collect();
        Self { text, series }
    }

    /// Scrapes until the condition holds: some metrics are measured at intervals.
    pub async fn until(client: &Client, such: impl Fn(&Self) -> bool) -> Self {
        let scraping = async {
            loop {
                let metrics = Self::of(client).await;
                if such(&metrics) {
                    return metrics;
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(PATIENCE, scraping).await.expect("it becomes so in time")
    }

    /// The value of a series; 0 if there is none.
    pub fn get(&self, series: &str) -> f64 {
        self.series.get(series).copied().unwrap_or_default()
    }

    /// The value of a counter; `None` if there is none.
    pub fn count(&self, series: &str) -> Option<u64> {
        let mut values = self.text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        values.next().map(|value| value.parse().unwrap_or_else(|_| panic!("{series} counts nothing: {value}")))
    }

    /// The families, with their types.
    pub fn families(&self) -> BTreeMap<&str, &str> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines.map(|line| line.split_once(' ').expect("a name and a type")).collect()
    }
}

/// Runs `promtool` on a text; returns whether it accepts it, and its output.
pub fn promtool(args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("promtool");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool, from Debian's package prometheus");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
