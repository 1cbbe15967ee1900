//! What matches and what does not.

use std::{future::poll_fn, pin::pin, task::Poll};

use kayan_ports::{AdoptError, HashCost, HashError, Password, PasswordHash, TenantId, Verdict};

use crate::HasherBench;

const PASSWORDS: [&str; 5] = ["correct horse", " Passwort mit Rändern ", "🔑🔑🔑", "e\u{301}", "'\"\\$1$%_\t"];

async fn verdict(bench: &HasherBench, against: &PasswordHash, password: &str) -> Verdict {
    bench.hasher.verify(&TenantId::default(), Some(against), &Password::from(password)).await.unwrap()
}

async fn hash(bench: &HasherBench, password: &str) -> PasswordHash {
    bench.hasher.hash(&TenantId::default(), &Password::from(password)).await.unwrap()
}

pub async fn a_password_matches_its_own_hash(bench: &HasherBench) {
    for password in PASSWORDS {
        let hash = hash(bench, password).await;
        assert_eq!(verdict(bench, &hash, password).await, Verdict::Match, "{password:?}");
    }
}

pub async fn another_password_does_not_match(bench: &HasherBench) {
    let hash = hash(bench, "Correct horse").await;
    for other in ["correct horse", "Correct horse ", " Correct horse", "Correct hors", "", "esroh"] {
        assert_eq!(verdict(bench, &hash, other).await, Verdict::Mismatch, "{other:?}");
    }
}

pub async fn a_nul_at_the_end_makes_another_password(bench: &HasherBench) {
    let hash = hash(bench, "correct horse").await;
    assert_eq!(verdict(bench, &hash, "correct horse\0").await, Verdict::Mismatch);
}

pub async fn two_hashes_of_one_password_differ(bench: &HasherBench) {
    assert_ne!(hash(bench, "correct horse").await.expose(), hash(bench, "correct horse").await.expose());
}

pub async fn no_hash_matches_without_an_account(bench: &HasherBench) {
    for password in PASSWORDS.into_iter().chain(["", "\0"]) {
        let outcome = bench.hasher.verify(&TenantId::default(), None, &Password::from(password)).await;
        assert_eq!(outcome, Ok(Verdict::Mismatch), "{password:?}");
    }
}

pub async fn the_longest_password_counts_to_its_last_byte(bench: &HasherBench) {
    let longest = "a".repeat(bench.hasher.max_bytes());
    let hash = hash(bench, &longest).await;
    assert_eq!(verdict(bench, &hash, &longest).await, Verdict::Match);
    let other = format!("{}b", &longest[1..]);
    assert_eq!(verdict(bench, &hash, &other).await, Verdict::Mismatch);
}

pub async fn an_overlong_password_is_refused_with_the_limit_in_bytes(bench: &HasherBench) {
    let max_bytes = bench.hasher.max_bytes();
    for password in ["a".repeat(max_bytes + 1), "ü".repeat(max_bytes / 2 + 1)] {
        let outcome = bench.hasher.hash(&TenantId::default(), &Password::from(password)).await;
        assert_eq!(outcome, Err(HashError::TooLong { max_bytes }));
    }
}

pub async fn an_overlong_password_never_matches(bench: &HasherBench) {
    let longest = "a".repeat(bench.hasher.max_bytes());
    let hash = hash(bench, &longest).await;
    let overlong = Password::from(format!("{longest}a"));
    assert_eq!(bench.hasher.verify(&TenantId::default(), Some(&hash), &overlong).await, Ok(Verdict::Mismatch));
    assert_eq!(bench.hasher.verify(&TenantId::default(), None, &overlong).await, Ok(Verdict::Mismatch));
}

pub async fn an_outdated_hash_matches_and_says_so(bench: &HasherBench) {
    assert!(!bench.outdated.is_empty(), "the bench has no outdated hash");
    for (hash, password) in &bench.outdated {
        assert_eq!(verdict(bench, hash, password).await, Verdict::MatchOutdated, "{}", hash.expose());
        assert_eq!(verdict(bench, hash, "another").await, Verdict::Mismatch, "{}", hash.expose());
    }
}

pub async fn a_hash_of_today_that_was_made_elsewhere_matches(bench: &HasherBench) {
    assert!(!bench.current.is_empty(), "the bench has no hash made elsewhere");
    for (hash, password) in &bench.current {
        assert_eq!(verdict(bench, hash, password).await, Verdict::Match, "{}", hash.expose());
        assert_eq!(verdict(bench, hash, "another").await, Verdict::Mismatch, "{}", hash.expose());
    }
}

pub async fn a_damaged_hash_never_matches(bench: &HasherBench) {
    let password = "correct horse";
    let whole = hash(bench, password).await;
    let whole = whole.expose();
    let cut = &whole[..whole.len() - 1];
    let headless = whole.trim_start_matches(|sign: char| sign != '$').trim_start_matches('$');
    let damaged = [cut, headless, "", "$", "$$$", password, "$9z$10$whatever", "🔑"];
    for text in damaged {
        let outcome = bench
            .hasher
            .verify(&TenantId::default(), Some(&PasswordHash::new(text.to_owned())), &Password::from(password))
            .await;
        assert!(!matches!(outcome, Ok(Verdict::Match | Verdict::MatchOutdated)), "{text}");
    }
}

pub async fn what_can_match_is_taken_in_and_nothing_else(bench: &HasherBench) {
    let password = "correct horse";
    let own = hash(bench, password).await;
    let known = bench.outdated.iter().chain(&bench.current).map(|(hash, _)| hash).chain([&own]);
    for hash in known {
        let adopted = bench.hasher.adopt(hash, HashCost::Costly);
        assert_eq!(adopted.map(|adopted| adopted.as_made() == hash.expose()), Ok(true), "{}", hash.expose());
    }
    let headless = own.expose().trim_start_matches(|sign: char| sign != '$').trim_start_matches('$');
    for text in [headless, "", "$", "$$$", password, "$9z$10$whatever", "🔑"] {
        let refused = bench.hasher.adopt(&PasswordHash::new(text.to_owned()), HashCost::Costly);
        assert_eq!(refused, Err(AdoptError::Unknown), "{text}");
    }
}

pub async fn hashing_leaves_the_callers_thread(bench: &HasherBench) {
    let (hasher, tenant, password) = (&bench.hasher, TenantId::default(), Password::from("correct horse"));
    // A hasher that computes where it is asked is done when it is first polled, however often it is tried; a thread of
    // its own may be that fast by chance.
    for _ in 0..10 {
        let mut work = pin!(hasher.hash(&tenant, &password));
        let gave_way = poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await;
        if gave_way {
            assert!(work.await.is_ok());
            return;
        }
    }
    panic!("the hash was computed on the caller's thread");
}
