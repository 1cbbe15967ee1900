//! Authentication for other services: a proxy in front of them asks here before it forwards a request.

mod rules;
mod users;

use std::sync::Arc;

use kayan_core::{AuthenticateError, ForwardAuthError, Requirements, ReturnTo, StepUpRequired};
use kayan_ports::Aal;
use poem::{
    IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    registry::{MetaHeader, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use time::Duration;
use url::Url;

pub use self::rules::{ForwardAuthRules, ForwardAuthRulesError};
use self::users::About;
pub(crate) use self::users::ForwardedUsers;
use crate::{
    Application, Tag,
    api::sessions::MinAal,
    edge::forwarded::Forwarded,
    wire::{
        query::Query,
        refused::{Refused, refusals},
    },
};

/// What proxies are answered that ask before they forward a request.
#[derive(Debug, Clone, Default)]
pub struct ForwardAuthSettings {
    /// The page on which users log in.
    pub login_url: Option<Url>,
    /// Where they may be redirected to from there.
    pub return_to: ReturnTo,
    /// What each service requires.
    pub rules: ForwardAuthRules,
}

/// The endpoint of this family.
#[derive(Clone)]
pub(crate) struct ForwardAuth {
    /// The application that it serves.
    pub(crate) app: Arc<Application>,
    /// The users of the latest requests.
    pub(crate) users: ForwardedUsers,
}

/// What a proxy is answered.
enum Answer {
    /// Forward the request, with these headers.
    Forward(About),
    /// Redirect the browser there.
    LogIn(String),
}

const ABOUT: [(HeaderName, &str, &str); 3] = [
    (
        HeaderName::from_static("remote-user"),
        "Remote-User",
        "The user: the username, or else the verified e-mail address, or else the id.",
    ),
    (HeaderName::from_static("remote-email"), "Remote-Email", "The verified e-mail address; empty if there is none."),
    (
        HeaderName::from_static("remote-groups"),
        "Remote-Groups",
        "The roles, inherited ones as well, separated by commas; empty if there are none.",
    ),
];

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        match self {
            Self::Forward(about) => {
                let headers = response.headers_mut();
                // Leaves room for the headers of the edge, so that the map grows only once.
                headers.reserve(12);
                headers.extend(ABOUT.into_iter().map(|(name, ..)| name).zip(about));
            }
            Self::LogIn(page) => {
                response.set_status(StatusCode::FOUND);
                response.headers_mut().extend(HeaderValue::try_from(page).ok().map(|page| (header::LOCATION, page)));
            }
        }
        response
    }
}

impl ApiResponse for Answer {
    fn meta() -> MetaResponses {
        let response = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: Vec::new(),
            headers,
        };
        let header = |name: &str, description: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let about = ABOUT.into_iter().map(|(_, name, description)| header(name, description)).collect();
        let page = vec![header("Location", "`KAYAN_LOGIN_URL`.")];
        MetaResponses {
            responses: vec![
                response(200, "Forward the request, with these headers.", about),
                response(302, "Redirect the browser to the page to log in on.", page),
            ],
        }
    }

    fn register(_: &mut Registry) {}
}

/// Why a request is not forwarded.
#[derive(Debug)]
enum NotForwarded {
    /// There are rules, and its host is not known.
    NoHost,
    /// There are rules, and none for its host.
    NoRule,
    /// The use-case refuses.
    Refused(ForwardAuthError),
}

