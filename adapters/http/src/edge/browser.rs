//! The browser that a passkey ceremony is begun in, known by a cookie of its own.

use kayan_core::{Purpose, Token};
use kayan_ports::TokenHash;
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::{
    edge::{Request as Context, origins},
    wire::cookies,
};

/// The browser of a request.
pub(crate) struct Browser {
    /// What the cookie says.
    known: Option<Token>,
    /// Whether it sends the cookie of a response with its next requests: a page of another origin does only if it asks for
    /// it, and a client that is no browser need not.
    keeps_cookies: bool,
}

impl Browser {
    /// What is kept to recognise the browser, if it sent its cookie.
    pub(crate) fn hash(&self) -> Option<TokenHash> {
        self.known.as_ref().map(Token::hash)
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
        Ok(Self { known, keeps_cookies })
    }
}
