//! Tests of the proof of work.

use std::time::Duration;

use kayan_ports::{Client, EventType, Outcome, State};
use serde_json::json;

use super::*;
use crate::{
    Flow, LockoutSettings, LogIn, Register, RegisterError, RequestByMail, RequestByMailError, SetUserState, UserRef,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const ALL: [WorkPurpose; 6] = [
    WorkPurpose::Registration,
    WorkPurpose::Verification,
    WorkPurpose::Recovery,
    WorkPurpose::MagicLink,
    WorkPurpose::Code,
    WorkPurpose::Login,
];

async fn requiring(stage: &Stage, purposes: &[WorkPurpose]) {
    let proof_of_work = Some(purposes.to_vec());
    let settings = TenantSettings { proof_of_work, proof_of_work_difficulty: Some(1_000), ..TenantSettings::default() };
    stage.set_tenant(settings).await;
}

async fn after_failures(stage: &Stage, most: u16) {
    let settings = TenantSettings {
        proof_of_work_after_failures: Some(most),
        proof_of_work_difficulty: Some(1_000),
        ..TenantSettings::default()
    };
    stage.set_tenant(settings).await;
}

fn number(work: &WorkChallenge) -> u64 {
    (0..=work.max_number.into()).find(|number| hash(&work.salt, *number) == work.challenge).unwrap()
}

fn proof(work: &WorkChallenge, number: u64) -> String {
    let WorkChallenge { algorithm, challenge, salt, signature, .. } = work;
    let proof = json!({
        "algorithm": algorithm,
        "challenge": challenge,
        "number": number,
        "salt": salt,
        "signature": signature,
        "took": 12,
    });
    STANDARD.encode(proof.to_string())
}

fn solved(work: &WorkChallenge) -> String {
    proof(work, number(work))
}

async fn challenge(stage: &Stage, purpose: WorkPurpose) -> WorkChallenge {
    stage.kayan.work_challenge(&Stage::stranger(), purpose).await.unwrap()
}

/// Does what the proof is for; what is required instead, if it is.
async fn act(stage: &Stage, purpose: WorkPurpose, name: &str, proof: Option<&str>) -> Option<WorkRequired> {
    let (caller, proof_of_work) = (Stage::stranger(), proof.map(str::to_owned));
    let flow = match purpose {
        WorkPurpose::Registration => {
            let cmd = Register { proof_of_work, ..Stage::registration(name) };
            return match stage.kayan.register(&caller, cmd).await {
                Err(RegisterError::WorkRequired(required)) => Some(required),
                outcome => outcome.map(|_| None).unwrap(),
            };
        }
        WorkPurpose::Login => {
            let cmd = LogIn { proof_of_work, ..Stage::login(name, "wrong") };
            return match stage.kayan.log_in(&caller, cmd).await {
                Err(LogInError::WorkRequired(required)) => Some(required),
                outcome => {
                    assert_eq!(outcome.map(drop), Err(LogInError::InvalidCredentials));
                    None
                }
            };
        }
        WorkPurpose::Verification => Flow::Verification,
        WorkPurpose::Recovery => Flow::Recovery,
        WorkPurpose::MagicLink => Flow::MagicLink,
        WorkPurpose::Code => Flow::Code,
    };
    let cmd = RequestByMail { flow, address: name.to_owned(), proof_of_work };
    match stage.kayan.request_by_mail(&caller, &cmd).await {
        Err(RequestByMailError::WorkRequired(required)) => Some(required),
        outcome => outcome.map(|_| None).unwrap(),
    }
}

async fn log_in(stage: &Stage, ip: &str, name: &str, password: &str) -> Result<(), LogInError> {
    let client = Client { ip: Some(ip.to_owned()), user_agent: None };
    stage.kayan.log_in(&Caller { client, ..Stage::stranger() }, Stage::login(name, password)).await.map(drop)
}

async fn is_work_required(stage: &Stage, ip: &str, name: &str) -> bool {
    matches!(log_in(stage, ip, name, "wrong").await, Err(LogInError::WorkRequired(_)))
}

#[tokio::test]
async fn where_work_is_required_nothing_goes_without_a_proof_and_each_proof_once() {
    let stage = Stage::new();
    requiring(&stage, &ALL).await;
    for purpose in ALL {
        let refused = act(&stage, purpose, "first@example.com", None).await.expect("a challenge");
        assert!(!refused.was_given, "{purpose:?}");
        let proof = solved(&refused.challenge);
        assert_eq!(act(&stage, purpose, "first@example.com", Some(&proof)).await, None, "{purpose:?}");
        let again = act(&stage, purpose, "second@example.com", Some(&proof)).await.expect("a challenge");
        assert!(again.was_given && again.challenge.challenge != refused.challenge.challenge, "{purpose:?}");
    }
}

#[tokio::test]
async fn work_is_required_for_what_the_tenant_names_and_for_nothing_else() {
    let stage = Stage::new();
    for named in ALL {
        requiring(&stage, &[named]).await;
        for purpose in ALL {
            let name = format!("{}-{}@example.com", named.as_str(), purpose.as_str());
            assert_eq!(act(&stage, purpose, &name, None).await.is_some(), purpose == named, "{named:?} {purpose:?}");
        }
    }
}

#[tokio::test]
async fn i_02_a_proof_for_one_purpose_or_tenant_is_refused_for_every_other() {
    let stage = Stage::new();
    requiring(&stage, &ALL).await;
    for purpose in ALL {
        for other in ALL.into_iter().filter(|other| *other != purpose) {
            let proof = solved(&challenge(&stage, other).await);
            assert!(act(&stage, purpose, ADA, Some(&proof)).await.is_some(), "{other:?} for {purpose:?}");
        }
    }
    let (own, other) = (TenantId::default(), "other".parse().unwrap());
    let key = async |tenant| stage.kayan.work_key(tenant, WorkPurpose::Login).await.unwrap();
    assert_ne!(key(&own).await, key(&other).await);
}

#[tokio::test]
async fn a_challenge_can_be_solved_until_its_end() {
    let stage = Stage::new();
    requiring(&stage, &ALL).await;
    let [early, late] = [(); 2].map(|()| challenge(&stage, WorkPurpose::Recovery));
    let (early, late) = (solved(&early.await), solved(&late.await));
    let moment = time::Duration::MICROSECOND;
    stage.clock.advance(time::Duration::minutes(10) - moment);
    assert_eq!(act(&stage, WorkPurpose::Recovery, ADA, Some(&early)).await, None);
    stage.clock.advance(moment);
    assert!(act(&stage, WorkPurpose::Recovery, ADA, Some(&late)).await.is_some());
    assert!(act(&stage, WorkPurpose::Recovery, ADA, Some(&early)).await.is_some(), "used before");
}

#[tokio::test]
async fn a_wrong_or_altered_proof_is_refused() {
    let stage = Stage::new();
    requiring(&stage, &ALL).await;
    let work = loop {
        let work = challenge(&stage, WorkPurpose::Recovery).await;
        if number(&work) >= 10 {
            break work;
        }
    };
    let number = number(&work);
    let digits = number.to_string();
    let (first, rest) = digits.split_at(1);
    let shifted = WorkChallenge { salt: format!("{}{first}", work.salt), ..work.clone() };
    let later = WorkChallenge { salt: work.salt.replace("expires=", "expires=9"), ..work.clone() };
    let resolved = WorkChallenge { challenge: hash(&later.salt, 7), ..later.clone() };
    let unsigned = WorkChallenge { signature: "0".repeat(64), ..work.clone() };
    let other = WorkChallenge { algorithm: "SHA-512", ..work.clone() };
    let endless = WorkChallenge { salt: "00?expires=&".to_owned(), ..work.clone() };
    for (what, proof) in [
        ("another number", proof(&work, number + 1)),
        ("the number in parts", proof(&shifted, rest.parse().unwrap())),
        ("a later end", proof(&later, number)),
        ("a later end, and solved", proof(&resolved, 7)),
        ("without a signature", proof(&unsigned, number)),
        ("another algorithm", proof(&other, number)),
        ("without an end", proof(&endless, number)),
        ("no base64", "{}".to_owned()),
        ("no JSON", STANDARD.encode("x")),
        ("no members", STANDARD.encode("{}")),
        ("nothing", String::new()),
    ] {
        assert!(act(&stage, WorkPurpose::Recovery, ADA, Some(&proof)).await.is_some(), "{what}");
    }
    assert_eq!(act(&stage, WorkPurpose::Recovery, ADA, Some(&proof(&work, number))).await, None, "still unused");
}

#[tokio::test]
async fn without_a_proof_no_password_is_hashed_and_no_request_counted() {
    let stage = Stage::with(|settings| {
        let lockout = Lockout { name: "login", max_failures: 1, duration: Duration::from_mins(15) };
        settings.lockout = Some(LockoutSettings { lockout, known_origins_apart: true });
    });
    requiring(&stage, &ALL).await;
    let before = stage.hasher.verifications();
    for purpose in ALL.into_iter().cycle().take(60) {
        assert!(act(&stage, purpose, ADA, Some("wrong")).await.is_some(), "{purpose:?}: not limited and not locked");
    }
    assert_eq!(stage.hasher.verifications(), before);
    assert_eq!(stage.count(EventType::RateLimited, Outcome::Failure), 0);
}

#[tokio::test]
async fn i_08_failed_logins_require_work_of_known_and_unknown_accounts_alike() {
    let stage = Stage::new();
    stage.person(ADA).await;
    after_failures(&stage, 2).await;
    for (name, net) in [(ADA, 1), ("nobody@example.com", 2)] {
        for host in 0..2 {
            assert!(!is_work_required(&stage, &format!("198.51.{net}.{host}"), name).await, "{name}");
        }
        for host in 2..4 {
            assert!(is_work_required(&stage, &format!("198.51.{net}.{host}"), name).await, "{name}");
        }
    }
    stage.clock.advance(FAILURES);
    assert!(!is_work_required(&stage, "198.51.1.9", ADA).await, "they count for 15 minutes");
}

#[tokio::test]
async fn failed_logins_from_one_client_require_work_whatever_the_accounts() {
    let stage = Stage::new();
    stage.person(ADA).await;
    after_failures(&stage, 3).await;
    let here = "2001:db8::1";
    assert!(!is_work_required(&stage, here, "a@example.com").await);
    log_in(&stage, "2001:db8::2", ADA, PASSWORD).await.unwrap();
    assert!(!is_work_required(&stage, here, "b@example.com").await);
    assert!(!is_work_required(&stage, here, "c@example.com").await, "the login that succeeded counts no failure");
    assert!(is_work_required(&stage, "2001:db8::3", "d@example.com").await, "and clears none in its network");
    assert!(!is_work_required(&stage, "2001:db8:0:1::1", "d@example.com").await, "another network");
}

#[tokio::test]
async fn a_login_with_a_proof_succeeds_and_clears_the_count_of_its_account() {
    let stage = Stage::new();
    stage.person(ADA).await;
    after_failures(&stage, 1).await;
    assert!(!is_work_required(&stage, "192.0.2.8", ADA).await);
    let refused = log_in(&stage, "192.0.2.9", ADA, PASSWORD).await.unwrap_err();
    let LogInError::WorkRequired(WorkRequired { challenge, .. }) = refused else { panic!("{refused:?}") };
    let cmd = LogIn { proof_of_work: Some(solved(&challenge)), ..Stage::login(ADA, PASSWORD) };
    stage.kayan.log_in(&Stage::stranger(), cmd).await.unwrap();
    assert!(!is_work_required(&stage, "192.0.2.10", ADA).await);
    assert!(is_work_required(&stage, "192.0.2.8", "grace@example.com").await, "the client has failed once");
}

#[tokio::test]
async fn i_10_a_login_that_came_to_no_verdict_counts_no_failure() {
    let stage = Stage::new();
    stage.person(ADA).await;
    after_failures(&stage, 1).await;
    stage.hasher.overload(true);
    assert_eq!(log_in(&stage, "192.0.2.8", ADA, PASSWORD).await, Err(LogInError::Failed(Failure::Overloaded)));
    stage.hasher.overload(false);
    log_in(&stage, "192.0.2.8", ADA, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_unlocked_requires_no_work() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    after_failures(&stage, 1).await;
    assert!(!is_work_required(&stage, "192.0.2.8", ADA).await);
    let user = UserRef(ada.identity.id.to_string());
    let unlock = SetUserState { user, state: State::Active, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), unlock).await.unwrap();
    log_in(&stage, "192.0.2.9", ADA, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_has_no_challenge() {
    let stage = Stage::new();
    let caller = Caller { tenant: "nowhere".parse().unwrap(), ..Stage::stranger() };
    let refused = stage.kayan.work_challenge(&caller, WorkPurpose::Login).await;
    assert_eq!(refused, Err(ChallengeError::NoTenant));
}
