//! Well-known addresses (RFC 8615), by which browsers and password managers find the pages of an account.

use std::sync::Arc;

use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::{
    Application, Tag,
    wire::{
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct WellKnown {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The origins of other domains that may use the passkeys of this one.
#[derive(Object, Serialize)]
struct RelatedOrigins {
    /// The origins.
    origins: Vec<String>,
}

/// The pages on which a user registers and manages passkeys.
#[derive(Object, Serialize)]
struct PasskeyEndpoints {
    /// Where a passkey is registered.
    enroll: String,
    /// Where passkeys are listed and removed.
    manage: String,
}

#[derive(ApiResponse)]
enum Redirected {
    /// The page is there.
    #[oai(status = 302)]
    Found(
        /// The page's URL.
        #[oai(header = "Location")]
        String,
    ),
}

/// Nothing is configured for this address.
#[derive(Debug)]
enum NotConfigured {
    /// There are no related origins.
    NoOrigins,
    /// The service does not know the page.
    NoPage,
}

#[OpenApi(prefix_path = "/.well-known", tag = "Tag::System")]
impl WellKnown {
    /// List related origins
    ///
    /// The origins of other domains that may use the passkeys of this one, for browsers (WebAuthn, section 5.11):
    /// those of `KAYAN_WEBAUTHN_ORIGINS`.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/webauthn", method = "get", operation_id = "relatedOrigins")]
    async fn related_origins(&self) -> Result<Reply<RelatedOrigins>, Refused<NotConfigured>> {
        let origins = self.app.settings.related_origins.clone();
        if origins.is_empty() {
            return Err(NotConfigured::NoOrigins.into());
        }
        Ok(Reply::new(&RelatedOrigins { origins }))
    }

    /// Find the pages for passkeys
    ///
    /// The pages on which a user registers and manages passkeys, for password managers: `KAYAN_ACCOUNT_URL`.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/passkey-endpoints", method = "get", operation_id = "passkeyEndpoints")]
    async fn passkey_endpoints(&self) -> Result<Reply<PasskeyEndpoints>, Refused<NotConfigured>> {
        let page = self.account_page()?;
        Ok(Reply::new(&PasskeyEndpoints { enroll: page.clone(), manage: page }))
    }

    /// Find the page for the password
    ///
    /// Redirects to the page on which a user changes the password, for password managers: `KAYAN_ACCOUNT_URL`.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/change-password", method = "get", operation_id = "changePasswordPage")]
    async fn change_password(&self) -> Result<Redirected, Refused<NotConfigured>> {
        Ok(Redirected::Found(self.account_page()?))
    }
}

impl WellKnown {
    fn account_page(&self) -> Result<String, NotConfigured> {
        self.app.settings.account_url.clone().ok_or(NotConfigured::NoPage)
    }
}

refusals! {
    NotConfigured {
        Self::NoOrigins => NotFound.message("no related origins are configured (KAYAN_WEBAUTHN_ORIGINS)"),
        Self::NoPage => NotFound.message("no page for accounts is configured (KAYAN_ACCOUNT_URL)"),
    }
}
