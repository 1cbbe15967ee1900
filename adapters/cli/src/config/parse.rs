//! One parser for each kind of value.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use poem::http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::duration::{self, DurationError};
use super::mask;
use super::problem::Wrong;
use super::setting::Kind;
use kayan_http::{Origin, TenantHosts};

/// Checks a value against what its kind allows. Keys, connection strings and schemas are judged elsewhere, where more
/// is known.
pub(crate) fn check(kind: Kind, text: &str) -> Result<(), Wrong> {
    match kind {
        Kind::Choice(words) => choice(text, words),
        Kind::Number(from, to) => number(text, from, to),
        Kind::Span(from, to) => span(text, from, to),
        Kind::Switch => switch(text).map(drop),
        Kind::Address => address(text).map(drop),
        Kind::Url(schemes) => url(text, schemes).map(drop),
        Kind::Urls => items(text).try_for_each(|item| url(item, &["http", "https"]).map(drop)),
        Kind::Origins => origins(text).map(drop),
        Kind::Networks => networks(text).map(drop),
        Kind::Hosts => tenant_hosts(text).map(drop),
        Kind::Mailbox => mailbox(text),
        Kind::SecretJson => secret_json(text),
        Kind::Part => part(text).map(drop),
        Kind::Pairs => pairs(text).map(drop),
        Kind::SecretHeaders => headers(text).map(drop),
        Kind::Text | Kind::Password | Kind::Dsn | Kind::Schema | Kind::Key => Ok(()),
    }
}

fn choice(text: &str, words: &[&str]) -> Result<(), Wrong> {
    if words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    Err(Wrong::new("is not one of the allowed values", format!("use one of: {}", words.join(", "))))
}

fn number(text: &str, from: u64, to: u64) -> Result<(), Wrong> {
    match text.parse::<u64>() {
        Ok(number) if (from..=to).contains(&number) => Ok(()),
        Ok(_) => Err(Wrong::new("is out of range", format!("use a whole number from {from} to {to}"))),
        Err(_) => Err(Wrong::new("is not a whole number in range", format!("use one from {from} to {to}"))),
    }
}

fn span(text: &str, from: Duration, to: Duration) -> Result<(), Wrong> {
    let range = format!("from {} to {}", duration::format(from), duration::format(to));
    match duration::parse(text) {
        Ok(span) if (from..=to).contains(&span) => Ok(()),
        Ok(_) => Err(Wrong::new("is out of range", format!("use a duration {range}"))),
        Err(why @ DurationError::NoUnit) => Err(Wrong::new(
            why.to_string(),
            format!("add one of ms, s, m, h behind each number, as in 60s or 1h30m, {range}"),
        )),
        Err(why @ DurationError::UnknownUnit) => {
            Err(Wrong::new(why.to_string(), format!("use ms, s, m and h, as in 1h30m; a day is 24h, {range}")))
        }
        Err(why) => Err(Wrong::new(why.to_string(), format!("use a duration such as 60s, 5m or 1h30m, {range}"))),
    }
}

/// Yes or no, in the words that are usual in environments.
pub(crate) fn switch(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Wrong::new("is neither true nor false", "use true or false")),
    }
}

/// An IP address, or `localhost`.
pub(crate) fn address(text: &str) -> Result<IpAddr, Wrong> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| {
        Wrong::new(
            "is not an IP address",
            "use one of this machine's, 127.0.0.1 for this machine only, 0.0.0.0 for all",
        )
    })
}

/// A URL with a host and one of these schemes.
pub(crate) fn url(text: &str, schemes: &[&str]) -> Result<Url, Wrong> {
    let mend = || format!("use a URL such as {}://host", schemes.first().unwrap_or(&"https"));
    let url = Url::parse(text).map_err(|why| Wrong::new(format!("is not a URL ({why})"), mend()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(Wrong::new(format!("is not a URL that begins with {}://", schemes.join(":// or ")), mend()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(Wrong::new("is a URL without a host", mend()));
    }
    Ok(url)
}

/// A URL of nothing but `http` or `https`, a host, a port and a path.
pub(crate) fn bare_url(text: &str) -> Result<Url, Wrong> {
    let url = url(text, &["http", "https"])?;
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if bare { Ok(url) } else { Err(Wrong::new("has more than scheme, host, port and path", "take the rest off")) }
}

/// Where clients reach the service: a bare URL whose path can be a cookie's (RFC 6265, section 4.1.1).
pub(crate) fn public_url(text: &str) -> Result<Url, Wrong> {
    let url = bare_url(text)?;
    let is_good = !url.path().contains(';');
    if is_good { Ok(url) } else { Err(Wrong::new("has a `;` in its path", "use another path")) }
}

/// Origins, in the form in which browsers send them, each once.
pub(crate) fn origins(text: &str) -> Result<Vec<Origin>, Wrong> {
    let mut origins = Vec::new();
    for item in items(text) {
        let origin = item.parse::<Origin>().map_err(|why| {
            Wrong::new(
                format!("{:?} is {why}", mask::shown(Kind::Origins, item)),
                "use origins such as https://app.example.com, separated by commas",
            )
        })?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// Networks; a bare address is a network of one.
pub(crate) fn networks(text: &str) -> Result<Vec<IpNet>, Wrong> {
    let network = |item: &str| {
        let parsed = item.parse::<IpNet>().ok().or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from));
        parsed.map(|net| net.trunc()).ok_or_else(|| {
            Wrong::new(
                format!("{item:?} is neither a network nor an address"),
                "use networks such as 10.0.0.0/8 or addresses such as 192.0.2.1, separated by commas",
            )
        })
    };
    items(text).map(network).collect()
}

/// Hosts and their tenants.
pub(crate) fn tenant_hosts(text: &str) -> Result<TenantHosts, Wrong> {
    text.parse().map_err(|why| Wrong::new(format!("can't be read: {why}"), "separate them by commas"))
}

fn mailbox(text: &str) -> Result<(), Wrong> {
    let address = match text.strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => text,
    };
    let good = |(local, domain): (&str, &str)| {
        let part = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,;@".contains(c));
        part(local) && part(domain)
    };
    if address.rsplit_once('@').is_some_and(good) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(Wrong::new("is not a mail address", "use one such as no-reply@example.com or Kayan <no-reply@example.com>"))
}

fn secret_json(text: &str) -> Result<(), Wrong> {
    let mend = "use a JSON object or list";
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => Ok(()),
        Ok(_) => Err(Wrong::new("is neither a JSON object nor a list", mend)),
        // the library's message could quote a secret
        Err(why) => Err(Wrong::new(format!("is not JSON (line {}, column {})", why.line(), why.column()), mend)),
    }
}

/// A part of a whole.
pub(crate) fn part(text: &str) -> Result<f64, Wrong> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| Wrong::new("is not a number from 0 to 1", "use one such as 0.1, for a tenth"))
}

