//! The caller of a request: its tenant, its session token and its client.

use kayan_core::{AuthenticateError, Caller, Failure, Purpose, Token};
use kayan_ports::{Client, TenantId, TokenHash};
use poem::{
    Error, Request, RequestBody, Result,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{
    HttpSettings,
    edge::{
        Request as Context,
        host::{TENANT, host},
        origins,
        tenant_hosts::ByHost,
    },
    wire::{
        codes::Code,
        cookies,
        problem::Problem,
        refused::{Refusal, Refused, refusals},
    },
};

refusals! {
    AuthenticateError {
        Self::Unauthorized => Unauthorized,
        Self::NoTenant => TenantNotFound,
        Self::LacksFactor => Aal2Required.challenge(TO_AAL2.to_owned()),
        Self::Failed(failure) => (failure: Failure),
    }
}

/// What a session that has proven one factor only is asked for (RFC 9470, section 3).
pub(crate) const TO_AAL2: &str = "acr_values=\"aal2\"";

/// The name of the security scheme in which a browser sends the token by itself.
pub(crate) const COOKIE_SCHEME: &str = "session_cookie";

const MAX_USER_AGENT: usize = 512;
const MAX_LANGUAGES: usize = 128;
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-session-token");

/// A caller that doesn't have to be logged in.
pub(crate) struct Anyone(pub(crate) Caller);

/// A caller with a session token, sent in one of three ways. The use-case checks whether it is valid.
pub(crate) struct Member(pub(crate) Caller);

/// A caller of an operation that needs a session for some of what it does only. A session that can't be taken is none, so that
/// the rest does not fail because of it: browsers send old cookies by themselves.
pub(crate) struct MaybeMember {
    /// The caller, with its session if that was taken.
    pub(crate) caller: Caller,
    /// Why not, if it was not.
    pub(crate) no_session: NoSession,
}

/// Why a session that was sent was not taken; `None` if it was, or if there was none.
pub(crate) struct NoSession(Option<Box<Problem>>);

impl NoSession {
    /// What the operation answers when it failed with `error`: the reason, where all it lacks is a session.
    pub(crate) fn explain<E: Refusal, const NEVER: u64>(self, error: E) -> Refused<E, NEVER> {
        let refused = Refused::from(error);
        match self.0 {
            Some(reason) if refused.code() == Code::Unauthorized => reason.into(),
            _ => refused,
        }
    }
}

/// The token of the device that sends a request which reads. Requests that change something have it in their caller.
pub(crate) struct SentDevice(pub(crate) Option<Token>);

impl<'a> ApiExtractor<'a> for SentDevice {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(device(request, &Context::of(request)?.app.settings)))
    }
}

impl<'a> ApiExtractor<'a> for Anyone {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(caller(request)?))
    }
}

impl<'a> ApiExtractor<'a> for Member {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        for (name, scheme) in schemes() {
            registry.create_security_scheme(name, scheme);
        }
    }

    fn security_schemes() -> Vec<&'static str> {
        schemes().iter().map(|(name, _)| *name).collect()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let mut caller = caller(request)?;
        caller.token = session(request, &caller.tenant).await?.map_err(|refused| Error::from(*refused))?;
        Ok(Self(caller))
    }
}

impl<'a> ApiExtractor<'a> for MaybeMember {
    const TYPES: &'static [ApiExtractorType] = Member::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Member::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Member::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let mut caller = caller(request)?;
        let refused = match session(request, &caller.tenant).await? {
            Ok(token) => {
                caller.token = token;
                None
            }
            Err(refused) => Some(refused),
        };
        Ok(Self { caller, no_session: NoSession(refused) })
    }
}

