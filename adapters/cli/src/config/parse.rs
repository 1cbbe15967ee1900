//! One parser for each type of value.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use poem::http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::{Host, Url};

use super::duration::{self, DurationError};
use super::mask::{self, Mask};
use super::problem::Invalid;
use kayan_http::{ForwardAuthRules, Origin, TenantHosts};

/// The names of a choice, as in a message.
pub(crate) fn words<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// One of several words, in any case.
pub(crate) fn choice<T: Clone>(text: &str, choices: &[(&str, T)]) -> Result<T, Invalid> {
    let chosen = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    chosen
        .map(|(_, value)| value.clone())
        .ok_or_else(|| Invalid::new("is not one of the allowed values", format!("use one of: {}", words(choices))))
}

/// A whole number in a range.
pub(crate) fn number<N: TryFrom<u64> + PartialOrd + Display>(text: &str, (from, to): &(N, N)) -> Result<N, Invalid> {
    let Ok(number) = text.parse::<u64>() else {
        return Err(Invalid::new("is not a whole number in range", format!("use one from {from} to {to}")));
    };
    let in_range = N::try_from(number).ok().filter(|number| (from..=to).contains(&number));
    in_range.ok_or_else(|| Invalid::new("is out of range", format!("use a whole number from {from} to {to}")))
}

/// A duration in a range.
pub(crate) fn span(text: &str, (from, to): &(Duration, Duration)) -> Result<Duration, Invalid> {
    let range = format!("from {} to {}", duration::format(*from), duration::format(*to));
    match duration::parse(text) {
        Ok(span) if (from..=to).contains(&&span) => Ok(span),
        Ok(_) => Err(Invalid::new("is out of range", format!("use a duration {range}"))),
        Err(why @ DurationError::NoUnit) => Err(Invalid::new(
            why.to_string(),
            format!("add one of ms, s, m, h behind each number, as in 60s or 1h30m, {range}"),
        )),
        Err(why @ DurationError::UnknownUnit) => {
            Err(Invalid::new(why.to_string(), format!("use ms, s, m and h, as in 1h30m; a day is 24h, {range}")))
        }
        Err(why) => Err(Invalid::new(why.to_string(), format!("use a duration such as 60s, 5m or 1h30m, {range}"))),
    }
}

/// Yes or no, in the words that are usual in environments.
pub(crate) fn switch(text: &str) -> Result<bool, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Invalid::new("is neither true nor false", "use true or false")),
    }
}

/// An IP address, or `localhost`.
pub(crate) fn address(text: &str) -> Result<IpAddr, Invalid> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| {
        Invalid::new(
            "is not an IP address",
            "use one of this machine's, 127.0.0.1 for this machine only, 0.0.0.0 for all",
        )
    })
}

