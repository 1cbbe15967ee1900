//! Tests of logins by identity providers, and of the links to accounts there.

use kayan_ports::{
    Aal, Clock as _, EventType, Method, Outcome, ProviderAssertion, ProviderError, State, TenantId, TenantSettings,
    TokenHash,
};
use serde_json::json;

use crate::{
    BeginProviderLogin, BeginProviderLoginError, Caller, EnrollTotp, FinishProviderLogin, FinishProviderLoginError,
    Flow, Opened, ProviderLoginError, ProviderReturn, Purpose, SetUserState, Token, UnlinkProviderError, UserRef,
    VerifyTotp,
    flow::tests::{deliver, recover, request, token},
    stage::{PASSWORD, RETURN_TO, Stage},
};

const BROWSER: TokenHash = TokenHash([3; 32]);

pub(crate) fn assertion(subject: &str, email: Option<&str>, email_verified: bool) -> ProviderAssertion {
    let claims = json!({ "sub": subject, "email": email, "name": "Ada" });
    ProviderAssertion {
        issuer: "https://idp.example".to_owned(),
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        email_verified,
        amr: vec!["pwd".to_owned()],
        acr: None,
        claims: claims.as_object().unwrap().clone(),
    }
}

fn begin(provider: &str, link: bool) -> BeginProviderLogin {
    BeginProviderLogin { provider: provider.to_owned(), return_to: None, browser: BROWSER, link }
}

impl Stage {
    /// The state of a login that was begun.
    async fn begun(&self, caller: &Caller, provider: &str, link: bool) -> Token {
        let url = self.kayan.begin_provider_login(caller, begin(provider, link)).await.unwrap();
        Token::read(Purpose::State, url.split_once("state=").unwrap().1).unwrap()
    }

    async fn finish(
        &self,
        caller: &Caller,
        (provider, state): (&str, Token),
        answer: Result<ProviderAssertion, ProviderError>,
    ) -> Result<ProviderReturn, FinishProviderLoginError> {
        let fake = match provider {
            "closed" => &self.closed,
            "staff" => &self.staff,
            _ => &self.provider,
        };
        fake.promise("code", answer);
        let cmd = FinishProviderLogin {
            provider: provider.to_owned(),
            state: Some(state),
            code: Some("code".to_owned()),
            issuer: None,
            browser: Some(BROWSER),
        };
        self.kayan.finish_provider_login(caller, cmd).await
    }

    /// A whole login by a provider, in a new browser.
    pub(crate) async fn login_by(
        &self,
        provider: &str,
        answer: ProviderAssertion,
    ) -> Result<Opened, ProviderLoginError> {
        let state = self.begun(&Self::stranger(), provider, false).await;
        let done = self.finish(&Self::stranger(), (provider, state), Ok(answer)).await.unwrap();
        assert_eq!(done.return_to, RETURN_TO);
        done.outcome.map(|opened| opened.expect("a session"))
    }

    /// Links an account to the user of this session.
    pub(crate) async fn link(&self, user: &Opened, answer: ProviderAssertion) -> Result<(), ProviderLoginError> {
        let caller = Self::bearer(user.session.token);
        let state = self.begun(&caller, "idp", true).await;
        self.finish(&caller, ("idp", state), Ok(answer)).await.unwrap().outcome.map(|none| assert!(none.is_none()))
    }

    /// The token of the link that was mailed last.
    async fn mailed_token(&self) -> Token {
        deliver(self).await;
        token(self).unwrap()
    }

    /// A user whose address is verified.
    async fn verified(&self, email: &str) -> Opened {
        let user = self.person(email).await;
        let token = self.mailed_token().await;
        self.kayan.verify_address(&Self::stranger(), Some(&token)).await.unwrap();
        user
    }
}

#[tokio::test]
async fn an_unknown_account_signs_up_and_logs_in_as_the_same_user_ever_after() {
    let stage = Stage::new();
    let first = stage.login_by("idp", assertion("1", Some("Ada@Example.com"), true)).await.unwrap();
    assert_eq!(first.identity.verified, ["ada@example.com"]);
    assert_eq!(first.identity.traits.0["name"], "Ada");
    assert_eq!((first.session.aal, first.amr()), (Aal::Aal1, vec!["fed"]));
    let again = stage.login_by("idp", assertion("1", Some("other@example.org"), false)).await.unwrap();
    assert_eq!(again.identity.id, first.identity.id, "the subject counts, not the address");
    let other = stage.login_by("idp", assertion("2", Some("bert@example.com"), true)).await.unwrap();
    assert_ne!(other.identity.id, first.identity.id);
    assert_eq!(stage.count(EventType::IdentityCreated, Outcome::Success), 2);
    assert_eq!(stage.count(EventType::LoginSuccess, Outcome::Success), 1);
}

