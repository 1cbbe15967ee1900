//! A list of breached passwords that tests write.

use async_trait::async_trait;
use kayan_ports::{BreachedPasswords, Failure, Password};
use parking_lot::Mutex;

/// A fake list of breached passwords, empty at first.
#[derive(Debug, Default)]
pub struct BreachList(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    known: Vec<String>,
    checks: usize,
    failing: bool,
}

impl BreachList {
    /// Adds a password.
    pub fn add(&self, password: &str) {
        self.0.lock().known.push(password.to_owned());
    }

    /// While `true`, every check fails.
    pub fn fail(&self, failing: bool) {
        self.0.lock().failing = failing;
    }

    /// How many passwords were checked, failed checks included.
    pub fn checks(&self) -> usize {
        self.0.lock().checks
    }
}

#[async_trait]
impl BreachedPasswords for BreachList {
    async fn is_breached(&self, password: &Password) -> Result<bool, Failure> {
        let mut inside = self.0.lock();
        inside.checks += 1;
        if inside.failing {
            return Err(Failure::Unavailable("the list is away".to_owned()));
        }
        Ok(inside.known.iter().any(|known| known == password.expose()))
    }
}
