//! Biscuits for users, which other services verify.

use std::collections::HashMap;

use aws_lc_rs::{encoding::AsBigEndian as _, signature::Ed25519KeyPair};
use biscuit_auth::{
    BiscuitBuilder,
    builder::{Fact, Term},
};
use kayan_ports::{BiscuitFacts, Failure, UserBiscuits};
use zeroize::Zeroizing;

use super::{Biscuits, key_pair, symbols};

impl UserBiscuits for Biscuits {
    fn sign(&self, private: &[u8], root_key_id: u32, facts: &BiscuitFacts) -> Result<Zeroizing<String>, Failure> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map_err(failed)?;
        let seed = pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(failed)?;
        let root = key_pair(seed.as_ref().try_into().map_err(failed)?).map_err(failed)?;
        let (block, next) = (block(facts).map_err(failed)?, self.next_key().map_err(failed)?);
        let token = block.root_key_id(root_key_id).build_with_key_pair(&root, symbols(), &next).map_err(failed)?;
        Ok(Zeroizing::new(token.to_base64().map_err(failed)?))
    }
}

/// The texts are terms of facts, and never part of code: a quote in one is no end of a line.
fn block(facts: &BiscuitFacts) -> Result<BiscuitBuilder, biscuit_auth::error::Token> {
    let BiscuitFacts { user, tenant, session, aal, roles, permissions, expires_at } = facts;
    let once = [
        ("user", user.to_string()),
        ("tenant", tenant.to_string()),
        ("session", session.to_string()),
        ("aal", aal.as_str().to_owned()),
    ];
    let many = |name, texts: &[String]| texts.iter().map(move |text| (name, text.clone())).collect::<Vec<_>>();
    let stated = once.into_iter().chain(many("role", roles)).chain(many("permission", permissions));
    let mut block = BiscuitBuilder::new();
    for (name, text) in stated {
        block = block.fact(Fact::new(name.to_owned(), vec![Term::Str(text)]))?;
    }
    let end = Term::Date(u64::try_from(expires_at.unix_timestamp()).unwrap_or_default());
    let check = "check if time($time), $time < {end};";
    block.code_with_params(check, HashMap::from([("end".to_owned(), end)]), HashMap::new())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Fault(format!("a biscuit can't be signed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use biscuit_auth::{
        Algorithm, AuthorizerBuilder, Biscuit, BlockBuilder, PublicKey, UnverifiedBiscuit, error::Token,
    };
    use kayan_fakes::SeededEntropy;
    use kayan_ports::{Aal, IdentityId, JwsAlgorithm, JwsKeys as _, SessionId};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::SystemJwsKeys;

    const END: kayan_ports::Timestamp = datetime!(2026-03-01 13:00:00 UTC);
    const ROOT: u32 = 0xfedc_ba98;

    fn facts() -> BiscuitFacts {
        BiscuitFacts {
            user: IdentityId(Uuid::from_u128(1)),
            tenant: "acme".parse().unwrap(),
            session: SessionId(Uuid::from_u128(2)),
            aal: Aal::Aal2,
            roles: vec!["editor".to_owned(), "viewer".to_owned()],
            permissions: vec!["orders:read".to_owned(), "orders:write".to_owned()],
            expires_at: END,
        }
    }

    /// A biscuit with these facts, and the public key of Ed25519 that verifies it.
    async fn signed(facts: &BiscuitFacts) -> (String, PublicKey) {
        let private = SystemJwsKeys::default().generate(JwsAlgorithm::EdDsa).await.unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(&private).unwrap();
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
        let token = Biscuits::new(Arc::new(SeededEntropy::new(1))).sign(&private, ROOT, facts).unwrap();
        (token.to_string(), PublicKey::from_bytes(&public, Algorithm::Ed25519).unwrap())
    }

    /// What the first block states of this name, as a service reads it.
    fn stated(token: &Biscuit, name: &str) -> Vec<String> {
        let mut authorizer = AuthorizerBuilder::new().build(token).unwrap();
        let found: Vec<(String,)> = authorizer.query(format!("data($text) <- {name}($text)").as_str()).unwrap();
        let mut texts: Vec<_> = found.into_iter().map(|(text,)| text).collect();
        texts.sort();
        texts
    }

    fn authorize(token: &Biscuit, code: &str) -> Result<usize, Token> {
        AuthorizerBuilder::new().code(code).unwrap().build(token).unwrap().authorize()
    }

    #[tokio::test]
    async fn a_biscuit_states_its_facts_and_names_its_key() {
        let (token, public) = signed(&facts()).await;
        let named = |root: Option<u32>| {
            assert_eq!(root, Some(ROOT));
            Ok(public)
        };
        let token = Biscuit::from_base64(&token, named).unwrap();
        for (name, texts) in [
            ("user", vec![Uuid::from_u128(1).to_string()]),
            ("tenant", vec!["acme".to_owned()]),
            ("session", vec![Uuid::from_u128(2).to_string()]),
            ("aal", vec!["aal2".to_owned()]),
            ("role", facts().roles),
            ("permission", facts().permissions),
        ] {
            assert_eq!(stated(&token, name), texts, "{name}");
        }
        assert_eq!(token.block_count(), 1);
    }

    #[tokio::test]
    async fn a_biscuit_ends_at_its_end_and_not_before() {
        let (token, public) = signed(&facts()).await;
        let token = Biscuit::from_base64(&token, public).unwrap();
        for (time, holds) in [("2026-03-01T12:59:59Z", true), ("2026-03-01T13:00:00Z", false)] {
            assert_eq!(authorize(&token, &format!("time({time}); allow if true;")).is_ok(), holds, "{time}");
        }
        assert!(authorize(&token, "allow if true;").is_err(), "without a time it has no proof that it is valid");
    }

    #[tokio::test]
    async fn a_text_with_quotes_adds_no_fact_and_no_rule() {
        let hostile = [
            r#"x"); permission("**"#,
            "x\");\npermission(\"**\");\ncheck if role(\"x",
            r#"x\"); permission("**"); role("\"#,
            "{end}",
            "$text",
        ];
        let roles: Vec<_> = hostile.into_iter().map(str::to_owned).collect();
        let (token, public) = signed(&BiscuitFacts { roles: roles.clone(), ..facts() }).await;
        let token = Biscuit::from_base64(&token, public).unwrap();
        assert_eq!(stated(&token, "permission"), facts().permissions);
        let mut sorted = roles;
        sorted.sort();
        assert_eq!(stated(&token, "role"), sorted);
        authorize(&token, "time(2026-03-01T12:00:00Z); allow if true;").unwrap();
    }

    #[tokio::test]
    async fn an_appended_block_narrows_and_adds_no_right() {
        let (token, public) = signed(&facts()).await;
        let appended = |code: &str| {
            let block = BlockBuilder::new().code(code).unwrap();
            UnverifiedBiscuit::from_base64(&token).unwrap().append(block).unwrap().verify(public).unwrap()
        };
        let wider = appended("permission(\"orders:delete\"); role(\"admin\"); time(2026-01-01T00:00:00Z);");
        assert_eq!((stated(&wider, "permission"), stated(&wider, "role")), (facts().permissions, facts().roles));
        assert!(authorize(&wider, "allow if true;").is_err(), "a time of its own prolongs nothing");
        let narrower = appended("check if permission(\"orders:read\"); check if operation(\"read\");");
        let at = "time(2026-03-01T12:00:00Z); allow if permission(\"orders:write\");";
        authorize(&narrower, &format!("operation(\"read\"); {at}")).unwrap();
        assert!(authorize(&narrower, &format!("operation(\"write\"); {at}")).is_err());
    }
}