#[tokio::test]
async fn an_address_that_the_provider_has_not_verified_is_mailed_a_link() {
    let stage = Stage::new();
    let ada = stage.login_by("idp", assertion("1", Some("ada@example.com"), false)).await.unwrap();
    assert!(ada.identity.verified.is_empty());
    let token = stage.mailed_token().await;
    stage.kayan.verify_address(&Stage::stranger(), Some(&token)).await.unwrap();
    stage.set_tenant(TenantSettings { verification_required: true, ..TenantSettings::default() }).await;
    let refused = stage.login_by("idp", assertion("2", Some("bert@example.com"), false)).await.unwrap_err();
    assert_eq!(refused, ProviderLoginError::Unverified);
    stage.login_by("idp", assertion("1", Some("ada@example.com"), false)).await.unwrap();
}

#[tokio::test]
async fn i_27_an_account_is_linked_by_its_address_only_if_both_sides_have_verified_it() {
    let stage = Stage::new();
    let (known, claimed) = (stage.verified("ada@example.com").await, stage.person("bert@example.com").await);
    for (address, verified) in [("ada@example.com", false), ("bert@example.com", true), ("bert@example.com", false)] {
        let refused = stage.login_by("idp", assertion("1", Some(address), verified)).await.unwrap_err();
        assert_eq!(refused, ProviderLoginError::LinkRequired, "{address}, verified: {verified}");
    }
    assert_eq!(stage.count(EventType::ProviderLinked, Outcome::Success), 0);
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 3);
    let linked = stage.login_by("idp", assertion("1", Some("ADA@example.com"), true)).await.unwrap();
    assert_eq!(linked.identity.id, known.identity.id);
    assert_eq!(stage.count(EventType::ProviderLinked, Outcome::Success), 1);
    let links = stage.kayan.list_my_links(&Stage::bearer(known.session.token)).await.unwrap();
    assert_eq!((links.len(), links[0].email.as_str()), (1, "ada@example.com"));
    assert!(stage.kayan.list_my_links(&Stage::bearer(claimed.session.token)).await.unwrap().is_empty());
    // Another account with the same address, as after it was given to somebody else there.
    let second = stage.login_by("idp", assertion("2", Some("ada@example.com"), true)).await.unwrap_err();
    assert_eq!(second, ProviderLoginError::LinkRequired);
}

#[tokio::test]
async fn where_nobody_may_sign_up_an_unknown_address_can_not_be_told_from_one_that_is_not_linked() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    for address in [Some("ada@example.com"), Some("nobody@example.com"), None] {
        let refused = stage.login_by("closed", assertion("1", address, true)).await.unwrap_err();
        assert_eq!(refused, ProviderLoginError::LinkRequired, "{address:?}");
    }
}

#[tokio::test]
async fn an_account_without_an_address_needs_one_and_another_domain_is_refused() {
    let stage = Stage::new();
    let refused = stage.login_by("idp", assertion("1", None, false)).await.unwrap_err();
    assert_eq!(refused, ProviderLoginError::EmailRequired);
    let refused = stage.login_by("staff", assertion("1", Some("ada@example.org"), true)).await.unwrap_err();
    assert!(matches!(refused, ProviderLoginError::Refused(_)), "{refused:?}");
    let staff = stage.login_by("staff", assertion("1", Some("ada@example.com"), true)).await.unwrap();
    let left = stage.login_by("staff", assertion("1", Some("ada@example.org"), true)).await.unwrap_err();
    assert!(matches!(left, ProviderLoginError::Refused(_)), "no longer of the domain: {left:?}");
    assert_eq!(staff.identity.verified, ["ada@example.com"]);
}