/// Names and their values, none of which may show in a message.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let pair = |(number, item): (usize, &str)| {
        let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().ok().map(Cow::into_owned);
        let pair = item.split_once('=').and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
        pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            let what = format!("has something at place {number} that is no NAME=VALUE");
            Wrong::new(what, "use pairs such as a=1,b=2; write commas as %2C and blanks as %20")
        })
    };
    (1..).zip(items(text)).map(pair).collect()
}

/// Names and values of HTTP headers.
pub(crate) fn headers(text: &str) -> Result<Vec<(String, SecretString)>, Wrong> {
    let header = |(number, (name, value)): (usize, (String, String))| {
        if name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok() {
            return Ok((name, SecretString::from(value)));
        }
        let what = format!("has something at place {number} that is no HTTP header");
        Err(Wrong::new(what, "use headers such as authorization=Bearer%20TOKEN, separated by commas"))
    };
    (1..).zip(pairs(text)?).map(header).collect()
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(kind: Kind, text: &str, what: &str) {
        let wrong = check(kind, text).unwrap_err();
        assert!(wrong.what.contains(what), "{text}: {}", wrong.what);
        assert!(!wrong.mend.is_empty());
    }

    #[test]
    fn each_kind_takes_what_it_says() {
        for (kind, text) in [
            (Kind::Choice(&["debug", "info"]), "INFO"),
            (Kind::Number(0, 65_535), "65535"),
            (Kind::Switch, "TRUE"),
            (Kind::Switch, "off"),
            (Kind::Address, "::1"),
            (Kind::Address, "[::1]"),
            (Kind::Address, "localhost"),
            (Kind::Url(&["redis", "rediss"]), "rediss://:pw@cache:6379/0"),
            (Kind::Urls, "https://a.example/x, https://b.example"),
            (Kind::Hosts, "login.acme.example=acme, *.example.com=*"),
            (Kind::Networks, "10.1.2.3/8, 192.0.2.1,2001:db8::/32"),
            (Kind::Mailbox, "Kayan <no-reply@example.com>"),
            (Kind::Mailbox, "no-reply@example.com"),
            (Kind::SecretJson, "[]"),
            (Kind::Part, "0"),
            (Kind::Part, "0.25"),
            (Kind::Pairs, "a=1, b=2%2C3,c="),
            (Kind::SecretHeaders, "authorization=Bearer%20x,x-key=1"),
        ] {
            assert_eq!(check(kind, text), Ok(()), "{text}");
        }
        assert_eq!(networks("10.1.2.3/8").unwrap()[0].to_string(), "10.0.0.0/8");
    }

    #[test]
    fn each_kind_refuses_the_rest_and_says_why() {
        fails(Kind::Choice(&["debug", "info"]), "loud", "not one of");
        fails(Kind::Number(0, 65_535), "65536", "out of range");
        fails(Kind::Number(1, 5), "-1", "not a whole number");
        fails(Kind::Number(1, 5), "99999999999999999999999", "not a whole number");
        fails(Kind::Span(Duration::from_secs(1), Duration::from_secs(9)), "10s", "out of range");
        fails(Kind::Span(Duration::from_secs(1), Duration::from_secs(9)), "5", "no unit");
        fails(Kind::Span(Duration::from_secs(1), Duration::from_secs(9)), "1w", "unknown unit");
        fails(Kind::Switch, "maybe", "neither true nor false");
        fails(Kind::Address, "example.com", "not an IP address");
        fails(Kind::Url(&["redis"]), "http://cache", "begins with redis://");
        fails(Kind::Url(&["redis"]), "cache:6379", "begins with redis://");
        fails(Kind::Url(&["https"]), "https://", "not a URL");
        fails(Kind::Hosts, "login.acme.example", "is no HOST=TENANT");
        fails(Kind::Networks, "10.0.0.0/33", "neither a network");
        fails(Kind::Mailbox, "Kayan", "not a mail address");
        fails(Kind::Mailbox, "a@b\r\nBcc: c@d", "not a mail address");
        fails(Kind::Mailbox, "Kayan\r\nBcc: x <a@b>", "not a mail address");
        fails(Kind::Part, "1.1", "from 0 to 1");
        fails(Kind::Part, "NaN", "from 0 to 1");
        fails(Kind::Pairs, "a=1,b", "at place 2");
        fails(Kind::Pairs, "=1", "at place 1");
        fails(Kind::SecretHeaders, "a=1,b c=2", "at place 2");
        fails(Kind::SecretHeaders, "a=1%0A", "at place 1");
        fails(Kind::SecretJson, "{", "not JSON");
        fails(Kind::SecretJson, "1", "neither");
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
