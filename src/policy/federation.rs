//! How what an identity provider asserts is read.

use kayan_ports::{Identifier, Method, MethodUse, ProviderAssertion, ProviderProof, ProviderRules, Timestamp, Traits};
use serde_json::Map;

use crate::policy::identifier;

/// The address that a provider asserts, in canonical form; `None` if there is none, or one that is not taken here.
pub fn address(assertion: &ProviderAssertion) -> Option<Identifier> {
    identifier::address(assertion.email.as_deref()?).ok()
}

/// Whether the rules let an account with the asserted address in: its domain is listed and the address is verified, or no domain
/// is listed.
pub fn is_of_domain(rules: &ProviderRules, assertion: &ProviderAssertion) -> bool {
    let is_listed = |address: Identifier| {
        let domain = address.as_str().rsplit_once('@').map(|(_, domain)| domain);
        rules.email_domains.iter().any(|listed| Some(listed.as_str()) == domain)
    };
    rules.email_domains.is_empty() || assertion.email_verified && address(assertion).is_some_and(is_listed)
}

/// The traits of a new identity.
pub fn traits(rules: &ProviderRules, assertion: &ProviderAssertion) -> Traits {
    let claimed = |claim: &String| assertion.claims.get(claim).filter(|value| !value.is_null()).cloned();
    let named = rules.traits.iter().filter_map(|(claim, name)| Some((name.clone(), claimed(claim)?)));
    Traits(named.collect::<Map<_, _>>())
}

/// What a login there proves: two factors only where the configuration says which values of `amr` or `acr` stand for them.
///
/// **Invariant**: nothing that a provider asserts raises the level by itself (I-19).
pub fn proof(rules: &ProviderRules, assertion: &ProviderAssertion, now: Timestamp) -> MethodUse {
    let by_amr = assertion.amr.iter().any(|value| rules.mfa_amr.contains(value));
    let by_acr = assertion.acr.as_ref().is_some_and(|value| rules.mfa_acr.contains(value));
    let proof = ProviderProof { name: rules.name.clone(), two_factors: by_amr || by_acr };
    MethodUse { provider: Some(proof), ..MethodUse::new(Method::Oidc, now) }
}

#[cfg(test)]
mod tests {
    use kayan_ports::Aal;
    use serde_json::json;

    use super::*;
    use crate::policy::assurance::level_of;

    fn rules() -> ProviderRules {
        ProviderRules {
            name: "idp".parse().unwrap(),
            title: String::new(),
            sign_up: true,
            email_domains: Vec::new(),
            traits: vec![
                ("email".to_owned(), "email".to_owned()),
                ("given_name".to_owned(), "name".to_owned()),
                ("phone".to_owned(), "phone".to_owned()),
            ],
            mfa_amr: Vec::new(),
            mfa_acr: Vec::new(),
            native_redirect_uris: Vec::new(),
        }
    }

    fn assertion(email: Option<&str>, email_verified: bool) -> ProviderAssertion {
        let claims = json!({ "email": email, "given_name": "Ada", "roles": ["admin"], "phone": null });
        ProviderAssertion {
            issuer: "https://idp.example".to_owned(),
            subject: "1".to_owned(),
            email: email.map(str::to_owned),
            email_verified,
            amr: vec!["pwd".to_owned(), "mfa".to_owned()],
            acr: Some("gold".to_owned()),
            claims: claims.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn i_12_only_the_claims_that_are_mapped_become_traits() {
        let traits = traits(&rules(), &assertion(Some("ada@example.com"), true));
        assert_eq!(serde_json::to_value(traits).unwrap(), json!({ "email": "ada@example.com", "name": "Ada" }));
    }

    #[test]
    fn i_19_what_a_provider_says_of_factors_counts_only_where_the_configuration_says_so() {
        let level = |rules: &ProviderRules| level_of(&[proof(rules, &assertion(None, false), Timestamp::UNIX_EPOCH)]);
        assert_eq!(level(&rules()), Some(Aal::Aal1));
        assert_eq!(level(&ProviderRules { mfa_amr: vec!["otp".to_owned()], ..rules() }), Some(Aal::Aal1));
        assert_eq!(level(&ProviderRules { mfa_acr: vec!["silver".to_owned()], ..rules() }), Some(Aal::Aal1));
        assert_eq!(level(&ProviderRules { mfa_amr: vec!["mfa".to_owned()], ..rules() }), Some(Aal::Aal2));
        assert_eq!(level(&ProviderRules { mfa_acr: vec!["gold".to_owned()], ..rules() }), Some(Aal::Aal2));
    }

    #[test]
    fn a_list_of_domains_takes_only_verified_addresses_there() {
        let listed = ProviderRules { email_domains: vec!["example.com".to_owned()], ..rules() };
        for (rules, email, verified, taken) in [
            (&rules(), None, false, true),
            (&rules(), Some("ada@example.org"), false, true),
            (&listed, Some("Ada@EXAMPLE.com"), true, true),
            (&listed, Some("ada@example.com"), false, false),
            (&listed, Some("ada@example.org"), true, false),
            (&listed, Some("ada@sub.example.com"), true, false),
            (&listed, Some("ada@example.com.evil.example"), true, false),
            (&listed, None, true, false),
        ] {
            let assertion = assertion(email, verified);
            assert_eq!(is_of_domain(rules, &assertion), taken, "{email:?} {verified}");
        }
    }
}
