//! The way into production, gone from its first block to its last.

use tokio::process::Command;

use crate::{
    host::Host,
    page::Page,
    runner::{Stage, perform},
};

/// What each block must say, besides that it must end well.
const EXPECTED: &[(&str, &[&str])] = &[
    ("Programs: cargo build", &["postgres", "redis"]),
    ("Database and settings: install", &["CREATE ROLE"]),
    ("Database and settings: install (2)", &["KAYAN_DB_DSN", "production"]),
    ("Two replicas: install", &["applied 0001_initial", "ready"]),
    ("The proxy: install", &["test is successful"]),
    ("The first administrator: /usr/local/sbin/as-kayan kayan admin", &["\"email\": \"root@example.com\""]),
    ("Prometheus and Grafana: sed", &["SUCCESS", "KayanUnhealthy", "inactive"]),
    ("Prometheus and Grafana: install", &["kayan.json"]),
    ("Audit log and backups: sed", &["20"]),
    ("Audit log and backups: PASSWORD", &["kayan_", ".dump ("]),
    ("A new version: /usr/local/sbin/kayan-backup", &[".dump (", "ready"]),
];

impl Stage for Host {
    fn rewrites(&self) -> Vec<(&'static str, String)> {
        self.table()
    }

    fn script(&self, script: &str) -> Command {
        Self::script(self, script)
    }

    fn sql(&self, sql: &str) -> Command {
        Self::script(self, &format!("psql <<'END'\n{sql}END\n"))
    }

    fn expected(&self) -> &'static [(&'static str, &'static [&'static str])] {
        EXPECTED
    }

    fn named(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn before(&mut self, key: &str) {
        if key == "A new version: /usr/local/sbin/kayan-backup" {
            self.visit();
        }
    }

    async fn after(&mut self, key: &str, _said: &str) {
        if key == "A new version: /usr/local/sbin/kayan-backup" {
            let answers = self.visited().await;
            // Asked without a token, a service that is there says so, or that this was too often.
            let lost = answers.lines().filter(|status| !["401", "429"].contains(status)).count();
            assert!(!answers.is_empty() && lost == 0, "{lost} are not answered by Kayan: {answers}");
        }
    }
}

#[tokio::test]
async fn every_block_on_the_way_into_production_runs_as_printed() {
    let page = Page::read("docs/production.md");
    let mut host = Host::new().await;
    let table = perform(&page, &mut host).await;
    println!("docs/production.md, block by block:\n{table}");
}
