//! Where a request came from.

use super::*;

#[test]
fn i_37_ipv6_is_counted_by_its_64() {
    let network = |ip: &str| Client { ip: Some(ip.to_owned()), user_agent: None }.network();
    assert_eq!(network("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
    assert_eq!(network("2001:db8:1:2::").as_deref(), Some("2001:db8:1:2::/64"));
    assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
    assert_eq!(network("192.0.2.7").as_deref(), Some("192.0.2.7"));
    assert_eq!(Client::default().network(), None);
}