fn schemes() -> [(&'static str, MetaSecurityScheme); 3] {
    let scheme = |ty, description| MetaSecurityScheme {
        ty,
        description: Some(description),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    [
        (
            "bearer",
            MetaSecurityScheme {
                scheme: Some("bearer"),
                bearer_format: Some("kys_… or a JWT"),
                ..scheme("http", "The `session_token` from `register` or `login` (RFC 6750).")
            },
        ),
        (
            "session_token",
            MetaSecurityScheme {
                name: Some("X-Session-Token"),
                key_in: Some("header"),
                ..scheme("apiKey", "The same token, for clients that use `Authorization` for something else.")
            },
        ),
        (
            COOKIE_SCHEME,
            MetaSecurityScheme {
                name: Some("kayan_session"),
                key_in: Some("cookie"),
                ..scheme(
                    "apiKey",
                    "The same token, sent by a browser. In production the cookie is called `__Host-kayan_session`, or \
                     `__Secure-kayan_session` if the service is at a path of its own or `KAYAN_COOKIE_DOMAIN` is set.",
                )
            },
        ),
    ]
}

/// The caller without its token.
pub(crate) fn caller(request: &Request) -> Result<Caller> {
    let context = Context::of(request)?;
    let tenant = named_tenant(request)?.unwrap_or_default();
    let (languages, request_id) = (context.languages.clone(), Some(context.id.clone()));
    // No read needs it but the list of devices, and `whoami` is a hot path.
    let device = if request.method() == Method::GET { None } else { device(request, &context.app.settings) };
    Ok(Caller { tenant, token: None, device, client: client(request)?, languages, request_id })
}

/// The token of the device, from its cookie.
fn device(request: &Request, settings: &HttpSettings) -> Option<Token> {
    let name = cookies::device_name(settings);
    let values = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| cookies::read(value, name)).find_map(|text| Token::read(Purpose::Device, text))
}

/// The languages of messages that the request causes: reading causes none, and `whoami` is a hot path.
pub(crate) fn languages(request: &Request) -> String {
    if request.method() == Method::GET {
        return String::new();
    }
    preferred_languages(request.headers())
}

/// The languages that the user of a browser prefers.
pub(crate) fn preferred_languages(headers: &HeaderMap) -> String {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let end = wanted.len().min(MAX_LANGUAGES);
    wanted.get(..end).unwrap_or_default().to_owned()
}

/// The tenant that the request names: in `X-Tenant-ID`, by the host that it was sent to, or in both alike.
pub(crate) fn named_tenant(request: &Request) -> Result<Option<TenantId>> {
    let unknown = || Error::from(Problem::new(Code::TenantNotFound));
    let read = |name: &HeaderValue| name.to_str().ok().and_then(|name| name.parse().ok()).ok_or_else(unknown);
    let named: Option<TenantId> = request.headers().get(TENANT).map(read).transpose()?;
    match Context::of(request)?.app.settings.tenant_hosts.of(host(request)) {
        ByHost::Any => Ok(named),
        ByHost::One(tenant) if named.as_ref().is_none_or(|named| *named == tenant) => Ok(Some(tenant)),
        ByHost::One(_) | ByHost::Unknown => Err(unknown()),
    }
}

/// Where a request comes from.
pub(crate) fn client(request: &Request) -> Result<Client> {
    let context = Context::of(request)?;
    let user_agent = request.headers().get(header::USER_AGENT).map(|agent| {
        let text = String::from_utf8_lossy(agent.as_bytes());
        let end = text.floor_char_boundary(MAX_USER_AGENT);
        text.get(..end).unwrap_or_default().to_owned()
    });
    Ok(Client { ip: context.ip.map(|ip| ip.to_string()), user_agent })
}

/// The hash of the token that is presented, or why it is refused; what is no token is none. An error if the service failed.
async fn session(request: &Request, tenant: &TenantId) -> Result<Result<Option<TokenHash>, Box<Problem>>> {
    let app = &Context::of(request)?.app;
    Ok(match presented(request, &app.settings) {
        Ok(Some(text)) => Ok(app.kayan.presented_token(tenant, text).await.map_err(Failure::problem)?),
        Ok(None) => Ok(None),
        Err(refused) => Err(refused),
    })
}

/// The token that is presented. A header takes precedence over a cookie, even if its token is not valid: it was sent on
/// purpose, and browsers add cookies by themselves. Headers that differ are refused. `Authorization` with another scheme than
/// `Bearer` is ignored: it is meant for a proxy in front.
fn presented<'a>(request: &'a Request, settings: &HttpSettings) -> Result<Option<&'a str>, Box<Problem>> {
    let headers = request.headers();
    let tokens = headers.get_all(SESSION_TOKEN).iter().map(|value| value.to_str().ok().map(str::trim));
    let mut presented = bearers(headers).chain(tokens);
    let Some(first) = presented.next() else { return by_cookie(request, settings) };
    if presented.any(|other| other != first) {
        let message = "two different session tokens were sent; send one";
        return Err(Box::new(Problem::new(Code::Unauthorized).message(message)));
    }
    // A header that is not text is an invalid token.
    Ok(first.or(Some("")))
}

/// Whether a request sends a token in a header, which a browser never does by itself.
pub(crate) fn sends_token(headers: &HeaderMap) -> bool {
    headers.contains_key(SESSION_TOKEN) || bearers(headers).next().is_some()
}

/// The tokens of all `Authorization: Bearer` headers (RFC 6750, section 2.1); `None` for one that is no text.
pub(crate) fn bearers(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let value = value.as_bytes();
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, token) = value.split_at_checked(end)?;
        scheme.eq_ignore_ascii_case(b"bearer").then(|| str::from_utf8(token).ok().map(str::trim))
    })
}

fn by_cookie<'a>(request: &'a Request, settings: &HttpSettings) -> Result<Option<&'a str>, Box<Problem>> {
    let name = cookies::name(settings);
    let headers = request.headers();
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = values.flat_map(|value| cookies::read(value, name));
    let Some(cookie) = found.next() else { return Ok(None) };
    // Another host of the domain can set a second cookie, and there is no way to tell which one is ours.
    if found.any(|other| other != cookie) {
        let message = "two different session cookies were sent; clear them and log in";
        return Err(Box::new(Problem::new(Code::Unauthorized).message(message)));
    }
    if origins::may_use_cookie(request, settings) {
        Ok(Some(cookie))
    } else {
        Err(Box::new(Problem::new(Code::CsrfRejected)))
    }
}