#[tokio::test]
async fn i_26_a_state_is_good_once_for_its_browser_its_tenant_and_its_provider() {
    let stage = Stage::new();
    let elsewhere: TenantId = "acme".parse().unwrap();
    stage.store.add_tenant(elsewhere.clone(), true);
    let state = stage.begun(&Stage::stranger(), "idp", false).await;
    stage.provider.promise("code", Ok(assertion("1", Some("ada@example.com"), true)));
    let cmd = |provider: &str, state: Option<&Token>, browser: Option<TokenHash>| FinishProviderLogin {
        provider: provider.to_owned(),
        state: state.cloned(),
        code: Some("code".to_owned()),
        issuer: None,
        browser,
    };
    let stranger = Stage::stranger();
    let other_tenant = Caller { tenant: elsewhere, ..Stage::stranger() };
    let other_state = Token::random(Purpose::State, &kayan_fakes::SeededEntropy::new(99));
    for (caller, cmd) in [
        (&stranger, cmd("idp", Some(&state), None)),
        (&stranger, cmd("idp", Some(&state), Some(TokenHash([4; 32])))),
        (&stranger, cmd("staff", Some(&state), Some(BROWSER))),
        (&stranger, cmd("nobody", Some(&state), Some(BROWSER))),
        (&stranger, cmd("idp", None, Some(BROWSER))),
        (&stranger, cmd("idp", Some(&other_state), Some(BROWSER))),
        (&other_tenant, cmd("idp", Some(&state), Some(BROWSER))),
    ] {
        let why = format!("{cmd:?}");
        let refused = stage.kayan.finish_provider_login(caller, cmd).await.unwrap_err();
        assert_eq!(refused, FinishProviderLoginError::UnknownState, "{why}");
    }
    let mix_up = FinishProviderLogin {
        issuer: Some("https://evil.example".to_owned()),
        ..cmd("idp", Some(&state), Some(BROWSER))
    };
    let refused = stage.kayan.finish_provider_login(&stranger, mix_up).await.unwrap();
    assert!(matches!(refused.outcome, Err(ProviderLoginError::Refused(_))), "{refused:?}");
    let replayed = stage.kayan.finish_provider_login(&stranger, cmd("idp", Some(&state), Some(BROWSER))).await;
    assert_eq!(replayed.unwrap_err(), FinishProviderLoginError::UnknownState, "it is used up");
}

#[tokio::test]
async fn i_02_a_state_ends_after_fifteen_minutes_to_the_microsecond() {
    let stage = Stage::new();
    let (early, late) =
        (stage.begun(&Stage::stranger(), "idp", false).await, stage.begun(&Stage::stranger(), "idp", false).await);
    let answer = || Ok(assertion("1", Some("ada@example.com"), true));
    stage.clock.advance(time::Duration::minutes(15) - time::Duration::MICROSECOND);
    assert!(stage.finish(&Stage::stranger(), ("idp", early), answer()).await.unwrap().outcome.is_ok());
    stage.clock.advance(time::Duration::MICROSECOND);
    let refused = stage.finish(&Stage::stranger(), ("idp", late), answer()).await.unwrap_err();
    assert_eq!(refused, FinishProviderLoginError::UnknownState);
}

#[tokio::test]
async fn i_28_a_browser_is_sent_back_only_to_where_the_configuration_allows() {
    let stage = Stage::new();
    let to = |url: &str| BeginProviderLogin { return_to: Some(url.to_owned()), ..begin("idp", false) };
    let refused = stage.kayan.begin_provider_login(&Stage::stranger(), to("https://evil.example/")).await;
    assert_eq!(refused, Err(BeginProviderLoginError::InvalidReturnTo));
    stage.kayan.begin_provider_login(&Stage::stranger(), to("https://app.example/welcome")).await.unwrap();
}

#[tokio::test]
async fn a_user_with_a_second_factor_is_asked_for_it_unless_the_provider_has_verified_two() {
    let stage = Stage::new();
    stage.require_mfa().await;
    let refused = stage.login_by("idp", assertion("1", Some("ada@example.com"), true)).await.unwrap_err();
    assert!(matches!(refused, ProviderLoginError::MfaRequired(_)), "{refused:?}");
    let two = ProviderAssertion { amr: vec!["mfa".to_owned()], ..assertion("1", None, false) };
    let opened = stage.login_by("idp", two.clone()).await.unwrap();
    assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["fed", "mfa"]));
    let staff = ProviderAssertion { subject: "2".to_owned(), email: Some("bert@example.com".to_owned()), ..two };
    let staff = ProviderAssertion {
        email_verified: true,
        claims: assertion("2", Some("bert@example.com"), true).claims,
        ..staff
    };
    let refused = stage.login_by("staff", staff).await.unwrap_err();
    assert!(matches!(refused, ProviderLoginError::MfaRequired(_)), "not configured there: {refused:?}");
}

