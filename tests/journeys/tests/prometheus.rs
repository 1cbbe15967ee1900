//! Prometheus itself scrapes a service, and evaluates every expression of the dashboard and the rules.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use kayan_journeys::{Home, Person, Service, ask};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

/// The time limit of everything that Prometheus does here.
const PATIENCE: Duration = Duration::from_mins(1);

const RULES: [(&str, &str); 2] = [
    ("alerts.yml", include_str!("../../../deploy/prometheus/alerts.yml")),
    ("recording.yml", include_str!("../../../deploy/prometheus/recording.yml")),
];

/// A Prometheus that scrapes one service every second.
struct Prometheus {
    // Dropped before the folder, which it uses.
    _child: Child,
    _folder: TempDir,
    origin: String,
    web: reqwest::Client,
}

impl Prometheus {
    fn watching(service: &Service) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in RULES {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml, recording.yml]\n\
             scrape_configs: [{{job_name: kayan, static_configs: [{{targets: ['{}']}}]}}]\n",
            service.address()
        );
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus");
        command.arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data");
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(folder.path());
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = quiet.spawn().expect("prometheus, from Debian's package of that name");
        let origin = format!("http://127.0.0.1:{port}");
        Self { _child: child, _folder: folder, origin, web: reqwest::Client::new() }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, reqwest::Error> {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.origin), query).unwrap();
        self.web.get(url).send().await?.json().await
    }

    /// The series of an expression now.
    async fn series(&self, expression: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await;
        let answer = answer.unwrap_or_else(|error| Value::String(error.to_string()));
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression has series.
    async fn until(&self, expression: &str) {
        let asking = async {
            while self.series(expression).await.is_empty() {
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{expression} gives nothing"));
    }
}

/// Every expression in a JSON document of Grafana's.
fn expressions(within: &Value, found: &mut Vec<String>) {
    match within {
        Value::Object(members) => {
            found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// Those in the rules, without the ones that are absent while all is well.
fn ruled() -> Vec<String> {
    let lines = RULES.iter().flat_map(|(_, text)| text.lines());
    let expressions = lines.filter_map(|line| line.trim().strip_prefix("expr: "));
    let told = |expression: &&str| !expression.starts_with("absent(");
    // The operands of an alert must exist; whether it fires is tested elsewhere.
    let compared = |expression: &str| {
        let cut = [" > ", " != ", " == "].iter().find_map(|sign| expression.rfind(sign)).unwrap_or(expression.len());
        expression[..cut].to_owned()
    };
    expressions.filter(told).flat_map(|expression| expression.split(" and ")).map(compared).collect()
}

#[tokio::test]
async fn every_expression_of_the_dashboard_and_the_rules_finds_something_in_what_prometheus_scraped() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_LOCKOUT_ENABLED", "true");
    let home = home.with("KAYAN_SESSION_CACHE_TTL", "5s").with("KAYAN_RATE_LIMIT_REQUESTS", "1000");
    let service = Service::start_in(home).await;
    let prometheus = Prometheus::watching(&service);
    prometheus.until("kayan_build_info").await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    for _ in 0..2 {
        ask(Person::login(&client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
        let again = ada.log_in().await;
        again.who_am_i().await.expect(200);
        again.refresh().await.expect(200);
        // Included in a scrape of its own.
        let seen = prometheus.series("kayan_login_total{status=\"success\",strategy=\"password\"}").await;
        let count = seen.first().and_then(|series| series["value"][1].as_str()).unwrap_or("0").to_owned();
        let later = format!("kayan_login_total{{status=\"success\",strategy=\"password\"}} > {count}");
        prometheus.until(&later).await;
    }
    prometheus.until("kayan_active_sessions").await;

    let dashboard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/dashboards/kayan.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(dashboard).unwrap()).unwrap();
    let mut asked = ruled();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 40, "{}", asked.len());
    for expression in &asked {
        prometheus.until(expression).await;
    }

    let rules = prometheus.get("/api/v1/rules", &[]).await.unwrap();
    let groups = rules["data"]["groups"].as_array().unwrap();
    let rules: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() >= 10, "{rules:?}");
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }
}
