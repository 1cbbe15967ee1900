//! Where a browser may be redirected to after a login.

use url::Url;

/// Longer ones do not fit into a header of every server in between.
const MAX_BYTES: usize = 2_048;

/// The URLs that a browser may be redirected to.
#[derive(Debug, Clone, Default)]
pub struct ReturnTo(Vec<Url>);

impl ReturnTo {
    /// Those at the origins of these URLs, and below their paths.
    pub fn new(allowed: Vec<Url>) -> Self {
        Self(allowed)
    }

    /// The URL to redirect to: this one if it is allowed, and without one the first of the list.
    ///
    /// **Invariant**: it is allowed only if it is written as browsers write it: its scheme, host and port, and nothing else in front
    /// of its path, are then the same for every parser (I-28).
    pub fn judge(&self, text: Option<&str>) -> Option<String> {
        let Some(text) = text else { return self.0.first().map(ToString::to_string) };
        if text.len() > MAX_BYTES || !text.bytes().all(is_of_urls) {
            return None;
        }
        let url = Url::parse(text).ok().filter(|url| url.fragment().is_none())?;
        let rest = text.strip_prefix(&url.origin().ascii_serialization())?;
        let is_plain = rest.is_empty() || rest.starts_with(['/', '?']);
        let allows = |allowed: &Url| allowed.origin() == url.origin() && is_below(url.path(), allowed.path());
        (is_plain && self.0.iter().any(allows)).then(|| url.to_string())
    }
}

/// The characters that a URL is written with (RFC 3986, section 2), without `#`.
fn is_of_urls(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

/// Whether a path is this one or below it. An encoded slash could lead out of it again at the server.
fn is_below(path: &str, top: &str) -> bool {
    let top = top.trim_end_matches('/');
    let lower = path.to_ascii_lowercase();
    let is_clear = top.is_empty() || !["%2f", "%5c", "%2e"].iter().any(|sign| lower.contains(sign));
    is_clear && path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
