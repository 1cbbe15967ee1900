//! What services behind a proxy require of their users, by host.

use std::{collections::HashMap, str::FromStr};

use kayan_core::{Requirements, policy::role};
use kayan_ports::Aal;
use time::Duration;

use crate::edge::tenant_hosts::is_host;

/// The longest `max_age`, in seconds: a year.
pub(super) const LONGEST: u32 = 31_536_000;

/// The requirements of hosts, as in `grafana.example.com role=ops min_aal=aal2; wiki.example.com max_age=3600`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardAuthRules(HashMap<String, Requirements>);

/// The invalid rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule `{rule}` {why}")]
pub struct ForwardAuthRulesError {
    rule: String,
    why: &'static str,
}

impl ForwardAuthRules {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the service at this host requires, which is in lower case and without a port. `None`: it has no rule.
    pub(super) fn of(&self, host: &str) -> Option<&Requirements> {
        self.0.get(host)
    }
}

impl FromStr for ForwardAuthRules {
    type Err = ForwardAuthRulesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rules = HashMap::new();
        for rule in text.split(';').map(str::trim).filter(|rule| !rule.is_empty()) {
            let wrong = |why| ForwardAuthRulesError { rule: rule.to_owned(), why };
            let (host, rest) = rule.split_once(char::is_whitespace).unwrap_or((rule, ""));
            let host = host.to_ascii_lowercase();
            if !is_host(&host) {
                return Err(wrong("does not begin with a host, without a scheme, port or path"));
            }
            let requirements = requirements(rest).map_err(wrong)?;
            if rules.insert(host, requirements).is_some() {
                return Err(wrong("is the second one for its host"));
            }
        }
        Ok(Self(rules))
    }
}

fn requirements(text: &str) -> Result<Requirements, &'static str> {
    let mut read = Requirements::default();
    for word in text.split_whitespace() {
        let is_repeated = match word.split_once('=') {
            Some(("role", name)) if role::is_name(name) => {
                read.roles.push(name.to_owned());
                false
            }
            Some(("min_aal", level)) => read.min_aal.replace(least(level)?).is_some(),
            Some(("max_age", age)) => read.max_age.replace(oldest(age)?).is_some(),
            _ => return Err("has a word that is none of role=NAME, min_aal=aal1, min_aal=aal2 and max_age=SECONDS"),
        };
        if is_repeated {
            return Err("has min_aal or max_age twice");
        }
    }
    Ok(read)
}

/// AAL3 is never claimed, so a rule with it would let no user in.
fn least(level: &str) -> Result<Aal, &'static str> {
    Aal::from_name(level).filter(|aal| *aal <= Aal::Aal2).ok_or("has a min_aal that is neither aal1 nor aal2")
}

fn oldest(age: &str) -> Result<Duration, &'static str> {
    let seconds = age.parse().ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    let seconds = seconds.ok_or("has a max_age that is no number of seconds from 1 to 31536000")?;
    Ok(Duration::seconds(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_for_its_host_alone() {
        let text =
            "Grafana.example.com role=ops  role=on-call min_aal=aal2;\n wiki.example.com max_age=60 ;open.example.com;";
        let rules: ForwardAuthRules = text.parse().unwrap();
        let roles = ["ops", "on-call"].map(str::to_owned).to_vec();
        let expected = Requirements { roles, min_aal: Some(Aal::Aal2), max_age: None };
        assert_eq!(rules.of("grafana.example.com"), Some(&expected));
        let expected = Requirements { max_age: Some(Duration::MINUTE), ..Requirements::default() };
        assert_eq!(rules.of("wiki.example.com"), Some(&expected));
        assert_eq!(rules.of("open.example.com"), Some(&Requirements::default()));
        for other in ["example.com", "x.wiki.example.com", ""] {
            assert_eq!(rules.of(other), None, "{other}");
        }
        assert!("".parse::<ForwardAuthRules>().unwrap().is_empty() && !rules.is_empty());
    }

    #[test]
    fn a_rule_that_would_let_in_too_many_or_none_is_refused() {
        for (text, why) in [
            ("https://a.example role=ops", "host"),
            ("a.example:443 role=ops", "host"),
            ("*.example role=ops", "host"),
            ("role=ops", "host"),
            ("a.example ops", "none of"),
            ("a.example roles=ops", "none of"),
            ("a.example role=", "none of"),
            ("a.example role=ops,admin", "none of"),
            ("a.example role=Ops", "none of"),
            ("a.example, b.example role=ops", "host"),
            ("a.example min_aal=2", "neither aal1 nor aal2"),
            ("a.example min_aal=aal3", "neither aal1 nor aal2"),
            ("a.example min_aal=aal2 min_aal=aal1", "twice"),
            ("a.example max_age=1h", "seconds"),
            ("a.example max_age=0", "seconds"),
            ("a.example max_age=31536001", "seconds"),
            ("a.example role=ops; A.example role=admin", "second one"),
        ] {
            let error = text.parse::<ForwardAuthRules>().unwrap_err();
            assert!(error.why.contains(why), "{text}: {error}");
        }
    }
}
