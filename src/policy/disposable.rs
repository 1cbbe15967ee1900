//! The domains of addresses that are made to be thrown away, as the first bytes of their SHA-256.

use kayan_ports::{NamedIdentifier, TenantSettings};
use sha2::{Digest, Sha256};

use crate::FieldError;

/// The first bytes of each hash, sorted. `cargo xtask disposable-domains` makes it; `domains.md` says from what.
static DOMAINS: &[u8] = include_bytes!("disposable/domains.bin");

/// How many bytes of a hash are kept. Of a hundred million other domains, one is taken for one of these 10,000.
const KEPT: usize = 5;

/// The new addresses that the tenant does not take.
pub(crate) fn judge<'a>(
    settings: &TenantSettings,
    new: impl IntoIterator<Item = &'a NamedIdentifier>,
) -> Vec<FieldError> {
    if !settings.refuse_disposable_addresses {
        return Vec::new();
    }
    let refused = new.into_iter().filter(|named| is_disposable(named.value.as_str()));
    let error = |named: &NamedIdentifier| {
        let message = "must be a lasting address: mail to this domain is thrown away after a while";
        FieldError::new(format!("/traits/{}", named.field), "disposable_address", message)
    };
    refused.map(error).collect()
}

/// Whether the domain of an address in canonical form, or one that it belongs to, is in the list.
fn is_disposable(address: &str) -> bool {
    let Some((_, domain)) = address.rsplit_once('@') else { return false };
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, above)| above)).any(is_listed)
}

fn is_listed(domain: &str) -> bool {
    let hash = Sha256::digest(domain.as_bytes());
    let Some(wanted) = hash.first_chunk::<KEPT>() else { return false };
    let (entries, _) = DOMAINS.as_chunks::<KEPT>();
    entries.binary_search(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_sorted() {
        let (entries, rest) = DOMAINS.as_chunks::<KEPT>();
        assert_eq!((entries.len(), rest.len()), (10_181, 0));
        assert!(entries.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_listed_domain_and_all_below_it_are_disposable_and_others_are_not() {
        for address in ["a@mailinator.com", "a@mail.mailinator.com", "a@a.b.yopmail.com", "a@xn--yaho-sqa.com"] {
            assert!(is_disposable(address), "{address}");
        }
        for address in
            ["a@example.com", "a@gmail.com", "a@examplemailinator.com", "a@mailinator.com.example", "a@com", "a"]
        {
            assert!(!is_disposable(address), "{address}");
        }
        let others = (0..20_000).filter(|number| is_disposable(&format!("a@company{number}.example"))).count();
        assert_eq!(others, 0);
    }
}
