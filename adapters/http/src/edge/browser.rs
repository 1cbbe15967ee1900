//! The browser that a passkey ceremony or a login by a provider is begun in, known by a cookie of its own.

use kayan_core::{Purpose, Token};
use kayan_ports::TokenHash;
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::{
    edge::{Request as Context, caller::sends_token, origins},
    wire::cookies,
};

/// The browser of a request.
pub(crate) struct Browser {
    /// What the cookie says.
    known: Option<Token>,
    /// Whether it sends the cookie of a response with its next requests: a page of another origin does only if it asks for
    /// it, and a client that is no browser need not.
    keeps_cookies: bool,
    /// Whether a page that may act for its visitor, or the visitor, has sent it here; or the request is none of a browser's own
    /// making, for it has a token in a header.
    pub(crate) is_sent_by_own_page: bool,
}

impl Browser {
    /// What is kept to recognise the browser, if it sent its cookie.
    pub(crate) fn hash(&self) -> Option<TokenHash> {
        self.known.as_ref().map(Token::hash)
    }

    /// The token for the cookie of a browser that is sent elsewhere and comes back: the one it has, or else a `new` one.
    pub(crate) fn any(self, new: impl FnOnce() -> Token) -> Token {
        self.known.unwrap_or_else(new)
    }

    /// The token for the cookie of a browser that keeps cookies: the one it has, or else a `new` one.
    pub(crate) fn token(self, new: impl FnOnce() -> Token) -> Option<Token> {
        self.keeps_cookies.then(|| self.known.unwrap_or_else(new))
    }
}

impl<'a> ApiExtractor<'a> for Browser {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let name = cookies::browser_name(&Context::of(request)?.app.settings);
        let values = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut found = values.flat_map(|value| cookies::read(value, name));
        let known = found.find_map(|text| Token::read(Purpose::Browser, text));
        let keeps_cookies = request.headers().contains_key(header::COOKIE) || origins::is_same_origin(request);
        let settings = &Context::of(request)?.app.settings;
        let is_sent_by_own_page = sends_token(request.headers()) || origins::is_own_navigation(request, settings);
        Ok(Self { known, keeps_cookies, is_sent_by_own_page })
    }
}
