//! The mail server: whether the service can connect and log in.

use kayan_ports::MailFailure;

use super::{Case, finding::Finding, within};
use crate::{
    compose,
    config::settings::mail::{DKIM_DOMAIN, DKIM_KEY, DKIM_SELECTOR, FROM, SMTP_URL},
};

const SMTP: &str = "mail.smtp";
const DKIM: &str = "mail.dkim";

pub(super) async fn examine(case: &Case) -> Vec<Finding> {
    let mut findings = server(case).await;
    findings.extend(signing(case));
    findings
}

/// The record that recipients look for, if mail is signed.
fn signing(case: &Case) -> Option<Finding> {
    let signing = case.config.mail.as_ref()?.smtp.as_ref()?.dkim.as_ref()?;
    if let Some(setting) = case.unusable(&[DKIM_KEY.name, DKIM_SELECTOR.name, DKIM_DOMAIN.name]) {
        return Some(Finding::rests_on(DKIM, setting));
    }
    Some(match compose::signing(signing) {
        Ok(dkim) => {
            let (name, text) = dkim.record();
            Finding::ok(DKIM, format!("mail is signed; the DNS must have a TXT record {name} \"{text}\""))
        }
        Err(exit) => Finding::failed(DKIM, exit.reason(), "correct the setting"),
    })
}

async fn server(case: &Case) -> Vec<Finding> {
    if let Some(setting) = case.unusable(&[SMTP_URL.name, FROM.name]) {
        return vec![Finding::rests_on(SMTP, setting)];
    }
    let server = match compose::mail_server(&case.config) {
        Ok(Some(server)) => server,
        Ok(None) if case.config.mail.is_some() => {
            return vec![Finding::skipped(
                SMTP,
                "KAYAN_SMTP_URL is not set: in development, mail is written to the log",
            )];
        }
        Ok(None) => return vec![Finding::skipped(SMTP, "KAYAN_SMTP_URL is not set: the service sends no mail")],
        Err(exit) => return vec![Finding::failed(SMTP, exit.reason(), "correct the URL")],
    };
    let look = async {
        vec![match server.check().await {
            Ok(()) => Finding::ok(SMTP, format!("{}: it accepts connections of the service", SMTP_URL.name)),
            Err(error) => Finding::failed(SMTP, format!("{}: {error}", SMTP_URL.name), hint(error.why)),
        }]
    };
    within(SMTP, look).await
}

fn hint(why: MailFailure) -> &'static str {
    match why {
        MailFailure::Unreachable => "check that it runs, and that the URL has the right host and port",
        MailFailure::TimedOut => "check that the port is the right one for TLS: smtps:// for 465, smtp:// for 587",
        MailFailure::Tls => "use a host that its certificate names, and name its authority with ca if it is not public",
        MailFailure::Authentication => "correct user and password, percent-encoded",
        MailFailure::Deferred | MailFailure::Rejected | MailFailure::InvalidAddress => {
            "see what it said, and check its log"
        }
    }
}
