//! An origin (RFC 6454): scheme, host and port.

use std::{fmt, str::FromStr};

use url::{Position, Url};

/// An origin of web pages, in the form in which browsers send it: lower case, ASCII, no default port, no slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// `*`: every page on the web could act with its visitor's session.
    #[error("refused: session cookies are sent along, so each origin must be named")]
    Wildcard,
    /// Not a URL that begins with http:// or https:// and names a host.
    #[error("not a URL that begins with http:// or https://")]
    NoUrl,
    /// It has more than an origin: a path, a query or a user.
    #[error("an origin has only a scheme, a host and a port")]
    TooMuch,
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads an origin; a slash at the end is ignored.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        let url = Url::parse(text).map_err(|_| OriginError::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OriginError::NoUrl);
        }
        if !url.username().is_empty() || url.password().is_some() || &url[Position::BeforePath..] != "/" {
            return Err(OriginError::TooMuch);
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl Origin {
    /// The origin as in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_take_the_form_that_browsers_send() {
        for (text, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com:443/", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), origin);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for (text, why) in [
            ("*", OriginError::Wildcard),
            ("https://*.example.com", OriginError::Wildcard),
            ("null", OriginError::NoUrl),
            ("app.example.com", OriginError::NoUrl),
            ("localhost:3000", OriginError::NoUrl),
            ("file:///x", OriginError::NoUrl),
            ("https://app.example.com/path", OriginError::TooMuch),
            ("https://app.example.com?x", OriginError::TooMuch),
            ("https://u@app.example.com", OriginError::TooMuch),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(why), "{text}");
        }
    }
}