#[tokio::test]
async fn i_11_a_locked_user_is_refused_and_so_is_a_tenant_that_allows_no_providers() {
    let stage = Stage::new();
    let ada = stage.login_by("idp", assertion("1", Some("ada@example.com"), true)).await.unwrap();
    let user = UserRef(ada.identity.id.to_string());
    let lock = SetUserState { user, state: State::Locked, reason: None, until: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    let refused = stage.login_by("idp", assertion("1", Some("ada@example.com"), true)).await.unwrap_err();
    assert_eq!(refused, ProviderLoginError::NotActive);
    let state = stage.begun(&Stage::stranger(), "idp", false).await;
    stage.set_tenant(TenantSettings { methods: Some(vec![Method::Password]), ..TenantSettings::default() }).await;
    let refused = stage.kayan.begin_provider_login(&Stage::stranger(), begin("idp", false)).await;
    assert_eq!(refused, Err(BeginProviderLoginError::MethodDisabled));
    let answer = Ok(assertion("2", Some("bert@example.com"), true));
    let refused = stage.finish(&Stage::stranger(), ("idp", state), answer).await.unwrap();
    assert!(matches!(refused.outcome, Err(ProviderLoginError::MethodDisabled)), "{refused:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_verify_is_audited_with_its_reason_and_told_without() {
    let stage = Stage::new();
    for (error, risk) in [
        (ProviderError::Refused("the audience is another".to_owned()), 40),
        (ProviderError::Unavailable("connection refused".to_owned()), 10),
    ] {
        let state = stage.begun(&Stage::stranger(), "idp", false).await;
        let done = stage.finish(&Stage::stranger(), ("idp", state), Err(error.clone())).await.unwrap();
        let told = done.outcome.unwrap_err().to_string();
        assert!(!told.contains(&error.to_string()), "{told}");
        let event = stage.store.events().pop().unwrap();
        assert_eq!((event.kind, event.risk), (EventType::LoginFailure, risk));
        assert_eq!(event.metadata["reason"], error.to_string());
    }
}

#[tokio::test]
async fn an_account_is_linked_by_a_user_with_a_recent_proof_and_to_nobody_else() {
    let stage = Stage::new();
    let (ada, bert) = (stage.person("ada@example.com").await, stage.person("bert@example.com").await);
    stage.link(&ada, assertion("1", Some("ada@elsewhere.example"), false)).await.unwrap();
    stage.link(&ada, assertion("1", None, false)).await.expect("it is hers already");
    let taken = stage.link(&bert, assertion("1", None, false)).await.unwrap_err();
    let second = stage.link(&ada, assertion("2", None, false)).await.unwrap_err();
    assert_eq!(taken, second, "the answer does not tell whose the account is");
    let opened = stage.login_by("idp", assertion("1", None, false)).await.unwrap();
    assert_eq!(opened.identity.id, ada.identity.id);
    stage.clock.advance(time::Duration::minutes(6));
    let caller = Stage::bearer(bert.session.token);
    let refused = stage.kayan.begin_provider_login(&caller, begin("idp", true)).await;
    assert!(matches!(refused, Err(BeginProviderLoginError::StepUp(_))), "{refused:?}");
    let refused = stage.kayan.begin_provider_login(&Stage::stranger(), begin("idp", true)).await;
    assert!(matches!(refused, Err(BeginProviderLoginError::Authenticate(_))), "{refused:?}");
}

#[tokio::test]
async fn a_link_goes_to_the_session_that_asked_for_it_and_to_no_other() {
    let stage = Stage::new();
    let (ada, bert) = (stage.person("ada@example.com").await, stage.person("bert@example.com").await);
    for caller in [Stage::bearer(bert.session.token), Stage::stranger()] {
        let state = stage.begun(&Stage::bearer(ada.session.token), "idp", true).await;
        let done = stage.finish(&caller, ("idp", state), Ok(assertion("1", None, false))).await.unwrap();
        assert!(matches!(done.outcome, Err(ProviderLoginError::Refused(_))), "{done:?}");
    }
    assert_eq!(stage.count(EventType::ProviderLinked, Outcome::Success), 0);
}

#[tokio::test]
async fn i_21_the_last_way_in_is_never_unlinked() {
    let stage = Stage::new();
    let ada = stage.login_by("idp", assertion("1", Some("ada@example.com"), true)).await.unwrap();
    let caller = Stage::bearer(ada.session.token);
    assert_eq!(stage.kayan.unlink_provider(&caller, "staff").await, Err(UnlinkProviderError::NotFound));
    assert_eq!(stage.kayan.unlink_provider(&caller, "idp").await, Err(UnlinkProviderError::LastCredential));
    let state = stage.begun(&caller, "staff", true).await;
    let answer = Ok(assertion("1", Some("ada@example.com"), true));
    stage.finish(&caller, ("staff", state), answer).await.unwrap().outcome.unwrap();
    stage.kayan.unlink_provider(&caller, "idp").await.unwrap();
    assert_eq!(stage.kayan.unlink_provider(&caller, "staff").await, Err(UnlinkProviderError::LastCredential));
    assert_eq!(stage.count(EventType::ProviderUnlinked, Outcome::Success), 1);
    let bert = stage.person("bert@example.com").await;
    stage.link(&bert, assertion("9", None, false)).await.unwrap();
    stage.kayan.unlink_provider(&Stage::bearer(bert.session.token), "idp").await.expect("bert has a password");
}

#[tokio::test]
async fn i_27_an_account_is_not_linked_by_its_address_to_a_user_with_a_second_factor() {
    let stage = Stage::new();
    stage.verified("ada@example.com").await;
    let ada = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let caller = Stage::bearer(ada.session.token);
    let setup = stage.kayan.enroll_totp(&caller, EnrollTotp { name: String::new(), mfa_token: None }).await.unwrap();
    let code = kayan_fakes::PlainCodes::code(&setup, stage.clock.now());
    stage.kayan.verify_totp(&caller, VerifyTotp { code, mfa_token: None, trust_device: false }).await.unwrap();
    let asserted = assertion("1", Some("ada@example.com"), true);
    assert_eq!(stage.login_by("idp", asserted.clone()).await.unwrap_err(), ProviderLoginError::LinkRequired);
    let two = ProviderAssertion { amr: vec!["mfa".to_owned()], ..asserted };
    assert_eq!(stage.login_by("idp", two).await.unwrap().session.aal, Aal::Aal2);
}

#[tokio::test]
async fn i_21_an_account_of_another_domain_is_not_linked() {
    let stage = Stage::new();
    let ada = stage.person("ada@elsewhere.example").await;
    let caller = Stage::bearer(ada.session.token);
    let state = stage.begun(&caller, "staff", true).await;
    let answer = Ok(assertion("1", Some("ada@elsewhere.example"), true));
    let outcome = stage.finish(&caller, ("staff", state), answer).await.unwrap().outcome;
    assert!(matches!(outcome, Err(ProviderLoginError::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn i_27_a_recovery_by_an_unproven_address_removes_the_links_to_the_account() {
    let stage = Stage::new();
    let squatter = stage.login_by("idp", assertion("1", Some("ada@example.com"), false)).await.unwrap();
    request(&stage, Flow::Recovery, "ada@example.com").await.unwrap();
    let owners = stage.mailed_token().await;
    recover(&stage, Some(owners), "the owner's new battery staple").await.unwrap();
    let refused = stage.login_by("idp", assertion("1", Some("ada@example.com"), false)).await.unwrap_err();
    assert_eq!(refused, ProviderLoginError::LinkRequired);
    let ada =
        stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", "the owner's new battery staple")).await;
    let ada = ada.unwrap();
    assert_eq!(ada.identity.id, squatter.identity.id);
    stage.link(&ada, assertion("2", None, false)).await.unwrap();
    request(&stage, Flow::Recovery, "ada@example.com").await.unwrap();
    let again = stage.mailed_token().await;
    recover(&stage, Some(again), "another new battery staple").await.unwrap();
    stage.login_by("idp", assertion("2", None, false)).await.expect("the owner's own link stays");
}

#[tokio::test]
async fn a_login_notes_when_its_link_was_used() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session.token);
    stage.link(&ada, assertion("1", None, false)).await.unwrap();
    assert_eq!(stage.kayan.list_my_links(&caller).await.unwrap()[0].last_used_at, None);
    stage.login_by("idp", assertion("1", None, false)).await.unwrap();
    assert_eq!(stage.kayan.list_my_links(&caller).await.unwrap()[0].last_used_at, Some(stage.clock.now()));
}