#[OpenApi(tag = "Tag::System")]
impl ForwardAuth {
    /// Authenticate for a proxy
    ///
    /// A proxy asks here before it forwards a request to another service (`auth_request` of nginx, `forward_auth` of Caddy,
    /// `ForwardAuth` of Traefik, `ext_authz` of Envoy), with the request's own credentials. The service's rule in
    /// `KAYAN_FORWARD_AUTH_RULES` and the parameters add up. The host and the URL of the request are in `X-Forwarded-Host`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Uri`, from a proxy in `KAYAN_TRUSTED_PROXIES`. `X-Tenant-ID` is ignored: clients
    /// can send it. A path may follow, for Envoy: the method and the query then have no effect.
    ///
    /// If `KAYAN_LOGIN_URL` is set and the request accepts `text/html`, a missing session or assurance level is 302 instead
    /// of 401 or 403. `return_to` in the `Location` is the URL of the request, if `KAYAN_RETURN_TO` allows it. With a session
    /// that does not prove enough, `acr_values=aal2` or `max_age` says what is missing (RFC 9470).
    #[oai(path = "/forward-auth", method = "get", operation_id = "forwardAuth")]
    async fn forward_auth(
        &self,
        request: Forwarded<'_>,
        /// A role that the user must have, also by inheritance. If it is repeated, all of them are required.
        role: Query<Option<Vec<String>>>,
        /// The least assurance level; below it the response is 403 `aal2_required`.
        min_aal: Query<Option<MinAal>>,
        /// How long ago the last proof may be, in seconds; beyond it the response is 403 `reauthentication_required`.
        #[oai(validator(minimum(value = "1"), maximum(value = "31536000")))]
        max_age: Query<Option<u32>>,
        /// Whether to redirect to `KAYAN_LOGIN_URL`. Default: `true`.
        redirect: Query<Option<bool>>,
    ) -> Result<Answer, Refused<NotForwarded>> {
        let settings = &self.app.settings;
        let query = Requirements {
            roles: role.0.unwrap_or_default(),
            min_aal: min_aal.0.map(Aal::from),
            max_age: max_age.0.map(|seconds| Duration::seconds(seconds.into())),
        };
        let rules = &settings.forward_auth.rules;
        let rule = if rules.is_empty() {
            None
        } else {
            let host = request.host(settings).ok_or(NotForwarded::NoHost)?;
            Some(rules.of(&host).ok_or(NotForwarded::NoRule)?)
        };
        let required: &[&Requirements] = match rule {
            Some(rule) => &[&query, rule],
            None => &[&query],
        };
        let known = |session| self.users.known(session);
        let refused = match self.app.kayan.forward_auth(&request.caller, required, known).await {
            Ok(user) => return Ok(Answer::Forward(self.users.about(&user))),
            Err(refused) => refused,
        };
        let page = redirect.0.unwrap_or(true).then(|| self.login_page(&request, &refused)).flatten();
        page.map(Answer::LogIn).ok_or_else(|| request.no_session.explain(NotForwarded::Refused(refused)))
    }
}

impl ForwardAuth {
    /// Where to redirect the browser, if logging in or proving more would help.
    fn login_page(&self, request: &Forwarded<'_>, refused: &ForwardAuthError) -> Option<String> {
        let lacking = match refused {
            ForwardAuthError::Authenticate(AuthenticateError::Unauthorized) => None,
            ForwardAuthError::Authenticate(AuthenticateError::LacksFactor)
            | ForwardAuthError::StepUp(StepUpRequired::Aal2) => Some(("acr_values", "aal2".to_owned())),
            ForwardAuthError::StepUp(StepUpRequired::Recent(age)) => Some(("max_age", age.whole_seconds().to_string())),
            ForwardAuthError::Authenticate(AuthenticateError::NoTenant | AuthenticateError::Failed(_))
            | ForwardAuthError::LacksRole(_) => return None,
        };
        let settings = &self.app.settings;
        let mut page = settings.forward_auth.login_url.clone().filter(|_| request.is_for_a_page())?;
        let url = request.url(settings).and_then(|url| settings.forward_auth.return_to.judge(Some(&url)));
        let return_to = url.map(|url| ("return_to", url));
        if lacking.is_some() || return_to.is_some() {
            page.query_pairs_mut().extend_pairs(lacking.into_iter().chain(return_to));
        }
        Some(page.into())
    }
}

refusals! {
    NotForwarded {
        Self::NoHost => InvalidInput
            .message("KAYAN_FORWARD_AUTH_RULES needs the host of the request: X-Forwarded-Host, once, from a proxy in KAYAN_TRUSTED_PROXIES"),
        Self::NoRule => Forbidden.message("KAYAN_FORWARD_AUTH_RULES has no rule for the host of the request"),
        Self::Refused(error) => (error: ForwardAuthError),
    }
    ForwardAuthError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        ref error @ Self::LacksRole(ref role) => Forbidden.message(error.to_string()).required(role.clone()),
    }
}
