//! What a browser says about the page (`clientDataJSON`, section 5.8.1).

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use crate::{refusal::Refusal, relying_party::RelyingParty};

/// The members that the library does not verify, or not in full.
#[derive(Deserialize)]
struct ClientData<'a> {
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: Option<bool>,
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<IgnoredAny>,
}

/// Refuses pages of other origins, and pages in frames of other sites.
///
/// The library ignores the path of an origin, and frames at login.
pub(crate) fn check(bytes: &[u8], relying_party: &RelyingParty) -> Result<(), Refusal> {
    let data: ClientData<'_> = serde_json::from_slice(bytes).map_err(|_| Refusal::Malformed)?;
    if !relying_party.allows(&data.origin) {
        return Err(Refusal::Origin);
    }
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(Refusal::CrossOrigin);
    }
    Ok(())
}
