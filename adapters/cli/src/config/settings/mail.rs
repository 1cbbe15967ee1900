//! The settings of outgoing mail.

use secrecy::SecretString;

use super::{Section, http};
use crate::config::{
    Mail, Smtp,
    load::Inputs,
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

pub(super) const SECTION: Section =
    Section { title: "Mail", settings: &[&SMTP_URL, &FROM, &TEMPLATES, &LINK_URL, &NOTICES] };

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
    let smtp = values.find(&SMTP_URL).zip(values.find(&FROM)).map(|(url, from)| Smtp { url, from });
    if smtp.is_none() && values.production() {
        return None;
    }
    Some(Mail { smtp, link_url: values.find(&LINK_URL)?, notices: values.get(&NOTICES) })
}
