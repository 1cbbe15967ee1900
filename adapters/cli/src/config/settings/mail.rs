//! The settings of outgoing mail, which this version cannot send yet.

use url::Url;

use super::Section;
use crate::config::{parse, setting::Setting};

const SEND: &str = "send mail";

const SMTP_URL: Setting<Url> =
    Setting::parsed("KAYAN_SMTP_URL", "Mail server, as in smtp://user:password@host:587", |text| {
        parse::url(text, &["smtp", "smtps"])
    })
    .not_yet(SEND);
const FROM: Setting<String> =
    Setting::parsed("KAYAN_MAIL_FROM", "Sender, as in Kayan <no-reply@example.com>", parse::mailbox).not_yet(SEND);
const TEMPLATES: Setting<String> = Setting::text("KAYAN_MAIL_TEMPLATES", "Folder of mail templates").not_yet(SEND);

pub(super) const SECTION: Section = Section { title: "Mail", settings: &[&SMTP_URL, &FROM, &TEMPLATES] };