/// A URL with a host and one of these schemes.
pub(crate) fn url(text: &str, schemes: &[&str]) -> Result<Url, Invalid> {
    let hint = || format!("use a URL such as {}://host", schemes.first().unwrap_or(&"https"));
    let url = Url::parse(text).map_err(|why| Invalid::new(format!("is not a URL ({why})"), hint()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(Invalid::new(format!("is not a URL that begins with {}://", schemes.join(":// or ")), hint()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Invalid::new("is a URL without a host", hint()));
    }
    Ok(url)
}

/// Bare URLs, separated by commas.
pub(crate) fn bare_urls(text: &str) -> Result<Vec<Url>, Invalid> {
    items(text).map(bare_url).collect()
}

/// A URL of nothing but `http` or `https`, a host, a port and a path.
pub(crate) fn bare_url(text: &str) -> Result<Url, Invalid> {
    let url = url(text, &["http", "https"])?;
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if bare { Ok(url) } else { Err(Invalid::new("has more than scheme, host, port and path", "take the rest off")) }
}

/// The URL of a webhook: it has no user, and may have a query.
pub(crate) fn webhook_url(text: &str) -> Result<Url, Invalid> {
    let url = url(text, &["https", "http"])?;
    let is_good = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_good { Ok(url) } else { Err(Invalid::new("has a user, a password or a fragment (#)", "take it off")) }
}

/// Where clients reach the service: a bare URL whose path can be a cookie's (RFC 6265, section 4.1.1).
pub(crate) fn public_url(text: &str) -> Result<Url, Invalid> {
    let url = bare_url(text)?;
    let is_good = !url.path().contains(';');
    if is_good { Ok(url) } else { Err(Invalid::new("has a `;` in its path", "use another path")) }
}

/// The URL of a page; parameters are added to its query.
pub(crate) fn page_url(text: &str) -> Result<Url, Invalid> {
    let url = url(text, &["https", "http"])?;
    let is_good = url.username().is_empty() && url.password().is_none();
    if is_good { Ok(url) } else { Err(Invalid::new("has a user or a password", "take it off")) }
}

/// A domain whose hosts get a cookie. Browsers refuse those under which anyone can register a name, such as `co.uk`.
pub(crate) fn cookie_domain(text: &str) -> Result<String, Invalid> {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    let is_plain = text.contains('.') && text.split('.').all(is_label);
    match Host::parse(text) {
        Ok(Host::Domain(domain)) if is_plain => Ok(domain),
        _ => Err(Invalid::new(
            "is not a domain of two labels or more, without a scheme, a port, a path and a dot at its ends",
            "use the domain that your services share, such as example.com, in its ASCII form",
        )),
    }
}

/// What services behind a proxy require.
pub(crate) fn forward_auth_rules(text: &str) -> Result<ForwardAuthRules, Invalid> {
    let hint = "use rules such as grafana.example.com role=ops min_aal=aal2, separated by semicolons";
    text.parse().map_err(|why| Invalid::new(format!("can't be read: {why}"), hint))
}

/// Origins, in the form in which browsers send them, each once.
pub(crate) fn origins(text: &str) -> Result<Vec<Origin>, Invalid> {
    let mut origins = Vec::new();
    for item in items(text) {
        let origin = item.parse::<Origin>().map_err(|why| {
            Invalid::new(
                format!("{:?} is {why}", mask::shown(Mask::Nothing, item)),
                "use origins such as https://app.example.com, separated by commas",
            )
        })?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// Origins of pages and of Android applications, each once. Whether passkeys can be used there is checked later.
pub(crate) fn passkey_origins(text: &str) -> Result<Vec<String>, Invalid> {
    let mut origins = Vec::new();
    for item in items(text) {
        let is_app = item.starts_with("android:");
        let page = || self::origins(item).map(|pages| pages.iter().map(ToString::to_string).collect());
        for origin in if is_app { vec![item.to_owned()] } else { page()? } {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    Ok(origins)
}

/// Networks; a bare address is a network of one.
pub(crate) fn networks(text: &str) -> Result<Vec<IpNet>, Invalid> {
    let network = |item: &str| {
        let parsed = item.parse::<IpNet>().ok().or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from));
        parsed.map(|net| net.trunc()).ok_or_else(|| {
            Invalid::new(
                format!("{item:?} is neither a network nor an address"),
                "use networks such as 10.0.0.0/8 or addresses such as 192.0.2.1, separated by commas",
            )
        })
    };
    items(text).map(network).collect()
}

/// Hosts and their tenants.
pub(crate) fn tenant_hosts(text: &str) -> Result<TenantHosts, Invalid> {
    text.parse().map_err(|why| Invalid::new(format!("can't be read: {why}"), "separate them by commas"))
}

/// A mail address, with or without a name.
pub(crate) fn mailbox(text: &str) -> Result<String, Invalid> {
    let address = match text.strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => text,
    };
    let good = |(local, domain): (&str, &str)| {
        let part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,;@".contains(c));
        part(local) && part(domain)
    };
    if address.rsplit_once('@').is_some_and(good) && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("is not a mail address", "use one such as no-reply@example.com or Kayan <no-reply@example.com>"))
}

/// A URL in which `{flow}` stands for what a link is for. It has no fragment, because the link's token is put there.
pub(crate) fn link_url(text: &str) -> Result<String, Invalid> {
    let hint = "use a URL such as https://app.example.com/account/{flow}";
    let (before, _) = text.split_once("{flow}").ok_or_else(|| Invalid::new("has no {flow}", hint))?;
    let whole = url(&text.replace("{flow}", "x"), &["http", "https"])?;
    let is_in_host = !before.split_once("://").is_some_and(|(_, place)| place.contains(['/', '?']));
    if is_in_host || whole.fragment().is_some() || !whole.username().is_empty() || whole.password().is_some() {
        return Err(Invalid::new("has {flow} in its host, a user, or a fragment (#)", hint));
    }
    Ok(text.to_owned())
}

/// A JSON object or list. The message quotes none of it, as it may hold secrets.
pub(crate) fn json(text: &str) -> Result<serde_json::Value, Invalid> {
    let hint = "use a JSON object or list";
    match serde_json::from_str(text) {
        Ok(value @ (serde_json::Value::Array(_) | serde_json::Value::Object(_))) => Ok(value),
        Ok(_) => Err(Invalid::new("is neither a JSON object nor a list", hint)),
        Err(why) => Err(Invalid::new(format!("is not JSON (line {}, column {})", why.line(), why.column()), hint)),
    }
}

/// A ratio, 0 to 1.
pub(crate) fn ratio(text: &str) -> Result<f64, Invalid> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| Invalid::new("is not a number from 0 to 1", "use one such as 0.1, for a tenth"))
}

