//! The settings of passkeys, which this version does not have yet.

use kayan_http::Origin;

use super::Section;
use crate::config::{parse, setting::Setting};

const USE: &str = "use passkeys";

const RP_ID: Setting<String> =
    Setting::text("KAYAN_WEBAUTHN_RP_ID", "Relying party id: the service's domain").not_yet(USE);
const ORIGINS: Setting<Vec<Origin>> =
    Setting::parsed("KAYAN_WEBAUTHN_ORIGINS", "Origins that may use passkeys, separated by commas", parse::origins)
        .not_yet(USE);

pub(super) const SECTION: Section = Section { title: "Passkeys", settings: &[&RP_ID, &ORIGINS] };
