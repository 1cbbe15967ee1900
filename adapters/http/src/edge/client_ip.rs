//! The client's address: forwarded headers count only if a trusted proxy wrote them (I-37).

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The nearest address that is not a trusted proxy: the peer itself or, behind trusted proxies, the rightmost untrusted hop
/// of `X-Forwarded-For`. The lines are read from the right, as bytes: what is left of the client's hop was written by the
/// client and can be anything.
pub(crate) fn client_ip<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let hops = forwarded.flat_map(|line| line.split(|byte| *byte == b',')).rev().map(<[u8]>::trim_ascii);
    let mut nearest = peer.to_canonical();
    // Empty elements of a list are ignored (RFC 9110, section 5.6.1.2).
    for hop in hops.filter(|hop| !hop.is_empty()) {
        if !is_trusted(nearest) {
            break;
        }
        match parse(hop) {
            Some(ip) => nearest = ip.to_canonical(),
            // No trusted proxy wrote this.
            None => break,
        }
    }
    nearest
}

fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?;
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&[u8]]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        client_ip(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn i_37_forwarded_headers_count_only_from_trusted_proxies() {
        assert_eq!(seen("192.0.2.1", &[b"198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &[b"198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("::1", &[b"2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn i_37_the_rightmost_untrusted_hop_is_the_client() {
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9", b"198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9, garbage, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &[b"10.0.0.3"]), "10.0.0.3");
        assert_eq!(seen("::ffff:10.0.0.1", &[b"[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn i_37_bytes_that_are_no_text_hide_nothing_that_stands_on_their_right() {
        assert_eq!(seen("10.0.0.1", &[b"\xe9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[b"\xff\xfe", b"198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9, \xe9, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &[b"198.51.100.7\xe9"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[b"198.51.100.7, ,", b"\t"]), "198.51.100.7");
    }
}