/// Names and their values, separated by commas. A message quotes none of them, as they may be secrets.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, Invalid> {
    let pair = |(number, item): (usize, &str)| {
        let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().ok().map(Cow::into_owned);
        let pair = item.split_once('=').and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
        pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            let what = format!("has something at place {number} that is no NAME=VALUE");
            Invalid::new(what, "use pairs such as a=1,b=2; write commas as %2C and blanks as %20")
        })
    };
    (1..).zip(items(text)).map(pair).collect()
}

/// Names and values of HTTP headers.
pub(crate) fn headers(text: &str) -> Result<Vec<(String, SecretString)>, Invalid> {
    let header = |(number, (name, value)): (usize, (String, String))| {
        if name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok() {
            return Ok((name, SecretString::from(value)));
        }
        let what = format!("has something at place {number} that is no HTTP header");
        Err(Invalid::new(what, "use headers such as authorization=Bearer%20TOKEN, separated by commas"))
    };
    (1..).zip(pairs(text)?).map(header).collect()
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [(&str, u8); 2] = [("debug", 0), ("info", 1)];
    const SECONDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(9));

    #[test]
    fn each_type_accepts_what_it_says() {
        assert_eq!(choice("INFO", &LEVELS), Ok(1));
        assert_eq!(number::<u16>("65535", &(0, 65_535)), Ok(65_535));
        assert_eq!((switch("TRUE"), switch("off")), (Ok(true), Ok(false)));
        for text in ["::1", "[::1]", "localhost"] {
            assert!(address(text).is_ok_and(|address| address.is_loopback()), "{text}");
        }
        assert!(url("rediss://:pw@cache:6379/0", &["redis", "rediss"]).is_ok());
        assert_eq!(bare_urls("https://a.example/x, https://b.example").unwrap().len(), 2);
        assert!(tenant_hosts("login.acme.example=acme, *.example.com=*").is_ok());
        let nets: Vec<String> =
            networks("10.1.2.3/8, 192.0.2.1,2001:db8::/32").unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
        for text in ["Kayan <no-reply@example.com>", "no-reply@example.com"] {
            assert_eq!(mailbox(text), Ok(text.to_owned()));
        }
        for text in ["https://a.example/x/{flow}", "http://localhost:3000?next={flow}&a=1"] {
            assert_eq!(link_url(text), Ok(text.to_owned()));
        }
        assert!(page_url("https://a.example/login?x=1#/here").is_ok());
        assert_eq!(cookie_domain("Example.com"), Ok("example.com".to_owned()));
        assert!(forward_auth_rules("a.example role=ops; b.example").is_ok());
        assert!(json("[]").is_ok());
        assert_eq!([ratio("0"), ratio("0.25")], [Ok(0.0), Ok(0.25)]);
        let expected = [("a", "1"), ("b", "2,3"), ("c", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs("a=1, b=2%2C3,c=").unwrap(), expected);
        assert_eq!(headers("authorization=Bearer%20x,x-key=1").unwrap().len(), 2);
    }

    #[test]
    fn each_type_refuses_the_rest_and_says_why() {
        fails(choice("loud", &LEVELS), "not one of");
        fails(number::<u16>("65536", &(0, 65_535)), "out of range");
        fails(number::<u16>("6", &(1, 5)), "out of range");
        fails(number::<u16>("-1", &(1, 5)), "not a whole number");
        fails(number::<u16>("99999999999999999999999", &(1, 5)), "not a whole number");
        fails(span("10s", &SECONDS), "out of range");
        fails(span("5", &SECONDS), "no unit");
        fails(span("1w", &SECONDS), "unknown unit");
        fails(switch("maybe"), "neither true nor false");
        fails(address("example.com"), "not an IP address");
        fails(url("http://cache", &["redis"]), "begins with redis://");
        fails(url("cache:6379", &["redis"]), "begins with redis://");
        fails(url("https://", &["https"]), "not a URL");
        fails(bare_urls("https://a.example, b"), "not a URL");
        fails(tenant_hosts("login.acme.example"), "is not HOST=TENANT");
        fails(networks("10.0.0.0/33"), "neither a network");
        for text in ["Kayan", "a@b\r\nBcc: c@d", "Kayan\r\nBcc: x <a@b>"] {
            fails(mailbox(text), "not a mail address");
        }
        fails(link_url("https://a.example/flow"), "no {flow}");
        fails(link_url("/flow/{flow}"), "not a URL");
        fails(link_url("javascript:alert({flow})"), "begins with http://");
        for text in ["https://{flow}.example", "https://a.example/{flow}#x", "https://u:p@a.example/{flow}"] {
            fails(link_url(text), "in its host, a user, or a fragment");
        }
        fails(page_url("https://u@a.example/login"), "a user");
        fails(forward_auth_rules("a.example ops"), "none of role=NAME");
        let no_domains = [
            "com",
            "localhost",
            ".example.com",
            "example.com.",
            "https://example.com",
            "example.com:443",
            "example.com/x",
            "192.0.2.1",
            "[::1]",
            "1.2",
            "exa mple.com",
            "bücher.example",
            "*.example.com",
            "a..b",
            "example.com;",
            "",
        ];
        for text in no_domains {
            fails(cookie_domain(text), "not a domain of two labels");
        }
        fails(ratio("1.1"), "from 0 to 1");
        fails(ratio("NaN"), "from 0 to 1");
        fails(pairs("a=1,b"), "at place 2");
        fails(pairs("=1"), "at place 1");
        fails(headers("a=1,b c=2"), "at place 2");
        fails(headers("a=1%0A"), "at place 1");
        fails(json("{"), "not JSON");
        fails(json("1"), "neither");
    }

    fn fails<T: std::fmt::Debug>(parsed: Result<T, Invalid>, what: &str) {
        let invalid = parsed.unwrap_err();
        assert!(invalid.what.contains(what), "{what}: {}", invalid.what);
        assert!(!invalid.hint.is_empty());
    }

    #[test]
    fn a_bare_url_has_no_more_than_a_path() {
        assert!(bare_url("https://id.example.com/auth").is_ok());
        for text in ["https://u:p@id.example.com", "https://id.example.com/?a", "https://id.example.com/#a", "ftp://a"]
        {
            assert!(bare_url(text).is_err(), "{text}");
        }
        assert!(public_url("https://example.com/auth").is_ok() && public_url("https://example.com/a;b").is_err());
    }
}
