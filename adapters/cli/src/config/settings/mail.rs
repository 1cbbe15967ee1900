//! The settings of outgoing mail.

use secrecy::SecretString;

use super::{Section, http};
use crate::config::{
    Mail, Signing, Smtp,
    load::{DkimProblem, Inputs},
    parse,
    problem::{Findings, Invalid},
    setting::Setting,
    values::{Source, Values},
};

pub(crate) const SMTP_URL: Setting<SecretString> =
    Setting::connection("KAYAN_SMTP_URL", "Mail server, as in smtps://user:password@host:465");
pub(crate) const FROM: Setting<String> =
    Setting::parsed("KAYAN_MAIL_FROM", "Sender, as in Kayan <no-reply@example.com>", parse::mailbox);
pub(crate) const TEMPLATES: Setting<String> = Setting::text("KAYAN_MAIL_TEMPLATES", "Folder of own mail templates");
pub(crate) const LINK_URL: Setting<String> = Setting::parsed(
    "KAYAN_LINK_URL",
    "Page that links in mails open; {flow} in it is what they are for",
    parse::link_url,
)
.computed("/flow/{flow} under KAYAN_PUBLIC_URL");
pub(crate) const NOTICES: Setting<bool> =
    Setting::switch("KAYAN_MAIL_NOTICES", "Tell users by mail of changes to the security of their accounts").or("true");

pub(crate) const DKIM_KEY: Setting<String> =
    Setting::text("KAYAN_MAIL_DKIM_KEY", "PEM file of the private key that signs mail (DKIM): RSA or Ed25519");
pub(crate) const DKIM_SELECTOR: Setting<String> =
    Setting::text("KAYAN_MAIL_DKIM_SELECTOR", "Name of the key in the DNS, before ._domainkey").or("kayan");
pub(crate) const DKIM_DOMAIN: Setting<String> =
    Setting::text("KAYAN_MAIL_DKIM_DOMAIN", "Domain that signs").computed("the domain of KAYAN_MAIL_FROM");

pub(super) const SECTION: Section = Section {
    title: "Mail",
    settings: &[&SMTP_URL, &FROM, &TEMPLATES, &LINK_URL, &NOTICES, &DKIM_KEY, &DKIM_SELECTOR, &DKIM_DOMAIN],
};

/// Computes what links open, and refuses what can't be sent or opened.
pub(crate) fn complete(values: &mut Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    check_server(values, inputs, findings);
    check_sender(values, inputs, findings);
    if let Some(folder) = values.given(&TEMPLATES).filter(|_| inputs.files)
        && let Err(why) = (inputs.validators.templates)(&inputs.folder.join(folder))
    {
        findings.reject(values, TEMPLATES.name, Invalid::from_message(&why));
    }
    complete_link(values, findings);
    complete_signing(values, inputs, findings);
}

/// Computes which domain signs, and refuses a key that can't.
fn complete_signing(values: &mut Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    let Some(key) = values.given(&DKIM_KEY).map(str::to_owned) else { return };
    if values.given(&DKIM_DOMAIN).is_none()
        && let Some(Ok(domain)) = values.find(&FROM).map(|sender| (inputs.validators.sender)(&sender))
    {
        values.fill(&DKIM_DOMAIN, domain, Source::Default);
    }
    let Some(domain) = values.find(&DKIM_DOMAIN) else {
        if values.given(&FROM).is_none() && values.given(&SMTP_URL).is_none() {
            let hint = "set KAYAN_MAIL_DKIM_DOMAIN, or KAYAN_MAIL_FROM";
            findings.reject(values, DKIM_KEY.name, Invalid::new("is set without a domain that signs", hint));
        }
        return;
    };
    if inputs.files
        && let Err(why) = (inputs.validators.dkim)(&inputs.folder.join(key), &domain, &values.get(&DKIM_SELECTOR))
    {
        let (setting, why) = match why {
            DkimProblem::Key(why) => (DKIM_KEY.name, why),
            DkimProblem::Domain(why) => (DKIM_DOMAIN.name, why),
            DkimProblem::Selector(why) => (DKIM_SELECTOR.name, why),
        };
        findings.reject(values, setting, Invalid::from_message(&why));
    }
}

fn check_server(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    let Some(url) = values.given(&SMTP_URL) else { return };
    match (inputs.validators.smtp)(url, inputs.files) {
        Err(why) => findings.reject(values, SMTP_URL.name, Invalid::from_message(&why)),
        Ok(is_encrypted) if !is_encrypted && values.production() => {
            let what = "sends mail, and its password, without TLS if the server has none";
            let hint = "use smtps://, or smtp:// without the parameter tls, in production";
            findings.reject(values, SMTP_URL.name, Invalid::new(what, hint));
        }
        Ok(_) => {}
    }
}

fn check_sender(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    match values.find(&FROM) {
        Some(sender) => {
            if let Err(why) = (inputs.validators.sender)(&sender) {
                let hint = "use one such as no-reply@example.com or Kayan <no-reply@example.com>";
                findings.reject(values, FROM.name, Invalid::new(why, hint));
            }
        }
        None if values.given(&FROM).is_none() && values.given(&SMTP_URL).is_some() => {
            let hint = "set it to the sender of every mail, such as Kayan <no-reply@example.com>";
            findings.reject(values, FROM.name, Invalid::new("is required with KAYAN_SMTP_URL", hint));
        }
        None => {}
    }
}

fn complete_link(values: &mut Values, findings: &mut Findings) {
    if let Some(link) = values.given(&LINK_URL) {
        if values.production() && link.starts_with("http:") {
            let invalid = Invalid::new("is not https: a link carries a token", "use a URL that begins with https://");
            findings.reject(values, LINK_URL.name, invalid);
        }
        return;
    }
    if let Some(url) = values.find(&http::PUBLIC_URL) {
        values.fill(&LINK_URL, format!("{}/flow/{{flow}}", url.as_str().trim_end_matches('/')), Source::Default);
    } else if values.given(&http::PUBLIC_URL).is_some() {
        // which is reported already
    } else if !values.production() {
        let port = values.get(&http::PORT);
        values.fill(&LINK_URL, format!("http://localhost:{port}/flow/{{flow}}"), Source::Default);
    } else if values.given(&SMTP_URL).is_some() {
        let what = "is required with KAYAN_SMTP_URL, as KAYAN_PUBLIC_URL is not set";
        findings.reject(values, LINK_URL.name, Invalid::new(what, "set KAYAN_PUBLIC_URL, or this one"));
    }
}

/// Outgoing mail; in production, `None` without a server.
pub(crate) fn read(values: &Values) -> Option<Mail> {
    let dkim = values.find(&DKIM_KEY).zip(values.find(&DKIM_DOMAIN));
    let dkim = dkim.map(|(key, domain)| Signing { key: key.into(), domain, selector: values.get(&DKIM_SELECTOR) });
    let smtp = values.find(&SMTP_URL).zip(values.find(&FROM)).map(|(url, from)| Smtp { url, from, dkim });
    if smtp.is_none() && values.production() {
        return None;
    }
    Some(Mail { smtp, link_url: values.find(&LINK_URL)?, notices: values.get(&NOTICES) })
}
