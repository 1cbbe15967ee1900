//! Login by identity providers (OpenID Connect Core 1.0), and the links to the accounts there.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, BeginProviderLogin, BeginProviderLoginError, Caller, ExchangeProviderCode,
    ExchangeProviderCodeError, Failure, FinishProviderLogin, FinishProviderLoginError, MfaChallenge,
    ProviderLoginError, ProviderReturn, Purpose, StepUpRequired, Token, UnknownProvider, UnlinkProviderError,
};
use kayan_ports::{Method, ProviderLink, Timestamp, timestamp};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::{
    Application, Tag,
    api::sessions::SessionAnswer,
    edge::{
        browser::Browser,
        caller::{Anyone, MaybeMember, Member, SentDevice, preferred_languages},
    },
    wire::{
        body::Body,
        cookies,
        device::WithDevice,
        query::Query,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Providers {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// An identity provider.
#[derive(Object, Serialize)]
#[oai(rename = "Provider")]
struct ProviderInfo {
    /// Its name, for the paths of these operations.
    name: String,
    /// What to call it on a button.
    title: String,
    /// The path that a button leads to; add `?return_to=`.
    path: String,
}

/// The identity providers.
#[derive(Object, Serialize)]
struct ProviderList {
    /// The providers, in the order of the configuration.
    data: Vec<ProviderInfo>,
}

/// An account at an identity provider that the user logs in with.
#[derive(Object, Serialize)]
#[oai(rename = "ProviderLink", skip_serializing_if_is_none)]
struct LinkInfo {
    /// The name of the provider.
    provider: String,
    /// The e-mail address there when it was linked; empty if there was none.
    email: String,
    /// When it was linked.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When the user last logged in with it.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl From<ProviderLink> for LinkInfo {
    fn from(link: ProviderLink) -> Self {
        let ProviderLink { account, email, created_at, last_used_at, .. } = link;
        Self { provider: account.provider.into(), email, created_at, last_used_at }
    }
}

/// The accounts at identity providers that the user logs in with.
#[derive(Object, Serialize)]
struct LinkList {
    /// The links, in the order in which they were made.
    data: Vec<LinkInfo>,
}

/// An authorization code that a native application has got, and what it has asked for it with (RFC 8252).
#[derive(Object, Deserialize)]
#[oai(rename = "OidcExchangeRequest")]
struct ExchangeBody {
    /// The authorization code.
    #[oai(validator(min_length = 1, max_length = 4096))]
    code: String,
    /// The PKCE verifier (RFC 7636, section 4.1).
    #[oai(validator(min_length = 43, max_length = 128))]
    code_verifier: String,
    /// The redirect URI of the application: one that is registered in the configuration of the provider.
    #[oai(validator(max_length = 2048))]
    redirect_uri: String,
    /// The nonce of the authorization request.
    #[oai(validator(min_length = 1, max_length = 512))]
    nonce: String,
}

#[derive(ApiResponse)]
enum Redirected {
    /// Go there.
    #[oai(status = 302)]
    Found(
        /// The URL.
        #[oai(header = "Location")]
        String,
        /// The cookie that the browser is recognised by when it comes back or, after a login, those of the session and the
        /// device.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum Unlinked {
    /// Removed.
    #[oai(status = 204)]
    Done,
}

/// Why a browser is not sent to a provider.
#[derive(Debug)]
enum BeginError {
    /// Another site has sent the browser to link an account.
    CrossSite,
    /// The use-case refuses.
    Refused(BeginProviderLoginError),
}

#[OpenApi(prefix_path = "/api/v1/oidc", tag = "Tag::Providers")]
impl Providers {
    /// List identity providers
    ///
    /// The providers that users can log in with, for the buttons of a login page.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/providers", method = "get", operation_id = "oidcProviders")]
    async fn providers(&self) -> Result<Reply<ProviderList>, Refused<Failure>> {
        let data = self.app.kayan.providers().map(|rules| ProviderInfo {
            name: rules.name.to_string(),
            title: rules.title.clone(),
            path: format!("{}/api/v1/oidc/{}", self.app.settings.public_path, rules.name),
        });
        Ok(Reply::new(&ProviderList { data: data.collect() }))
    }

    /// List your linked accounts
    ///
    /// The accounts at identity providers that you can log in with.
    #[oai(path = "/links", method = "get", operation_id = "oidcLinks")]
    async fn links(&self, Member(caller): Member) -> Result<Reply<LinkList>, Refused<AuthenticateError>> {
        let links = self.app.kayan.list_my_links(&caller).await?;
        Ok(Reply::new(&LinkList { data: links.into_iter().map(LinkInfo::from).collect() }))
    }

    /// Remove a linked account
    ///
    /// Requires a login within the last five minutes, at `aal2` if you have a second factor. The last credential that you can log
    /// in with is never removed.
    #[oai(path = "/links/:provider", method = "delete", operation_id = "oidcUnlink")]
    async fn unlink(
        &self,
        Member(caller): Member,
        /// The name of the provider.
        #[oai(validator(max_length = 32))]
        provider: Path<String>,
    ) -> Result<Unlinked, Refused<UnlinkProviderError>> {
        self.app.kayan.unlink_provider(&caller, &provider.0).await?;
        Ok(Unlinked::Done)
    }

    /// Log in with an identity provider
    ///
    /// Open this in the browser, not by a script: it redirects to the provider, with `state`, `nonce` and PKCE (RFC 7636), and ends
    /// at `return_to`. With `link`, the account at the provider is linked to your own instead, which requires a login within the
    /// last five minutes, at `aal2` if you have a second factor. The login can be finished within fifteen minutes, in this
    /// browser.
    #[oai(path = "/:provider", method = "get", operation_id = "oidcInit")]
    async fn begin(
        &self,
        session: MaybeMember,
        browser: Browser,
        /// The name of the provider.
        #[oai(validator(max_length = 32))]
        provider: Path<String>,
        /// Where to go in the end: a URL at an origin in `KAYAN_RETURN_TO`. Default: the first of these.
        #[oai(validator(max_length = 2048))]
        return_to: Query<Option<String>>,
        /// Whether to link the account to your own. Default: `false`.
        link: Query<Option<bool>>,
    ) -> Result<Redirected, Refused<BeginError>> {
        let MaybeMember { caller, no_session } = session;
        let link = link.0.unwrap_or_default();
        // Else another site could link an account of its own to that of its visitor, who is sent here with the cookie.
        if link && !browser.is_sent_by_own_page {
            return Err(BeginError::CrossSite.into());
        }
        let browser = browser.any(|| self.app.kayan.new_browser());
        let cmd = BeginProviderLogin { provider: provider.0, return_to: return_to.0, browser: browser.hash(), link };
        let begun = self.app.kayan.begin_provider_login(&caller, cmd).await;
        let url = begun.map_err(|error| no_session.explain(BeginError::Refused(error)))?;
        Ok(Redirected::Found(url, Some(cookies::recognise(&browser, &self.app.settings))))
    }

    /// Finish a login with an identity provider
    ///
    /// The provider redirects the browser here. It is redirected to `return_to`, with the cookie of the session; or with a
    /// fragment: `#mfa_token=…&methods=…` (or `enroll=…`) for a login that lacks a second factor, and `#error=…` for one that
    /// failed, with `oidc_failed`, `link_required` or `email_required` and an `error_description` for people.
    #[oai(path = "/:provider/callback", method = "get", operation_id = "oidcCallback")]
    async fn callback(
        &self,
        session: MaybeMember,
        browser: Browser,
        SentDevice(device): SentDevice,
        request: &Request,
        /// The name of the provider.
        #[oai(validator(max_length = 32))]
        provider: Path<String>,
    ) -> Result<WithDevice<Redirected>, Refused<FinishProviderLoginError>> {
        let languages = preferred_languages(request.headers());
        let caller = Caller { device, languages, ..session.caller };
        let cmd = FinishProviderLogin {
            state: parameter(request, "state").and_then(|text| Token::read(Purpose::State, &text)),
            code: parameter(request, "code"),
            issuer: parameter(request, "iss"),
            provider: provider.0,
            browser: browser.hash(),
        };
        let ProviderReturn { return_to, outcome } = self.app.kayan.finish_provider_login(&caller, cmd).await?;
        let (fragment, cookie, device) = match outcome {
            Ok(None) => (String::new(), None, None),
            Ok(Some(opened)) => {
                let settings = &self.app.settings;
                let cookie = cookies::issue(&opened, self.app.clock.now(), settings);
                (String::new(), Some(cookie), cookies::remember(&opened, settings))
            }
            Err(ProviderLoginError::MfaRequired(challenge)) => (of_challenge(&challenge), None, None),
            Err(error) => (of_error(&error), None, None),
        };
        Ok(WithDevice::new(Redirected::Found(format!("{return_to}{fragment}"), cookie), device))
    }

    /// Log in with a code of an identity provider
    ///
    /// For native applications, which ask the provider for the code by themselves, in the browser of the system (RFC 8252), with
    /// PKCE and a nonce.
    #[oai(path = "/:provider/exchange", method = "post", operation_id = "oidcExchange")]
    async fn exchange(
        &self,
        Anyone(caller): Anyone,
        /// The name of the provider.
        #[oai(validator(max_length = 32))]
        provider: Path<String>,
        Body(body): Body<ExchangeBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<ExchangeProviderCodeError>> {
        let ExchangeBody { code, code_verifier, redirect_uri, nonce } = body;
        let cmd = ExchangeProviderCode { provider: provider.0, code, code_verifier, redirect_uri, nonce };
        let opened = self.app.kayan.exchange_provider_code(&caller, cmd).await?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }
}

/// The longest parameter of a response to an authorization request, in bytes.
const LONGEST: usize = 4_096;

/// A parameter that stands in the query string once; one that stands there twice is none (RFC 6749, section 3.1).
fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name).map(|(_, value)| value);
    let value = found.next().filter(|value| !value.is_empty() && value.len() <= LONGEST)?;
    found.next().is_none().then(|| value.into_owned())
}

/// The fragment of a login that lacks a factor. Browsers send it to no server.
fn of_challenge(challenge: &MfaChallenge) -> String {
    let names = |methods: &[Method]| methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(",");
    fragment(&[
        ("mfa_token", &challenge.mfa_token.expose()),
        ("methods", &names(&challenge.missing.methods)),
        ("enroll", &names(&challenge.missing.enroll)),
        ("expires_at", &timestamp::text(challenge.expires_at)),
    ])
}

fn of_error(error: &ProviderLoginError) -> String {
    let code = match error {
        ProviderLoginError::LinkRequired => "link_required",
        ProviderLoginError::EmailRequired => "email_required",
        _ => "oidc_failed",
    };
    fragment(&[("error", code), ("error_description", &error.to_string())])
}

fn fragment(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    format!("#{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

refusals! {
    UnknownProvider {
        _ => ProviderNotFound,
    }
    BeginError {
        Self::CrossSite => CsrfRejected.message(
            "an account is linked from a page of this site, or of an origin in KAYAN_CORS_ORIGINS, only"),
        Self::Refused(error) => (error: BeginProviderLoginError),
    }
    BeginProviderLoginError {
        Self::UnknownProvider(error) => (error: UnknownProvider),
        Self::InvalidReturnTo => InvalidReturnTo,
        error @ Self::MethodDisabled => MethodDisabled.message(error.to_string()),
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::Unavailable(_) => Unavailable.message("the identity provider is not available: try again later"),
    }
    FinishProviderLoginError {
        error @ Self::UnknownState => OidcFailed.message(error.to_string()),
        Self::Failed(failure) => (failure: Failure),
    }
    ExchangeProviderCodeError {
        Self::UnknownProvider(error) => (error: UnknownProvider),
        Self::LogIn(error) => (error: ProviderLoginError),
    }
    ProviderLoginError {
        Self::Refused(why) => OidcFailed.message(why),
        Self::LinkRequired => LinkRequired,
        Self::EmailRequired => EmailRequired,
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::NotActive => IdentityInactive,
        Self::Unverified => VerificationRequired,
        error @ Self::MethodDisabled => MethodDisabled.message(error.to_string()),
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
    UnlinkProviderError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::NotFound => NotFound.message("you have no account linked at this provider"),
        Self::LastCredential => LastCredential,
    }
}
