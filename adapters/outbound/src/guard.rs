//! Keeps connections to public addresses, and to networks that are allowed besides (SSRF).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// An address that the service does not connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} has the address {address}, which is not a public one; allow its network in KAYAN_OUTBOUND_ALLOW")]
pub struct RefusedAddress {
    host: String,
    address: IpAddr,
}

/// Why a host can't be connected to.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    #[error("{host} has no address: {why}")]
    Unknown { host: String, why: std::io::Error },
    #[error("{0} has no address")]
    None(String),
}

/// Refuses addresses that are not public: private, loopback, link-local, multicast and other special ones (RFC 6890), but for
/// some networks.
#[derive(Debug, Clone)]
pub struct Guard(Arc<[IpNet]>);

impl Guard {
    /// A guard that also admits these networks.
    pub fn new(allowed: &[IpNet]) -> Self {
        Self(allowed.into())
    }

    /// Whether the service may connect to this address.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }

    /// Refuses a URL whose host is an address that is not admitted. A name is resolved with each connection.
    pub fn check_literal(&self, url: &Url) -> Result<(), RefusedAddress> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.admits(address) {
            return Ok(());
        }
        Err(RefusedAddress { host: url.host_str().unwrap_or_default().to_owned(), address })
    }

    /// Resolves the host of a URL, and refuses it if none of its addresses is admitted.
    ///
    /// # Errors
    /// That the name is unknown, or a [`RefusedAddress`].
    pub async fn check(&self, url: &Url) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.check_literal(url)?;
        if let Some(Host::Domain(host)) = url.host() {
            self.addresses(host).await?;
        }
        Ok(())
    }

    /// The admitted addresses of a name.
    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let found = tokio::net::lookup_host((host, 0)).await;
        let found = found.map_err(|why| ResolveError::Unknown { host: host.to_owned(), why })?;
        let (admitted, refused): (Vec<_>, Vec<_>) = found.partition(|it| self.admits(it.ip()));
        match refused.first() {
            _ if !admitted.is_empty() => Ok(admitted),
            Some(refused) => Err(RefusedAddress { host: host.to_owned(), address: refused.ip() }.into()),
            None => Err(ResolveError::None(host.to_owned())),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but the special networks of the IANA's registry (RFC 6890), and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224.., ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// Global unicast, without what is for documentation, and without what stands for another address: 6to4 and Teredo. Behind
/// NAT64 (RFC 6052), the address that is translated counts.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x2002, ..] => false,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        Guard::new(&allowed.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn only_public_addresses_are_admitted_and_networks_that_are_allowed() {
        let none = guard(&[]);
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
        {
            assert!(none.admits(public.parse().unwrap()), "{public}");
        }
        for special in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(!none.admits(special.parse().unwrap()), "{special}");
        }
        let some = guard(&["10.1.0.0/16", "::1/128"]);
        assert!(some.admits("10.1.2.3".parse().unwrap()) && some.admits("::ffff:10.1.2.3".parse().unwrap()));
        assert!(some.admits("::1".parse().unwrap()) && !some.admits("10.2.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn names_and_addresses_in_urls_are_looked_at_alike() {
        for url in
            ["http://localhost:1/x", "http://127.0.0.1:1", "http://2130706433/", "http://[::1]/", "http://0x7f.1/"]
        {
            let url: Url = url.parse().unwrap();
            let why = guard(&[]).check(&url).await.unwrap_err().to_string();
            assert!(why.contains("is not a public one") && why.contains("KAYAN_OUTBOUND_ALLOW"), "{url}: {why}");
            guard(&["127.0.0.0/8", "::1/128"]).check(&url).await.unwrap();
        }
        let unknown = guard(&[]).check(&"https://nowhere.invalid".parse().unwrap()).await.unwrap_err();
        assert!(unknown.to_string().starts_with("nowhere.invalid has no address"), "{unknown}");
    }
}
